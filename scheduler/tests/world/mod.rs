//! A host in miniature: it carries out a driver's actions, and checks each of them against what it knows.
//!
//! It keeps its own books, so that a mistake in the driver's is not repeated here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod shape;

use std::collections::{BTreeMap, BTreeSet};

use scheduler::event::EventKind;
use scheduler::{
    Action, AttemptId, Dependency, Driver, ExecutorId, FailureKind, ImageId, Input, JobId, JobSpec,
    KillReason, Outbox, Outcome, Progress, Rdd, RddId, Settings, ShuffleId, StorageLevel, Task,
    TaskFailure, TaskMetrics, Time, Work,
};

pub(crate) use shape::Node;
use shape::{parents, rdds};

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
    Job(u8, u8),
    Cancel(u8),
    Commit(u8),
    Release(u8),
    BlockDropped(u8),
    /// The end of an attempt is reported a second time.
    Late,
}

#[derive(Clone, Debug)]
struct Running {
    task: Task,
    executor: ExecutorId,
    killed: bool,
}

#[derive(Clone, Debug)]
struct Job {
    partitions: BTreeSet<u32>,
    accepted: BTreeSet<u32>,
    cancelled: bool,
    finished: bool,
    failed: bool,
}

pub(crate) struct World {
    driver: Driver,
    now: u64,
    rdds: Vec<Rdd>,
    released: BTreeSet<RddId>,
    /// Executors that the driver wants to be rid of.
    given_back: BTreeSet<ExecutorId>,
    /// Cores.
    executors: BTreeMap<ExecutorId, u32>,
    next_executor: u32,
    running: BTreeMap<AttemptId, Running>,
    ended: Option<AttemptId>,
    just_ended_image: ImageId,
    jobs: Vec<Job>,
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
        let mut settings = Settings::default();
        settings
            .set("task.maxFailures", &failures_max.to_string())
            .unwrap();
        settings
            .set("stage.maxConsecutiveAttempts", &failures_max.to_string())
            .unwrap();
        let mut world = Self {
            driver: Driver::new(&settings, 1),
            now: 0,
            rdds: rdds(nodes),
            released: BTreeSet::new(),
            given_back: BTreeSet::new(),
            executors: BTreeMap::new(),
            next_executor: 0,
            running: BTreeMap::new(),
            ended: None,
            just_ended_image: ImageId([0; 32]),
            jobs: Vec::new(),
            images: BTreeSet::new(),
            outputs: BTreeMap::new(),
            shuffle_images: BTreeMap::new(),
            blocks: BTreeSet::new(),
            committed: BTreeMap::new(),
            seeds: BTreeMap::new(),
            progress: Progress::default(),
            unended: BTreeSet::new(),
            panics: 0,
        };
        let mut out = Outbox::default();
        world.driver.define(world.rdds.clone(), &mut out).unwrap();
        world.handle(Input::ExecutorAdded {
            executor: ExecutorId(1_000),
            host: "host-1000".into(),
            rack: None,
            cores: 2,
        });
        world.executors.insert(ExecutorId(1_000), 2);
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
                self.executors.insert(executor, cores);
                self.handle(Input::ExecutorAdded {
                    executor,
                    host: format!("host-{}", executor.0).as_str().into(),
                    rack: None,
                    cores,
                });
            }
            Fault::Job(rdd, only) => self.submit(rdd, only),
            Fault::Cancel(at) => self.cancel(at),
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
        if self.executors.is_empty() {
            self.step(Fault::ExecutorAdded(1));
        }
        for _ in 0..1_000_000 {
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
        assert_eq!(self.progress.totals.jobs as usize, self.jobs.len());
    }

    fn submit(&mut self, rdd: u8, only: u8) {
        let rdd = &self.rdds[usize::from(rdd) % self.rdds.len()];
        if self.released.contains(&rdd.id) {
            return;
        }
        let mut partitions: Vec<u32> = (0..rdd.partitions).collect();
        if only > 200 && !partitions.is_empty() {
            partitions = vec![u32::from(only) % rdd.partitions];
        }
        let job = JobId(u32::try_from(self.jobs.len()).unwrap());
        // Images come back now and then, as they do when nothing changed between two jobs.
        let image = ImageId([u8::try_from(job.0 % 3).unwrap(); 32]);
        self.images.insert(image);
        self.jobs.push(Job {
            partitions: partitions.iter().copied().collect(),
            accepted: BTreeSet::new(),
            cancelled: false,
            finished: false,
            failed: false,
        });
        let (rdd, name, call_site) = (rdd.id, "count".into(), "main.rs:1".into());
        self.handle(Input::JobSubmitted(JobSpec {
            job,
            rdd,
            partitions,
            shuffle: None,
            image,
            name,
            call_site,
            group: None,
            tags: Vec::new(),
            pool: None,
        }));
    }

    fn cancel(&mut self, at: u8) {
        if self.jobs.is_empty() {
            return;
        }
        let at = usize::from(at) % self.jobs.len();
        if !self.jobs[at].finished && !self.jobs[at].failed {
            self.jobs[at].cancelled = true;
        }
        let job = JobId(u32::try_from(at).unwrap());
        self.handle(Input::JobCancelled {
            job,
            reason: "not wanted".into(),
        });
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

    fn lose_executor(&mut self, at: u8, files_lost: bool) {
        let Some(executor) = pick(self.executors.keys(), at).copied() else {
            return;
        };
        self.executors.remove(&executor);
        self.running
            .retain(|_, running| running.executor != executor);
        self.blocks.retain(|(_, _, holder)| *holder != executor);
        if files_lost {
            self.outputs.retain(|_, holder| *holder != executor);
        }
        self.handle(Input::ExecutorLost {
            executor,
            reason: "gone".into(),
            files_lost,
        });
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
            None => Outcome::Succeeded,
        };
        if outcome == Outcome::Succeeded
            && self.rdds[task.rdd.0 as usize].storage != StorageLevel::None
        {
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
            metrics: TaskMetrics::default(),
        });
        if self.ended.is_none() {
            self.ended = Some(attempt);
        }
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
                outcome: Outcome::Succeeded,
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
                running.killed = true;
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
                self.outputs.insert((shuffle, partition), executor);
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
            Action::DenyCommit { .. } | Action::AcceptStatistics { .. } => {}
            Action::KillExecutor { executor, .. } => {
                assert!(self.executors.contains_key(&executor));
                self.given_back.insert(executor);
            }
            Action::FinishJob { job } => {
                let job = &mut self.jobs[job.0 as usize];
                assert_eq!(job.accepted, job.partitions);
                assert!(!std::mem::replace(&mut job.finished, true));
            }
            Action::FailJob { job, .. } => {
                assert!(!std::mem::replace(
                    &mut self.jobs[job.0 as usize].failed,
                    true
                ));
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
            Work::ShuffleMap { shuffle } => Some(shuffle),
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
        assert!(taken <= cores as usize, "{executor} has {cores} cores");
    }
}

fn pick<T>(mut among: impl ExactSizeIterator<Item = T>, at: u8) -> Option<T> {
    let len = among.len();
    (len > 0)
        .then(|| among.nth(usize::from(at) % len))
        .flatten()
}
