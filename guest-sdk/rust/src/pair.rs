//! The operations on pairs of a key and a value.
//!
//! What moves records by key gives each key one partition, and remembers that, so that they are not moved twice.

use std::hash::Hash;
use std::panic::Location;
use std::rc::Rc;

use crate::combine::{CombineAcross, CombineHere, Combiner};
use crate::context::configured_parallelism;
use crate::join::{Cogroup, Group, Join, Sides};
use crate::lineage::{Header, Partitioning, Shuffle};
use crate::rdd::Rdd;
use crate::record::Record;
use crate::shuffle::{ByKey, Move, Partitioned};
use crate::sort::{ByRange, Order, Sort};
use crate::values::Values;

/// How many partitions a shuffle gets where the program does not say it (Spark's `Partitioner.defaultPartitioner`):
/// those of an input that is partitioned by key already, else the setting `default.parallelism`, else the largest input's.
fn shuffle_partitions(inputs: &[(u32, Option<Partitioning>)]) -> u32 {
    let hashed = inputs
        .iter()
        .filter_map(|(_, partitioning)| match partitioning {
            Some(Partitioning::Hash(partitions)) => Some(*partitions),
            _ => None,
        });
    let largest = inputs
        .iter()
        .map(|(partitions, _)| *partitions)
        .max()
        .unwrap_or(1);
    hashed
        .max()
        .or_else(configured_parallelism)
        .unwrap_or(largest)
        .max(1)
}

impl<'a, K: 'a, V: 'a> Rdd<'a, (K, V)> {
    fn shuffle_partitions(&self) -> u32 {
        shuffle_partitions(&[(self.partitions(), self.partitioning())])
    }

    /// The keys alone.
    #[track_caller]
    pub fn keys(&self) -> Rdd<'a, K> {
        self.mapped("keys", None, |(key, _)| key)
    }

    /// The values alone.
    #[track_caller]
    pub fn values(&self) -> Rdd<'a, V> {
        self.mapped("values", None, |(_, value)| value)
    }

    /// Applies a function to each value. The keys stay where they are.
    #[track_caller]
    pub fn map_values<W: 'a>(&self, f: impl Fn(V) -> W + 'a) -> Rdd<'a, (K, W)> {
        self.mapped("map_values", self.partitioning(), move |(key, value)| {
            (key, f(value))
        })
    }
}

impl<'a, K: Record + Hash + Eq + 'a, V: Record + 'a> Rdd<'a, (K, V)> {
    /// Makes the values of each key one, two by two. The function must be associative and commutative.
    ///
    /// Values are combined within each partition before they are moved.
    #[track_caller]
    pub fn reduce_by_key(&self, f: impl Fn(V, V) -> V + 'a) -> Self {
        self.reduced(Location::caller(), f, self.shuffle_partitions())
    }

    /// The same, into so many partitions.
    #[track_caller]
    pub fn reduce_by_key_in(&self, f: impl Fn(V, V) -> V + 'a, partitions: u32) -> Self {
        self.reduced(Location::caller(), f, partitions)
    }

    fn reduced(
        &self,
        site: &'static Location<'static>,
        f: impl Fn(V, V) -> V + 'a,
        partitions: u32,
    ) -> Self {
        let f = Rc::new(f);
        let again = Rc::clone(&f);
        let combiner = Combiner::new(|value| value, move |a, b| f(a, b), move |a, b| again(a, b));
        self.combined("reduce_by_key", site, combiner, partitions)
    }

