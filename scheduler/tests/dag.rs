//! Jobs and stages: what scripts cannot show well, large numbers and what listeners are told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use scheduler::event::EventKind;
use scheduler::{
    Action, AttemptId, BucketSizes, Dependency, Driver, ExecutorId, FailureKind, ImageId, Input,
    JobId, JobSpec, Outbox, Outcome, PARTITIONS_MAX, Rdd, RddId, Settings, ShuffleId, StageId,
    StorageLevel, TaskFailure, TaskMetrics, Time,
};

/// A driver, and what came out of the latest input.
struct Play {
    driver: Driver,
    now: u64,
    out: Outbox,
}

impl Play {
    /// A driver with one executor.
    fn new(cores: u32) -> Self {
        let mut settings = Settings::default();
        settings.set("task.aheadTime", "0").unwrap();
        let driver = Driver::new(&settings, 7);
        let mut play = Self {
            driver,
            now: 0,
            out: Outbox::default(),
        };
        play.feed(Input::ExecutorAdded {
            executor: ExecutorId(0),
            host: "here".into(),
            rack: None,
            cores,
        });
        play
    }

    fn define(&mut self, id: u32, partitions: u32, dependencies: Vec<Dependency>) {
        let rdd = Rdd {
            id: RddId(id),
            name: "map".into(),
            call_site: "main.rs:1".into(),
            partitions,
            dependencies,
            storage: StorageLevel::None,
            preferences: Vec::new(),
        };
        self.driver.define(vec![rdd], &mut self.out).unwrap();
    }

    fn feed(&mut self, input: Input) {
        self.out.clear();
        self.now += 1;
        let now = Time::from_micros(self.now);
        self.driver.handle(now, input, &mut self.out);
    }

    fn end(&mut self, attempt: u64, outcome: Outcome) {
        self.feed(Input::TaskEnded {
            attempt: AttemptId(attempt),
            outcome,
            metrics: cost(),
        });
    }

    /// Why the latest job was not run.
    fn refusal(&self) -> String {
        match &self.out.actions[0] {
            Action::FailJob { failure, .. } => failure.cause.to_string(),
            other => panic!("it was not refused: {other:?}"),
        }
    }

    /// How the attempts of the latest input ended, for listeners.
    fn ends(&self) -> Vec<(Outcome, TaskMetrics)> {
        let ends = self
            .out
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::TaskEnded {
                    outcome, metrics, ..
                } => Some((outcome.clone(), *metrics)),
                _ => None,
            });
        ends.collect()
    }

    fn finished(&self) -> bool {
        let finish = |action: &Action| matches!(action, Action::FinishJob { .. });
        self.out.actions.iter().any(finish)
    }
}

fn cost() -> TaskMetrics {
    TaskMetrics {
        run_time_us: 40,
        bytes_read: 2,
        ..TaskMetrics::default()
    }
}

fn job(number: u32, rdd: u32, partitions: impl IntoIterator<Item = u32>) -> JobSpec {
    JobSpec {
        job: JobId(number),
        rdd: RddId(rdd),
        partitions: partitions.into_iter().collect(),
        shuffle: None,
        image: ImageId([1; 32]),
        name: "collect".into(),
        call_site: "main.rs:9".into(),
        group: None,
        tags: Vec::new(),
        pool: None,
    }
}

fn shuffled(partitions: u32) -> Dependency {
    Dependency::Shuffle {
        parent: RddId(0),
        shuffle: ShuffleId(0),
        partitions,
    }
}

fn panicked() -> Outcome {
    TaskFailure::new(FailureKind::Panicked, "no").into()
}

#[test]
fn a_job_with_a_million_partitions_is_taken_in() {
    let mut play = Play::new(2);
    play.define(0, PARTITIONS_MAX, Vec::new());
    play.define(1, PARTITIONS_MAX, vec![shuffled(PARTITIONS_MAX)]);
    play.feed(Input::JobSubmitted(job(0, 1, 0..PARTITIONS_MAX)));
    assert_eq!(play.out.actions.len(), 2, "a task for each core, no more");
    for attempt in 0..1_000 {
        play.end(attempt, Outcome::Succeeded);
        assert_eq!(play.out.actions.len(), 2, "a map output and a task");
    }
    play.feed(Input::JobCancelled {
        job: JobId(0),
        reason: "seen enough".into(),
    });
    play.end(1_000, Outcome::Succeeded);
    assert!(play.out.actions.is_empty(), "nothing is launched any more");
}

