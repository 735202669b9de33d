//! Attempts that were launched and have not ended.

use std::collections::BTreeMap;

use crate::{AttemptId, ExecutorId, KillReason, TaskName, Time};

use super::SetKey;

/// An attempt that an executor has not reported as ended.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) name: TaskName,
    pub(crate) executor: ExecutorId,
    pub(super) launched: Time,
    /// Its task's place in the task set.
    pub(super) index: u32,
    /// Cores that it has.
    pub(super) cores: u32,
    /// Bytes that it has read so far, as its executor told.
    pub(super) bytes_read: u64,
    /// Why it is being killed, if it is.
    pub(crate) kill: Option<KillReason>,
}

impl Attempt {
    pub(super) fn set(&self) -> SetKey {
        SetKey {
            stage: self.name.stage,
            attempt: self.name.stage_attempt,
        }
    }
}

/// The attempts by number, which is the order of their launch.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    all: BTreeMap<AttemptId, Attempt>,
    next: u64,
    /// Those before this one have ended or are being killed.
    passed: u64,
}

impl Attempts {
    /// Keeps a new attempt; the number is that of [`Self::next`].
    pub(super) fn insert(&mut self, attempt: Attempt) {
        self.all.insert(AttemptId(self.next), attempt);
        self.next += 1;
    }

    /// Returns the number of the next attempt.
    pub(super) fn next(&self) -> AttemptId {
        AttemptId(self.next)
    }

    pub(super) fn get(&self, id: AttemptId) -> Option<&Attempt> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        self.all.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: AttemptId) -> Option<Attempt> {
        self.all.remove(&id)
    }

    /// Returns the oldest attempt that is not being killed.
    pub(super) fn oldest(&self) -> Option<(AttemptId, Time)> {
        let mut from = self.all.range(AttemptId(self.passed)..);
        let oldest = from.find(|(_, attempt)| attempt.kill.is_none());
        oldest.map(|(id, attempt)| (*id, attempt.launched))
    }

    /// Remembers the oldest, so that those before it are not looked at again.
    pub(super) fn tidy(&mut self) {
        self.passed = self.oldest().map_or(self.next, |(id, _)| id.0);
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        self.all.iter().map(|(id, attempt)| (*id, attempt))
    }
}
