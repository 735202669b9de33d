//! A stage of running jobs (Spark: `ShuffleMapStage`, `ResultStage`).
//!
//! It lives as long as a job needs it. A later job that needs the same shuffle gets a new stage.

use std::collections::BTreeSet;
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
    /// Attempts that failed since one succeeded.
    pub(crate) failures: u32,
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
