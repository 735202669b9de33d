//! The dataset's handle and the operations on records of any type.
//!
//! A transformation runs nothing: it notes what to do. Its closure runs in tasks, and may borrow whatever lives until
//! the action that starts them.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use crate::batch::{self, Codec};
use crate::cache;
use crate::error::Result;
use crate::host::{PartitionMap, PartitionSpan};
use crate::lineage::{self, Header, Lineage, Parent, Partitioning, StorageLevel};
use crate::random::Sampler;
use crate::record::Record;
use crate::stream::Records;

/// A dataset: records of type `T` in partitions, computed by tasks when an action asks for them.
///
/// A handle is cheap to clone. `'a` is the time for which its closures can be called, so it covers what they borrow; a
/// handle can be used wherever a shorter time will do. This is why a closure may borrow a local that is younger than
/// the dataset it is applied to:
///
/// ```no_run
/// # fn nearest(centers: &[f64], point: f64) -> usize { 0 }
/// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
/// let points = cx.parallelize([1.0, 2.0, 9.0]).cache();
/// let mut centers = vec![0.0, 5.0];
/// for _ in 0..10 {
///     let sums = points
///         .map(|point| (nearest(&centers, point), (point, 1u32)))
///         .reduce_by_key(|a, b| (a.0 + b.0, a.1 + b.1))
///         .collect()?;
///     for (cluster, (sum, count)) in sums {
///         centers[cluster] = sum / f64::from(count);
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// A handle never outlives what its closures borrow:
///
/// ```compile_fail,E0597
/// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
/// let numbers = cx.range(0..10);
/// let scaled;
/// {
///     let factor = 3;
///     scaled = numbers.map(|number| number * &factor);
/// }
/// scaled.count()?;
/// # Ok(())
/// # }
/// ```
///
/// Nor does what they borrow change while a handle could still call them:
///
/// ```compile_fail,E0506
/// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
/// let mut factor = 3;
/// let scaled = cx.range(0..10).map(|number| number * &factor);
/// factor = 4;
/// scaled.count()?;
/// # Ok(())
/// # }
/// ```
pub struct Rdd<'a, T> {
    meta: Rc<Meta<T>>,
    operation: Rc<dyn Operation<Item = T> + 'a>,
}

struct Meta<T> {
    header: Header,
    /// How a cached partition becomes bytes; set by the first `persist`.
    codec: Cell<Option<Codec<T>>>,
}

/// How one dataset is computed from others.
///
/// The trait does not name the lifetime of what it borrows (`compute` takes any that fits), so that a handle can be
/// used as one of a shorter lifetime.
pub(crate) trait Operation {
    type Item;

    /// The records of a partition.
    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, Self::Item>
    where
        Self: 's;

    fn parents(&self) -> Vec<Parent<'_>>;

    /// Does in the driver what must be done before the first task: once, before the host is told of the dataset.
    fn prepare(&self) -> Result<()> {
        Ok(())
    }
}

impl<T> Clone for Rdd<'_, T> {
    fn clone(&self) -> Self {
        Self {
            meta: Rc::clone(&self.meta),
            operation: Rc::clone(&self.operation),
        }
    }
}

impl<T> fmt::Debug for Rdd<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = &self.meta.header;
        write!(
            f,
            "{} #{} at {}",
            header.name(),
            header.id(),
            lineage::place(header.call_site())
        )
    }
}

impl<T> Lineage for Rdd<'_, T> {
    fn header(&self) -> &Header {
        &self.meta.header
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        self.operation.parents()
    }

    fn prepare(&self) -> Result<()> {
        self.operation.prepare()
    }
}

/// Partition i comes from the parent's partition i.
pub(crate) fn one_to_one(parent: &dyn Lineage) -> Vec<Parent<'_>> {
    vec![Parent::Narrow(parent, PartitionMap::OneToOne)]
}

