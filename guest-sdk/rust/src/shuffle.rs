//! Moves records to the bucket of their key.
//!
//! A bucket holds its records in the order of the map partitions, and of one partition in the order in which they came.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::rc::Rc;

use crate::batch::{BATCH_BYTES, Batch, Decoded, of_reader};
use crate::cache::nothing;
use crate::error::{Error, Result};
use crate::hash::{bucket_of, hash_of};
use crate::host;
use crate::lineage::{Lineage, Parent, Shuffle, expect_partitions, next_shuffle};
use crate::memory;
use crate::pair::Partitioner;
use crate::rdd::{Operation, Rdd, one_to_one};
use crate::record::{Record, from_bytes};
use crate::stream::Records;
use crate::task;

/// The bytes that all unfinished batches of a task may take together.
const BATCHES_BYTES: usize = 16 << 20;
const BATCH_BYTES_MIN: usize = 4 << 10;

/// Hands over a batch of a bucket, if there is anything in it.
pub(crate) fn write(bucket: u32, batch: &mut Batch) -> Result<()> {
    batch.flush(|bytes| host::write_shuffle(bucket, bytes).map_err(Error::from_host))
}

/// The records of a bucket, within a task of the other side.
pub(crate) fn read<'s, T: Record + 's>(shuffle: u32, partition: u32) -> Records<'s, T> {
    Records::of_batches(open(shuffle, partition))
}

/// The same, for who takes them in many at a time. Where it cannot be opened there are none, and the task fails.
pub(crate) fn open<'s, T: Record + 's>(shuffle: u32, partition: u32) -> Decoded<'s, T> {
    let source = match host::open_shuffle(shuffle, partition) {
        Ok(reader) => of_reader(reader),
        Err(error) => {
            task::fail(Error::from_host(error));
            nothing()
        }
    };
    Decoded::new(source, T::decode_all)
}

/// Writes each record to the bucket that `bucket_of` says.
pub(crate) fn distribute<T: Record>(
    records: Records<'_, T>,
    partitions: u32,
    mut bucket_of: impl FnMut(&T) -> u32,
) -> Result<()> {
    let count = partitions as usize;
    // Half of a batch's memory may be spare.
    let all = BATCHES_BYTES.min(memory::part(8));
    let full = (all / count.max(1)).clamp(BATCH_BYTES_MIN, BATCH_BYTES);
    let mut batches: Vec<Batch> = std::iter::repeat_with(Batch::default).take(count).collect();
    let mut written = Ok(());
    records.for_each(|record| {
        let bucket = bucket_of(&record);
        let batch = &mut batches[bucket as usize];
        batch.push(|out| record.encode(out));
        if batch.len() >= full && written.is_ok() {
            written = write(bucket, batch);
        }
    });
    written?;
    task::check()?;
    (0..)
        .zip(&mut batches)
        .try_for_each(|(bucket, batch)| write(bucket, batch))
}

/// The shuffle of this number among what `root` is computed from.
pub(crate) fn find_shuffle(root: &dyn Lineage, number: u32) -> Option<&dyn Shuffle> {
    let mut seen = BTreeSet::new();
    let mut open = vec![root];
    while let Some(dataset) = open.pop() {
        for parent in dataset.parents() {
            match parent {
                Parent::Shuffle(shuffle) if shuffle.number() == number => return Some(shuffle),
                _ if seen.insert(parent.lineage().header().id()) => open.push(parent.lineage()),
                _ => {}
            }
        }
    }
    None
}

/// The shuffle that put the records of `root` where they are, if what lies between has left them there.
pub(crate) fn placing_shuffle(root: &dyn Lineage) -> Option<&dyn Shuffle> {
    let wanted = root.header().partitioning?;
    let mut dataset = root;
    loop {
        let mut parents = dataset.parents();
        match parents.pop()? {
            Parent::Shuffle(shuffle) => return Some(shuffle),
            Parent::Narrow(parent, _) if parent.header().partitioning == Some(wanted) => {
                dataset = parent;
            }
            Parent::Narrow(..) => return None,
        }
    }
}

/// Says to which bucket a key belongs.
pub(crate) trait Route<K> {
    fn bucket(&self, key: &K) -> u32;

    /// Does in the driver what must be done before it is asked.
    fn prepare(&self) -> Result<()> {
        Ok(())
    }

    /// The same as `bucket`, with what has gone wrong.
    fn checked_bucket(&self, key: &K) -> Result<u32> {
        let bucket = self.bucket(key);
        task::check()?;
        Ok(bucket)
    }
}

