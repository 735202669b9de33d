//! The shuffle files of an application in a cluster: where they are is the driver's to say, attempt by attempt.

use std::collections::BTreeMap;
use std::sync::Arc;

use scheduler::{Address, AttemptId, ShuffleId};

use super::ahead::{ReadAhead, Wanted};
use super::folder::ShuffleFolder;
use super::index_cache::IndexCache;
use super::read::{ShuffleReader, Source};
use super::remote::{MapOutputName, RemoteBuckets};

/// A map output, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapOutputPlace {
    /// The map partition.
    pub partition: u32,
    /// The attempt whose output counts.
    pub attempt: AttemptId,
    /// Where it is.
    pub place: Place,
}

/// Where a map output is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a folder of this machine.
    Here(ShuffleFolder),
    /// Served by the worker that listens here.
    There(Address),
}

/// Reads shuffles whose files are in several places. One in each executor, for all its tasks.
pub struct ClusterShuffles {
    indexes: Arc<IndexCache>,
    remote: Arc<dyn RemoteBuckets>,
    in_flight_bytes_max: u64,
}

impl ClusterShuffles {
    /// Reads remote buckets with `remote`, at most `in_flight_bytes_max` ahead of each reader (Spark: `reducer.maxSizeInFlight`, 48 MiB).
    pub fn new(
        indexes: Arc<IndexCache>,
        remote: Arc<dyn RemoteBuckets>,
        in_flight_bytes_max: u64,
    ) -> Self {
        Self {
            indexes,
            remote,
            in_flight_bytes_max,
        }
    }

    /// Opens a bucket of a shuffle of `map_partitions`: the batches of all its map outputs, in the order of the map partitions. One
    /// that is not among `outputs` is a failed fetch, when it is its turn.
    pub fn open(
        &self,
        shuffle: ShuffleId,
        bucket: u32,
        map_partitions: u32,
        outputs: &[MapOutputPlace],
    ) -> ShuffleReader {
        let places: BTreeMap<_, _> = outputs
            .iter()
            .map(|output| (output.partition, output))
            .collect();
        let source = |partition| match places.get(&partition) {
            None => Source::Lost,
            Some(output) => self.source(shuffle, output),
        };
        let sources = (0..map_partitions)
            .map(|partition| (partition, source(partition)))
            .collect();
        let reader = ShuffleReader::new(shuffle, bucket, sources);
        let remote: Vec<_> = places.range(..map_partitions).filter_map(wanted).collect();
        if remote.is_empty() {
            return reader;
        }
        let fetcher = Arc::clone(&self.remote);
        reader.with_remote(ReadAhead::new(
            fetcher,
            shuffle,
            bucket,
            remote,
            self.in_flight_bytes_max,
        ))
    }

    fn source(&self, shuffle: ShuffleId, output: &MapOutputPlace) -> Source {
        match &output.place {
            Place::Here(folder) => Source::OnDisk(
                folder.output(shuffle, output.attempt),
                Arc::clone(&self.indexes),
            ),
            Place::There(_) => Source::Remote,
        }
    }
}

fn wanted((partition, output): (&u32, &&MapOutputPlace)) -> Option<Wanted> {
    let Place::There(worker) = &output.place else {
        return None;
    };
    let name = MapOutputName {
        partition: *partition,
        attempt: output.attempt,
    };
    Some(Wanted::new(name, worker.clone()))
}

impl std::fmt::Debug for ClusterShuffles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterShuffles")
            .field("indexes", &self.indexes)
            .field("in_flight_bytes_max", &self.in_flight_bytes_max)
            .finish_non_exhaustive()
    }
}
