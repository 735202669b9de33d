//! The shuffle files of a local run: the one process that writes them knows which count.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use scheduler::{AttemptId, ShuffleId};

use super::file::MapOutput;
use super::folder::ShuffleFolder;
use super::read::{ShuffleReader, Source};
use super::write::{FinishedMapOutput, MapOutputWriter};
use crate::{Error, Result};

#[derive(Debug)]
struct Shuffle {
    buckets: u32,
    /// The committed ones, by map partition.
    outputs: BTreeMap<u32, Arc<MapOutput>>,
}

/// All shuffle files of an application that runs in this process.
#[derive(Debug)]
pub struct ShuffleFiles {
    folder: ShuffleFolder,
    shuffles: RwLock<BTreeMap<ShuffleId, Shuffle>>,
}

impl ShuffleFiles {
    /// Keeps the files in `folder`, which exists.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: ShuffleFolder::new(folder),
            shuffles: RwLock::default(),
        }
    }

    /// Learns of a shuffle and how many buckets it has. One that is known stays as it is.
    pub fn declare(&self, shuffle: ShuffleId, buckets: u32) {
        let outputs = BTreeMap::new();
        self.lock()
            .entry(shuffle)
            .or_insert(Shuffle { buckets, outputs });
    }

    /// Begins the file of a map attempt.
    ///
    /// # Errors
    ///
    /// If there is no such shuffle, or the file cannot be created.
    pub fn writer(&self, shuffle: ShuffleId, attempt: AttemptId) -> Result<MapOutputWriter> {
        let buckets = self.lock().get(&shuffle).map(|known| known.buckets);
        let buckets = buckets.ok_or_else(|| Error::Invalid(format!("{shuffle} is not there")))?;
        self.folder.writer(shuffle, buckets, attempt)
    }

    /// Makes a finished file the output of its map partition: it is the one that is read from now on.
    pub fn commit(&self, shuffle: ShuffleId, partition: u32, finished: FinishedMapOutput) {
        if let Some(shuffle) = self.lock().get_mut(&shuffle) {
            let output = finished.commit().map(Arc::new);
            shuffle
                .outputs
                .extend(output.map(|output| (partition, output)));
        }
    }

    /// Opens a bucket of a shuffle: the batches of all its map outputs, in the order of the map partitions.
    pub fn open(&self, shuffle: ShuffleId, bucket: u32) -> ShuffleReader {
        let shuffles = self.shuffles.read().unwrap_or_else(PoisonError::into_inner);
        let outputs = shuffles
            .get(&shuffle)
            .into_iter()
            .flat_map(|known| &known.outputs);
        let sources = outputs
            .map(|(partition, output)| (*partition, Source::Held(Arc::clone(output))))
            .collect();
        ShuffleReader::new(shuffle, bucket, sources)
    }

    /// Deletes a shuffle. Whoever reads it goes on with the open files.
    pub fn remove(&self, shuffle: ShuffleId) {
        self.lock().remove(&shuffle);
        // What is left goes with the work folder.
        let _ = self.folder.remove_shuffle(shuffle);
    }

    fn lock(&self) -> RwLockWriteGuard<'_, BTreeMap<ShuffleId, Shuffle>> {
        self.shuffles
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
