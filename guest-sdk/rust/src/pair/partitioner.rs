//! Which partition a key belongs to, as a value that the program can name.
//!
//! Datasets whose partitioners are equal have each key in the same partition, so nothing is moved where they meet.

use std::fmt;
use std::hash::Hash;
use std::panic::Location;
use std::rc::Rc;

use super::ranges::{ByRange, Order};
use crate::context::configured_parallelism;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::{bucket_of, hash_of};
use crate::lineage::{Partitioning, expect_partitions, next_partitioner};
use crate::rdd::Rdd;
use crate::record::Record;
use crate::shuffle::Route;
use crate::task;

/// Says which partition each key belongs to: by its hash, by ranges of keys, or by a function of the program's.
///
/// Wherever an operation takes one, a number will do: so many partitions by hash. Two by hash are equal where their
/// numbers are; one by range or by a function is equal to its clones alone, as Spark's are that have no `equals`.
/// Records that lie as an equal partitioner says already are not moved.
///
/// ```no_run
/// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
/// use tinderbox::Partitioner;
///
/// let by_parity = Partitioner::custom(2, |key: &u64| (key % 2) as u32);
/// let numbers = cx.range(0..100).map(|n| (n, n * n)).partition_by(&by_parity);
/// let sums = numbers.reduce_by_key_in(|a, b| a + b, &by_parity); // nothing moves
/// let by_hash = sums.partition_by(8);
/// # Ok(())
/// # }
/// ```
pub struct Partitioner<'a, K> {
    partitions: u32,
    kind: Kind<'a, K>,
}

enum Kind<'a, K> {
    Hash(fn(&K) -> u64),
    Route(Partitioning, Rc<dyn Route<K> + 'a>),
    /// All records lie as it says, so it is never asked.
    Kept(Partitioning),
}

impl<K> Clone for Partitioner<'_, K> {
    fn clone(&self) -> Self {
        let kind = match &self.kind {
            Kind::Hash(hash) => Kind::Hash(*hash),
            Kind::Route(partitioning, route) => Kind::Route(*partitioning, Rc::clone(route)),
            Kind::Kept(partitioning) => Kind::Kept(*partitioning),
        };
        Self {
            partitions: self.partitions,
            kind,
        }
    }
}

impl<K> PartialEq for Partitioner<'_, K> {
    fn eq(&self, other: &Self) -> bool {
        self.partitioning() == other.partitioning()
    }
}

impl<K> Eq for Partitioner<'_, K> {}

impl<K> fmt::Debug for Partitioner<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Partitioner {:?} of {}",
            self.partitioning(),
            self.partitions
        )
    }
}

impl<'a, K: Hash + 'a> From<u32> for Partitioner<'a, K> {
    fn from(partitions: u32) -> Self {
        Self::hash(partitions)
    }
}

impl<'a, K> From<&Self> for Partitioner<'a, K> {
    fn from(partitioner: &Self) -> Self {
        partitioner.clone()
    }
}

impl<'a, K: 'a> Partitioner<'a, K> {
    /// By the keys' hashes (Spark's `HashPartitioner`).
    pub fn hash(partitions: u32) -> Self
    where
        K: Hash,
    {
        Self {
            partitions,
            kind: Kind::Hash(hash_of),
        }
    }

    /// By ranges of keys that hold about equally many of the dataset's records (Spark's `RangePartitioner`): the smallest in
    /// partition 0.
    ///
    /// Where the ranges lie is found by a sample, taken before the first action that needs them.
    #[track_caller]
    pub fn range<V: 'a>(dataset: &Rdd<'a, (K, V)>, partitions: u32) -> Self
    where
        K: Record + Ord + Clone,
    {
        let ranges = ByRange::new(
            dataset.clone(),
            partitions,
            Order::Ascending,
            Location::caller(),
        );
        Self {
            partitions,
            kind: Kind::Route(ranges.partitioning(), Rc::new(ranges)),
        }
    }

    /// By a function, which must answer with a number below `partitions`, the same for equal keys. A task in which it does not
    /// fails.
    pub fn custom(partitions: u32, partition: impl Fn(&K) -> u32 + 'a) -> Self {
        let function = Function {
            partition,
            partitions,
        };
        Self {
            partitions,
            kind: Kind::Route(Partitioning::Custom(next_partitioner()), Rc::new(function)),
        }
    }

    /// The number of the key's partition.
    ///
    /// # Errors
    /// The function has answered with a number that is no partition's, or the ranges could not be found: a job failed.
    pub fn partition(&self, key: &K) -> Result<u32> {
        self.prepare()?;
        self.checked_bucket(key)
    }
}

