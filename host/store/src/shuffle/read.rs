//! Reads one bucket of a shuffle, map partition by map partition.

use std::path::PathBuf;
use std::sync::Arc;

use scheduler::ShuffleId;

use super::ahead::ReadAhead;
pub use super::ahead::ReadStopper;
use super::file::{FileBucket, MapOutput};
use super::index_cache::IndexCache;
use crate::{Error, Result};

/// Where a map output is read from.
#[derive(Debug)]
pub(super) enum Source {
    /// A file whose index is held.
    Held(Arc<MapOutput>),
    /// A file of this machine.
    OnDisk(PathBuf, Arc<IndexCache>),
    /// Another machine.
    Remote,
    /// Nobody has it.
    Lost,
}

/// What is being read.
#[derive(Debug)]
enum Current {
    File(FileBucket),
    Remote,
}

/// Reads one bucket, map partition by map partition.
#[derive(Debug)]
pub struct ShuffleReader {
    shuffle: ShuffleId,
    bucket: u32,
    /// In the order of the map partitions.
    sources: std::vec::IntoIter<(u32, Source)>,
    current: Option<(u32, Current)>,
    /// Where anything is remote.
    ahead: Option<ReadAhead>,
}

impl ShuffleReader {
    pub(super) fn new(shuffle: ShuffleId, bucket: u32, sources: Vec<(u32, Source)>) -> Self {
        Self {
            shuffle,
            bucket,
            sources: sources.into_iter(),
            current: None,
            ahead: None,
        }
    }

    pub(super) fn with_remote(mut self, ahead: ReadAhead) -> Self {
        self.ahead = Some(ahead);
        self
    }

    /// Returns what ends a [`read`](Self::read) that waits for another machine; `None` if none ever will.
    pub fn stopper(&self) -> Option<ReadStopper> {
        self.ahead.as_ref().map(ReadAhead::stopper)
    }

    /// The next batches; empty at the end.
    ///
    /// # Errors
    ///
    /// [`Error::FetchFailed`] if a map output is gone or damaged.
    pub fn read(&mut self) -> Result<Vec<u8>> {
        if let Some(ahead) = &mut self.ahead {
            ahead.start();
        }
        loop {
            if let Some((map_partition, current)) = &mut self.current {
                let map_partition = *map_partition;
                let batch = match current {
                    Current::File(file) => file.read(),
                    Current::Remote => fetched(self.ahead.as_ref(), map_partition),
                };
                match batch.map_err(|reason| self.fetch_failed(map_partition, reason))? {
                    Some(batch) => return Ok(batch),
                    None => self.current = None,
                }
            }
            let Some((map_partition, source)) = self.sources.next() else {
                return Ok(Vec::new());
            };
            let opened = source.open(self.bucket);
            let opened = opened.map_err(|reason| self.fetch_failed(map_partition, reason))?;
            self.current = opened.map(|current| (map_partition, current));
        }
    }

    fn fetch_failed(&self, map_partition: u32, reason: String) -> Error {
        Error::FetchFailed {
            shuffle: self.shuffle,
            map_partition,
            reason,
        }
    }
}

fn fetched(ahead: Option<&ReadAhead>, map_partition: u32) -> Result<Option<Vec<u8>>, String> {
    ahead.map_or(Ok(None), |ahead| ahead.next(map_partition))
}

impl Source {
    /// `None` if the bucket is empty.
    fn open(self, bucket: u32) -> Result<Option<Current>, String> {
        let file = match self {
            Self::Held(output) => output.open(bucket)?,
            Self::OnDisk(path, indexes) => {
                let index = indexes
                    .get(&path)
                    .map_err(|error| format!("cannot be read: {error}"))?;
                MapOutput { path, index }.open(bucket)?
            }
            Self::Remote => return Ok(Some(Current::Remote)),
            Self::Lost => return Err("is lost".into()),
        };
        Ok(file.map(Current::File))
    }
}
