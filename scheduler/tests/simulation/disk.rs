//! What masters write down, so that the next leader knows it: one store that all masters reach.
//!
//! A write takes a while to be durable. Writes of a leader become durable in order; those of a deposed one never do.

use std::collections::VecDeque;

use scheduler::cluster::{Change, Persisted};
use scheduler::{Epoch, Random};

use crate::process::ProcessId;

#[derive(Debug)]
struct Write {
    by: ProcessId,
    ticket: u64,
    change: Change,
}

/// The store.
#[derive(Debug, Default)]
pub(crate) struct Store {
    durable: Persisted,
    /// The leader whose writes are taken.
    leader: Option<(ProcessId, Epoch)>,
    /// Not durable yet.
    pending: VecDeque<Write>,
    pub(crate) full: bool,
    /// Whether the next who writes crashes while it does.
    pub(crate) trap: bool,
}

impl Store {
    /// A leader begins: it reads what is durable, and nobody else writes any more.
    pub(crate) fn open(&mut self, leader: ProcessId, epoch: Epoch) -> Persisted {
        let before = self.leader.map_or(Epoch(0), |(_, epoch)| epoch);
        assert!(epoch > before, "each leader has an epoch of its own");
        self.leader = Some((leader, epoch));
        self.pending.clear();
        self.durable.clone()
    }

    pub(crate) fn write(&mut self, by: ProcessId, ticket: u64, change: Change) {
        if self.leader.is_some_and(|(leader, _)| leader == by) {
            self.pending.push_back(Write { by, ticket, change });
        }
    }

    /// Makes the next write durable and returns whom to tell, and its ticket.
    pub(crate) fn settle(&mut self) -> Option<(ProcessId, u64)> {
        let write = self.pending.pop_front()?;
        self.durable.apply(&write.change);
        Some((write.by, write.ticket))
    }

    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The writer is gone: some of what is pending becomes durable, but nobody is told. Returns how many writes are
    /// durable and how many are lost.
    pub(crate) fn crash(&mut self, writer: ProcessId, random: &mut Random) -> (u64, u64) {
        if self.pending.front().is_none_or(|write| write.by != writer) {
            return (0, 0);
        }
        let durable = random.below(self.pending.len() as u64 + 1);
        for _ in 0..durable {
            self.settle();
        }
        let lost = self.pending.len() as u64;
        self.pending.clear();
        (durable, lost)
    }
}
