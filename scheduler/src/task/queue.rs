//! In which order task sets are served (Spark: `Pool`, `FIFOSchedulingAlgorithm`).
//!
//! First in, first out: an earlier job's stages before a later one's, a job's earlier stage before its later one.

use std::collections::BTreeSet;

use crate::JobId;

use super::SetKey;

/// The task sets that have a task to launch.
#[derive(Debug, Default)]
pub(super) struct Queue(BTreeSet<(JobId, SetKey)>);

impl Queue {
    pub(super) fn insert(&mut self, priority: JobId, set: SetKey) {
        self.0.insert((priority, set));
    }

    pub(super) fn remove(&mut self, priority: JobId, set: SetKey) {
        self.0.remove(&(priority, set));
    }

    /// Returns the task set that is served next.
    pub(super) fn first(&self) -> Option<SetKey> {
        self.0.first().map(|(_, set)| *set)
    }

    pub(super) fn contains(&self, priority: JobId, set: SetKey) -> bool {
        self.0.contains(&(priority, set))
    }
}
