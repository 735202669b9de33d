//! The tasks of one attempt at a stage (Spark: `TaskSetManager`).
//!
//! A task waits, runs and is done, or fails and waits again; a set that has been stopped launches nothing more, but
//! what runs of it may still succeed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{AttemptId, ImageId, JobId, RddId, StageId, Task, TaskFailure, TaskName, Work};

use super::{Stream, seed};

/// One attempt at a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SetKey {
    pub(crate) stage: StageId,
    pub(crate) attempt: u32,
}

/// What is kept of each task: small, as there are many.
#[derive(Clone, Copy, Debug, Default)]
struct TaskState {
    /// Attempts launched.
    attempts: u32,
    /// Attempts that run.
    running: u32,
    done: bool,
}

/// What is remembered of a task that failed by its own fault.
#[derive(Debug)]
struct Failed {
    times: u32,
    last: Arc<TaskFailure>,
}

/// What follows from a task's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: the set is stopped.
    Ignore,
    /// The task waits again.
    Retry { failures: u32 },
    /// The task has failed for good.
    GiveUp { failures: u32, deterministic: bool },
}

/// A task set.
#[derive(Debug)]
pub(crate) struct TaskSet {
    pub(crate) key: SetKey,
    /// The first job that needs it: earlier jobs go first.
    pub(crate) priority: JobId,
    pub(crate) image: ImageId,
    work: Work,
    rdd: RddId,
    /// The application's seed.
    seed: u64,
    /// Sorted; a task's index is its place here.
    partitions: Vec<u32>,
    tasks: Vec<TaskState>,
    /// Tasks from here on have not been launched.
    next: usize,
    /// Tasks that wait again, the last one first.
    again: Vec<usize>,
    failed: BTreeMap<usize, Failed>,
    running: usize,
    /// Tasks that are not done.
    left: usize,
    stopped: bool,
}

/// What a task set computes.
#[derive(Debug)]
pub(crate) struct SetSpec {
    pub(crate) key: SetKey,
    pub(crate) priority: JobId,
    pub(crate) image: ImageId,
    pub(crate) work: Work,
    pub(crate) rdd: RddId,
    pub(crate) seed: u64,
    /// Sorted, each once.
    pub(crate) partitions: Vec<u32>,
}

impl TaskSet {
    pub(crate) fn new(spec: SetSpec) -> Self {
        let SetSpec {
            key,
            priority,
            image,
            work,
            rdd,
            seed,
            partitions,
        } = spec;
        assert!(partitions.is_sorted_by(|before, after| before < after));
        let left = partitions.len();
        Self {
            key,
            priority,
            image,
            work,
            rdd,
            seed,
            tasks: vec![TaskState::default(); left],
            partitions,
            next: 0,
            again: Vec::new(),
            failed: BTreeMap::new(),
            running: 0,
            left,
            stopped: false,
        }
    }

    /// Returns whether a task may be waiting to be launched.
    pub(super) fn is_waiting(&self) -> bool {
        !self.stopped && self.left > 0 && (self.next < self.tasks.len() || !self.again.is_empty())
    }

    pub(super) fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// Returns whether nothing of it runs or will run.
    pub(super) fn is_over(&self) -> bool {
        self.running == 0 && (self.stopped || self.left == 0)
    }

    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Takes the task that is launched next: one that failed before one that has not run, so that a task
    /// that cannot succeed fails its job soon.
    pub(super) fn take(&mut self) -> Option<usize> {
        while let Some(index) = self.again.pop() {
            if !self.tasks[index].done {
                return Some(index);
            }
        }
        let fresh = self.tasks[self.next..].iter().position(|task| !task.done);
        let index = fresh.map(|ahead| self.next + ahead);
        self.next = index.map_or(self.tasks.len(), |index| index + 1);
        index
    }

    /// Begins an attempt at a task that was taken.
    pub(super) fn task(&mut self, index: usize, attempt: AttemptId) -> Task {
        let (partition, state) = (self.partitions[index], &mut self.tasks[index]);
        let SetKey {
            stage,
            attempt: stage_attempt,
        } = self.key;
        let name = TaskName {
            stage,
            stage_attempt,
            partition,
            attempt: state.attempts,
        };
        state.attempts += 1;
        state.running += 1;
        self.running += 1;
        let stream = match self.work {
            Work::Action { .. } => Stream::Rdd(self.rdd),
            Work::ShuffleMap { shuffle } => Stream::Shuffle(shuffle),
        };
        let seed = seed(self.seed, stream, partition);
        Task {
            attempt,
            name,
            work: self.work,
            image: self.image,
            rdd: self.rdd,
            partition,
            seed,
        }
    }

    /// Takes note that an attempt has ended, one way or another.
    pub(super) fn ended(&mut self, index: usize) {
        self.tasks[index].running -= 1;
        self.running -= 1;
    }

    /// Returns whether an attempt at the partition runs.
    pub(super) fn runs(&self, partition: u32) -> bool {
        self.running > 0
            && self
                .index(partition)
                .is_some_and(|index| self.tasks[index].running > 0)
    }

    fn index(&self, partition: u32) -> Option<usize> {
        self.partitions.binary_search(&partition).ok()
    }

    /// Takes note that a partition is computed, here or in an earlier attempt at the stage.
    pub(super) fn succeed(&mut self, partition: u32) {
        let Some(index) = self.index(partition) else {
            return;
        };
        let task = &mut self.tasks[index];
        self.left -= usize::from(!task.done);
        task.done = true;
    }

    /// Decides what follows from a failure.
    pub(super) fn fail(
        &mut self,
        index: usize,
        failure: &Arc<TaskFailure>,
        failures_max: u32,
    ) -> Verdict {
        if self.stopped || self.tasks[index].done {
            return Verdict::Ignore;
        }
        let mut failures = self.failed.get(&index).map_or(0, |failed| failed.times);
        if failure.kind.counts() {
            failures += 1;
            let deterministic = self.remember(index, failures, failure);
            if deterministic || failures >= failures_max {
                return Verdict::GiveUp {
                    failures,
                    deterministic,
                };
            }
        }
        self.again.push(index);
        Verdict::Retry { failures }
    }

    /// Keeps a failure; returns whether it is the program's last one over again.
    fn remember(&mut self, index: usize, times: u32, failure: &Arc<TaskFailure>) -> bool {
        let Some(failed) = self.failed.get_mut(&index) else {
            self.failed.insert(
                index,
                Failed {
                    times,
                    last: failure.clone(),
                },
            );
            return false;
        };
        let recurs = failure.recurs(&failed.last);
        failed.times = times;
        // A failure of the host in between says nothing about the program's.
        if failure.kind.is_guests() {
            failed.last = failure.clone();
        }
        recurs
    }

    /// Launches nothing more.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// States what always holds. Looks at each task only where there are few: this runs after every input.
    pub(super) fn check(&self) {
        if self.tasks.len() > 64 {
            return;
        }
        let running: u32 = self.tasks.iter().map(|task| task.running).sum();
        assert_eq!(running as usize, self.running);
        assert_eq!(
            self.tasks.iter().filter(|task| !task.done).count(),
            self.left
        );
        for (index, task) in self.tasks.iter().enumerate() {
            let waits = index >= self.next || self.again.contains(&index);
            let accounted = task.done || waits || task.running > 0;
            assert!(self.stopped || accounted, "no task is lost");
        }
    }
}