    /// Brings the values of each key together, in the order in which they come. A group may be larger than a task's memory.
    #[track_caller]
    pub fn group_by_key(&self) -> Rdd<'a, (K, Values<V>)> {
        self.grouped(Location::caller(), self.shuffle_partitions())
    }

    /// The same, into so many partitions.
    #[track_caller]
    pub fn group_by_key_in(&self, partitions: u32) -> Rdd<'a, (K, Values<V>)> {
        self.grouped(Location::caller(), partitions)
    }

    fn grouped(
        &self,
        site: &'static Location<'static>,
        partitions: u32,
    ) -> Rdd<'a, (K, Values<V>)> {
        let header = Header::new(
            "group_by_key",
            site,
            partitions,
            Some(Partitioning::Hash(partitions)),
        );
        Rdd::new(
            header,
            Group {
                side: ByKey::of(self, partitions),
            },
        )
    }

    /// Moves each record to the partition of its key.
    #[track_caller]
    pub fn partition_by_key(&self, partitions: u32) -> Self {
        let header = Header::new(
            "partition_by_key",
            Location::caller(),
            partitions,
            Some(Partitioning::Hash(partitions)),
        );
        Self::new(
            header,
            Partitioned {
                side: ByKey::of(self, partitions),
            },
        )
    }

    /// Pairs each value with each value that the other dataset has for the same key.
    #[track_caller]
    pub fn join<W: Record + Clone + 'a>(&self, other: &Rdd<'a, (K, W)>) -> Rdd<'a, (K, (V, W))>
    where
        K: Clone,
        V: Clone,
    {
        self.joined(Location::caller(), other, self.partitions_with(other))
    }

    /// The same, into so many partitions.
    #[track_caller]
    pub fn join_in<W: Record + Clone + 'a>(
        &self,
        other: &Rdd<'a, (K, W)>,
        partitions: u32,
    ) -> Rdd<'a, (K, (V, W))>
    where
        K: Clone,
        V: Clone,
    {
        self.joined(Location::caller(), other, partitions)
    }

    fn joined<W: Record + Clone + 'a>(
        &self,
        site: &'static Location<'static>,
        other: &Rdd<'a, (K, W)>,
        partitions: u32,
    ) -> Rdd<'a, (K, (V, W))>
    where
        K: Clone,
        V: Clone,
    {
        let header = Header::new(
            "join",
            site,
            partitions,
            Some(Partitioning::Hash(partitions)),
        );
        Rdd::new(header, Join(self.beside(other, partitions)))
    }

    /// Brings the values of each key together that either dataset has, those of this one and those of the other. A group may
    /// be larger than a task's memory.
    #[track_caller]
    pub fn cogroup<W: Record + 'a>(
        &self,
        other: &Rdd<'a, (K, W)>,
    ) -> Rdd<'a, (K, (Values<V>, Values<W>))> {
        self.cogrouped(Location::caller(), other, self.partitions_with(other))
    }

    /// The same, into so many partitions.
    #[track_caller]
    pub fn cogroup_in<W: Record + 'a>(
        &self,
        other: &Rdd<'a, (K, W)>,
        partitions: u32,
    ) -> Rdd<'a, (K, (Values<V>, Values<W>))> {
        self.cogrouped(Location::caller(), other, partitions)
    }

    fn cogrouped<W: Record + 'a>(
        &self,
        site: &'static Location<'static>,
        other: &Rdd<'a, (K, W)>,
        partitions: u32,
    ) -> Rdd<'a, (K, (Values<V>, Values<W>))> {
        let partitioning = Some(Partitioning::Hash(partitions));
        let header = Header::new("cogroup", site, partitions, partitioning);
        Rdd::new(header, Cogroup(self.beside(other, partitions)))
    }

    fn beside<W: Record + 'a>(
        &self,
        other: &Rdd<'a, (K, W)>,
        partitions: u32,
    ) -> Sides<'a, K, V, W> {
        Sides {
            left: ByKey::of(self, partitions),
            right: ByKey::of(other, partitions),
        }
    }

    fn partitions_with<W: 'a>(&self, other: &Rdd<'a, (K, W)>) -> u32 {
        shuffle_partitions(&[
            (self.partitions(), self.partitioning()),
            (other.partitions(), other.partitioning()),
        ])
    }
}

