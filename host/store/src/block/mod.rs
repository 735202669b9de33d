//! Kept partitions (Spark: `BlockManager`): in memory within a budget, on disk, or first the one and then the other.
//!
//! Blocks are batches of the program's own encoding. In memory they are shared by readers without a copy. Which goes
//! when room is needed is decided in `held.rs`; a block on its way to the disk can be read all the time.

mod disk;
mod held;
mod reader;
mod room;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scheduler::RddId;

use crate::Result;
use disk::{DiskBlock, DiskWriter};
use held::{Entry, Held, Place};

pub use reader::BlockReader;
pub use room::{FixedRoom, Room};
pub use writer::BlockWriter;

/// One partition in memory: its batches, in the order in which they were written.
pub type Block = Arc<[Arc<Vec<u8>>]>;

/// A dataset and one of its partitions.
type Key = (RddId, u32);

/// Where a partition is to be kept (Spark: `StorageLevel`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockLevel {
    /// In memory. It goes when room is needed.
    #[default]
    Memory,
    /// In memory, and on disk when room is needed.
    MemoryAndDisk,
    /// On disk.
    Disk,
}

/// Holds kept partitions.
#[derive(Debug)]
pub struct BlockStore {
    room: Arc<dyn Room>,
    /// Made with its first file.
    folder: PathBuf,
    /// Numbers files: no two have the same name, even for the same partition.
    files: AtomicU64,
    held: Mutex<Held>,
}

/// The blocks of a dataset, out of reach. Dropping them removes their files, which takes its time.
#[derive(Debug)]
pub struct RemovedBlocks(
    #[expect(dead_code, reason = "held for what dropping it does")] Vec<Entry>,
);

impl BlockStore {
    /// A store that holds in memory what there is room for, and files in `folder`.
    pub fn new(room: Arc<dyn Room>, folder: PathBuf) -> Self {
        Self {
            room,
            folder,
            files: AtomicU64::default(),
            held: Mutex::default(),
        }
    }

    /// The most bytes that it can ever hold in memory.
    pub fn bytes_max(&self) -> usize {
        self.room.bytes_max()
    }

    /// Begins a block. It replaces the one of the same partition, if there is one, once it is whole.
    pub fn begin(self: &Arc<Self>, rdd: RddId, partition: u32, level: BlockLevel) -> BlockWriter {
        BlockWriter::new(Arc::clone(self), (rdd, partition), level)
    }

    /// Keeps a whole block; returns whether there was room.
    pub fn put(
        self: &Arc<Self>,
        rdd: RddId,
        partition: u32,
        level: BlockLevel,
        block: &Block,
    ) -> bool {
        let mut writer = self.begin(rdd, partition, level);
        block.iter().all(|batch| writer.write(batch.to_vec())) && writer.finish().is_some()
    }

    /// Opens a block, if it is held. One whose file is missing or known to be damaged is not: it is forgotten.
    pub fn open(&self, rdd: RddId, partition: u32) -> Option<BlockReader> {
        let key = (rdd, partition);
        let file = match self.lock().use_block(key)? {
            Place::Memory(block) => return Some(BlockReader::of_memory(block)),
            Place::Disk(file) => file,
        };
        let opened = file.open();
        if let Err(error) = &opened {
            tracing::warn!(%error, "a kept partition is computed again");
            self.forget_file(key, &file);
        }
        opened.ok().map(BlockReader::of_disk)
    }

    /// Where a block that is held is to be kept.
    pub fn level(&self, rdd: RddId, partition: u32) -> Option<BlockLevel> {
        self.lock().level((rdd, partition))
    }

    /// Takes all blocks of a dataset out of the store.
    pub fn remove(&self, rdd: RddId) -> RemovedBlocks {
        RemovedBlocks(self.lock().remove(rdd))
    }

    /// Blocks that are not held any more although nobody removed them: each is told once.
    pub fn take_dropped(&self) -> Vec<(RddId, u32)> {
        self.lock().take_dropped()
    }

    /// Bytes that are held in memory, or were promised to a block that is being written.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Sets memory aside for a block that is being written, and makes room by letting go of others. False: there is
    /// none, and nothing was let go.
    fn reserve(&self, key: Key, bytes: usize) -> bool {
        self.ask_for_room(bytes);
        let reserved = self.lock().reserve(key.0, bytes);
        self.finish_moves();
        reserved
    }

    /// Asks for more memory where so many bytes would not fit. What there is none for, other blocks may make room for.
    fn ask_for_room(&self, bytes: usize) {
        let wanted = self.lock().bytes + bytes;
        if wanted > self.lock().limit {
            self.room
                .grow(wanted, &mut |limit| self.lock().limit = limit);
        }
    }

    /// Gives memory back: lets blocks go, or to disk, those used longest ago first, until the others take at most so many
    /// bytes. Returns what may be held from now on, which is more where blocks are being written.
    ///
    /// Whoever calls this calls [`Self::finish_moves`] then.
    pub fn limit_to(&self, bytes: usize) -> usize {
        self.lock().limit_to(bytes)
    }

    /// Writes those to disk that are to be there instead of in memory.
    pub fn finish_moves(&self) {
        let moving = self.lock().take_moving();
        for (key, block) in moving {
            let written = self.write_file(key, &block);
            self.lock().moved(key, &block, written);
        }
    }

    fn write_file(&self, key: Key, block: &Block) -> Result<DiskBlock> {
        let mut file = self.begin_file(key)?;
        for batch in block.iter() {
            file.write(batch)?;
        }
        Ok(file.finish())
    }

    fn begin_file(&self, (rdd, partition): Key) -> Result<DiskWriter> {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{partition}-{number}.block", rdd.0);
        DiskWriter::create(&self.folder, &name)
    }

    fn forget_file(&self, key: Key, file: &Arc<DiskBlock>) {
        // Its file is removed when the lock is free again.
        let _gone = self.lock().forget_file(key, file);
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