impl<K> Partitioner<'_, K> {
    /// The number of partitions.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    pub(crate) fn partitioning(&self) -> Partitioning {
        match &self.kind {
            Kind::Hash(_) => Partitioning::Hash(self.partitions),
            Kind::Route(partitioning, _) | Kind::Kept(partitioning) => *partitioning,
        }
    }

    pub(crate) fn is_hash(&self) -> bool {
        matches!(self.kind, Kind::Hash(_))
    }

    /// The bucket of a key whose hash is known.
    #[inline]
    pub(crate) fn bucket_of_hashed(&self, hash: u64, key: &K) -> u32 {
        match &self.kind {
            Kind::Hash(_) => bucket_of(hash, self.partitions),
            _ => self.bucket(key),
        }
    }
}

impl<K> Route<K> for Partitioner<'_, K> {
    fn bucket(&self, key: &K) -> u32 {
        match &self.kind {
            Kind::Hash(hash) => bucket_of(hash(key), self.partitions),
            Kind::Route(_, route) => route.bucket(key),
            Kind::Kept(_) => 0,
        }
    }

    fn prepare(&self) -> Result<()> {
        expect_partitions(self.partitions)?;
        match &self.kind {
            Kind::Route(_, route) => route.prepare(),
            _ => Ok(()),
        }
    }
}

/// Buckets by a function of the program's.
struct Function<F> {
    partition: F,
    partitions: u32,
}

impl<K, F: Fn(&K) -> u32> Route<K> for Function<F> {
    fn bucket(&self, key: &K) -> u32 {
        let answer = (self.partition)(key);
        if answer < self.partitions {
            return answer;
        }
        task::fail(Error::of(
            ErrorKind::InvalidArgument,
            format_args!(
                "the partitioner answered {answer} for a key, but it has {} partitions: it must answer with a \
                 number from 0 to {}",
                self.partitions,
                self.partitions.saturating_sub(1)
            ),
        ));
        0
    }
}

/// An input of a shuffle: its partitions, and how its records lie.
pub(crate) type Shape = (u32, Option<Partitioning>);

/// The partitioner of a shuffle for which the program names none (Spark's `Partitioner.defaultPartitioner`).
///
/// It is that of the input that has one and the most partitions, if it has at least as many as a new one would get, or
/// more than a tenth of the largest input's; else a new one, by hash, into as many partitions as the setting
/// `default.parallelism` says, or as the largest input has. Other than in Spark, records that lie by range or by a function
/// are left there only if all inputs lie alike.
pub(crate) fn default_partitioner<'a, K: Hash + 'a>(inputs: &[Shape]) -> Partitioner<'a, K> {
    let largest = inputs.iter().map(|input| input.0).max().unwrap_or(1);
    let wanted = configured_parallelism().unwrap_or(largest).max(1);
    // Of several with equally many, the first.
    let placed = inputs
        .iter()
        .filter_map(|(partitions, partitioning)| Some((*partitions, (*partitioning)?)))
        .rev()
        .max_by_key(|(partitions, _)| *partitions);
    let Some((partitions, partitioning)) = placed else {
        return Partitioner::hash(wanted);
    };
    let is_eligible = u64::from(largest) < 10 * u64::from(partitions) || wanted <= partitions;
    match partitioning {
        _ if !is_eligible => Partitioner::hash(wanted),
        Partitioning::Hash(partitions) => Partitioner::hash(partitions),
        _ if inputs.iter().all(|input| input.1 == Some(partitioning)) => Partitioner {
            partitions,
            kind: Kind::Kept(partitioning),
        },
        _ => Partitioner::hash(wanted),
    }
}
