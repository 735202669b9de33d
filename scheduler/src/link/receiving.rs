//! Messages on their way in: in order, and those that came early.

use std::collections::BTreeMap;

use crate::Time;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It was not known.
    New,
    /// It was.
    Again,
}

/// What was received.
#[derive(Debug)]
pub(super) struct Receiving<M> {
    /// The number of the next message to deliver.
    next: u64,
    /// Those that came before their turn.
    early: BTreeMap<u64, M>,
    /// When the peer is told, at the latest.
    acknowledge_at: Option<Time>,
}

impl<M> Default for Receiving<M> {
    fn default() -> Self {
        Self {
            next: 0,
            early: BTreeMap::new(),
            acknowledge_at: None,
        }
    }
}

impl<M> Receiving<M> {
    /// Takes in a message and delivers what is next in order. What lies beyond the window is dropped: the peer sends it
    /// again.
    pub(super) fn take(
        &mut self,
        number: u64,
        message: M,
        window: usize,
        mut deliver: impl FnMut(M),
    ) -> Taken {
        if number < self.next || self.early.contains_key(&number) {
            return Taken::Again;
        }
        if number - self.next < window as u64 {
            self.early.insert(number, message);
        }
        while let Some(message) = self.early.remove(&self.next) {
            deliver(message);
            self.next += 1;
        }
        Taken::New
    }

    pub(super) fn acknowledge_at(&self) -> Option<Time> {
        self.acknowledge_at
    }

    pub(super) fn acknowledge_by(&mut self, by: Time) {
        self.acknowledge_at = Some(self.acknowledge_at.map_or(by, |at| at.min(by)));
    }

    /// Returns how many messages were received in order; the peer is being told.
    pub(super) fn acknowledge(&mut self) -> u64 {
        self.acknowledge_at = None;
        self.next
    }
}
