//! The executors of an application, as far as masters have told of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ExecutorId, WorkerId};

/// So many of those that have ended are remembered one by one.
const ENDED_MAX: usize = 10_000;

/// Who is there, and who was.
#[derive(Clone, Debug, Default)]
pub(super) struct Executors {
    live: BTreeMap<ExecutorId, WorkerId>,
    by_worker: BTreeMap<WorkerId, BTreeSet<ExecutorId>>,
    decommissioned: BTreeSet<ExecutorId>,
    ended: BTreeSet<ExecutorId>,
    /// Who is below and not there has ended.
    floor: u32,
    /// Above all heard of.
    next: u32,
}

impl Executors {
    /// Returns a number above all that were heard of.
    pub(super) fn next(&self) -> ExecutorId {
        ExecutorId(self.next)
    }

    fn hear(&mut self, executor: ExecutorId) {
        self.next = self.next.max(executor.0.saturating_add(1));
    }

    pub(super) fn has_ended(&self, executor: ExecutorId) -> bool {
        let old = executor.0 < self.floor && !self.live.contains_key(&executor);
        old || self.ended.contains(&executor)
    }

    /// Returns whether it is a new one.
    pub(super) fn add(&mut self, executor: ExecutorId, worker: WorkerId) -> bool {
        self.hear(executor);
        if self.has_ended(executor) || self.live.contains_key(&executor) {
            return false;
        }
        self.live.insert(executor, worker);
        self.by_worker.entry(worker).or_default().insert(executor);
        true
    }

    /// Returns whether that was not known.
    pub(super) fn decommission(&mut self, executor: ExecutorId) -> bool {
        self.hear(executor);
        !self.has_ended(executor) && self.decommissioned.insert(executor)
    }

    /// Returns whether that was not known.
    pub(super) fn end(&mut self, executor: ExecutorId) -> bool {
        self.hear(executor);
        if self.has_ended(executor) {
            return false;
        }
        if let Some(worker) = self.live.remove(&executor) {
            self.leave(worker, executor);
        }
        self.decommissioned.remove(&executor);
        self.ended.insert(executor);
        if self.ended.len() > ENDED_MAX
            && let Some(lowest) = self.ended.pop_first()
        {
            self.floor = self.floor.max(lowest.0.saturating_add(1));
        }
        true
    }

    fn leave(&mut self, worker: WorkerId, executor: ExecutorId) {
        let Some(executors) = self.by_worker.get_mut(&worker) else {
            return;
        };
        executors.remove(&executor);
        if executors.is_empty() {
            self.by_worker.remove(&worker);
        }
    }

    pub(super) fn on(&self, worker: WorkerId) -> Vec<ExecutorId> {
        let executors = self.by_worker.get(&worker);
        executors.into_iter().flatten().copied().collect()
    }

    pub(super) fn live(&self) -> impl Iterator<Item = ExecutorId> {
        self.live.keys().copied()
    }

    pub(super) fn check(&self) {
        let on_workers: usize = self.by_worker.values().map(BTreeSet::len).sum();
        assert_eq!(on_workers, self.live.len());
        assert!(self.ended.len() <= ENDED_MAX);
        assert!(self.live.keys().all(|live| !self.ended.contains(live)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_once_however_long_ago_it_was() {
        let mut executors = Executors::default();
        let worker = WorkerId(1);
        assert!(executors.add(ExecutorId(0), worker));
        for number in 1..30_000 {
            assert!(executors.add(ExecutorId(number), worker));
            assert!(executors.end(ExecutorId(number)));
        }
        assert!(!executors.end(ExecutorId(1)) && !executors.add(ExecutorId(1), worker));
        assert_eq!(executors.on(worker), [ExecutorId(0)]);
        assert!(executors.end(ExecutorId(0)) && !executors.end(ExecutorId(0)));
        assert_eq!(executors.next(), ExecutorId(30_000));
        executors.check();
    }
}