impl<'a, K: Record + Hash + Eq + 'a, V: 'a> Rdd<'a, (K, V)> {
    /// Makes the values of each key one of another type: of the first value, by a further one, of two partitions' results.
    #[track_caller]
    pub fn combine_by_key<C: Record + 'a>(
        &self,
        create: impl Fn(V) -> C + 'a,
        add: impl Fn(C, V) -> C + 'a,
        merge: impl Fn(C, C) -> C + 'a,
    ) -> Rdd<'a, (K, C)> {
        let combiner = Combiner::new(create, add, merge);
        self.combined(
            "combine_by_key",
            Location::caller(),
            combiner,
            self.shuffle_partitions(),
        )
    }

    /// Adds the values of each key to `zero`, partition by partition, and merges those sums.
    #[track_caller]
    pub fn aggregate_by_key<C: Record + Clone + 'a>(
        &self,
        zero: C,
        add: impl Fn(C, V) -> C + 'a,
        merge: impl Fn(C, C) -> C + 'a,
    ) -> Rdd<'a, (K, C)> {
        let add = Rc::new(add);
        let first = Rc::clone(&add);
        let combiner = Combiner::new(
            move |value| first(zero.clone(), value),
            move |sum, value| add(sum, value),
            merge,
        );
        self.combined(
            "aggregate_by_key",
            Location::caller(),
            combiner,
            self.shuffle_partitions(),
        )
    }

    fn combined<C, Create, Add, Merge>(
        &self,
        name: &'static str,
        site: &'static Location<'static>,
        combiner: Combiner<V, C, Create, Add, Merge>,
        partitions: u32,
    ) -> Rdd<'a, (K, C)>
    where
        C: Record + 'a,
        Create: Fn(V) -> C + 'a,
        Add: Fn(C, V) -> C + 'a,
        Merge: Fn(C, C) -> C + 'a,
    {
        let partitioning = Partitioning::Hash(partitions);
        let header = Header::new(name, site, partitions, Some(partitioning));
        if self.partitioning() == Some(partitioning) {
            Rdd::new(
                header,
                CombineHere {
                    parent: self.clone(),
                    combiner,
                },
            )
        } else {
            Rdd::new(
                header,
                CombineAcross::new(self.clone(), combiner, partitions),
            )
        }
    }
}

impl<'a, K: Record + Ord + Clone + 'a, V: Record + 'a> Rdd<'a, (K, V)> {
    /// Sorts by key: the partitions one after the other are in order, and so is each. Equal keys keep their order.
    ///
    /// Where the ranges lie is found by a sample, taken before the first action that needs them.
    #[track_caller]
    pub fn sort_by_key(&self, order: Order) -> Self {
        let partitions = configured_parallelism()
            .unwrap_or_else(|| self.partitions())
            .max(1);
        self.sorted(Location::caller(), order, partitions)
    }

    /// The same, into so many partitions; some are empty where there are few keys.
    #[track_caller]
    pub fn sort_by_key_in(&self, order: Order, partitions: u32) -> Self {
        self.sorted(Location::caller(), order, partitions)
    }

    fn sorted(&self, site: &'static Location<'static>, order: Order, partitions: u32) -> Self {
        let route = ByRange::new(self.clone(), partitions, order, site);
        let shuffle = Move::new(self.clone(), route, partitions);
        let partitioning = Partitioning::Range(shuffle.number());
        Self::new(
            Header::new("sort_by_key", site, partitions, Some(partitioning)),
            Sort { shuffle },
        )
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// Brings the records together that the function gives the same key.
    #[track_caller]
    pub fn group_by<K: Record + Hash + Eq + 'a>(
        &self,
        key: impl Fn(&T) -> K + 'a,
    ) -> Rdd<'a, (K, Values<T>)> {
        let keyed = self.mapped("group_by", None, move |record| (key(&record), record));
        keyed.grouped(Location::caller(), keyed.shuffle_partitions())
    }
}

impl<'a, T: Record + Hash + Eq + 'a> Rdd<'a, T> {
    /// Each record once.
    #[track_caller]
    pub fn distinct(&self) -> Self {
        let partitions = shuffle_partitions(&[(self.partitions(), None)]);
        let combiner = Combiner::new(|()| (), |(), ()| (), |(), ()| ());
        let once = self.mapped("distinct", None, |record| (record, ()));
        once.combined("distinct", Location::caller(), combiner, partitions)
            .mapped("distinct", None, |(record, ())| record)
    }
}
