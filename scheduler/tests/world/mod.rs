//! A host in miniature: it carries out a driver's actions, and checks each of them against what it knows.
//!
//! It keeps its own books, so that a mistake in the driver's is not repeated here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod jobs;
mod machines;
mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scheduler::event::EventKind;
use scheduler::{
    Action, AttemptId, BucketSizes, Cause, Dependency, Driver, ExecutorId, FailureKind, ImageId,
    Input, KillReason, Outbox, Outcome, Progress, Rdd, RddId, Settings, ShuffleId, StorageLevel,
    Task, TaskFailure, TaskMetrics, Time, Work,
};

/// The most tasks that wait for each core of an executor.
const AHEAD_MAX: usize = 16;

/// What tasks say that they took, in microseconds: nothing, so little that others are sent ahead, long.
const RUN_TIMES_US: [u64; 4] = [0, 20, 50, 100_000];

use jobs::Job;
pub(crate) use shape::Node;
use shape::{parents, rdds, shuffles};

/// One thing that happens. What it names is chosen among what is there.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A task ends as well as it can.
    None(u8),
    Panic(u8),
    Killed(u8),
    OutputLost(u8),
    ExecutorLost(u8, bool),
    ExecutorAdded(u32),
    Decommissioned(u8),
    WorkerLost(u8, bool),
    Job(u8, u8),
    /// The map outputs of a shuffle.
    MapJob(u8),
    Cancel(u8),
    /// And with it, perhaps, the group's jobs to come.
    CancelGroup(u8, bool),
    CancelTag(u8),
    CancelStage(u8),
    Commit(u8),
    Release(u8),
    BlockDropped(u8),
    /// The end of an attempt is reported a second time.
    Late,
    /// So many milliseconds pass.
    Wait(u16),
    /// Nobody hears of an executor, or somebody does again.
    Silent(u8),
    /// An attempt tells how far it is.
    Beat(u8, u64),
}

/// What the user wishes beyond the defaults.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) fair: bool,
    pub(crate) speculation: bool,
    pub(crate) exclusion: bool,
    pub(crate) cpus: u32,
}

impl Wishes {
    fn settings(self, failures_max: u32) -> Settings {
        let mut settings = Settings::default();
        let mut set = |key, value: &str| settings.set(key, value).unwrap();
        set("task.maxFailures", &failures_max.to_string());
        set("stage.maxConsecutiveAttempts", &failures_max.to_string());
        if self.fair {
            set("scheduler.mode", "FAIR");
        }
        if self.speculation {
            set("speculation", "true");
            set("speculation.quantile", "0.3");
            set("speculation.minTaskRuntime", "0");
            set("executor.decommission.killInterval", "1s");
        }
        if self.exclusion {
            set("excludeOnFailure.enabled", "true");
            set("excludeOnFailure.killExcludedExecutors", "true");
            set("excludeOnFailure.application.fetchFailure.enabled", "true");
            set(
                "excludeOnFailure.application.maxFailedTasksPerExecutor",
                "1",
            );
        }
        set("task.cpus", &self.cpus.max(1).to_string());
        settings
    }
}

#[derive(Clone, Debug)]
struct Running {
    task: Task,
    executor: ExecutorId,
    killed: bool,
}

pub(crate) struct World {
    driver: Driver,
    now: u64,
    rdds: Vec<Rdd>,
    released: BTreeSet<RddId>,
    /// Executors that the driver wants to be rid of.
    given_back: BTreeSet<ExecutorId>,
    decommissioned: BTreeSet<ExecutorId>,
    /// Executors of which nobody hears.
    silent: BTreeSet<ExecutorId>,
    /// Cores of a task.
    cpus: u32,
    /// Cores.
    executors: BTreeMap<ExecutorId, u32>,
    next_executor: u32,
    running: BTreeMap<AttemptId, Running>,
    ended: Option<AttemptId>,
    /// Whose accumulators were counted last.
    counted: Option<AttemptId>,
    just_ended_image: ImageId,
    jobs: Vec<Job>,
    /// Groups that take no more jobs.
    closed: BTreeSet<Arc<str>>,
    /// Whether any job may be cancelled now.
    any_cancelled: bool,
    /// How many map outputs each shuffle has, and how many buckets.
    shuffles: BTreeMap<ShuffleId, (u32, u32)>,
    /// Whether the sizes of a map output were told, for the latest of each.
    told: BTreeMap<(ShuffleId, u32), bool>,
    just_told: bool,
    /// The images of jobs that were submitted and not released.
    images: BTreeSet<ImageId>,
    /// Who has which map output.
    outputs: BTreeMap<(ShuffleId, u32), ExecutorId>,
    /// The image that the first output of each shuffle came from.
    shuffle_images: BTreeMap<ShuffleId, ImageId>,
    blocks: BTreeSet<(RddId, u32, ExecutorId)>,
    committed: BTreeMap<(u32, RddId, u32), AttemptId>,
    seeds: BTreeMap<(Option<ShuffleId>, RddId, u32), u64>,
    progress: Progress,
    unended: BTreeSet<AttemptId>,
    panics: u32,
}

