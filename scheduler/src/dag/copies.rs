//! How many executors hold each cached partition, where the program wants more than one (Spark:
//! `BlockManager.replicate`).
//!
//! A copy that fails is tried on one other executor and then no more: where there is no room, there would be none the
//! next time either.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ExecutorId, RddId};

/// A cached partition.
pub(crate) type Block = (RddId, u32);

/// How often the copying of a block may fail before it is given up (Spark: `storage.maxReplicationFailures`).
const FAILURES_MAX: usize = 1;

/// What is wanted, and what is under way.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// Of datasets of which more than one is wanted.
    wanted: BTreeMap<RddId, u32>,
    tried: BTreeMap<Block, Tried>,
    /// How many blocks are under way to each executor.
    coming: BTreeMap<ExecutorId, usize>,
}

/// Where copies of a block were tried.
#[derive(Debug, Default)]
struct Tried {
    under_way: BTreeSet<ExecutorId>,
    failed: BTreeSet<ExecutorId>,
}

impl Copies {
    /// Takes note of how many executors are to hold each partition of a dataset.
    pub(crate) fn want(&mut self, rdd: RddId, copies: u32) {
        self.forget(rdd);
        if copies > 1 {
            self.wanted.insert(rdd, copies);
        }
    }

    /// A dataset is cached no more.
    pub(crate) fn forget(&mut self, rdd: RddId) {
        self.wanted.remove(&rdd);
        let tried = self.tried.range((rdd, 0)..=(rdd, u32::MAX));
        for block in tried.map(|(block, _)| *block).collect::<Vec<_>>() {
            self.gone(block);
        }
    }

    /// Returns the datasets of which more than one copy is wanted.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = RddId> {
        self.wanted.keys().copied()
    }

    /// Returns how many copies are lacking and not under way.
    pub(crate) fn lacking(&self, block: Block, holders: usize) -> usize {
        let Some(wanted) = self.wanted.get(&block.0) else {
            return 0;
        };
        let coming = match self.tried.get(&block) {
            Some(tried) if tried.failed.len() > FAILURES_MAX => return 0,
            Some(tried) => tried.under_way.len(),
            None => 0,
        };
        (*wanted as usize).saturating_sub(holders + coming)
    }

    /// Returns whether a block may be copied to an executor.
    pub(crate) fn may_go_to(&self, block: Block, executor: ExecutorId) -> bool {
        self.tried.get(&block).is_none_or(|tried| {
            !tried.under_way.contains(&executor) && !tried.failed.contains(&executor)
        })
    }

    pub(crate) fn begin(&mut self, block: Block, executor: ExecutorId) {
        let tried = self.tried.entry(block).or_default();
        if tried.under_way.insert(executor) {
            *self.coming.entry(executor).or_default() += 1;
        }
    }

    /// Returns how many blocks are under way to an executor.
    pub(crate) fn coming(&self, executor: ExecutorId) -> usize {
        self.coming.get(&executor).copied().unwrap_or_default()
    }

    /// An executor has a block, as a copy or otherwise.
    pub(crate) fn stored(&mut self, block: Block, executor: ExecutorId) {
        self.end(block, executor);
    }

    /// An executor could not copy a block.
    pub(crate) fn failed(&mut self, block: Block, executor: ExecutorId) {
        if let Some(tried) = self.tried.get_mut(&block)
            && tried.under_way.remove(&executor)
        {
            tried.failed.insert(executor);
            self.arrived(executor);
        }
    }

    /// Nobody has a block any more: what was tried with it says nothing about the next one.
    pub(crate) fn gone(&mut self, block: Block) {
        let tried = self.tried.remove(&block).unwrap_or_default();
        tried
            .under_way
            .into_iter()
            .for_each(|executor| self.arrived(executor));
    }

    /// Nothing is under way to an executor any more.
    pub(crate) fn lost(&mut self, executor: ExecutorId) {
        let blocks: Vec<Block> = self.tried.keys().copied().collect();
        for block in blocks {
            self.end(block, executor);
        }
    }

    fn end(&mut self, block: Block, executor: ExecutorId) {
        let Some(tried) = self.tried.get_mut(&block) else {
            return;
        };
        let came = tried.under_way.remove(&executor);
        tried.failed.remove(&executor);
        if tried.under_way.is_empty() && tried.failed.is_empty() {
            self.tried.remove(&block);
        }
        if came {
            self.arrived(executor);
        }
    }

    fn arrived(&mut self, executor: ExecutorId) {
        if let Some(coming) = self.coming.get_mut(&executor) {
            *coming -= 1;
            if *coming == 0 {
                self.coming.remove(&executor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Block = (RddId(1), 0);

    fn two() -> Copies {
        let mut copies = Copies::default();
        copies.want(RddId(1), 2);
        copies
    }

    #[test]
    fn what_is_under_way_is_not_lacking() {
        let mut copies = two();
        assert_eq!(copies.lacking(BLOCK, 1), 1);
        copies.begin(BLOCK, ExecutorId(3));
        assert_eq!(copies.lacking(BLOCK, 1), 0);
        assert!(!copies.may_go_to(BLOCK, ExecutorId(3)));
        assert_eq!(copies.coming(ExecutorId(3)), 1);
        copies.lost(ExecutorId(3));
        assert_eq!(copies.lacking(BLOCK, 1), 1);
        copies.begin(BLOCK, ExecutorId(4));
        copies.forget(RddId(1));
        assert!(copies.coming.is_empty() && copies.tried.is_empty());
        assert_eq!(copies.lacking(BLOCK, 1), 0, "nobody wants it any more");
    }

    #[test]
    fn a_copy_that_fails_twice_is_given_up() {
        let mut copies = two();
        for (executor, lacking) in [(3, 1), (4, 0)] {
            copies.begin(BLOCK, ExecutorId(executor));
            copies.failed(BLOCK, ExecutorId(executor));
            assert_eq!(copies.lacking(BLOCK, 1), lacking);
        }
        copies.gone(BLOCK);
        assert_eq!(copies.lacking(BLOCK, 1), 1, "a new one begins anew");
    }
}
