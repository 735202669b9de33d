//! Who may make a partition's output visible (Spark: `OutputCommitCoordinator`).
//!
//! The first attempt that asks may; no other one may until that one has failed. Nor may another while it still runs,
//! whatever became of its stage: one that is being killed may be at it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

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

    /// Lets a partition be committed again, unless the attempt that may still runs: its end will.
    pub(super) fn forget(
        &mut self,
        stage: StageId,
        partition: u32,
        runs: impl Fn(AttemptId) -> bool,
    ) {
        if let Entry::Occupied(known) = self.0.entry((stage, partition))
            && !runs(*known.get())
        {
            known.remove();
        }
    }

    /// Forgets a stage, but for the attempts that still run: each is being killed, and gives up as it ends.
    pub(super) fn forget_stage(&mut self, stage: StageId, runs: impl Fn(AttemptId) -> bool) {
        let known = self.0.range((stage, 0)..=(stage, u32::MAX));
        let over = known.filter(|(_, attempt)| !runs(**attempt));
        let over: Vec<(StageId, u32)> = over.map(|(partition, _)| *partition).collect();
        for partition in over {
            self.0.remove(&partition);
        }
    }
}
