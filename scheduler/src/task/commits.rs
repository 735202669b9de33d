//! Who may make a partition's output visible (Spark: `OutputCommitCoordinator`).
//!
//! The first attempt that asks may; no other one may until that one has failed.

use std::collections::BTreeMap;

use crate::{AttemptId, StageId, TaskName};

/// The attempt that may commit, or has, for each partition that was asked for.
#[derive(Debug, Default)]
pub(super) struct Commits(BTreeMap<(StageId, u32), AttemptId>);

impl Commits {
    /// Returns whether the attempt may commit.
    pub(super) fn ask(&mut self, name: TaskName, attempt: AttemptId) -> bool {
        *self
            .0
            .entry((name.stage, name.partition))
            .or_insert(attempt)
            == attempt
    }

    /// Takes the permission back from an attempt that failed, if it has it.
    pub(super) fn give_up(&mut self, name: TaskName, attempt: AttemptId) {
        let partition = (name.stage, name.partition);
        if self.0.get(&partition) == Some(&attempt) {
            self.0.remove(&partition);
        }
    }

    pub(super) fn forget(&mut self, stage: StageId, partition: u32) {
        self.0.remove(&(stage, partition));
    }

    pub(super) fn forget_stage(&mut self, stage: StageId) {
        let partitions = self.0.range((stage, 0)..=(stage, u32::MAX));
        let partitions: Vec<(StageId, u32)> = partitions.map(|(partition, _)| *partition).collect();
        for partition in partitions {
            self.0.remove(&partition);
        }
    }
}
