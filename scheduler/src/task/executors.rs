//! Who can run tasks, and how many more (Spark: `CoarseGrainedSchedulerBackend`'s executor data).
//!
//! A core is taken from launch until the attempt's end is reported, or the executor is lost.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::ExecutorId;

#[derive(Debug)]
struct Executor {
    cores: u32,
    free: u32,
}

/// The executors.
#[derive(Debug, Default)]
pub(crate) struct Executors {
    all: BTreeMap<ExecutorId, Executor>,
    /// Those with a free core, the best last: by how many, then the oldest.
    free: BTreeSet<(u32, Reverse<ExecutorId>)>,
}

impl Executors {
    /// Adds an executor; returns whether it is new.
    pub(crate) fn add(&mut self, id: ExecutorId, cores: u32) -> bool {
        let new = !self.all.contains_key(&id);
        if new {
            self.all.insert(id, Executor { cores, free: cores });
            self.list(id, cores);
        }
        new
    }

    /// Removes an executor; returns whether it was there.
    pub(crate) fn remove(&mut self, id: ExecutorId) -> bool {
        let executor = self.all.remove(&id);
        let free = executor.as_ref().map_or(0, |executor| executor.free);
        self.free.remove(&(free, Reverse(id)));
        executor.is_some()
    }

    pub(crate) fn contains(&self, id: ExecutorId) -> bool {
        self.all.contains_key(&id)
    }

    /// Returns the executor with the most free cores, so that work is spread evenly.
    pub(super) fn roomiest(&self) -> Option<ExecutorId> {
        self.free.last().map(|(_, Reverse(id))| *id)
    }

    pub(super) fn take(&mut self, id: ExecutorId) {
        let executor = self
            .all
            .get_mut(&id)
            .expect("a task is launched on an executor that is there");
        let free = executor.free;
        executor.free = free
            .checked_sub(1)
            .expect("a core is taken only where one is free");
        self.free.remove(&(free, Reverse(id)));
        self.list(id, free - 1);
    }

    pub(super) fn give_back(&mut self, id: ExecutorId) {
        // The cores of an executor that is lost are gone with it.
        let Some(executor) = self.all.get_mut(&id) else {
            return;
        };
        executor.free += 1;
        let free = executor.free;
        self.free.remove(&(free - 1, Reverse(id)));
        self.list(id, free);
    }

    fn list(&mut self, id: ExecutorId, free: u32) {
        if free > 0 {
            self.free.insert((free, Reverse(id)));
        }
    }

    /// States what always holds, given where attempts run.
    pub(super) fn check(&self, running: impl Iterator<Item = ExecutorId>) {
        let mut taken: BTreeMap<ExecutorId, u32> = BTreeMap::new();
        running.for_each(|executor| *taken.entry(executor).or_default() += 1);
        assert!(taken.keys().all(|id| self.all.contains_key(id)));
        for (id, executor) in &self.all {
            assert_eq!(
                executor.cores - executor.free,
                taken.get(id).copied().unwrap_or(0)
            );
            assert_eq!(
                self.free.contains(&(executor.free, Reverse(*id))),
                executor.free > 0
            );
        }
    }
}
