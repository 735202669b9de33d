//! What goes into an [`Allocation`](super::Allocation) and what comes out.

use std::sync::Arc;

use crate::event::EventKind;
use crate::{ExecutorId, RddId, ShuffleId};

/// Something that has happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'e> {
    /// The driver has said so: what jobs, stages, tasks and executors do.
    Event(&'e EventKind),
    /// An executor has cached a partition.
    BlockStored {
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
        /// Who holds it.
        executor: ExecutorId,
    },
    /// An executor no longer has a cached partition.
    BlockDropped {
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
        /// Who held it.
        executor: ExecutorId,
    },
    /// No executor holds partitions of the dataset any more.
    BlocksRemoved(RddId),
    /// The shuffle's files are gone.
    ShuffleRemoved(ShuffleId),
    /// The moment named by [`Allocation::next_deadline`](super::Allocation::next_deadline) has come.
    DeadlineReached,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the master for this many executors in all.
    RequestTotal {
        /// How many.
        total: u32,
        /// Why, for people.
        because: Arc<str>,
    },
    /// Stop these executors; the total stays.
    Kill {
        /// Whom.
        executors: Vec<ExecutorId>,
        /// Why, for people.
        because: Arc<str>,
    },
    /// Let these executors go in good order (`decommission.enabled`); the total stays.
    Decommission {
        /// Whom.
        executors: Vec<ExecutorId>,
        /// Why, for people.
        because: Arc<str>,
    },
}