#[test]
fn more_than_a_million_partitions_are_refused() {
    let mut play = Play::new(1);
    let mut rdd = Rdd {
        id: RddId(0),
        name: "map".into(),
        call_site: "main.rs:1".into(),
        partitions: PARTITIONS_MAX + 1,
        dependencies: Vec::new(),
        storage: StorageLevel::None,
        preferences: Vec::new(),
    };
    let refused = play.driver.define(vec![rdd.clone()], &mut play.out);
    assert!(refused.unwrap_err().to_string().contains("1000001"));
    rdd.partitions = 1;
    play.driver.define(vec![rdd], &mut play.out).unwrap();
    let wide = Rdd {
        id: RddId(1),
        name: "map".into(),
        call_site: "main.rs:1".into(),
        partitions: 1,
        dependencies: vec![shuffled(u32::MAX)],
        storage: StorageLevel::None,
        preferences: Vec::new(),
    };
    let refused = play.driver.define(vec![wide], &mut play.out);
    assert!(refused.unwrap_err().to_string().contains("4294967295"));
}

#[test]
fn a_job_that_asks_for_a_partition_again_and_again_is_refused() {
    let mut play = Play::new(1);
    play.define(0, 2, Vec::new());
    let partitions = std::iter::repeat_n(1, 2_000_000);
    play.feed(Input::JobSubmitted(job(0, 0, partitions)));
    assert_eq!(play.refusal(), "a partition of rdd-0 is asked for twice");
    play.feed(Input::JobSubmitted(job(u32::MAX, 0, [u32::MAX])));
    assert_eq!(
        play.refusal(),
        "rdd-0 has 2 partitions, there is no partition 4294967295"
    );
    play.feed(Input::JobSubmitted(job(u32::MAX, 0, [0])));
    assert!(matches!(play.out.actions[0], Action::LaunchTask { .. }));
    play.feed(Input::JobSubmitted(job(u32::MAX, 0, [0])));
    assert_eq!(play.refusal(), "the number job-4294967295 was used before");
}

/// The sizes of 100 million buckets: a map output that is even costs a few bytes, one with gaps a bit for each
/// bucket.
#[test]
fn a_shuffle_of_ten_thousand_by_ten_thousand_has_its_statistics() {
    const SIDE: u32 = 10_000;
    let mut play = Play::new(1);
    play.define(0, SIDE, Vec::new());
    play.define(1, SIDE, vec![shuffled(SIDE)]);
    let maps = JobSpec {
        shuffle: Some(ShuffleId(0)),
        ..job(0, 0, [])
    };
    play.feed(Input::JobSubmitted(maps));
    let even = vec![50_000; SIDE as usize];
    let mut gaps = even.clone();
    gaps.iter_mut().step_by(100).for_each(|size| *size = 0);
    gaps[1] = 5_000_000;
    let [even, gaps] = [even, gaps].map(|sizes| BucketSizes::new(&sizes));
    for attempt in 0..u64::from(SIDE) {
        let sizes = if attempt % 2 == 0 { &even } else { &gaps };
        play.end(attempt, Outcome::Wrote(Arc::new(sizes.clone())));
    }
    assert!(play.finished());
    let Action::AcceptStatistics { statistics, .. } = &play.out.actions[1] else {
        panic!("the sizes come before the end: {:?}", play.out.actions);
    };
    let maps = u64::from(SIDE / 2);
    assert_eq!(statistics.bytes.len(), SIDE as usize);
    assert_eq!(statistics.bytes[0], maps * 50_000, "gaps count as nothing");
    assert_eq!(statistics.bytes[2], maps * 100_000);
    let large = statistics.bytes[1] - maps * 50_000;
    assert!((maps * 5_000_000..maps * 5_625_000).contains(&large));
}

#[test]
fn task_ends_carry_what_they_cost() {
    let mut play = Play::new(2);
    play.define(0, 1, Vec::new());
    play.define(1, 1, vec![shuffled(1)]);
    play.feed(Input::JobSubmitted(job(0, 1, [0])));
    let sizes = BucketSizes::new(&[7]);
    play.end(0, Outcome::Wrote(Arc::new(sizes)));
    let told = [(Outcome::Succeeded, cost())];
    assert_eq!(play.ends(), told, "sizes are not for listeners");
    play.end(1, Outcome::Succeeded);
    assert_eq!(play.ends(), told);
}