impl World {
    pub(crate) fn new(nodes: &[(Node, bool)], failures_max: u32) -> Self {
        Self::with(nodes, failures_max, Wishes::default())
    }

    pub(crate) fn with(nodes: &[(Node, bool)], failures_max: u32, wishes: Wishes) -> Self {
        let settings = wishes.settings(failures_max);
        let rdds = rdds(nodes);
        let mut world = Self {
            driver: Driver::new(&settings, 1),
            cpus: wishes.cpus.max(1),
            silent: BTreeSet::new(),
            now: 0,
            released: BTreeSet::new(),
            given_back: BTreeSet::new(),
            decommissioned: BTreeSet::new(),
            executors: BTreeMap::new(),
            next_executor: 0,
            running: BTreeMap::new(),
            ended: None,
            counted: None,
            just_ended_image: ImageId([0; 32]),
            jobs: Vec::new(),
            closed: BTreeSet::new(),
            any_cancelled: false,
            shuffles: shuffles(&rdds),
            told: BTreeMap::new(),
            just_told: false,
            images: BTreeSet::new(),
            outputs: BTreeMap::new(),
            shuffle_images: BTreeMap::new(),
            blocks: BTreeSet::new(),
            committed: BTreeMap::new(),
            seeds: BTreeMap::new(),
            progress: Progress::default(),
            unended: BTreeSet::new(),
            panics: 0,
            rdds,
        };
        let mut out = Outbox::default();
        world.driver.define(world.rdds.clone(), &mut out).unwrap();
        world.add_executor(ExecutorId(1_000), 2);
        world
    }

    pub(crate) fn step(&mut self, fault: Fault) {
        match fault {
            Fault::None(at) => self.end(at, None),
            Fault::Panic(at) => self.end(at, Some(FailureKind::Panicked)),
            Fault::Killed(at) => self.end(at, Some(FailureKind::Killed)),
            Fault::OutputLost(at) => {
                if let Some(output) = pick(self.outputs.keys(), at).copied() {
                    self.outputs.remove(&output);
                }
            }
            Fault::ExecutorLost(at, files) => self.lose_executor(at, files),
            Fault::ExecutorAdded(cores) => {
                let executor = ExecutorId(self.next_executor);
                self.next_executor += 1;
                self.add_executor(executor, cores);
            }
            Fault::Decommissioned(at) => self.decommission(at),
            Fault::WorkerLost(at, files) => self.lose_worker(at, files),
            Fault::Job(rdd, only) => self.submit(rdd, only),
            Fault::MapJob(rdd) => self.submit_maps(rdd),
            Fault::Cancel(at) => self.cancel(at),
            Fault::CancelGroup(at, future) => self.cancel_group(at, future),
            Fault::CancelTag(at) => self.cancel_tag(at),
            Fault::CancelStage(at) => self.cancel_stage(at),
            Fault::Commit(at) => self.commit(at),
            Fault::Release(at) => self.release(at),
            Fault::BlockDropped(at) => {
                if let Some(block) = pick(self.blocks.iter(), at).copied() {
                    self.blocks.remove(&block);
                    let (rdd, partition, executor) = block;
                    self.handle(Input::BlockDropped {
                        rdd,
                        partition,
                        executor,
                    });
                }
            }
            Fault::Wait(millis) => self.wait(millis),
            Fault::Silent(at) => self.silence(at),
            Fault::Beat(at, bytes_read) => {
                if let Some(attempt) = pick(self.running.keys(), at).copied() {
                    let metrics = TaskMetrics {
                        bytes_read,
                        ..TaskMetrics::default()
                    };
                    let running = vec![(attempt, metrics)];
                    self.handle(Input::Heartbeat { running });
                }
            }
            Fault::Late => {
                if let Some(attempt) = self.ended {
                    let metrics = TaskMetrics::default();
                    self.ended = None;
                    self.handle(Input::TaskEnded {
                        attempt,
                        outcome: Outcome::Succeeded,
                        metrics,
                    });
                }
            }
        }
    }