impl<'a, T: 'a> Rdd<'a, T> {
    pub(crate) fn new(header: Header, operation: impl Operation<Item = T> + 'a) -> Self {
        let meta = Meta {
            header,
            codec: Cell::new(None),
        };
        Self {
            meta: Rc::new(meta),
            operation: Rc::new(operation),
        }
    }

    /// A dataset of as many partitions as this one, each made from one of this one's.
    pub(crate) fn narrow<U: 'a>(
        &self,
        name: &'static str,
        call_site: &'static Location<'static>,
        partitioning: Option<Partitioning>,
        operation: impl Operation<Item = U> + 'a,
    ) -> Rdd<'a, U> {
        Rdd::new(
            Header::new(name, call_site, self.partitions(), partitioning),
            operation,
        )
    }

    /// The records of a partition, within a task: from the cache if they are kept there, else computed.
    pub(crate) fn records(&self, partition: u32) -> Records<'a, T> {
        let compute = || Rc::clone(&self.operation).compute(partition);
        let level = self.meta.header.storage().to_host();
        match level.zip(self.meta.codec.get()) {
            Some((level, codec)) => cache::records((self.id(), partition), level, codec, compute),
            None => compute(),
        }
    }

    /// The dataset's number: a counter in program order.
    pub fn id(&self) -> u32 {
        self.meta.header.id()
    }

    /// The number of partitions.
    pub fn partitions(&self) -> u32 {
        self.meta.header.partitions()
    }

    pub(crate) fn partitioning(&self) -> Option<Partitioning> {
        self.meta.header.partitioning
    }

    /// Describes the dataset and what it is computed from, one line each, as Spark's `toDebugString`.
    pub fn to_debug_string(&self) -> String {
        lineage::debug_string(self)
    }

    /// Applies a function to each record.
    #[track_caller]
    pub fn map<U: 'a>(&self, f: impl Fn(T) -> U + 'a) -> Rdd<'a, U> {
        self.mapped("map", None, f)
    }

    #[track_caller]
    pub(crate) fn mapped<U: 'a>(
        &self,
        name: &'static str,
        partitioning: Option<Partitioning>,
        f: impl Fn(T) -> U + 'a,
    ) -> Rdd<'a, U> {
        self.narrow(
            name,
            Location::caller(),
            partitioning,
            Map {
                parent: self.clone(),
                f,
            },
        )
    }

    /// Applies a function to each record and takes the records that it gives, of which there may be none.
    #[track_caller]
    pub fn flat_map<I>(&self, f: impl Fn(T) -> I + 'a) -> Rdd<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
        I::IntoIter: 'a,
    {
        self.narrow(
            "flat_map",
            Location::caller(),
            None,
            FlatMap {
                parent: self.clone(),
                f,
            },
        )
    }

    /// Keeps the records for which the condition holds.
    #[track_caller]
    pub fn filter(&self, condition: impl Fn(&T) -> bool + 'a) -> Self {
        let filter = Filter {
            parent: self.clone(),
            condition,
        };
        self.narrow("filter", Location::caller(), self.partitioning(), filter)
    }

    /// Applies a function to the records of each partition as a whole.
    #[track_caller]
    pub fn map_partitions<I>(&self, f: impl Fn(Records<'a, T>) -> I + 'a) -> Rdd<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
        I::IntoIter: 'a,
    {
        self.partitions_mapped(
            "map_partitions",
            Location::caller(),
            None,
            move |_, records| f(records),
        )
    }

    /// Applies a function to the number and the records of each partition.
    #[track_caller]
    pub fn map_partitions_with_index<I>(
        &self,
        f: impl Fn(u32, Records<'a, T>) -> I + 'a,
    ) -> Rdd<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
        I::IntoIter: 'a,
    {
        self.partitions_mapped("map_partitions_with_index", Location::caller(), None, f)
    }

    pub(crate) fn partitions_mapped<I>(
        &self,
        name: &'static str,
        call_site: &'static Location<'static>,
        partitioning: Option<Partitioning>,
        f: impl Fn(u32, Records<'a, T>) -> I + 'a,
    ) -> Rdd<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
        I::IntoIter: 'a,
    {
        self.narrow(
            name,
            call_site,
            partitioning,
            MapPartitions {
                parent: self.clone(),
                f,
            },
        )
    }

    /// Pairs each record with its key.
    #[track_caller]
    pub fn key_by<K: 'a>(&self, key: impl Fn(&T) -> K + 'a) -> Rdd<'a, (K, T)> {
        self.mapped("key_by", None, move |record| (key(&record), record))
    }

    /// Puts another dataset's records behind this one's. No record moves, and none is compared.
    #[track_caller]
    pub fn union(&self, other: &Self) -> Self {
        Self::union_of(
            "union",
            Location::caller(),
            vec![self.clone(), other.clone()],
        )
    }

    pub(crate) fn union_of(
        name: &'static str,
        call_site: &'static Location<'static>,
        parents: Vec<Self>,
    ) -> Self {
        let partitions = parents.iter().map(Self::partitions).sum();
        Self::new(
            Header::new(name, call_site, partitions, None),
            Union { parents },
        )
    }

    /// Keeps each record with a probability of `fraction` (Spark's `BernoulliSampler`).
    ///
    /// The same seed keeps the same records, in every attempt and every run.
    #[track_caller]
    pub fn sample(&self, fraction: f64, seed: u64) -> Self {
        self.sampled(
            "sample",
            Location::caller(),
            Sampler::Bernoulli(fraction),
            seed,
        )
    }

    /// Takes each record as often as a Poisson distribution of mean `fraction` says (Spark's `PoissonSampler`).
    #[track_caller]
    pub fn sample_with_replacement(&self, fraction: f64, seed: u64) -> Self
    where
        T: Clone,
    {
        let sampler = Sampler::Poisson(fraction);
        self.partitions_mapped(
            "sample_with_replacement",
            Location::caller(),
            self.partitioning(),
            move |partition, records| {
                let mut counts = sampler.start(seed, partition);
                records.flat_map(move |record| std::iter::repeat_n(record, counts.next_count()))
            },
        )
    }

    fn sampled(
        &self,
        name: &'static str,
        site: &'static Location<'static>,
        sampler: Sampler,
        seed: u64,
    ) -> Self {
        self.partitions_mapped(
            name,
            site,
            self.partitioning(),
            move |partition, records| {
                let mut counts = sampler.start(seed, partition);
                records.filter(move |_| counts.next_count() > 0)
            },
        )
    }

    /// Keeps the partitions in memory once they are computed; the same as `persist(StorageLevel::MemoryOnly)`.
    ///
    /// Where there is no room, a partition is computed again when it is asked for again.
    #[must_use]
    pub fn cache(&self) -> Self
    where
        T: Record,
    {
        self.persist(StorageLevel::MemoryOnly)
    }

    /// Says where the partitions are to be kept once they are computed. It holds from the next action on.
    ///
    /// A partition passes through the task batch by batch: it may be larger than the task's memory. One that is damaged
    /// on disk, or for which a disk has no room, is computed again.
    #[must_use]
    pub fn persist(&self, level: StorageLevel) -> Self
    where
        T: Record,
    {
        self.meta.codec.set(Some(Codec {
            offer: batch::offer::<T>,
            decode_all: T::decode_all,
        }));
        lineage::persist(self, level);
        self.clone()
    }

    /// Lets the kept partitions go.
    pub fn unpersist(&self) {
        lineage::persist(self, StorageLevel::None);
    }

    /// How the partitions are kept.
    pub fn storage_level(&self) -> StorageLevel {
        self.meta.header.storage()
    }
}

struct Map<'a, T, F> {
    parent: Rdd<'a, T>,
    f: F,
}

