//! A stage of running jobs (Spark: `ShuffleMapStage`, `ResultStage`).
//!
//! It lives as long as a job needs it. A later job that needs the same shuffle gets a new stage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{StageInfo, StageKind};
use crate::{JobId, RddId, ShuffleId, StageId};

/// What a stage is doing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing: not begun, or complete.
    Idle,
    /// It waits for these shuffles.
    Waiting { on: BTreeSet<ShuffleId> },
    /// This attempt's task set runs.
    Running { attempt: u32 },
    /// It has failed for good; it goes with its jobs.
    Failed,
}

/// A stage.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) id: StageId,
    pub(crate) kind: StageKind,
    /// The dataset it ends in.
    pub(crate) rdd: RddId,
    pub(crate) name: Arc<str>,
    pub(crate) call_site: Arc<str>,
    /// The partitions to compute over all attempts.
    pub(crate) partitions: u32,
    pub(crate) parents: Vec<StageId>,
    /// The jobs that need it: never none.
    pub(crate) jobs: BTreeSet<JobId>,
    pub(crate) state: State,
    /// Attempts begun.
    pub(crate) attempts: u32,
    pub(crate) failures: Failures,
}

/// What an attempt failed for that could not read a map output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The file, a machine, or the way between two.
    Any,
    /// The output's file, and nothing else.
    File((ShuffleId, u32)),
    /// What the operator wanted to happen.
    Forgiven,
}

/// The attempts at a stage that failed since one succeeded.
///
/// A shuffle file that a task read from the disk of its own machine is at fault by itself, and is written anew. So attempts that
/// fail for one such file after another get on, where Spark would give the stage up: those count that failed for the same file.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    count: u32,
    /// How often each map output was at fault.
    blamed: BTreeMap<(ShuffleId, u32), u32>,
}

impl Failures {
    pub(crate) fn note(&mut self, fault: Fault) {
        match fault {
            Fault::Forgiven => {}
            Fault::Any => self.count += 1,
            Fault::File(output) => {
                let times = self.blamed.entry(output).or_default();
                *times += 1;
                self.count = self.count.max(*times);
            }
        }
    }

    /// Returns how many count.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}

impl Stage {
    /// Returns the running attempt.
    pub(crate) fn running(&self) -> Option<u32> {
        match self.state {
            State::Running { attempt } => Some(attempt),
            _ => None,
        }
    }

    /// Describes an attempt that runs `tasks` of the partitions.
    pub(crate) fn info(&self, attempt: u32, tasks: u32) -> StageInfo {
        StageInfo {
            stage: self.id,
            attempt,
            kind: self.kind,
            rdd: self.rdd,
            name: self.name.clone(),
            call_site: self.call_site.clone(),
            partitions: self.partitions,
            tasks,
            parents: self.parents.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_fail_one_after_another_count_once_and_the_same_file_each_time() {
        let mut failures = Failures::default();
        (0..100).for_each(|map| failures.note(Fault::File((ShuffleId(0), map))));
        failures.note(Fault::Forgiven);
        assert_eq!(failures.count(), 1);
        failures.note(Fault::File((ShuffleId(0), 7)));
        failures.note(Fault::File((ShuffleId(0), 7)));
        assert_eq!(failures.count(), 3);
        failures.note(Fault::Any);
        assert_eq!(failures.count(), 4);
    }
}