#[test]
fn metrics_of_failed_and_killed_attempts_are_told() {
    let mut play = Play::new(2);
    play.define(0, 2, Vec::new());
    play.feed(Input::JobSubmitted(job(0, 0, [0, 1])));
    play.end(0, panicked());
    assert_eq!(play.ends(), [(panicked(), cost())]);
    play.feed(Input::JobCancelled {
        job: JobId(0),
        reason: "not wanted".into(),
    });
    play.end(1, Outcome::Succeeded);
    let [(Outcome::Failed(failure), metrics)] = &play.ends()[..] else {
        panic!("a killed attempt has failed: {:?}", play.ends());
    };
    assert_eq!((failure.kind, *metrics), (FailureKind::Killed, cost()));
}

#[test]
fn task_events_are_told_when_the_stage_is_killed() {
    let mut play = Play::new(2);
    play.define(0, 2, Vec::new());
    play.feed(Input::JobSubmitted(job(0, 0, [0, 1])));
    play.feed(Input::StageCancelled {
        stage: StageId(0),
        reason: "not wanted".into(),
    });
    let over = |kind: &EventKind| matches!(kind, EventKind::StageCompleted { .. });
    assert!(play.out.events.iter().any(|event| over(&event.kind)));
    play.end(0, Outcome::Succeeded);
    assert_eq!(play.ends().len(), 1);
    play.end(1, panicked());
    assert_eq!(play.ends().len(), 1);
    play.end(1, panicked());
    assert_eq!(play.ends().len(), 0, "once each");
}

/// What nobody can mean, before and while a job runs.
fn absurd() -> Vec<Input> {
    let (executor, attempt) = (ExecutorId(u32::MAX), AttemptId(u64::MAX));
    let (rdd, partition, reason): (_, _, Arc<str>) = (RddId(u32::MAX), u32::MAX, "".into());
    let fetch = FailureKind::FetchFailed {
        shuffle: ShuffleId(u32::MAX),
        map_partition: u32::MAX,
    };
    let ended = |attempt, outcome| Input::TaskEnded {
        attempt,
        outcome,
        metrics: TaskMetrics::default(),
    };
    let lost = |executor| Input::ExecutorLost {
        executor,
        reason: reason.clone(),
        files_lost: true,
    };
    vec![
        lost(executor),
        Input::ExecutorDecommissioned {
            executor,
            reason: reason.clone(),
        },
        Input::WorkerLost {
            host: "".into(),
            reason: reason.clone(),
            files_lost: true,
        },
        Input::JobSubmitted(job(u32::MAX - 1, u32::MAX, [u32::MAX])),
        Input::JobCancelled {
            job: JobId(u32::MAX),
            reason: reason.clone(),
        },
        Input::JobGroupCancelled {
            group: "".into(),
            reason: reason.clone(),
            future: true,
        },
        Input::JobTagCancelled {
            tag: "".into(),
            reason: reason.clone(),
        },
        Input::StageCancelled {
            stage: StageId(u32::MAX),
            reason: reason.clone(),
        },
        ended(attempt, Outcome::Succeeded),
        ended(attempt, Outcome::Wrote(Arc::new(BucketSizes::new(&[])))),
        ended(attempt, TaskFailure::new(fetch, "no").into()),
        Input::CommitAsked { attempt },
        Input::BlockStored {
            rdd,
            partition,
            executor,
        },
        Input::BlockDropped {
            rdd,
            partition,
            executor,
        },
        Input::RddsReleased(vec![rdd, rdd]),
        Input::DeadlineReached,
    ]
}

#[test]
fn absurd_inputs_are_ignored_or_refused() {
    let mut play = Play::new(1);
    let answered = |out: &Outbox| {
        for action in &out.actions {
            let answer = matches!(
                action,
                Action::FailJob { .. }
                    | Action::DenyCommit { .. }
                    | Action::RemoveBlocks(_)
                    | Action::ReleaseImage(_)
            );
            assert!(answer, "{action:?}");
        }
    };
    for input in absurd() {
        play.feed(input);
        answered(&play.out);
    }
    play.define(0, 1, Vec::new());
    play.define(1, 1, vec![shuffled(1)]);
    play.feed(Input::JobSubmitted(job(0, 1, [0])));
    for input in absurd() {
        play.feed(input);
        answered(&play.out);
    }
    play.end(0, Outcome::Wrote(Arc::new(BucketSizes::new(&[1; 5_000]))));
    let fetch = FailureKind::FetchFailed {
        shuffle: ShuffleId(0),
        map_partition: u32::MAX,
    };
    play.end(1, TaskFailure::new(fetch, "no such output").into());
    play.end(2, Outcome::Succeeded);
    assert!(play.finished());
}
