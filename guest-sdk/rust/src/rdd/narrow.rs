//! The operations whose partitions each come from one of the parent's.
//!
//! None holds a partition: records pass one by one.

use std::panic::Location;
use std::rc::Rc;

use super::{Operation, Rdd, one_to_one};
use crate::lineage::{Parent, Partitioning};
use crate::stream::{Records, Stream};

impl<'a, T: 'a> Rdd<'a, T> {
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
        self.flat_mapped("flat_map", Location::caller(), f)
    }

    pub(crate) fn flat_mapped<I>(
        &self,
        name: &'static str,
        call_site: &'static Location<'static>,
        f: impl Fn(T) -> I + 'a,
    ) -> Rdd<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
        I::IntoIter: 'a,
    {
        let parent = self.clone();
        self.narrow(name, call_site, None, FlatMap { parent, f })
    }

    /// Applies a function to each record and keeps what it gives something for: Spark's `collect` with a partial function.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context, lines: tinderbox::Rdd<'_, String>) {
    /// let numbers = lines.filter_map(|line| line.parse::<u64>().ok());
    /// # }
    /// ```
    #[track_caller]
    pub fn filter_map<U: 'a>(&self, f: impl Fn(T) -> Option<U> + 'a) -> Rdd<'a, U> {
        self.flat_mapped("filter_map", Location::caller(), f)
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

    /// The same as [`map_partitions`](Self::map_partitions), of a function that changes no record's key: what is
    /// partitioned by key stays known to be (Spark's `preservesPartitioning`). Nobody checks it; a record whose key has
    /// changed is missed by what is done by key afterwards.
    #[track_caller]
    pub fn map_partitions_in_place<I>(
        &self,
        f: impl Fn(Records<'a, T>) -> I + 'a,
    ) -> Rdd<'a, I::Item>
    where
        I: IntoIterator + 'a,
        I::Item: 'a,
        I::IntoIter: 'a,
    {
        self.partitions_mapped(
            "map_partitions_in_place",
            Location::caller(),
            self.partitioning(),
            move |_, records| f(records),
        )
    }

    /// Makes each partition one record: the list of its records, which is empty where there are none. A partition must
    /// fit in memory.
    #[track_caller]
    pub fn glom(&self) -> Rdd<'a, Vec<T>> {
        self.partitions_mapped("glom", Location::caller(), None, |_, records| {
            [records.collect()]
        })
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
        Records::of_stream(Mapped {
            records: self.parent.records(partition),
            f: move |record| (self.f)(record),
        })
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        one_to_one(&self.parent)
    }
}

/// Records that a function makes, one of each.
struct Mapped<'a, T, F> {
    records: Records<'a, T>,
    f: F,
}

impl<T, U, F: FnMut(T) -> U> Stream<U> for Mapped<'_, T, F> {
    fn pull(&mut self) -> Option<U> {
        self.records.next().map(&mut self.f)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        Iterator::size_hint(&self.records)
    }

    fn drain(mut self: Box<Self>, sink: &mut dyn FnMut(U)) {
        self.records.for_each(|record| sink((self.f)(record)));
    }

    fn count(self: Box<Self>) -> u64 {
        let mut count = 0;
        self.drain(&mut |_| count += 1);
        count
    }

    fn skim(mut self: Box<Self>, take: &mut dyn FnMut(U) -> u64) -> u64 {
        self.records.skim(&mut |record| take((self.f)(record)))
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
