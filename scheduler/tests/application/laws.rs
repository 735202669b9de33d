//! Random stories: whatever is said, in whatever order, the rules hold.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use scheduler::allocation::Input;
use scheduler::event::EventKind;
use scheduler::message::{ExecutorState, Message, ToApplication, ToDriver, ToExecutor};
use scheduler::{
    AttemptId, ExecutorId, FailureKind, Input as Told, JobId, Outcome, RddId, ShuffleId, WorkerId,
};

use crate::asker::{Asker, failed, settings};
use crate::proptests::config;
use crate::site::Site;

fn outcome(choice: u8) -> Outcome {
    let shuffle = ShuffleId(0);
    match choice % 6 {
        0 => failed(FailureKind::Io),
        1 => failed(FailureKind::Killed),
        2 => failed(FailureKind::FetchFailed {
            shuffle,
            map_partition: 0,
        }),
        _ => Outcome::Succeeded,
    }
}

/// One thing happens, sensible or not.
fn step(asker: &mut Asker, (what, some, other): (u8, u8, u8)) {
    let (stage, executor) = (u32::from(some % 4), u32::from(other % 8));
    let partition = u32::from(some / 4 % 8);
    match what % 18 {
        0 => asker.submit_attempt(
            stage,
            u32::from(other % 3),
            u32::from(some),
            Some(stage % 2),
        ),
        1 => asker.complete_attempt(stage, u32::from(other % 3)),
        2..6 => {
            asker.start_in((stage, u32::from(other / 8 % 3)), partition, executor);
        }
        6..9 => asker.end(u64::from(some % 32), outcome(other)),
        9 => asker.speculate(stage, partition),
        10 => asker.unschedulable(stage, other % 2 == 0),
        11 => asker.add_with(executor, u32::from(some % 5)),
        12 => asker.remove([executor]),
        13 => asker.decommission(executor),
        14 => asker.store(stage, partition, executor),
        15 if other % 2 == 0 => asker.handle(Input::BlocksRemoved(RddId(stage))),
        15 => asker.handle(Input::ShuffleRemoved(ShuffleId(stage % 2))),
        16 if other % 2 == 0 => asker.start_job(u32::from(some % 3), &[(stage, stage % 2)]),
        16 => asker.end_job(u32::from(some % 3)),
        _ => asker.pass(u64::from(some) * 500),
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    /// The target keeps its bounds; when all is over, all but the least of the executors go and nothing is due.
    #[test]
    fn the_target_keeps_its_bounds_whatever_is_said(
        story in prop::collection::vec(any::<(u8, u8, u8)>(), 0..200),
        min in 0..4_u32,
        more in 1..6_u32,
        tracking in any::<bool>(),
    ) {
        let max = min + more;
        let mut asker = Asker::new(&settings(&[
            ("dynamicAllocation.minExecutors", &min.to_string()),
            ("dynamicAllocation.maxExecutors", &max.to_string()),
            ("dynamicAllocation.shuffleTracking.enabled", &tracking.to_string()),
            ("dynamicAllocation.cachedExecutorIdleTimeout", "120s"),
            ("dynamicAllocation.shuffleTracking.timeout", "240s"),
        ]));
        for what in story {
            step(&mut asker, what);
            prop_assert!((min..=max).contains(&asker.target()));
        }
        prop_assert!(asker.totals.iter().all(|total| (min..=max).contains(total)));
        for stage in 0..4 {
            asker.complete_attempt(stage, u32::MAX);
        }
        for attempt in 0..300 {
            asker.end(attempt, Outcome::Succeeded);
        }
        for job in 0..3 {
            asker.end_job(job);
        }
        asker.remove(0..8);
        asker.add(100..110);
        asker.pass(1_000_000);
        prop_assert_eq!(asker.target(), min);
        prop_assert_eq!(asker.killed.iter().filter(|one| one.0 >= 100).count(), 10 - min as usize);
        prop_assert_eq!(asker.allocation.next_deadline(), None);
    }
}

/// An application and what its executors really do.
struct Story {
    site: Site,
    /// What each executor runs.
    runs: BTreeMap<u32, BTreeSet<u64>>,
    /// Whom nothing reaches any more, though nobody has noticed yet.
    deaf: BTreeSet<u32>,
    /// How many cores each was ordered with.
    cores: BTreeMap<u32, u32>,
    jobs: u32,
    /// How many events have been looked at.
    seen: usize,
    running: BTreeMap<u64, u32>,
    ended: BTreeSet<u64>,
}

impl Story {
    fn new(dynamic: bool) -> Self {
        let settings = settings(&[
            ("task.maxFailures", "1000"),
            ("dynamicAllocation.enabled", &dynamic.to_string()),
            ("dynamicAllocation.minExecutors", "1"),
            ("dynamicAllocation.maxExecutors", "4"),
        ]);
        Self {
            site: Site::new(&settings),
            runs: BTreeMap::new(),
            deaf: BTreeSet::new(),
            cores: BTreeMap::new(),
            jobs: 0,
            seen: 0,
            running: BTreeMap::new(),
            ended: BTreeSet::new(),
        }
    }

    /// One thing happens, sensible or not.
    fn step(&mut self, (what, some, other): (u8, u8, u8)) {
        let executor = u32::from(some % 6);
        let nonsense = u64::from(other % 16);
        match what % 20 {
            0 | 1 => self.order(executor, u32::from(other % 4)),
            2 | 3 => self.come(executor),
            4 => self.site.register(executor, &[nonsense]),
            5 => self.site.disconnect(executor),
            6..10 => self.finish(executor, other),
            10 => self
                .site
                .report(executor, nonsense, failed(FailureKind::Killed)),
            11 => self.site.heartbeat(executor),
            12 => self.site.executor_ended(executor, other % 2 == 0),
            13 => self.decommission(executor, other),
            14 if other % 4 == 0 => self.site.master(ToApplication::WorkerRemoved {
                worker: WorkerId(u64::from(executor)),
                host: "host".into(),
                reason: "down".into(),
            }),
            15 if other % 2 == 0 => self.site.program(Told::JobCancelled {
                job: JobId(u32::from(other / 2)),
                reason: "enough".into(),
            }),
            16 => self
                .site
                .hear(executor, ToDriver::CommitAsked(AttemptId(nonsense))),
            17 => self.site.pass(u64::from(other) * 200),
            14 => {
                self.deaf.insert(executor);
            }
            18 | 19 if self.jobs < 6 => self.submit(some, other),
            _ => {}
        }
        self.look();
    }

    fn order(&mut self, executor: u32, cores: u32) {
        self.cores.entry(executor).or_insert(cores);
        self.site.order(executor, cores);
    }

    /// An executor registers, with what it runs.
    fn come(&mut self, executor: u32) {
        if self.deaf.contains(&executor) {
            self.site.disconnect(executor);
            self.look();
            self.deaf.remove(&executor);
        }
        let runs: Vec<_> = self
            .runs
            .entry(executor)
            .or_default()
            .iter()
            .copied()
            .collect();
        self.site.register(executor, &runs);
    }

    /// An executor ends what it runs, or one of it.
    fn finish(&mut self, executor: u32, how: u8) {
        let runs = self.runs.entry(executor).or_default();
        let Some(attempt) = runs.pop_first() else {
            return;
        };
        let lost = FailureKind::FetchFailed {
            shuffle: ShuffleId(u32::from(how / 8 % 6)),
            map_partition: 0,
        };
        let outcome = match how % 8 {
            0 => failed(FailureKind::Io),
            1 => failed(FailureKind::Killed),
            2 => failed(lost),
            // It ends, and the word of it is lost with the connection.
            3 => return self.site.disconnect(executor),
            _ => Outcome::Succeeded,
        };
        self.site.report(executor, attempt, outcome);
    }

    fn decommission(&mut self, executor: u32, who: u8) {
        let id = ExecutorId(executor);
        if who.is_multiple_of(2) {
            return self
                .site
                .hear(executor, ToDriver::ExecutorDecommissioning(id));
        }
        self.site.master(ToApplication::ExecutorUpdated {
            executor: id,
            state: ExecutorState::Decommissioned,
            reason: None,
            exit_code: None,
            worker_lost: false,
        });
    }

    fn submit(&mut self, maps: u8, tasks: u8) {
        let job = self.jobs;
        self.jobs += 1;
        self.site
            .submit_shuffled(job, u32::from(maps % 5), u32::from(tasks % 5));
    }

    /// Executors do what they are told; the rules are looked after.
    fn look(&mut self) {
        for (to, message) in std::mem::take(&mut self.site.said) {
            let Message::ToExecutor(message) = message else {
                continue;
            };
            let at = to.0.strip_prefix("executor").unwrap();
            let at = at.strip_suffix(":1").unwrap().parse().unwrap();
            if self.deaf.contains(&at) {
                continue;
            }
            let runs: &mut BTreeSet<u64> = self.runs.entry(at).or_default();
            match message {
                ToExecutor::LaunchTasks(tasks) => {
                    for task in tasks {
                        assert!(runs.insert(task.attempt.0), "an attempt is launched once");
                    }
                }
                ToExecutor::KillTask { attempt, .. } => {
                    let ran = runs.take(&attempt.0);
                    self.killed(at, ran);
                }
                ToExecutor::StopExecutor | ToExecutor::RegisterExecutorFailed { .. } => {
                    runs.clear();
                }
                _ => {}
            }
        }
        if !self.site.said.is_empty() {
            return self.look();
        }
        self.listen();
    }

    fn killed(&mut self, executor: u32, attempt: Option<u64>) {
        if let Some(attempt) = attempt {
            self.site
                .report(executor, attempt, failed(FailureKind::Killed));
        }
    }

    fn listen(&mut self) {
        for event in &self.site.events[self.seen..] {
            match &event.kind {
                EventKind::TaskStarted {
                    attempt, executor, ..
                } => {
                    assert!(!self.ended.contains(&attempt.0));
                    self.running.insert(attempt.0, executor.0);
                    let busy = self.running.values().filter(|at| **at == executor.0);
                    let cores = self.cores[&executor.0] as usize;
                    assert!(busy.count() <= cores, "a core runs one task at a time");
                }
                EventKind::TaskEnded { attempt, .. } => {
                    assert!(
                        self.running.remove(&attempt.0).is_some(),
                        "what began ends once"
                    );
                    assert!(self.ended.insert(attempt.0));
                }
                _ => {}
            }
        }
        self.seen = self.site.events.len();
    }

    /// Connections are mended, somebody new comes, and everybody does what is asked.
    fn heal(&mut self) {
        for executor in 0..6 {
            self.come(executor);
            self.look();
        }
        self.order(100, 3);
        self.come(100);
        self.look();
        for _ in 0..1_000 {
            if (0..self.jobs).all(|job| self.has_ended(job)) {
                break;
            }
            for executor in (0..6).chain([100]) {
                self.work(executor);
            }
            // What failed is tried again a little later.
            self.site.pass(500);
            self.look();
        }
    }

    /// An executor does all that it has to do.
    fn work(&mut self, executor: u32) {
        while let Some(attempt) = self.runs.entry(executor).or_default().pop_first() {
            self.site.report(executor, attempt, Outcome::Succeeded);
            self.look();
        }
        self.site.heartbeat(executor);
        self.look();
    }

    fn has_ended(&self, job: u32) -> bool {
        self.site.finished(job) || self.site.failure(job).is_some()
    }
}

proptest! {
    #![proptest_config(config(3_000))]

    /// Whatever executors and masters say, in whatever order: no core runs two tasks at a time, each attempt ends
    /// once, and when an executor comes that does what it is told, every job ends.
    #[test]
    fn jobs_end_whatever_executors_say(
        steps in prop::collection::vec(any::<(u8, u8, u8)>(), 0..150),
        dynamic in any::<bool>(),
    ) {
        let mut story = Story::new(dynamic);
        for step in steps {
            story.step(step);
        }
        story.heal();
        for job in 0..story.jobs {
            prop_assert!(story.has_ended(job), "job {} has not ended", job);
        }
        story.site.program(Told::ApplicationEnded);
        story.look();
        prop_assert!(story.site.exit.is_some());
        prop_assert_eq!(story.running.len(), 0, "every attempt has ended");
    }
}