impl<T, U, F: Fn(T) -> U> Operation for Map<'_, T, F> {
    type Item = U;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, U>
    where
        Self: 's,
    {
        Records::new(
            self.parent
                .records(partition)
                .map(move |record| (self.f)(record)),
        )
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        one_to_one(&self.parent)
    }
}

struct FlatMap<'a, T, F> {
    parent: Rdd<'a, T>,
    f: F,
}

impl<'a, T, I, F> Operation for FlatMap<'a, T, F>
where
    F: Fn(T) -> I,
    I: IntoIterator + 'a,
    I::IntoIter: 'a,
{
    type Item = I::Item;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, I::Item>
    where
        Self: 's,
    {
        Records::new(
            self.parent
                .records(partition)
                .flat_map(move |record| (self.f)(record)),
        )
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        one_to_one(&self.parent)
    }
}

struct Filter<'a, T, F> {
    parent: Rdd<'a, T>,
    condition: F,
}

impl<T, F: Fn(&T) -> bool> Operation for Filter<'_, T, F> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        Records::new(
            self.parent
                .records(partition)
                .filter(move |record| (self.condition)(record)),
        )
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        one_to_one(&self.parent)
    }
}

struct MapPartitions<'a, T, F> {
    parent: Rdd<'a, T>,
    f: F,
}

impl<'a, T: 'a, I, F> Operation for MapPartitions<'a, T, F>
where
    F: Fn(u32, Records<'a, T>) -> I,
    I: IntoIterator + 'a,
    I::IntoIter: 'a,
{
    type Item = I::Item;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, I::Item>
    where
        Self: 's,
    {
        // The function need not be lazy, so it waits for the first record that is asked for.
        let start = move || (self.f)(partition, self.parent.records(partition));
        Records::new(std::iter::once_with(start).flatten())
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        one_to_one(&self.parent)
    }
}

struct Union<'a, T> {
    parents: Vec<Rdd<'a, T>>,
}

impl<T> Operation for Union<'_, T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let mut rest = partition;
        for parent in &self.parents {
            if rest < parent.partitions() {
                return parent.records(rest);
            }
            rest -= parent.partitions();
        }
        Records::new(std::iter::empty())
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        let mut out_start = 0;
        let span = |parent| {
            let length = Rdd::partitions(parent);
            let span = PartitionSpan {
                in_start: 0,
                out_start,
                length,
            };
            out_start += length;
            Parent::Narrow(parent as &dyn Lineage, PartitionMap::Span(span))
        };
        self.parents.iter().map(span).collect()
    }
}
