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
    /// The most that it may be.
    pub(super) limit: usize,
    /// Counts uses: the entry with the lowest number was used longest ago.
    uses: u64,
    /// What was let go and has not been told yet.
    dropped: Vec<Key>,
    /// What is to be written to disk.
    moving: Vec<(Key, Block)>,
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

    /// Reserves memory for a block of a dataset, and lets others go for it. False: there is no room.
    ///
    /// Blocks of the same dataset are not let go for each other: that would only move the loss.
    /// (Spark: `MemoryStore.evictBlocksToFreeSpace`.)
    pub(super) fn reserve(&mut self, rdd: RddId, bytes: usize) -> bool {
        let needed = (self.bytes + bytes).saturating_sub(self.limit);
        let (victims, freed) = self.victims(Some(rdd), needed);
        let fits = freed >= needed;
        if fits {
            self.bytes += bytes;
            victims.into_iter().for_each(|key| self.evict(key));
        }
        fits
    }

    /// Lets blocks go until the others take at most so many bytes. Returns what may be held from now on.
    pub(super) fn limit_to(&mut self, bytes: usize) -> usize {
        let needed = self.bytes.saturating_sub(bytes);
        let (victims, _) = self.victims(None, needed);
        victims.into_iter().for_each(|key| self.evict(key));
        self.limit = bytes.max(self.bytes);
        self.limit
    }

    /// What must go so that `needed` bytes are free, but for blocks of a dataset, and how many bytes that frees.
    fn victims(&self, but_for: Option<RddId>, needed: usize) -> (Vec<Key>, usize) {
        if needed == 0 {
            return (Vec::new(), 0);
        }
        let mut candidates: Vec<_> = self
            .blocks
            .iter()
            .filter(|(key, entry)| Some(key.0) != but_for && entry.bytes > 0)
            .collect();
        candidates.sort_unstable_by_key(|(_, entry)| entry.used);
        let mut freed = 0;
        let victims = candidates.into_iter().take_while(|(_, entry)| {
            let more = freed < needed;
            freed += if more { entry.bytes } else { 0 };
            more
        });
        let victims: Vec<_> = victims.map(|(key, _)| *key).collect();
        (victims, freed)
    }

    /// Lets a block go, or has it written to disk. Its memory counts as free at once: what is on its
    /// way to the disk is over the budget until it is there.
    fn evict(&mut self, key: Key) {
        let Some(entry) = self.blocks.get_mut(&key) else {
            return;
        };
        if let (BlockLevel::MemoryAndDisk, Place::Memory(block)) = (entry.level, &entry.place) {
            self.bytes -= std::mem::take(&mut entry.bytes);
            let block = Arc::clone(block);
            return self.moving.push((key, block));
        }
        self.forget(key);
        self.dropped.push(key);
    }

    pub(super) fn take_moving(&mut self) -> Vec<(Key, Block)> {
        std::mem::take(&mut self.moving)
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
