//! A block on disk: its batches as `packed.rs` has them, one behind the other.
//!
//! Files have names, so that thousands of blocks hold no open file each. A file goes with the last who holds its block.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::packed::{HEADER_BYTES, Header, pack};
use crate::{Error, Result};

/// One block's file.
#[derive(Debug)]
pub(super) struct DiskBlock {
    path: PathBuf,
    /// Its length in bytes.
    end: u64,
    /// Bytes of its batches.
    pub(super) bytes: usize,
    /// Somebody found it damaged: it is of no more use.
    damaged: AtomicBool,
}

impl Drop for DiskBlock {
    fn drop(&mut self) {
        // What cannot be removed goes with the folder.
        let _ = fs::remove_file(&self.path);
    }
}

/// A block on its way to the disk. It is removed if it is not finished.
#[derive(Debug)]
pub(super) struct DiskWriter {
    file: File,
    block: DiskBlock,
    packed: Vec<u8>,
}

impl DiskWriter {
    /// Begins a file in `folder`, which is made if need be.
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let path = folder.join(name);
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(Error::io("create", &path))?;
        Ok(Self {
            file,
            block: DiskBlock {
                path,
                end: 0,
                bytes: 0,
                damaged: AtomicBool::new(false),
            },
            packed: Vec::new(),
        })
    }

    /// Adds a batch. Where that fails, what was written before is still whole.
    pub(super) fn write(&mut self, batch: &[u8]) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if !pack(batch, &mut self.packed) {
            return Err(Error::Invalid("a batch is at most 4 GiB".into()));
        }
        let block = &mut self.block;
        self.file
            .write_all_at(&self.packed, block.end)
            .map_err(Error::io("write", &block.path))?;
        block.end += self.packed.len() as u64;
        block.bytes += batch.len();
        Ok(())
    }

    pub(super) fn finish(self) -> DiskBlock {
        self.block
    }
}

impl DiskBlock {
    /// Opens it, and checks its first batch: mostly there are few.
    pub(super) fn open(self: &Arc<Self>) -> Result<DiskReader> {
        if self.damaged.load(Ordering::Relaxed) {
            return Err(self.damaged(0));
        }
        let opened = File::open(&self.path).map_err(Error::io("open", &self.path));
        let mut reader = DiskReader {
            file: opened?,
            block: Arc::clone(self),
            at: 0,
            first: None,
        };
        reader.first = Some(reader.read_next()?);
        Ok(reader)
    }

    fn damaged(&self, at: u64) -> Error {
        self.damaged.store(true, Ordering::Relaxed);
        let message = format!("what was kept at offset {at} is damaged; it is computed again");
        Error::io("read", &self.path)(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}

/// What of a file is still to be read.
#[derive(Debug)]
pub(super) struct DiskReader {
    file: File,
    pub(super) block: Arc<DiskBlock>,
    at: u64,
    /// The first batch, as long as nobody has asked for it.
    first: Option<Vec<u8>>,
}

impl DiskReader {
    /// The next batch; empty at the end.
    pub(super) fn read(&mut self) -> Result<Vec<u8>> {
        match self.first.take() {
            Some(batch) => Ok(batch),
            None => self.read_next(),
        }
    }

    fn read_next(&mut self) -> Result<Vec<u8>> {
        if self.at == self.block.end {
            return Ok(Vec::new());
        }
        let mut header = [0; HEADER_BYTES];
        self.read_exact(&mut header, self.at)?;
        let header = Header::decode(&header);
        let start = self.at + HEADER_BYTES as u64;
        let end = start + header.packed_length() as u64;
        if end > self.block.end {
            return Err(self.block.damaged(self.at));
        }
        let mut packed = vec![0; header.packed_length()];
        self.read_exact(&mut packed, start)?;
        let batch = header
            .unpack(packed)
            .map_err(|_| self.block.damaged(self.at))?;
        self.at = end;
        Ok(batch)
    }

    fn read_exact(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        self.file
            .read_exact_at(bytes, at)
            .map_err(|_| self.block.damaged(at))
    }
}
