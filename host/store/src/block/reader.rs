//! The batches of a block, one after the other, wherever they are.

use std::sync::Arc;

use super::Block;
use super::disk::DiskReader;
use super::writer::Reserved;
use crate::Result;

/// What of a block is still to be read. The block stays as it is, even if the store lets it go.
#[derive(Debug)]
pub struct BlockReader(Batches);

#[derive(Debug)]
enum Batches {
    Memory {
        block: Block,
        next: usize,
    },
    /// Those of a block for which there was no room: they go as they are read.
    Refused(std::vec::IntoIter<Arc<Vec<u8>>>, Reserved),
    Disk(DiskReader),
}

impl BlockReader {
    /// A reader of a block in memory, from its front.
    pub fn of_memory(block: Block) -> Self {
        Self(Batches::Memory { block, next: 0 })
    }

    pub(super) fn of_refused(batches: Vec<Arc<Vec<u8>>>, reserved: Reserved) -> Self {
        Self(Batches::Refused(batches.into_iter(), reserved))
    }

    pub(super) fn of_disk(file: DiskReader) -> Self {
        Self(Batches::Disk(file))
    }

    /// The next batch; empty at the end.
    ///
    /// # Errors
    ///
    /// If it is on disk and cannot be read, or is not what was written. The store will not open that block again.
    pub fn read(&mut self) -> Result<Arc<Vec<u8>>> {
        match &mut self.0 {
            Batches::Memory { block, next } => {
                let batch = block.get(*next).map(Arc::clone).unwrap_or_default();
                *next += 1;
                Ok(batch)
            }
            Batches::Refused(batches, reserved) => {
                let batch = batches.next().unwrap_or_default();
                reserved.give_back(batch.len());
                Ok(batch)
            }
            Batches::Disk(file) => file.read().map(Arc::new),
        }
    }

    /// How many bytes the whole block has.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Batches::Memory { block, .. } => block.iter().map(|batch| batch.len()).sum(),
            Batches::Refused(batches, _) => {
                batches.as_slice().iter().map(|batch| batch.len()).sum()
            }
            Batches::Disk(file) => file.block.bytes,
        }
    }
}