/// Buckets by hash.
pub(crate) struct ByHash {
    pub(crate) partitions: u32,
}

impl<K: Hash> Route<K> for ByHash {
    #[inline]
    fn bucket(&self, key: &K) -> u32 {
        bucket_of(hash_of(key), self.partitions)
    }
}

/// Moves each record as it is.
pub(crate) struct Move<'a, K, V, R> {
    parent: Rdd<'a, (K, V)>,
    pub(crate) route: R,
    number: u32,
    partitions: u32,
}

impl<'a, K, V, R> Move<'a, K, V, R> {
    pub(crate) fn new(parent: Rdd<'a, (K, V)>, route: R, partitions: u32) -> Self {
        Self {
            parent,
            route,
            number: next_shuffle(),
            partitions,
        }
    }
}

impl<'a, K: Record + 'a, V: Record + 'a, R: Route<K>> Move<'a, K, V, R> {
    pub(crate) fn records<'s>(&self, partition: u32) -> Records<'s, (K, V)>
    where
        (K, V): 's,
    {
        read(self.number, partition)
    }

    pub(crate) fn open<'s>(&self, partition: u32) -> Decoded<'s, (K, V)>
    where
        (K, V): 's,
    {
        open(self.number, partition)
    }

    pub(crate) fn prepare(&self) -> Result<()> {
        expect_partitions(self.partitions)?;
        self.route.prepare()
    }
}

impl<K: Record, V: Record, R: Route<K>> Shuffle for Move<'_, K, V, R> {
    fn number(&self) -> u32 {
        self.number
    }

    fn parent(&self) -> &dyn Lineage {
        &self.parent
    }

    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn bucket(&self, key: &[u8]) -> Result<u32> {
        self.route.checked_bucket(&from_bytes(key)?)
    }

    fn write(&self, partition: u32) -> Result<()> {
        let records = self.parent.records(partition);
        distribute(records, self.partitions, |record| {
            self.route.bucket(&record.0)
        })
    }
}

/// Records by key: where they are already, or behind a shuffle.
pub(crate) enum ByKey<'a, K, V> {
    Here(Rdd<'a, (K, V)>),
    /// The way of nearly all records, so it is known by its type.
    Hashed(Move<'a, K, V, ByHash>),
    Moved(Move<'a, K, V, Partitioner<'a, K>>),
}

impl<'a, K: Record + Hash + 'a, V: Record + 'a> ByKey<'a, K, V> {
    /// No record moves that is in its key's partition already.
    pub(crate) fn of(parent: &Rdd<'a, (K, V)>, partitioner: &Partitioner<'a, K>) -> Self {
        let partitions = partitioner.partitions();
        if parent.partitioning() == Some(partitioner.partitioning()) {
            Self::Here(parent.clone())
        } else if partitioner.is_hash() {
            Self::Hashed(Move::new(parent.clone(), ByHash { partitions }, partitions))
        } else {
            Self::Moved(Move::new(parent.clone(), partitioner.clone(), partitions))
        }
    }

    pub(crate) fn records(&self, partition: u32) -> Records<'a, (K, V)> {
        match self {
            Self::Here(parent) => parent.records(partition),
            Self::Hashed(shuffle) => shuffle.records(partition),
            Self::Moved(shuffle) => shuffle.records(partition),
        }
    }

    pub(crate) fn parents(&self) -> Vec<Parent<'_>> {
        match self {
            Self::Here(parent) => one_to_one(parent),
            Self::Hashed(shuffle) => vec![Parent::Shuffle(shuffle)],
            Self::Moved(shuffle) => vec![Parent::Shuffle(shuffle)],
        }
    }

    pub(crate) fn prepare(&self) -> Result<()> {
        match self {
            Self::Here(_) => Ok(()),
            Self::Hashed(shuffle) => shuffle.prepare(),
            Self::Moved(shuffle) => shuffle.prepare(),
        }
    }
}

/// The records themselves, each in its key's partition.
pub(crate) struct Partitioned<'a, K, V, R> {
    pub(crate) shuffle: Move<'a, K, V, R>,
}

impl<'a, K: Record + 'a, V: Record + 'a, R: Route<K>> Operation for Partitioned<'a, K, V, R> {
    type Item = (K, V);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, V)>
    where
        Self: 's,
    {
        self.shuffle.records(partition)
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        vec![Parent::Shuffle(&self.shuffle)]
    }

    fn prepare(&self) -> Result<()> {
        self.shuffle.prepare()
    }
}
