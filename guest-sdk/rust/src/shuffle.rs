//! Moves records to the bucket of their key.
//!
//! A bucket holds its records in the order of the map partitions, and of one partition in the order in which they came.

use std::hash::Hash;
use std::rc::Rc;

use crate::batch::{BATCH_BYTES, Batch, Decoded, of_reader};
use crate::error::{Error, Result};
use crate::hash::{bucket_of, hash_of};
use crate::host;
use crate::lineage::{Lineage, Parent, Partitioning, Shuffle, expect_partitions, next_shuffle};
use crate::memory;
use crate::rdd::{Operation, Rdd, one_to_one};
use crate::record::Record;
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
    match host::open_shuffle(shuffle, partition) {
        Ok(reader) => Records::of_batches(Decoded::new(of_reader(reader), T::decode_all)),
        Err(error) => {
            task::fail(Error::from_host(error));
            Records::new(std::iter::empty())
        }
    }
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

/// Says to which bucket a key belongs.
pub(crate) trait Route<K> {
    fn bucket(&self, key: &K) -> u32;
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
    Moved(Move<'a, K, V, ByHash>),
}

impl<'a, K: Record + Hash + 'a, V: Record + 'a> ByKey<'a, K, V> {
    /// No record moves that is in its key's partition already.
    pub(crate) fn of(parent: &Rdd<'a, (K, V)>, partitions: u32) -> Self {
        if parent.partitioning() == Some(Partitioning::Hash(partitions)) {
            Self::Here(parent.clone())
        } else {
            Self::Moved(Move::new(parent.clone(), ByHash { partitions }, partitions))
        }
    }

    pub(crate) fn records(&self, partition: u32) -> Records<'a, (K, V)> {
        match self {
            Self::Here(parent) => parent.records(partition),
            Self::Moved(shuffle) => shuffle.records(partition),
        }
    }

    pub(crate) fn parents(&self) -> Vec<Parent<'_>> {
        match self {
            Self::Here(parent) => one_to_one(parent),
            Self::Moved(shuffle) => vec![Parent::Shuffle(shuffle)],
        }
    }

    pub(crate) fn prepare(&self) -> Result<()> {
        match self {
            Self::Here(_) => Ok(()),
            Self::Moved(shuffle) => expect_partitions(shuffle.partitions),
        }
    }
}

/// The records themselves, each in its key's partition.
pub(crate) struct Partitioned<'a, K, V> {
    pub(crate) side: ByKey<'a, K, V>,
}

impl<K: Record + Hash, V: Record> Operation for Partitioned<'_, K, V> {
    type Item = (K, V);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, V)>
    where
        Self: 's,
    {
        self.side.records(partition)
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        self.side.parents()
    }

    fn prepare(&self) -> Result<()> {
        self.side.prepare()
    }
}
