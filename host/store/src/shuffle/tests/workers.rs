//! Workers that serve real files from one process, with faults on order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use scheduler::{Address, AttemptId, Codec, ShuffleId};

use crate::{
    BucketsWanted, ClusterShuffles, FetchedBuckets, IndexCache, MapOutputPlace, Place,
    RemoteBuckets, ShuffleFolder, ShuffleReader,
};

pub(super) const SHUFFLE: ShuffleId = ShuffleId(3);

/// What goes wrong with a worker.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// So many of its answers break off after so many bytes.
    Cuts(usize, u64),
    /// It refuses.
    Refuses,
    /// It answers with one bucket more.
    Adds,
    /// Its answers wait until another worker has been read to the end.
    WaitsFor(usize),
    /// So many of its answers have a bit turned over, so many bytes from their front.
    Flips(usize, usize),
    /// It never answers until it is let go.
    Hangs,
    /// It brings down whoever asks.
    Panics,
}

/// Some workers, each with a folder of its own.
pub(super) struct Workers {
    root: tempfile::TempDir,
    codec: Codec,
    indexes: Arc<IndexCache>,
    faults: Mutex<BTreeMap<usize, Fault>>,
    /// Workers of which an answer was read to its end, and the wish to be let go.
    done: Mutex<(BTreeSet<usize>, bool)>,
    changed: Condvar,
    pub(super) requests: AtomicUsize,
    /// Bytes that were fetched.
    pub(super) fetched: AtomicU64,
    /// Bytes that a reader has been given, and the most that were fetched and not yet given.
    pub(super) given: AtomicU64,
    pub(super) ahead_max: AtomicU64,
}

impl Workers {
    pub(super) fn new() -> Arc<Self> {
        Self::with_codec(Codec::None)
    }

    pub(super) fn with_codec(codec: Codec) -> Arc<Self> {
        Arc::new(Self {
            codec,
            root: tempfile::tempdir().unwrap(),
            indexes: Arc::new(IndexCache::new(1 << 20)),
            faults: Mutex::default(),
            done: Mutex::default(),
            changed: Condvar::new(),
            requests: AtomicUsize::new(0),
            fetched: AtomicU64::new(0),
            given: AtomicU64::new(0),
            ahead_max: AtomicU64::new(0),
        })
    }

    pub(super) fn fault(&self, worker: usize, fault: Fault) {
        self.faults.lock().unwrap().insert(worker, fault);
    }

