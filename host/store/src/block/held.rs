//! Which blocks there are, where each is, and which goes first when room is needed.

use std::collections::HashMap;
use std::sync::Arc;

use scheduler::RddId;

use super::disk::DiskBlock;
use super::{Block, BlockLevel, Key};
use crate::Result;

#[derive(Debug, Default)]
pub(super) struct Held {
    blocks: HashMap<Key, Entry>,
    /// Bytes in memory, and those reserved for blocks that are being written.
    pub(super) bytes: usize,
    /// Counts uses: the entry with the lowest number was used longest ago.
    uses: u64,
    /// What was let go and has not been told yet.
    dropped: Vec<Key>,
}

#[derive(Debug)]
pub(super) struct Entry {
    place: Place,
    level: BlockLevel,
    /// Of memory. None where it is on disk, or on its way there.
    bytes: usize,
    used: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    Memory(Block),
    Disk(Arc<DiskBlock>),
}

impl Held {
    /// Where a block is. It counts as used.
    pub(super) fn use_block(&mut self, key: Key) -> Option<Place> {
        self.uses += 1;
        let entry = self.blocks.get_mut(&key)?;
        entry.used = self.uses;
        Some(entry.place.clone())
    }

    /// Where a block is to be kept.
    pub(super) fn level(&self, key: Key) -> Option<BlockLevel> {
        Some(self.blocks.get(&key)?.level)
    }

    /// Keeps a block whose memory is reserved already. What it replaces is returned.
    pub(super) fn insert(
        &mut self,
        key: Key,
        place: Place,
        level: BlockLevel,
        bytes: usize,
    ) -> Option<Entry> {
        let replaced = self.forget(key);
        self.uses += 1;
        let used = self.uses;
        self.blocks.insert(
            key,
            Entry {
                place,
                level,
                bytes,
                used,
            },
        );
        replaced
    }

    /// Reserves memory for a block of a dataset. Returns what is to be written to disk instead of staying in memory, or
    /// `None` where there is no room.
    ///
    /// Blocks of the same dataset are not let go for each other: that would only move the loss.
    /// (Spark: `MemoryStore.evictBlocksToFreeSpace`.)
    pub(super) fn reserve(
        &mut self,
        rdd: RddId,
        bytes: usize,
        budget: usize,
    ) -> Option<Vec<(Key, Block)>> {
        let needed = (self.bytes + bytes).saturating_sub(budget);
        let victims = self.victims(rdd, needed)?;
        self.bytes += bytes;
        Some(
            victims
                .into_iter()
                .filter_map(|key| self.evict(key))
                .collect(),
        )
    }

    /// What must go so that `needed` bytes are free, or `None` if that cannot be.
    fn victims(&self, for_rdd: RddId, needed: usize) -> Option<Vec<Key>> {
        if needed == 0 {
            return Some(Vec::new());
        }
        let mut candidates: Vec<_> = self
            .blocks
            .iter()
            .filter(|(key, entry)| key.0 != for_rdd && entry.bytes > 0)
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

    /// Lets a block go, or returns it where it is to be written to disk. Its memory counts as free at once: what is on its
    /// way to the disk is over the budget until it is there.
    fn evict(&mut self, key: Key) -> Option<(Key, Block)> {
        let entry = self.blocks.get_mut(&key)?;
        if let (BlockLevel::MemoryAndDisk, Place::Memory(block)) = (entry.level, &entry.place) {
            self.bytes -= std::mem::take(&mut entry.bytes);
            return Some((key, Arc::clone(block)));
        }
        self.forget(key);
        self.dropped.push(key);
        None
    }

    /// A block has been written to disk, or could not be. It may have gone meanwhile.
    pub(super) fn moved(&mut self, key: Key, block: &Block, written: Result<DiskBlock>) {
        let same = |place: &Place| matches!(place, Place::Memory(held) if Arc::ptr_eq(held, block));
        let Some(entry) = self.blocks.get_mut(&key).filter(|entry| same(&entry.place)) else {
            return;
        };
        match written {
            Ok(file) => entry.place = Place::Disk(Arc::new(file)),
            Err(error) => {
                tracing::warn!(%error, "a kept partition is let go");
                self.forget(key);
                self.dropped.push(key);
            }
        }
    }

    pub(super) fn remove(&mut self, rdd: RddId) -> Vec<Entry> {
        let keys: Vec<_> = self
            .blocks
            .keys()
            .filter(|key| key.0 == rdd)
            .copied()
            .collect();
        keys.into_iter()
            .filter_map(|key| self.forget(key))
            .collect()
    }

    /// Lets a damaged file go, if it is still the block's.
    pub(super) fn forget_file(&mut self, key: Key, file: &Arc<DiskBlock>) -> Option<Entry> {
        let entry = self.blocks.get(&key)?;
        let same = matches!(&entry.place, Place::Disk(held) if Arc::ptr_eq(held, file));
        if !same {
            return None;
        }
        self.dropped.push(key);
        self.forget(key)
    }

    pub(super) fn take_dropped(&mut self) -> Vec<Key> {
        let mut dropped = std::mem::take(&mut self.dropped);
        // It may have been computed again meanwhile.
        dropped.retain(|key| !self.blocks.contains_key(key));
        dropped
    }

    fn forget(&mut self, key: Key) -> Option<Entry> {
        let entry = self.blocks.remove(&key)?;
        self.bytes -= entry.bytes;
        Some(entry)
    }
}
