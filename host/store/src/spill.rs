//! What a task attempt puts aside while it computes (Spark: `DiskBlockManager.createTempLocalBlock`): runs of batches, in one file.
//!
//! The file loses its name as soon as it is open. So nobody else finds it, and it is gone with the attempt however that ends: the
//! system frees it even when the process is killed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use scheduler::AttemptId;

use crate::packed::{HEADER_BYTES, Header, pack};
use crate::{Error, Result};

/// Stretches of one file: a program that changes from run to run with each byte must not fill the host's memory.
const STRETCHES_MAX: usize = 1 << 20;

/// Where batches of one run lie, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    start: u64,
    end: u64,
}

/// The runs of one attempt.
#[derive(Debug)]
pub struct SpillFile {
    file: Arc<File>,
    /// Where the file was, for messages.
    path: PathBuf,
    end: u64,
    runs: BTreeMap<u32, Vec<Stretch>>,
    stretches: usize,
    /// The batch that is being written.
    packed: Vec<u8>,
}

impl SpillFile {
    /// Begins the file of an attempt in `folder`, which is made if need be.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub fn create(folder: &Path, attempt: AttemptId) -> Result<Self> {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let path = folder.join(format!("{attempt}.spill"));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(Error::io("create", &path))?;
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        Ok(Self {
            file: Arc::new(file),
            path,
            end: 0,
            runs: BTreeMap::new(),
            stretches: 0,
            packed: Vec::new(),
        })
    }

    /// Adds a batch to a run. Says whether it is the run's first. An empty batch is none.
    ///
    /// # Errors
    ///
    /// If the batch cannot be written (a full disk, say), or the runs alternate too often.
    pub fn write(&mut self, run: u32, batch: &[u8]) -> Result<bool> {
        if batch.is_empty() {
            return Ok(false);
        }
        if !pack(batch, &mut self.packed) {
            return Err(Error::Invalid("a batch is at most 4 GiB".into()));
        }
        let stretch = Stretch {
            start: self.end,
            end: self.end + self.packed.len() as u64,
        };
        let is_next = |last: &&mut Stretch| last.end == stretch.start;
        let known = self.runs.get_mut(&run);
        let begins = known.is_none();
        let last = known.and_then(|known| known.last_mut()).filter(is_next);
        if last.is_none() && self.stretches == STRETCHES_MAX {
            let message = "a task may change from run to run a million times; write larger batches";
            return Err(Error::Invalid(message.into()));
        }
        self.file
            .write_all_at(&self.packed, stretch.start)
            .map_err(Error::io("write", &self.path))?;
        self.end = stretch.end;
        match last {
            Some(last) => last.end = stretch.end,
            None => {
                self.stretches += 1;
                self.runs.entry(run).or_default().push(stretch);
            }
        }
        Ok(begins)
    }

    /// Opens a run as it is now, from its front. It may be open several times.
    ///
    /// # Errors
    ///
    /// If nothing was written to it.
    pub fn open(&self, run: u32) -> Result<SpillReader> {
        let stretches = self.runs.get(&run).cloned();
        let missing = || Error::Invalid(format!("nothing was written to run {run}"));
        Ok(SpillReader {
            file: Arc::clone(&self.file),
            path: self.path.clone(),
            stretches: stretches.ok_or_else(missing)?.into_iter(),
            current: Stretch { start: 0, end: 0 },
        })
    }

    /// Forgets a run, if it is there. The room is given back when there is none left.
    pub fn remove(&mut self, run: u32) {
        let removed = self.runs.remove(&run).unwrap_or_default();
        self.stretches -= removed.len();
        // What cannot be cut off goes with the file.
        if self.runs.is_empty() && self.file.set_len(0).is_ok() {
            self.end = 0;
        }
    }
}

/// What of a run is still to be read.
#[derive(Debug)]
pub struct SpillReader {
    file: Arc<File>,
    path: PathBuf,
    stretches: std::vec::IntoIter<Stretch>,
    current: Stretch,
}

impl SpillReader {
    /// The next batch; empty at the end.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not what was written.
    pub fn read(&mut self) -> Result<Vec<u8>> {
        while self.current.start == self.current.end {
            match self.stretches.next() {
                Some(stretch) => self.current = stretch,
                None => return Ok(Vec::new()),
            }
        }
        let at = self.current.start;
        let mut header = [0; HEADER_BYTES];
        self.read_exact(&mut header, at)?;
        let header = Header::decode(&header);
        let start = at + HEADER_BYTES as u64;
        let end = start + header.packed_length() as u64;
        if end > self.current.end {
            return Err(self.damaged(at));
        }
        let mut packed = vec![0; header.packed_length()];
        self.read_exact(&mut packed, start)?;
        self.current.start = end;
        header.unpack(packed).map_err(|_| self.damaged(at))
    }

    fn read_exact(&self, bytes: &mut [u8], at: u64) -> Result<()> {
        self.file
            .read_exact_at(bytes, at)
            .map_err(Error::io("read", &self.path))
    }

    fn damaged(&self, at: u64) -> Error {
        let message = format!("what was put aside at offset {at} is damaged");
        Error::io("read", &self.path)(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}

#[cfg(test)]
#[path = "spill_tests.rs"]
mod tests;
