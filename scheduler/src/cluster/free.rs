//! Workers by what they have free, so that the next one for an executor is found without looking at all.
//!
//! Workers of one size that run executors of one size have few different amounts free; the index is by those.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound::{Excluded, Included, Unbounded};

use super::resources::Resources;
use crate::WorkerId;

/// Which worker is looked at first (Spark: `WorkerSelectionPolicy`). Among equals, the one with the lowest id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The one with the fewest free cores, then the least free memory.
    CoresFreeAsc,
    /// The one with the most free cores, then the most free memory.
    CoresFreeDesc,
    /// The one with the least free memory.
    MemoryFreeAsc,
    /// The one with the most free memory.
    MemoryFreeDesc,
    /// The one with the lowest id. The only one whose cost grows with how many different amounts are free.
    WorkerId,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CoresFreeAsc => "CORES_FREE_ASC",
            Self::CoresFreeDesc => "CORES_FREE_DESC",
            Self::MemoryFreeAsc => "MEMORY_FREE_ASC",
            Self::MemoryFreeDesc => "MEMORY_FREE_DESC",
            Self::WorkerId => "WORKER_ID",
        })
    }
}

/// A worker where it stands in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) free: Resources,
    pub(super) worker: WorkerId,
}

/// Ids of workers by free memory.
type ByMemory = BTreeMap<u64, BTreeSet<WorkerId>>;

/// The index: free cores, then free memory, then id.
#[derive(Debug, Default)]
pub(super) struct Free(BTreeMap<u32, ByMemory>);

impl Free {
    pub(super) fn insert(&mut self, worker: WorkerId, free: Resources) {
        let by_memory = self.0.entry(free.cores).or_default();
        by_memory.entry(free.memory).or_default().insert(worker);
    }

    pub(super) fn remove(&mut self, worker: WorkerId, free: Resources) {
        let by_memory = self.0.get_mut(&free.cores).expect("it was inserted so");
        let workers = by_memory.get_mut(&free.memory).expect("it was inserted so");
        assert!(workers.remove(&worker), "it was inserted so");
        if workers.is_empty() {
            by_memory.remove(&free.memory);
        }
        if by_memory.is_empty() {
            self.0.remove(&free.cores);
        }
    }

    /// Returns whether some worker has room for `need`.
    pub(super) fn fits(&self, need: Resources) -> bool {
        let mut enough = self.0.range(need.cores..).rev();
        enough.any(|(_, by_memory)| {
            by_memory
                .last_key_value()
                .is_some_and(|(memory, _)| *memory >= need.memory)
        })
    }

    /// Returns the most cores that a worker has free.
    pub(super) fn most_cores(&self) -> u32 {
        self.0.last_key_value().map_or(0, |(cores, _)| *cores)
    }

    /// Returns the most memory that a worker has free.
    pub(super) fn most_memory(&self) -> u64 {
        let most = self.0.values().filter_map(|by| by.last_key_value());
        most.map(|(memory, _)| *memory).max().unwrap_or_default()
    }

    /// Returns the first worker with room for `need` in the order of `policy`, after `after`.
    pub(super) fn next(
        &self,
        policy: Policy,
        need: Resources,
        after: Option<Place>,
    ) -> Option<Place> {
        match policy {
            Policy::CoresFreeAsc => self.next_by_cores(need, after, false),
            Policy::CoresFreeDesc => self.next_by_cores(need, after, true),
            Policy::MemoryFreeAsc => self.next_by_memory(need, after, false),
            Policy::MemoryFreeDesc => self.next_by_memory(need, after, true),
            Policy::WorkerId => self.next_by_id(need, after.map(|place| place.worker)),
        }
    }

    fn next_by_cores(&self, need: Resources, after: Option<Place>, down: bool) -> Option<Place> {
        let here = after.and_then(|after| {
            let by_memory = self.0.get(&after.free.cores)?;
            let (memory, worker) = first(by_memory, need.memory, Some(after), down)?;
            Some(place(after.free.cores, memory, worker))
        });
        here.or_else(|| {
            let from = after.map(|after| after.free.cores);
            let mut buckets = self.cores_beyond(from, need.cores, down);
            buckets.find_map(|(cores, by_memory)| {
                let (memory, worker) = first(by_memory, need.memory, None, down)?;
                Some(place(cores, memory, worker))
            })
        })
    }

