//! Writes shuffle files. Batches go to the file as they come, so a map task needs no memory for what it has written.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use scheduler::{BucketSizes, Codec};

use super::file::MapOutput;
use super::format::{Entry, Index, READ_BYTES};
use crate::packed::Packer;
use crate::{Error, Result};

/// Batches that lie in one entry of the index: a program that writes them one byte at a time must not fill the host's memory.
pub(super) const ENTRY_BYTES_MAX: usize = READ_BYTES;

/// A batch as long as this is an entry of its own: to copy it to others would cost more than its entry.
const ALONE_BYTES: usize = 32 << 10;

/// Entries of one file, 24 bytes of memory each.
const ENTRIES_MAX: usize = 1 << 20;

/// Writes the file of one map attempt. Dropped without [`MapOutputWriter::finish`], the file goes.
#[derive(Debug)]
pub struct MapOutputWriter {
    path: PathBuf,
    file: BufWriter<File>,
    buckets: u32,
    packer: Packer,
    entries: Vec<Entry>,
    /// Small batches that are to be an entry, and their bucket.
    joined: Vec<u8>,
    joined_bucket: u32,
    offset: u64,
    bytes: u64,
    finished: bool,
}

impl MapOutputWriter {
    /// Begins the file `path`, whose name ends on `.part` until it is whole.
    pub(super) fn create(path: PathBuf, buckets: u32) -> Result<Self> {
        let file = File::create(&path).map_err(Error::io("create", &path))?;
        Ok(Self {
            path,
            file: BufWriter::with_capacity(ALONE_BYTES, file),
            buckets,
            packer: Packer::default(),
            entries: Vec::new(),
            joined: Vec::new(),
            joined_bucket: 0,
            offset: 0,
            bytes: 0,
            finished: false,
        })
    }

    /// Compresses what is written from now on. Whoever reads it need not be told.
    #[must_use]
    pub fn with_codec(mut self, codec: Codec) -> Self {
        self.packer = Packer::new(codec);
        self
    }

    /// Adds a batch to a bucket.
    ///
    /// # Errors
    ///
    /// If the shuffle has no such bucket, or the batch cannot be written: a full disk, say.
    pub fn write(&mut self, bucket: u32, batch: &[u8]) -> Result<()> {
        if bucket >= self.buckets {
            let buckets = self.buckets;
            return Err(Error::Invalid(format!(
                "the shuffle has {buckets} buckets, there is no bucket {bucket}"
            )));
        }
        self.bytes += batch.len() as u64;
        if batch.len() >= ALONE_BYTES {
            self.write_joined()?;
            return self.write_entry(bucket, batch);
        }
        if bucket != self.joined_bucket || self.joined.len() + batch.len() > ENTRY_BYTES_MAX {
            self.write_joined()?;
            self.joined_bucket = bucket;
        }
        self.joined.extend_from_slice(batch);
        Ok(())
    }

    fn write_joined(&mut self) -> Result<()> {
        if self.joined.is_empty() {
            return Ok(());
        }
        let mut joined = std::mem::take(&mut self.joined);
        let written = self.write_entry(self.joined_bucket, &joined);
        joined.clear();
        self.joined = joined;
        written
    }

    fn write_entry(&mut self, bucket: u32, batch: &[u8]) -> Result<()> {
        if self.entries.len() == ENTRIES_MAX {
            let message =
                "a map task may change from bucket to bucket a million times; write larger batches";
            return Err(Error::Invalid(message.into()));
        }
        let packed = self.packer.pack(batch);
        let too_long = || Error::Invalid("a batch is at most 2 GiB".into());
        let (header, bytes) = packed.ok_or_else(too_long)?;
        let offset = self.offset;
        self.entries.push(Entry {
            bucket,
            header,
            offset,
        });
        self.offset += bytes.len() as u64;
        self.file
            .write_all(bytes)
            .map_err(Error::io("write", &self.path))
    }

    /// Bytes written so far, not compressed.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Entries of the index so far.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.entries.len() + usize::from(!self.joined.is_empty())
    }

    /// Completes the file. It is still read by nobody.
    ///
    /// # Errors
    ///
    /// If it cannot be written or renamed.
    pub fn finish(mut self) -> Result<FinishedMapOutput> {
        self.write_joined()?;
        let index = Index::new(std::mem::take(&mut self.entries));
        self.file
            .write_all(&index.encode())
            .and_then(|()| self.file.flush())
            .map_err(Error::io("write", &self.path))?;
        let path = self.path.with_extension("map");
        fs::rename(&self.path, &path).map_err(Error::io("rename", &self.path))?;
        self.finished = true;
        let sizes = Arc::new(BucketSizes::new(&index.sizes(self.buckets)));
        let index = Arc::new(index);
        Ok(FinishedMapOutput {
            output: Some(MapOutput { path, index }),
            sizes,
        })
    }
}

impl Drop for MapOutputWriter {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A whole file that waits for its attempt to be committed. Dropped without that, it goes.
#[derive(Debug)]
pub struct FinishedMapOutput {
    output: Option<MapOutput>,
    sizes: Arc<BucketSizes>,
}

impl FinishedMapOutput {
    /// Returns what is in each bucket, for the scheduler.
    pub fn sizes(&self) -> Arc<BucketSizes> {
        Arc::clone(&self.sizes)
    }

    /// Leaves the file on disk, whoever may commit it: in a cluster that is the driver's to say, and whoever reads the output knows
    /// its attempt. The output of one that lost goes by [`ShuffleFolder::remove_output`](super::ShuffleFolder::remove_output), or
    /// with its shuffle.
    pub fn keep(mut self) -> Arc<BucketSizes> {
        self.output = None;
        self.sizes()
    }

    /// The output, committed.
    pub(super) fn commit(mut self) -> Option<MapOutput> {
        self.output.take()
    }
}

impl Drop for FinishedMapOutput {
    fn drop(&mut self) {
        if let Some(output) = &self.output {
            let _ = fs::remove_file(&output.path);
        }
    }
}
