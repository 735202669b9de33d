//! What goes into an executor and what comes out.

use std::sync::Arc;

use crate::message::ToExecutor;
use crate::{
    Address, AttemptId, KillReason, Message, Outcome, RddId, ShuffleId, Task, TaskMetrics,
};

use super::Event;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The process has begun. Said once, before anything else.
    Started,
    /// Somebody has said something.
    Received {
        /// Who.
        from: Address,
        /// What.
        message: ToExecutor,
    },
    /// Nothing can be said to somebody any more, and what was under way may be lost.
    Disconnected {
        /// To whom.
        peer: Address,
    },
    /// A task has ended, one way or another. Its result is kept until [`Action::ReleaseResults`] names it.
    TaskEnded {
        /// Which.
        attempt: AttemptId,
        /// How.
        outcome: Outcome,
        /// What it cost.
        metrics: TaskMetrics,
    },
    /// What a running task has cost so far, for the next heartbeat.
    TaskProgressed {
        /// Which.
        attempt: AttemptId,
        /// What it has cost.
        metrics: TaskMetrics,
    },
    /// A running task has written its output and asks whether it may make it visible.
    CommitAsked {
        /// Which.
        attempt: AttemptId,
    },
    /// A partition was cached.
    BlockStored {
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
    },
    /// A cached partition is gone.
    BlockDropped {
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
    },
    /// A partition that was to be copied was not.
    BlockNotCopied {
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
    },
    /// The process is to be taken out of service: a signal.
    DecommissionAsked,
    /// The moment named by [`Executor::next_deadline`](super::Executor::next_deadline) has come.
    DeadlineReached,
}

/// Something to be done by the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send this; where there is no connection, open one. The result of a task that has succeeded goes along with
    /// its status update, every time.
    Send {
        /// To whom.
        to: Address,
        /// What.
        message: Message,
    },
    /// Run this.
    RunTask(Task),
    /// Stop this. Its end is still to be reported, whatever it is.
    KillTask {
        /// Which.
        attempt: AttemptId,
        /// Why.
        reason: KillReason,
    },
    /// Let the attempt make its output visible.
    GrantCommit(AttemptId),
    /// Tell the attempt that it may not.
    DenyCommit(AttemptId),
    /// Get a cached partition from who holds it, and report that it was stored, or not copied.
    CopyBlock {
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
    },
    /// Drop the dataset's cached partitions.
    RemoveBlocks(RddId),
    /// Delete the shuffle's files.
    RemoveShuffle(ShuffleId),
    /// Forget the results of these: the driver has heard of their ends.
    ReleaseResults(Vec<AttemptId>),
    /// End the process, with whatever it runs. Nothing comes after it.
    Exit {
        /// Why, for people.
        reason: Arc<str>,
    },
}

/// What [`Executor::handle`](super::Executor::handle) appends to. The host empties and reuses it.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// To be carried out, in order.
    pub actions: Vec<Action>,
    /// To be told to listeners, in order.
    pub events: Vec<Event>,
}

impl Outbox {
    /// Empties both, keeping their room.
    pub fn clear(&mut self) {
        self.actions.clear();
        self.events.clear();
    }
}
