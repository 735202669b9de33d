//! Which executors hold which cached partitions (Spark: `BlockManagerMaster`, `DAGScheduler.cacheLocs`).
//!
//! Knowledge, not truth: an executor may drop a block before the news of it arrives, and a task then computes
//! the partition itself.

use std::collections::BTreeMap;

use crate::{ExecutorId, RddId};

use super::Ranges;

/// The holders of each cached partition. A partition without a holder, and a dataset without a partition, is
/// not here.
#[derive(Debug, Default)]
pub(crate) struct Blocks(BTreeMap<RddId, BTreeMap<u32, Vec<ExecutorId>>>);

impl Blocks {
    pub(crate) fn stored(&mut self, rdd: RddId, partition: u32, executor: ExecutorId) {
        let holders = self.0.entry(rdd).or_default().entry(partition).or_default();
        if !holders.contains(&executor) {
            holders.push(executor);
        }
    }

    pub(crate) fn dropped(&mut self, rdd: RddId, partition: u32, executor: ExecutorId) {
        let Some(partitions) = self.0.get_mut(&rdd) else {
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
            self.0.remove(&rdd);
        }
    }

    /// Forgets all blocks of an executor.
    pub(crate) fn lost(&mut self, executor: ExecutorId) {
        self.0.retain(|_, partitions| {
            partitions.retain(|_, holders| {
                holders.retain(|holder| *holder != executor);
                !holders.is_empty()
            });
            !partitions.is_empty()
        });
    }

    pub(crate) fn remove(&mut self, rdd: RddId) {
        self.0.remove(&rdd);
    }

    /// Returns who holds a partition.
    pub(crate) fn holders(&self, rdd: RddId, partition: u32) -> &[ExecutorId] {
        let holders = self
            .0
            .get(&rdd)
            .and_then(|partitions| partitions.get(&partition));
        holders.map_or(&[], Vec::as_slice)
    }

    /// Returns whether anything of a dataset is cached.
    pub(crate) fn has(&self, rdd: RddId) -> bool {
        self.0.contains_key(&rdd)
    }

    /// Returns which of the needed partitions of a dataset are cached nowhere.
    pub(crate) fn uncached(&self, rdd: RddId, needed: Ranges) -> Ranges {
        match self.0.get(&rdd) {
            Some(partitions) => needed.without(partitions.keys().copied()),
            None => needed,
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
        assert_eq!(blocks.uncached(rdd, Ranges::all(3)), Ranges::all(1));
        blocks.lost(ExecutorId(5));
        assert_eq!(blocks.uncached(rdd, Ranges::all(3)), Ranges::all(3));
    }
}
