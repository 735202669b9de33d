//! The partitions that one attempt computes for keeping.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use scheduler::RddId;
use store::{BlockLevel, BlockReader, BlockStore, BlockWriter};

type Key = (RddId, u32);

/// What an attempt has begun to keep, and what it may read back.
pub(super) struct KeptBlocks {
    store: Arc<BlockStore>,
    begun: BTreeMap<Key, BlockWriter>,
    /// What it has written and not opened since: another task may have pushed it out already.
    own: BTreeMap<Key, BlockReader>,
}

impl KeptBlocks {
    pub(super) fn new(store: Arc<BlockStore>) -> Self {
        Self {
            store,
            begun: BTreeMap::new(),
            own: BTreeMap::new(),
        }
    }

    fn begun(&mut self, key: Key, level: BlockLevel) -> &mut BlockWriter {
        match self.begun.entry(key) {
            Entry::Occupied(writer) => writer.into_mut(),
            Entry::Vacant(none) => none.insert(self.store.begin(key.0, key.1, level)),
        }
    }

    /// Adds a batch. Where there is no room, `commit` says so.
    pub(super) fn write(&mut self, rdd: RddId, partition: u32, batch: Vec<u8>) {
        self.begun((rdd, partition), BlockLevel::Memory)
            .write(batch);
    }

    /// Adds a batch; false where there is no room: then what was taken can be read back.
    pub(super) fn keep(
        &mut self,
        rdd: RddId,
        partition: u32,
        level: sandbox::BlockLevel,
        batch: Vec<u8>,
    ) -> store::Result<bool> {
        let key = (rdd, partition);
        if self.begun(key, stored(level)).write(batch) {
            return Ok(true);
        }
        if let Some(writer) = self.begun.remove(&key) {
            self.own.insert(key, writer.into_reader()?);
        }
        Ok(false)
    }

    /// Keeps a partition; returns its bytes, or `None` where it is not kept. One to which nothing was written is empty.
    pub(super) fn commit(&mut self, rdd: RddId, partition: u32) -> Option<usize> {
        let key = (rdd, partition);
        self.begun(key, BlockLevel::Memory);
        let writer = self.begun.remove(&key)?;
        let bytes = writer.bytes();
        self.own.insert(key, writer.finish()?);
        Some(bytes)
    }

    /// What the attempt has written of a partition, once.
    pub(super) fn take_own(&mut self, rdd: RddId, partition: u32) -> Option<BlockReader> {
        self.own.remove(&(rdd, partition))
    }
}

fn stored(level: sandbox::BlockLevel) -> BlockLevel {
    match level {
        sandbox::BlockLevel::Memory => BlockLevel::Memory,
        sandbox::BlockLevel::MemoryAndDisk => BlockLevel::MemoryAndDisk,
        sandbox::BlockLevel::Disk => BlockLevel::Disk,
    }
}
