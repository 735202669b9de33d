//! A block that is being written: in memory as long as there is room, then on disk where its level says so.

use std::sync::Arc;

use super::disk::DiskWriter;
use super::held::Place;
use super::{BlockLevel, BlockReader, BlockStore, Key};
use crate::Result;

/// Memory that is set aside for a block, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Reserved {
    store: Arc<BlockStore>,
    bytes: usize,
}

impl Reserved {
    pub(super) fn give_back(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.store.lock().bytes -= bytes;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

/// Collects the batches of one block.
#[derive(Debug)]
pub struct BlockWriter {
    key: Key,
    level: BlockLevel,
    batches: Vec<Arc<Vec<u8>>>,
    reserved: Reserved,
    /// Where the batches are if they are not in memory.
    file: Option<DiskWriter>,
    /// Bytes of all batches.
    bytes: usize,
    refused: bool,
}

impl BlockWriter {
    pub(super) fn new(store: Arc<BlockStore>, key: Key, level: BlockLevel) -> Self {
        Self {
            key,
            level,
            batches: Vec::new(),
            reserved: Reserved { store, bytes: 0 },
            file: None,
            bytes: 0,
            refused: false,
        }
    }

    /// Adds a batch. False: there is no room for it, and none will be; it was not taken.
    pub fn write(&mut self, batch: Vec<u8>) -> bool {
        if self.refused || batch.is_empty() {
            return !self.refused;
        }
        let bytes = batch.len();
        if self.reserve(bytes) {
            self.batches.push(Arc::new(batch));
        } else {
            self.refused = !self.write_file(&batch);
        }
        self.bytes += if self.refused { 0 } else { bytes };
        !self.refused
    }

    fn reserve(&mut self, bytes: usize) -> bool {
        let fits = self.level != BlockLevel::Disk
            && self.file.is_none()
            && self.reserved.store.reserve(self.key, bytes);
        self.reserved.bytes += if fits { bytes } else { 0 };
        fits
    }

    fn write_file(&mut self, batch: &[u8]) -> bool {
        if self.level == BlockLevel::Memory {
            return false;
        }
        let written = self.file().and_then(|file| file.write(batch));
        if let Err(error) = &written {
            tracing::warn!(%error, "a partition is not kept");
        }
        written.is_ok()
    }

    /// The file, with all batches so far: what was in memory goes there first.
    fn file(&mut self) -> Result<&mut DiskWriter> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => {
                let mut file = self.reserved.store.begin_file(self.key)?;
                for batch in &self.batches {
                    file.write(batch)?;
                }
                self.batches.clear();
                self.reserved.give_back(self.reserved.bytes);
                Ok(none.insert(file))
            }
        }
    }

    /// Bytes that were taken.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps the block, and opens it. `None`: a batch was refused, or the file is gone already; nothing is kept.
    pub fn finish(mut self) -> Option<BlockReader> {
        if self.refused {
            return None;
        }
        let store = Arc::clone(&self.reserved.store);
        let (place, reader) = match self.file.take() {
            Some(file) => {
                let file = Arc::new(file.finish());
                let reader = BlockReader::of_disk(file.open().ok()?);
                (Place::Disk(file), reader)
            }
            None => {
                let block: super::Block = std::mem::take(&mut self.batches).into();
                (
                    Place::Memory(Arc::clone(&block)),
                    BlockReader::of_memory(block),
                )
            }
        };
        // From here on the entry answers for the memory.
        let bytes = std::mem::take(&mut self.reserved.bytes);
        let _replaced = store.lock().insert(self.key, place, self.level, bytes);
        Some(reader)
    }

    /// What was taken before a batch was refused, for who wrote it.
    ///
    /// # Errors
    ///
    /// If it is on disk and cannot be read.
    pub fn into_reader(mut self) -> Result<BlockReader> {
        match self.file.take() {
            Some(file) => Arc::new(file.finish()).open().map(BlockReader::of_disk),
            None => Ok(BlockReader::of_refused(self.batches, self.reserved)),
        }
    }
}
