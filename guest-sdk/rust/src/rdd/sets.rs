//! Datasets taken as sets, and brought together or in order by a function of their records.
//!
//! Records are equal as Rust's `Eq` says. A fraction has none, since NaN is not equal to itself; its bits have one, and are
//! what Spark compares: `number.to_bits()` knows one NaN, and tells -0.0 from 0.0.

use std::hash::Hash;
use std::panic::Location;

use super::Rdd;
use crate::Order;
use crate::context::configured_parallelism;
use crate::record::Record;
use crate::values::Values;

impl<'a, T: Record + Hash + Eq + 'a> Rdd<'a, T> {
    /// The same as [`distinct`](Self::distinct), into so many partitions.
    #[track_caller]
    pub fn distinct_in(&self, partitions: u32) -> Self {
        self.mapped("distinct", None, |record| (record, ()))
            .reduce_by_key_in(|(), ()| (), partitions)
            .mapped("distinct", None, |(record, ())| record)
    }

    /// The records that both datasets have, each once.
    #[track_caller]
    pub fn intersection(&self, other: &Self) -> Self {
        let largest = self.partitions().max(other.partitions());
        self.intersection_in(other, configured_parallelism().unwrap_or(largest).max(1))
    }

    /// The same, into so many partitions.
    #[track_caller]
    pub fn intersection_in(&self, other: &Self, partitions: u32) -> Self {
        let both = |(record, (count, other))| (count > 0 && other).then_some(record);
        self.found_in("intersection", other, partitions)
            .flat_mapped("intersection", Location::caller(), both)
    }

    /// The records that the other dataset has not, as often as they are here, into as many partitions as there are here.
    #[track_caller]
    pub fn subtract(&self, other: &Self) -> Self
    where
        T: Clone,
    {
        self.subtract_in(other, self.partitions().max(1))
    }

    /// The same, into so many partitions.
    #[track_caller]
    pub fn subtract_in(&self, other: &Self, partitions: u32) -> Self
    where
        T: Clone,
    {
        let left =
            |(record, (count, other))| std::iter::repeat_n(record, if other { 0 } else { count });
        self.found_in("subtract", other, partitions).flat_mapped(
            "subtract",
            Location::caller(),
            left,
        )
    }

    /// How often each record of both datasets is in this one, and whether it is in the other. Those of one partition are
    /// counted before they are moved.
    #[track_caller]
    fn found_in(
        &self,
        name: &'static str,
        other: &Self,
        partitions: u32,
    ) -> Rdd<'a, (T, (usize, bool))> {
        let here = self.mapped(name, None, |record| (record, (1, false)));
        let there = other.mapped(name, None, |record| (record, (0, true)));
        Rdd::union_of(name, Location::caller(), vec![here, there])
            .reduce_by_key_in(|a, b| (a.0 + b.0, a.1 | b.1), partitions)
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// The same as [`group_by`](Self::group_by), into so many partitions.
    #[track_caller]
    pub fn group_by_in<K: Record + Hash + Eq + 'a>(
        &self,
        key: impl Fn(&T) -> K + 'a,
        partitions: u32,
    ) -> Rdd<'a, (K, Values<T>)> {
        self.mapped("group_by", None, move |record| (key(&record), record))
            .group_by_key_in(partitions)
    }

    /// Sorts by what the function makes of each record: the partitions one after the other are in order, and so is each.
    /// Records of one key keep their order.
    ///
    /// Numbers with fractions have no order in Rust, since NaN has no place in it. A key of one's own gives them one:
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// use std::cmp::Ordering;
    /// use tinderbox::{Order, Record};
    ///
    /// /// From -inf to inf, and NaN at the end, as Spark has it.
    /// #[derive(Clone, Record)]
    /// struct Number(f64);
    /// # impl PartialEq for Number { fn eq(&self, other: &Self) -> bool { self.cmp(other).is_eq() } }
    /// # impl Eq for Number {}
    /// # impl PartialOrd for Number { fn partial_cmp(&self, other: &Self) -> Option<Ordering> { Some(self.cmp(other)) } }
    ///
    /// impl Ord for Number {
    ///     fn cmp(&self, other: &Self) -> Ordering {
    ///         self.0.total_cmp(&other.0)
    ///     }
    /// }
    ///
    /// let sorted = cx.parallelize([2.5, -1.0]).sort_by(|number| Number(*number), Order::Ascending);
    /// assert_eq!(sorted.collect()?, [-1.0, 2.5]);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn sort_by<K: Record + Ord + Clone + 'a>(
        &self,
        key: impl Fn(&T) -> K + 'a,
        order: Order,
    ) -> Self {
        let keyed = self.mapped("sort_by", None, move |record| (key(&record), record));
        keyed
            .sort_by_key(order)
            .mapped("sort_by", None, |(_, record)| record)
    }

    /// The same, into so many partitions; some are empty where there are few keys.
    #[track_caller]
    pub fn sort_by_in<K: Record + Ord + Clone + 'a>(
        &self,
        key: impl Fn(&T) -> K + 'a,
        order: Order,
        partitions: u32,
    ) -> Self {
        let keyed = self.mapped("sort_by", None, move |record| (key(&record), record));
        keyed
            .sort_by_key_in(order, partitions)
            .mapped("sort_by", None, |(_, record)| record)
    }
}
