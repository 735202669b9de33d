//! The book of executors: each on one worker, of one application, until its end is reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::resources::Resources;
use crate::message::{ExecutorName, ExecutorState};
use crate::{ApplicationId, ExecutorId, Tenant, Time, WorkerId};

/// How an executor is, as its master sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Ordered, not begun.
    Launching,
    /// Its process runs.
    Running,
    /// It takes no more work; its application may have another one in its place.
    Decommissioned,
    /// It was told to stop, for this reason; what it has is taken until it has.
    Dying(Arc<str>),
}

impl Phase {
    /// Returns whether its application counts on it.
    pub(super) const fn is_live(&self) -> bool {
        matches!(self, Self::Launching | Self::Running)
    }

    pub(super) const fn state(&self) -> ExecutorState {
        match self {
            Self::Launching => ExecutorState::Launching,
            Self::Running => ExecutorState::Running,
            Self::Decommissioned => ExecutorState::Decommissioned,
            Self::Dying(_) => ExecutorState::Killed,
        }
    }
}

/// One executor.
#[derive(Clone, Debug)]
pub(super) struct Executor {
    pub(super) worker: WorkerId,
    pub(super) tenant: Tenant,
    pub(super) size: Resources,
    pub(super) phase: Phase,
    /// Whether its worker has said that its process runs.
    pub(super) begun: bool,
    /// When it was entered here.
    pub(super) since: Time,
    /// Counted by the master in order of launch.
    pub(super) launch: u64,
}

/// All executors whose end was not reported.
#[derive(Debug, Default)]
pub(super) struct Executors(BTreeMap<ExecutorName, Executor>);

impl Executors {
    pub(super) fn get(&self, name: ExecutorName) -> Option<&Executor> {
        self.0.get(&name)
    }

    pub(super) fn get_mut(&mut self, name: ExecutorName) -> Option<&mut Executor> {
        self.0.get_mut(&name)
    }

    pub(super) fn insert(&mut self, name: ExecutorName, executor: Executor) {
        let before = self.0.insert(name, executor);
        assert!(before.is_none(), "an executor's number is never used again");
    }

    pub(super) fn remove(&mut self, name: ExecutorName) -> Option<Executor> {
        self.0.remove(&name)
    }

    /// Visits an application's executors.
    pub(super) fn of(
        &self,
        application: ApplicationId,
    ) -> impl Iterator<Item = (ExecutorName, &Executor)> {
        let name = |number| ExecutorName {
            application,
            executor: ExecutorId(number),
        };
        let all = self.0.range(name(0)..=name(u32::MAX));
        all.map(|(name, executor)| (*name, executor))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ExecutorName, &Executor)> {
        self.0.iter().map(|(name, executor)| (*name, executor))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
