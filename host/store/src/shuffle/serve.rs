//! Serves buckets to other machines. It needs nothing but the folder, so the worker's daemon does it, and files outlive executors.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use scheduler::{AttemptId, ShuffleId};

use super::folder::ShuffleFolder;
use super::format::{Entry, HEADER_BYTES, Index, MISSING};
use super::index_cache::IndexCache;
use crate::{Error, Result};

impl ShuffleFolder {
    /// Opens one bucket of several map outputs, to be sent one after another. One whose file is gone or damaged is sent as that, so
    /// that the reader knows which it is.
    ///
    /// # Errors
    ///
    /// If the system fails to read: files may be there all the same.
    pub fn serve(
        &self,
        indexes: &Arc<IndexCache>,
        shuffle: ShuffleId,
        bucket: u32,
        outputs: &[AttemptId],
    ) -> Result<ServedBuckets> {
        let mut served = ServedBuckets {
            folder: self.clone(),
            indexes: Arc::clone(indexes),
            shuffle,
            bucket,
            lengths: Vec::with_capacity(outputs.len()),
            waiting: VecDeque::with_capacity(outputs.len()),
            current: None,
            header: Header::default(),
        };
        for attempt in outputs {
            let length = match self.travelling_bytes(indexes, shuffle, bucket, *attempt) {
                Ok(bytes) => Some(bytes),
                Err(Error::NotFound(_) | Error::Invalid(_)) => None,
                Err(failed) => return Err(failed),
            };
            served.lengths.push(length.unwrap_or(HEADER_BYTES as u64));
            served.waiting.push_back((*attempt, length));
        }
        Ok(served)
    }

    /// How many bytes a bucket of an output has on its way.
    fn travelling_bytes(
        &self,
        indexes: &IndexCache,
        shuffle: ShuffleId,
        bucket: u32,
        attempt: AttemptId,
    ) -> Result<u64> {
        let path = self.output(shuffle, attempt);
        // Its index may be held when the file is gone.
        fs::metadata(&path).map_err(Error::io("read", &path))?;
        Ok(travelling_bytes(indexes.get(&path)?.bucket(bucket)))
    }
}

/// How many bytes these entries have on their way.
fn travelling_bytes(entries: &[Entry]) -> u64 {
    let bytes = |entry: &Entry| HEADER_BYTES as u64 + entry.packed_length();
    entries.iter().map(bytes).sum()
}

/// One bucket of several map outputs, as it travels. Holds one file open at a time, and one index.
#[derive(Debug)]
pub struct ServedBuckets {
    folder: ShuffleFolder,
    indexes: Arc<IndexCache>,
    shuffle: ShuffleId,
    bucket: u32,
    lengths: Vec<u64>,
    /// What is still to be begun, and how long it was said to be; `None`: it is missing.
    waiting: VecDeque<(AttemptId, Option<u64>)>,
    current: Option<Current>,
    header: Header,
}

/// The output that is being sent.
#[derive(Debug)]
struct Current {
    file: File,
    index: Arc<Index>,
    /// Its place among the bucket's.
    next: usize,
    offset: u64,
    /// What is left of the entry before `next`.
    left: u64,
}

/// What of an entry's header is still to be sent.
#[derive(Debug, Default)]
struct Header {
    bytes: [u8; HEADER_BYTES],
    left: usize,
}

impl Header {
    fn set(&mut self, bytes: [u8; HEADER_BYTES]) {
        self.bytes = bytes;
        self.left = HEADER_BYTES;
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let bytes = self.left.min(buffer.len());
        let start = HEADER_BYTES - self.left;
        buffer[..bytes].copy_from_slice(&self.bytes[start..start + bytes]);
        self.left -= bytes;
        bytes
    }
}

impl ServedBuckets {
    /// Returns how many bytes each bucket has, in the order in which they were asked for.
    pub fn lengths(&self) -> &[u64] {
        &self.lengths
    }

    /// Returns how many bytes they have together.
    pub fn length(&self) -> u64 {
        self.lengths.iter().sum()
    }

    /// Reads some bytes; none at the end.
    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.header.left > 0 {
                return Ok(self.header.read(buffer));
            }
            match &mut self.current {
                Some(current) if current.left > 0 => return current.read(buffer),
                Some(current) => match current.next_entry(self.bucket) {
                    Some(header) => self.header.set(header),
                    None => self.current = None,
                },
                None => match self.waiting.pop_front() {
                    None => return Ok(0),
                    Some((_, None)) => self.header.set(MISSING),
                    Some((_, Some(0))) => {}
                    Some((attempt, Some(length))) => {
                        self.current = Some(self.open(attempt, length)?);
                    }
                },
            }
        }
    }

    fn open(&self, attempt: AttemptId, length: u64) -> io::Result<Current> {
        let path = self.folder.output(self.shuffle, attempt);
        let index = self.indexes.get(&path).map_err(io::Error::other)?;
        if travelling_bytes(index.bucket(self.bucket)) != length {
            let message = format!("`{}` changed while it was sent", path.display());
            return Err(io::Error::other(message));
        }
        Ok(Current {
            file: File::open(path)?,
            index,
            next: 0,
            offset: 0,
            left: 0,
        })
    }
}

impl Current {
    fn next_entry(&mut self, bucket: u32) -> Option<[u8; HEADER_BYTES]> {
        let entry = self.index.bucket(bucket).get(self.next)?;
        self.next += 1;
        (self.offset, self.left) = (entry.offset, entry.packed_length());
        Some(entry.header.encode())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let bytes = self.file.read_at(&mut buffer[..most], self.offset)?;
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.offset += bytes as u64;
        self.left -= bytes as u64;
        Ok(bytes)
    }
}

impl Read for ServedBuckets {
    /// Fills the buffer as far as there are bytes: entries may be small.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_some(&mut buffer[filled..])? {
                0 => break,
                bytes => filled += bytes,
            }
        }
        Ok(filled)
    }
}
