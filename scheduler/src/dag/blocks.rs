//! Which executors hold which cached partitions (Spark: `BlockManagerMaster`, `DAGScheduler.cacheLocs`).
//!
//! Knowledge, not truth: an executor may drop a block before the news of it arrives, and a task then computes
//! the partition itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ExecutorId, RddId};

use super::Ranges;

/// The holders of each cached partition. A partition without a holder, and a dataset without a partition, is
/// not here.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    holders: BTreeMap<RddId, BTreeMap<u32, Vec<ExecutorId>>>,
    /// The same by executor.
    held: BTreeMap<ExecutorId, BTreeSet<(RddId, u32)>>,
}

impl Blocks {
    pub(crate) fn stored(&mut self, rdd: RddId, partition: u32, executor: ExecutorId) {
        let partitions = self.holders.entry(rdd).or_default();
        let holders = partitions.entry(partition).or_default();
        if !holders.contains(&executor) {
            holders.push(executor);
        }
        self.held
            .entry(executor)
            .or_default()
            .insert((rdd, partition));
    }

    pub(crate) fn dropped(&mut self, rdd: RddId, partition: u32, executor: ExecutorId) {
        self.forget_held(rdd, partition, executor);
        self.forget_holder(rdd, partition, executor);
    }

    /// Forgets all blocks of an executor, and returns them.
    pub(crate) fn lost(&mut self, executor: ExecutorId) -> BTreeSet<(RddId, u32)> {
        let held = self.held.remove(&executor).unwrap_or_default();
        for (rdd, partition) in held.iter().copied() {
            self.forget_holder(rdd, partition, executor);
        }
        held
    }

    /// Returns how many blocks an executor holds.
    pub(crate) fn held_by(&self, executor: ExecutorId) -> usize {
        self.held.get(&executor).map_or(0, BTreeSet::len)
    }

    /// Returns the partitions of a dataset that somebody holds.
    pub(crate) fn partitions(&self, rdd: RddId) -> Vec<u32> {
        let partitions = self.holders.get(&rdd).into_iter();
        partitions.flat_map(BTreeMap::keys).copied().collect()
    }

    pub(crate) fn remove(&mut self, rdd: RddId) {
        for (partition, holders) in self.holders.remove(&rdd).unwrap_or_default() {
            for executor in holders {
                self.forget_held(rdd, partition, executor);
            }
        }
    }

    /// Returns who holds a partition, the first one first.
    pub(crate) fn holders(&self, rdd: RddId, partition: u32) -> &[ExecutorId] {
        let partitions = self.holders.get(&rdd);
        let holders = partitions.and_then(|partitions| partitions.get(&partition));
        holders.map_or(&[], Vec::as_slice)
    }

    /// Returns whether any partition of a dataset is cached.
    pub(crate) fn any(&self, rdd: RddId) -> bool {
        self.holders.contains_key(&rdd)
    }

    /// Returns which of the needed partitions of a dataset are cached nowhere.
    pub(crate) fn uncached(&self, rdd: RddId, needed: Ranges) -> Ranges {
        match self.holders.get(&rdd) {
            Some(partitions) => needed.without(partitions.keys().copied()),
            None => needed,
        }
    }

    fn forget_holder(&mut self, rdd: RddId, partition: u32, executor: ExecutorId) {
        let Some(partitions) = self.holders.get_mut(&rdd) else {
            return;
        };
        let Some(holders) = partitions.get_mut(&partition) else {
            return;
        };
        holders.retain(|holder| *holder != executor);
        if holders.is_empty() {
            partitions.remove(&partition);
        }
        if partitions.is_empty() {
            self.holders.remove(&rdd);
        }
    }

    fn forget_held(&mut self, rdd: RddId, partition: u32, executor: ExecutorId) {
        let Some(blocks) = self.held.get_mut(&executor) else {
            return;
        };
        blocks.remove(&(rdd, partition));
        if blocks.is_empty() {
            self.held.remove(&executor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_cached_until_its_last_holder_drops_it() {
        let (rdd, mut blocks) = (RddId(1), Blocks::default());
        blocks.stored(rdd, 1, ExecutorId(0));
        blocks.stored(rdd, 1, ExecutorId(5));
        blocks.stored(rdd, 2, ExecutorId(5));
        assert_eq!(blocks.uncached(rdd, Ranges::all(3)), Ranges::all(1));
        blocks.dropped(rdd, 1, ExecutorId(0));
        assert_eq!(blocks.holders(rdd, 1), [ExecutorId(5)]);
        assert_eq!(blocks.uncached(rdd, Ranges::all(3)), Ranges::all(1));
        blocks.lost(ExecutorId(5));
        assert_eq!(blocks.uncached(rdd, Ranges::all(3)), Ranges::all(3));
    }

    #[test]
    fn nothing_is_left_of_what_is_removed() {
        let mut blocks = Blocks::default();
        blocks.stored(RddId(1), 0, ExecutorId(0));
        blocks.stored(RddId(1), 1, ExecutorId(5));
        blocks.remove(RddId(1));
        blocks.dropped(RddId(1), 1, ExecutorId(5));
        assert!(blocks.holders.is_empty() && blocks.held.is_empty());
    }
}