    /// Nothing goes wrong any more.
    pub(crate) fn heal(&mut self) {
        self.hear_all();
        if self
            .executors
            .iter()
            .all(|(id, cores)| !self.takes(*id) || *cores < self.cpus)
        {
            self.step(Fault::ExecutorAdded(4));
        }
        for _ in 0..1_000_000 {
            self.replace_given_back();
            if self.running.is_empty() && !self.wake() {
                return;
            }
            self.end(0, None);
        }
        panic!("it does not come to an end");
    }

    /// Goes on to the next deadline; returns whether there is one.
    fn wake(&mut self) -> bool {
        let deadline = self.driver.next_deadline();
        if let Some(deadline) = deadline {
            self.now = self.now.max(deadline.as_micros());
            self.handle(Input::DeadlineReached);
        }
        deadline.is_some()
    }

    pub(crate) fn assert_all_finished(&self) {
        self.assert_all_ended();
        for job in &self.jobs {
            assert!(
                job.finished || job.cancelled,
                "nobody cancelled it: {job:?}"
            );
        }
    }

    pub(crate) fn assert_all_ended(&self) {
        assert!(self.running.is_empty() && self.unended.is_empty());
        for job in &self.jobs {
            assert!(job.finished != job.failed, "a job ends once: {job:?}");
        }
        for image in &self.images {
            let held = self.shuffle_images.values().any(|held| held == image);
            assert!(held, "{image} is held by nobody and was not released");
        }
        assert!(self.progress.stages.is_empty());
        assert_eq!(
            self.progress.totals.attempts,
            self.progress.totals.tasks + self.progress.totals.failures
        );
        let begun = self.jobs.iter().filter(|job| !job.stillborn).count();
        assert_eq!(self.progress.totals.jobs as usize, begun);
    }

    fn commit(&mut self, at: u8) {
        if let Some(attempt) = pick(self.running.keys(), at).copied() {
            self.handle(Input::CommitAsked { attempt });
        }
    }

    fn release(&mut self, at: u8) {
        let rdd = self.rdds[usize::from(at) % self.rdds.len()].id;
        self.released.insert(rdd);
        self.handle(Input::RddsReleased(vec![rdd]));
    }

    /// Ends a task: as asked, if what it reads is there.
    fn end(&mut self, at: u8, kind: Option<FailureKind>) {
        let Some(attempt) = pick(self.running.keys(), at).copied() else {
            return;
        };
        let Running { task, executor, .. } = self.running[&attempt].clone();
        self.just_ended_image = task.image;
        let missing = self.missing(task.rdd, task.partition);
        let kind = kind.or(missing);
        self.panics += 1;
        let outcome = match kind {
            Some(kind) => TaskFailure::new(kind, format!("failure {}", self.panics)).into(),
            None => self.success(&task, at),
        };
        self.just_told = matches!(outcome, Outcome::Wrote(_));
        if kind.is_none() && self.rdds[task.rdd.0 as usize].storage != StorageLevel::None {
            let (rdd, partition) = (task.rdd, task.partition);
            self.blocks.insert((rdd, partition, executor));
            self.handle(Input::BlockStored {
                rdd,
                partition,
                executor,
            });
        }
        let killed = self
            .running
            .remove(&attempt)
            .is_some_and(|running| running.killed);
        self.ended = (!killed && kind.is_none()).then_some(attempt);
        if kind.is_some() {
            self.committed.retain(|_, winner| *winner != attempt);
        }
        self.handle(Input::TaskEnded {
            attempt,
            outcome,
            metrics: TaskMetrics {
                run_time_us: RUN_TIMES_US[usize::from(at) % RUN_TIMES_US.len()],
                accumulators: 1,
                ..TaskMetrics::default()
            },
        });
        if self.ended.is_none() {
            self.ended = Some(attempt);
        }
    }