    /// Visits the amounts of cores beyond `from` that are at least `least`.
    fn cores_beyond(
        &self,
        from: Option<u32>,
        least: u32,
        down: bool,
    ) -> Box<dyn Iterator<Item = (u32, &ByMemory)> + '_> {
        let (low, high) = match from {
            Some(from) if down => (Included(least), Excluded(from.max(least))),
            Some(from) if from >= least => (Excluded(from), Unbounded),
            _ => (Included(least), Unbounded),
        };
        let range = self.0.range((low, high)).map(|(cores, by)| (*cores, by));
        if down {
            Box::new(range.rev())
        } else {
            Box::new(range)
        }
    }

    fn next_by_memory(&self, need: Resources, after: Option<Place>, down: bool) -> Option<Place> {
        let firsts = self.0.range(need.cores..).filter_map(|(cores, by_memory)| {
            let (memory, worker) = first(by_memory, need.memory, after, down)?;
            Some(place(*cores, memory, worker))
        });
        firsts.min_by_key(|place| {
            let memory = place.free.memory;
            (if down { !memory } else { memory }, place.worker)
        })
    }

    /// Returns the worker with the lowest id above `after` that has room for `need`.
    pub(super) fn next_by_id(&self, need: Resources, after: Option<WorkerId>) -> Option<Place> {
        let low = after.map_or(Unbounded, Excluded);
        let firsts = self.0.range(need.cores..).flat_map(|(cores, by_memory)| {
            let enough = by_memory.range(need.memory..);
            enough.filter_map(move |(memory, workers)| {
                let worker = workers.range((low, Unbounded)).next()?;
                Some(place(*cores, *memory, *worker))
            })
        });
        firsts.min_by_key(|place| place.worker)
    }
}

fn place(cores: u32, memory: u64, worker: WorkerId) -> Place {
    let free = Resources { cores, memory };
    Place { free, worker }
}

/// Returns the first by memory, then id, with at least `least` memory, after `after`.
fn first(
    by_memory: &ByMemory,
    least: u64,
    after: Option<Place>,
    down: bool,
) -> Option<(u64, WorkerId)> {
    let here = after.and_then(|after| {
        let workers = by_memory.get(&after.free.memory)?;
        let mut later = workers.range((Excluded(after.worker), Unbounded));
        let memory = after.free.memory;
        (memory >= least).then(|| later.next().map(|worker| (memory, *worker)))?
    });
    here.or_else(|| {
        let from = after.map(|after| after.free.memory);
        let (low, high) = match from {
            Some(from) if down => (Included(least), Excluded(from.max(least))),
            Some(from) if from >= least => (Excluded(from), Unbounded),
            _ => (Included(least), Unbounded),
        };
        let mut range = by_memory.range((low, high));
        let next = if down {
            range.next_back()
        } else {
            range.next()
        };
        let (memory, workers) = next?;
        Some((*memory, *workers.first()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(workers: &[(u64, u32, u64)]) -> Free {
        let mut free = Free::default();
        for (worker, cores, memory) in workers {
            free.insert(WorkerId(*worker), Resources::new(*cores, *memory));
        }
        free
    }

    fn order(free: &Free, policy: Policy, need: Resources) -> Vec<u64> {
        let mut after = None;
        let step = || {
            after = free.next(policy, need, after);
            after.map(|place| place.worker.0)
        };
        std::iter::from_fn(step).collect()
    }

    #[test]
    fn each_policy_visits_the_workers_with_room_in_its_order() {
        let free = free(&[
            (1, 5, 20),
            (2, 6, 50),
            (3, 7, 40),
            (4, 7, 40),
            (5, 1, 90),
            (6, 9, 1),
        ]);
        let need = Resources::new(2, 10);
        for (policy, expected) in [
            (Policy::CoresFreeAsc, [1, 2, 3, 4]),
            (Policy::CoresFreeDesc, [3, 4, 2, 1]),
            (Policy::MemoryFreeAsc, [1, 3, 4, 2]),
            (Policy::MemoryFreeDesc, [2, 3, 4, 1]),
            (Policy::WorkerId, [1, 2, 3, 4]),
        ] {
            assert_eq!(order(&free, policy, need), expected, "{policy:?}");
        }
        assert!(free.fits(Resources::new(7, 40)));
        assert!(!free.fits(Resources::new(7, 41)));
        assert_eq!((free.most_cores(), free.most_memory()), (9, 90));
    }

    #[test]
    fn the_order_goes_on_where_a_worker_has_left_its_place() {
        let mut free = free(&[(1, 4, 10), (2, 4, 10), (3, 2, 10)]);
        let need = Resources::new(1, 1);
        let at = free.next(Policy::CoresFreeDesc, need, None).unwrap();
        assert_eq!(at.worker, WorkerId(1));
        free.remove(WorkerId(1), at.free);
        free.insert(WorkerId(1), Resources::new(3, 9));
        let at = free.next(Policy::CoresFreeDesc, need, Some(at)).unwrap();
        assert_eq!(at.worker, WorkerId(2));
        free.remove(WorkerId(2), at.free);
        let at = free.next(Policy::CoresFreeDesc, need, Some(at)).unwrap();
        assert_eq!(at.worker, WorkerId(1));
    }

    #[test]
    fn an_end_beyond_what_is_needed_is_no_error() {
        let free = free(&[(1, 4, 10)]);
        let after = Some(place(2, 5, WorkerId(9)));
        for policy in [Policy::CoresFreeDesc, Policy::MemoryFreeDesc] {
            assert_eq!(free.next(policy, Resources::new(3, 7), after), None);
        }
        let high = Resources::new(u32::MAX, u64::MAX);
        assert_eq!(free.next(Policy::CoresFreeAsc, high, None), None);
        assert!(!free.fits(high));
    }
}
