//! How often tasks and stages failed, counted apart from the driver's own books: nothing is given up too early or tried
//! too often.

use std::collections::BTreeMap;

use scheduler::event::EventKind;
use scheduler::{Cause, FailureKind, Outcome, StageId, TaskName};

/// A task of a stage attempt.
type Key = (StageId, u32, u32);

/// What failed how often.
#[derive(Debug)]
pub(crate) struct Failures {
    /// So often a task may fail by its own fault.
    of_task_max: u32,
    tasks: BTreeMap<Key, u32>,
    /// Attempts in a row that could not read their input.
    stages: BTreeMap<StageId, u32>,
}

impl Failures {
    pub(crate) fn new(of_task_max: u32) -> Self {
        Self {
            of_task_max,
            tasks: BTreeMap::new(),
            stages: BTreeMap::new(),
        }
    }

    pub(crate) fn hear(&mut self, event: &EventKind) {
        match event {
            EventKind::TaskStarted { task, .. } => self.check_started(*task),
            EventKind::TaskEnded { task, outcome, .. } => self.ended(key(*task), outcome),
            EventKind::StageCompleted { stage, failure, .. } => match failure {
                Some(_) => *self.stages.entry(*stage).or_default() += 1,
                None => drop(self.stages.remove(stage)),
            },
            _ => {}
        }
    }

    fn ended(&mut self, task: Key, outcome: &Outcome) {
        match outcome {
            Outcome::Succeeded | Outcome::Wrote(_) => drop(self.tasks.remove(&task)),
            Outcome::Failed(failure) if is_its_fault(failure.kind) => {
                *self.tasks.entry(task).or_default() += 1;
            }
            Outcome::Failed(_) => {}
        }
    }

    fn check_started(&self, task: TaskName) {
        let times = self.tasks.get(&key(task)).copied().unwrap_or_default();
        assert!(
            times < self.of_task_max,
            "{task} is tried again after {times} failures"
        );
    }

    /// Returns whether it is right that a job ends like this, though there is nothing wrong with its program.
    pub(crate) fn explain(&self, cause: &Cause) -> bool {
        match cause {
            Cause::TaskFailed {
                stage, partition, ..
            } => {
                let tasks = self
                    .tasks
                    .range((*stage, 0, 0)..=(*stage, u32::MAX, u32::MAX));
                let mut times = tasks.filter(|(key, _)| key.2 == *partition);
                times.any(|(_, times)| *times >= self.of_task_max)
            }
            Cause::StageFailed {
                stage, attempts, ..
            } => self.stages.get(stage) >= Some(attempts),
            // One task's failures may leave no executor for another.
            Cause::Unschedulable { .. } => true,
            _ => false,
        }
    }
}

fn key(task: TaskName) -> Key {
    (task.stage, task.stage_attempt, task.partition)
}

/// Returns whether a task that fails like this may be to blame: of what goes wrong here, that is a panic, and a disk
/// that is full.
fn is_its_fault(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Panicked | FailureKind::Io)
}