    /// Now and then a map task does not tell the sizes of its buckets, and never where they are many.
    fn success(&self, task: &Task, at: u8) -> Outcome {
        let Work::ShuffleMap { shuffle, .. } = task.work else {
            return Outcome::Succeeded;
        };
        let (_, buckets) = self.shuffles[&shuffle];
        if at % 8 == 7 || buckets > 64 {
            return Outcome::Succeeded;
        }
        let sizes: Vec<u64> = (0..buckets)
            .map(|bucket| jobs::size(shuffle, task.partition, bucket))
            .collect();
        Outcome::Wrote(Arc::new(BucketSizes::new(&sizes)))
    }

    /// Returns the first map output that computing a partition reads and that is not there.
    fn missing(&self, rdd: RddId, partition: u32) -> Option<FailureKind> {
        if self
            .blocks
            .range((rdd, partition, ExecutorId(0))..)
            .next()
            .is_some_and(|block| (block.0, block.1) == (rdd, partition))
        {
            return None;
        }
        self.rdds[rdd.0 as usize]
            .dependencies
            .iter()
            .find_map(|dependency| match dependency {
                Dependency::Shuffle {
                    parent, shuffle, ..
                } => {
                    let maps = self.rdds[parent.0 as usize].partitions;
                    // Of a stage that is this large only the ends are looked at, or this test would be what scans.
                    let mut looked_at = (0..maps.min(64)).chain(maps.saturating_sub(64)..maps);
                    let missing =
                        looked_at.find(|map| !self.outputs.contains_key(&(*shuffle, *map)))?;
                    Some(FailureKind::FetchFailed {
                        shuffle: *shuffle,
                        map_partition: missing,
                    })
                }
                Dependency::Narrow { parent, partitions } => {
                    let needed = parents(partitions, partition);
                    needed
                        .into_iter()
                        .find_map(|partition| self.missing(*parent, partition))
                }
            })
    }

    fn handle(&mut self, input: Input) {
        let just_ended = match &input {
            Input::TaskEnded {
                attempt,
                outcome: Outcome::Succeeded | Outcome::Wrote(_),
                ..
            } => Some(*attempt),
            _ => None,
        };
        self.now += 1;
        let mut out = Outbox::default();
        self.driver
            .handle(Time::from_micros(self.now), input, &mut out);
        for event in &out.events {
            self.progress.take(event);
            match &event.kind {
                EventKind::TaskStarted { attempt, .. } => {
                    assert!(self.unended.insert(*attempt));
                }
                EventKind::TaskEnded { attempt, .. } => assert!(self.unended.remove(attempt)),
                _ => {}
            }
        }
        for action in out.actions {
            self.carry_out(action, just_ended);
        }
    }

