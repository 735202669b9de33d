//! Cached partitions in memory, within a budget, least recently used first.
//!
//! Blocks are batches of the program's own encoding, shared by readers without a copy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scheduler::RddId;

/// One cached partition: its batches, in the order in which they were written.
pub type Block = Arc<[Arc<Vec<u8>>]>;

type Key = (RddId, u32);

/// Holds cached partitions.
#[derive(Debug)]
pub struct BlockStore {
    budget_bytes: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    blocks: HashMap<Key, Entry>,
    bytes: usize,
    /// Counts uses: the entry with the lowest number was used longest ago.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    block: Block,
    bytes: usize,
    used: u64,
}

impl BlockStore {
    /// A store that holds at most `budget_bytes`.
    pub fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes,
            held: Mutex::default(),
        }
    }

    /// The most bytes that it holds: no block can be larger.
    pub fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }

    /// The block, if it is held.
    pub fn get(&self, rdd: RddId, partition: u32) -> Option<Block> {
        let mut held = self.lock();
        held.uses += 1;
        let used = held.uses;
        let entry = held.blocks.get_mut(&(rdd, partition))?;
        entry.used = used;
        Some(Arc::clone(&entry.block))
    }

    /// Keeps a block, making room by dropping others, which are returned. `None`: there is no room, nothing was dropped.
    ///
    /// Blocks of the same dataset are not dropped for each other: that would only move the loss.
    /// (Spark: `MemoryStore.evictBlocksToFreeSpace`.)
    pub fn put(
        &self,
        rdd: RddId,
        partition: u32,
        batches: Vec<Arc<Vec<u8>>>,
    ) -> Option<Vec<(RddId, u32)>> {
        let bytes: usize = batches.iter().map(|batch| batch.len()).sum();
        let mut held = self.lock();
        held.forget((rdd, partition));
        let dropped = held.victims(rdd, (held.bytes + bytes).saturating_sub(self.budget_bytes))?;
        for key in &dropped {
            held.forget(*key);
        }
        held.uses += 1;
        held.bytes += bytes;
        let entry = Entry {
            block: batches.into(),
            bytes,
            used: held.uses,
        };
        held.blocks.insert((rdd, partition), entry);
        Some(dropped)
    }

    /// Drops all blocks of a dataset.
    pub fn remove(&self, rdd: RddId) {
        let mut held = self.lock();
        let keys: Vec<_> = held
            .blocks
            .keys()
            .filter(|key| key.0 == rdd)
            .copied()
            .collect();
        for key in keys {
            held.forget(key);
        }
    }

    /// Bytes that are held.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// What must go so that `needed` bytes are free, or `None` if that cannot be.
    fn victims(&self, for_rdd: RddId, needed: usize) -> Option<Vec<Key>> {
        let mut candidates: Vec<_> = self
            .blocks
            .iter()
            .filter(|(key, _)| key.0 != for_rdd)
            .collect();
        candidates.sort_unstable_by_key(|(_, entry)| entry.used);
        let mut freed = 0;
        let victims = candidates.into_iter().take_while(|(_, entry)| {
            let more = freed < needed;
            freed += if more { entry.bytes } else { 0 };
            more
        });
        let victims = victims.map(|(key, _)| *key).collect();
        (freed >= needed).then_some(victims)
    }

    fn forget(&mut self, key: Key) {
        if let Some(entry) = self.blocks.remove(&key) {
            self.bytes -= entry.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bytes: usize) -> Vec<Arc<Vec<u8>>> {
        vec![vec![0; bytes].into()]
    }

    #[test]
    fn the_least_recently_used_block_of_another_dataset_goes_first() {
        let store = BlockStore::new(100);
        let (a, b, c) = (RddId(0), RddId(1), RddId(2));
        assert_eq!(store.put(a, 0, batch(40)), Some(vec![]));
        assert_eq!(store.put(b, 0, batch(40)), Some(vec![]));
        assert!(store.get(a, 0).is_some());
        assert_eq!(store.put(c, 0, batch(50)), Some(vec![(b, 0)]));
        assert_eq!(store.bytes(), 90);
        assert!(store.get(b, 0).is_none());
    }

    #[test]
    fn a_dataset_does_not_push_out_its_own_blocks() {
        let store = BlockStore::new(100);
        assert!(store.put(RddId(0), 0, batch(60)).is_some());
        assert_eq!(store.put(RddId(0), 1, batch(60)), None);
        assert!(store.get(RddId(0), 0).is_some());
        assert_eq!(
            store.put(RddId(1), 0, batch(101)),
            None,
            "larger than all the room there is"
        );
        assert_eq!(store.bytes(), 60);
    }

    #[test]
    fn a_block_written_again_replaces_the_old_one() {
        let store = BlockStore::new(100);
        store.put(RddId(0), 0, batch(60));
        assert_eq!(store.put(RddId(0), 0, batch(80)), Some(vec![]));
        assert_eq!(store.bytes(), 80);
        store.remove(RddId(0));
        assert_eq!(store.bytes(), 0);
    }
}