    pub(super) fn let_go(&self) {
        self.done.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    pub(super) fn folder(&self, worker: usize) -> ShuffleFolder {
        ShuffleFolder::new(self.root.path().join(worker.to_string()))
    }

    /// Writes a map output of as many buckets as it takes.
    pub(super) fn write(&self, worker: usize, attempt: u64, batches: &[(u32, Vec<u8>)]) {
        let folder = self.folder(worker);
        let writer = folder.writer(SHUFFLE, 100, AttemptId(attempt)).unwrap();
        let mut writer = writer.with_codec(self.codec);
        for (bucket, batch) in batches {
            writer.write(*bucket, batch).unwrap();
        }
        writer.finish().unwrap().keep();
    }

    /// Reads bucket 0 of map outputs whose attempts are their partitions, on these workers.
    pub(super) fn read(self: &Arc<Self>, workers: &[usize], in_flight: u64) -> ShuffleReader {
        let place = |(partition, worker): (usize, &usize)| MapOutputPlace {
            partition: u32::try_from(partition).unwrap(),
            attempt: AttemptId(partition as u64),
            place: Place::There(address(*worker)),
        };
        let places: Vec<_> = workers.iter().enumerate().map(place).collect();
        self.open(&places, u32::try_from(workers.len()).unwrap(), in_flight)
    }

    pub(super) fn open(
        self: &Arc<Self>,
        places: &[MapOutputPlace],
        map_partitions: u32,
        in_flight: u64,
    ) -> ShuffleReader {
        let remote = Arc::new(Fetcher(Arc::clone(self), Arc::clone(&self.indexes)));
        let shuffles = ClusterShuffles::new(Arc::clone(&self.indexes), remote, in_flight);
        shuffles.open(SHUFFLE, 0, map_partitions, places)
    }

    /// Opens a bucket of the only output of a shuffle, with no index held by anybody.
    pub(super) fn open_anew(
        self: &Arc<Self>,
        bucket: u32,
        output: &MapOutputPlace,
        indexes: Arc<IndexCache>,
    ) -> ShuffleReader {
        let remote = Arc::new(Fetcher(Arc::clone(self), Arc::clone(&indexes)));
        let shuffles = ClusterShuffles::new(indexes, remote, 1 << 20);
        shuffles.open(SHUFFLE, bucket, 1, std::slice::from_ref(output))
    }

    fn wait_until(&self, is_so: impl Fn(&(BTreeSet<usize>, bool)) -> bool) {
        let done = self.done.lock().unwrap();
        drop(self.changed.wait_while(done, |done| !is_so(done)).unwrap());
    }
}

pub(super) fn address(worker: usize) -> Address {
    Address::from(worker.to_string().as_str())
}

struct Answer {
    workers: Arc<Workers>,
    worker: usize,
    bytes: Box<dyn Read + Send>,
}

impl Read for Answer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bytes.read(buffer)?;
        let workers = &self.workers;
        if bytes == 0 {
            workers.done.lock().unwrap().0.insert(self.worker);
            workers.changed.notify_all();
        }
        let fetched = workers.fetched.fetch_add(bytes as u64, Ordering::SeqCst) + bytes as u64;
        let ahead = fetched - workers.given.load(Ordering::SeqCst);
        workers.ahead_max.fetch_max(ahead, Ordering::SeqCst);
        Ok(bytes)
    }
}

/// Asks the workers, who hold these indexes.
struct Fetcher(Arc<Workers>, Arc<IndexCache>);

impl RemoteBuckets for Fetcher {
    fn fetch(&self, worker: &Address, wanted: &BucketsWanted) -> Result<FetchedBuckets, String> {
        let workers = &self.0;
        workers.requests.fetch_add(1, Ordering::SeqCst);
        let worker: usize = worker.0.parse().unwrap();
        let attempts: Vec<_> = wanted.outputs.iter().map(|output| output.attempt).collect();
        let folder = workers.folder(worker);
        let served = folder.serve(&self.1, wanted.shuffle, wanted.bucket, &attempts);
        let served = served.map_err(|error| error.to_string())?;
        let mut lengths = served.lengths().to_vec();
        let mut bytes: Box<dyn Read + Send> = Box::new(served);
        let fault = workers.faults.lock().unwrap().get(&worker).cloned();
        match fault {
            None => {}
            Some(Fault::Refuses) => return Err("it refuses".into()),
            Some(Fault::Adds) => lengths.push(1),
            Some(Fault::Cuts(0, _)) => {}
            Some(Fault::Cuts(times, at)) => {
                workers.fault(worker, Fault::Cuts(times - 1, at));
                bytes = Box::new(bytes.take(at));
            }
            Some(Fault::Flips(0, _)) => {}
            Some(Fault::Flips(times, at)) => {
                workers.fault(worker, Fault::Flips(times - 1, at));
                let mut whole = Vec::new();
                let read = bytes.read_to_end(&mut whole);
                read.map_err(|error| error.to_string())?;
                whole[at] ^= 1;
                bytes = Box::new(io::Cursor::new(whole));
            }
            Some(Fault::WaitsFor(other)) => workers.wait_until(|done| done.0.contains(&other)),
            Some(Fault::Hangs) => workers.wait_until(|done| done.1),
            Some(Fault::Panics) => panic!("as ordered"),
        }
        let bytes = Box::new(Answer {
            workers: Arc::clone(workers),
            worker,
            bytes,
        });
        Ok(FetchedBuckets { lengths, bytes })
    }
}