    fn carry_out(&mut self, action: Action, just_ended: Option<AttemptId>) {
        match action {
            Action::LaunchTask { executor, task } => self.launch(executor, task),
            Action::KillTask {
                executor,
                attempt,
                reason,
            } => {
                assert_ne!(reason, KillReason::TimedOut);
                let running = self.running.get_mut(&attempt).expect("what runs is killed");
                assert_eq!(running.executor, executor);
                assert!(!running.killed, "an attempt is killed once");
                // It goes on, as if it had begun.
                running.killed = reason != KillReason::Recalled;
            }
            Action::CountAccumulators { attempt, .. } => {
                let before = self.counted.replace(attempt);
                assert_ne!(before, Some(attempt), "an attempt counts once");
            }
            Action::AcceptResult {
                job,
                partition,
                attempt,
            } => {
                assert_eq!(
                    (Some(attempt), self.ended),
                    (just_ended, Some(attempt)),
                    "killed or late"
                );
                assert_eq!(self.counted, Some(attempt), "what counts is counted");
                let job = &mut self.jobs[job.0 as usize];
                assert!(job.partitions.contains(&partition) && !job.finished && !job.failed);
                assert!(
                    job.accepted.insert(partition),
                    "a partition is accepted once"
                );
            }
            Action::RegisterMapOutput {
                shuffle,
                partition,
                attempt,
                executor,
            } => {
                assert_eq!(
                    (Some(attempt), self.ended),
                    (just_ended, Some(attempt)),
                    "killed or late"
                );
                assert_eq!(self.counted, Some(attempt), "what counts is counted");
                self.outputs.insert((shuffle, partition), executor);
                self.told.insert((shuffle, partition), self.just_told);
                let image = self.just_ended_image;
                self.shuffle_images.entry(shuffle).or_insert(image);
            }
            Action::GrantCommit { attempt } => {
                let Running { task, killed, .. } = &self.running[&attempt];
                assert!(!killed);
                let key = (task.name.stage.0, task.rdd, task.partition);
                let winner = *self.committed.entry(key).or_insert(attempt);
                let gone = !self.running.contains_key(&winner);
                assert!(winner == attempt || gone, "two may commit");
                self.committed.insert(key, attempt);
            }
            Action::DenyCommit { .. } | Action::CopyBlock { .. } => {}
            Action::AcceptStatistics { job, statistics } => self.accept_sizes(job, &statistics),
            Action::KillExecutor { executor, .. } => {
                assert!(self.executors.contains_key(&executor));
                self.given_back.insert(executor);
            }
            Action::FinishJob { job } => {
                let job = &mut self.jobs[job.0 as usize];
                assert_eq!(job.accepted, job.partitions);
                assert!(job.shuffle.is_none_or(|(_, told)| told));
                assert!(!std::mem::replace(&mut job.finished, true));
            }
            Action::FailJob { job, failure } => {
                let job = &mut self.jobs[job.0 as usize];
                let cancelled = matches!(failure.cause, Cause::Cancelled { .. });
                job.cancelled |= cancelled && self.any_cancelled;
                assert_eq!(cancelled, job.cancelled, "{failure}");
                assert!(!std::mem::replace(&mut job.failed, true));
            }
            Action::RemoveShuffle(shuffle) => {
                self.outputs.retain(|(of, _), _| *of != shuffle);
                self.shuffle_images.remove(&shuffle);
            }
            Action::RemoveBlocks(rdd) => self.blocks.retain(|(of, _, _)| *of != rdd),
            Action::ReleaseImage(image) => {
                assert!(self.images.remove(&image), "an image is released once");
                assert!(
                    self.running
                        .values()
                        .all(|running| running.task.image != image)
                );
            }
        }
    }

    fn launch(&mut self, executor: ExecutorId, task: Task) {
        assert!(
            self.images.contains(&task.image),
            "an image is used while it is held"
        );
        let shuffle = match task.work {
            Work::Action { .. } => None,
            Work::ShuffleMap {
                shuffle, fetched, ..
            } => {
                assert_eq!(fetched, self.is_on_several_hosts());
                Some(shuffle)
            }
        };
        if let Some(shuffle) = shuffle {
            let first = self
                .shuffle_images
                .get(&shuffle)
                .copied()
                .unwrap_or(task.image);
            assert_eq!(first, task.image, "a shuffle keeps its image for life");
        }
        let seed = *self
            .seeds
            .entry((shuffle, task.rdd, task.partition))
            .or_insert(task.seed);
        assert_eq!(seed, task.seed);
        assert!(self.takes(executor), "{executor} is to get nothing");
        let same = |running: &&Running| {
            let (one, other) = (running.task.name, task.name);
            (one.stage, one.stage_attempt, one.partition)
                == (other.stage, other.stage_attempt, other.partition)
        };
        let others: Vec<&Running> = self.running.values().filter(same).collect();
        assert!(others.len() <= 1, "a task has two copies at most");
        for other in others {
            assert!(!other.killed && !Self::same_host(other.executor, executor));
        }
        self.running.insert(
            task.attempt,
            Running {
                task,
                executor,
                killed: false,
            },
        );
        let taken = self
            .running
            .values()
            .filter(|running| running.executor == executor)
            .count();
        let cores = self.executors.get(&executor).copied().unwrap_or_default();
        let taken = taken * self.cpus as usize;
        assert!(
            taken <= cores as usize * (1 + AHEAD_MAX),
            "{executor} has {cores} cores"
        );
    }
}

fn pick<T>(mut among: impl ExactSizeIterator<Item = T>, at: u8) -> Option<T> {
    let len = among.len();
    (len > 0)
        .then(|| among.nth(usize::from(at) % len))
        .flatten()
}
