//! What needs an order of keys: sorting, and the records of a range.

use std::cell::OnceCell;
use std::ops::{Range, RangeInclusive};
use std::panic::Location;
use std::rc::Rc;

use super::partitioner::Partitioner;
use super::ranges::{ByRange, Order};
use super::sorted::Sort;
use crate::context::configured_parallelism;
use crate::error::Result;
use crate::lineage::{Header, Parent, Partitioning};
use crate::rdd::{Operation, Rdd, one_to_one};
use crate::record::{Record, to_bytes};
use crate::shuffle::Move;
use crate::shuffle::placing_shuffle;
use crate::stream::Records;

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
        let partitioning = route.partitioning();
        let shuffle = Move::new(self.clone(), route, partitions);
        Self::new(
            Header::new("sort_by_key", site, partitions, Some(partitioning)),
            Sort { shuffle, order },
        )
    }
}

impl<'a, K: Record + Ord + 'a, V: Record + 'a> Rdd<'a, (K, V)> {
    /// Moves each record where the partitioner says, and sorts each partition by key, the smallest first. Equal keys keep
    /// their order.
    ///
    /// It is quicker than moving and then sorting, since records are sorted as they arrive.
    #[track_caller]
    pub fn repartition_and_sort_within_partitions(
        &self,
        partitioner: impl Into<Partitioner<'a, K>>,
    ) -> Self {
        let partitioner = partitioner.into();
        let (partitions, partitioning) = (partitioner.partitions(), partitioner.partitioning());
        let header = Header::new(
            "repartition_and_sort_within_partitions",
            Location::caller(),
            partitions,
            Some(partitioning),
        );
        let order = Order::Ascending;
        let shuffle = Move::new(self.clone(), partitioner, partitions);
        Self::new(header, Sort { shuffle, order })
    }
}

impl<'a, K: Record + Ord + 'a, V: 'a> Rdd<'a, (K, V)> {
    /// Keeps the records whose keys lie in the range, both ends included.
    ///
    /// Of a dataset that lies by ranges of its keys, as `sort_by_key` leaves it, only those partitions are computed that can
    /// hold such keys; the others are empty.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// use tinderbox::Order;
    ///
    /// let squares = cx.range(0..1000).map(|n| (n * n, n)).sort_by_key(Order::Ascending);
    /// assert_eq!(squares.filter_by_range(10..=20).collect()?, [(16, 4)]);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn filter_by_range(&self, range: RangeInclusive<K>) -> Self {
        let operation = FilterByRange {
            parent: self.clone(),
            range,
            partitions: OnceCell::new(),
        };
        self.narrow(
            "filter_by_range",
            Location::caller(),
            self.partitioning(),
            operation,
        )
    }
}

struct FilterByRange<'a, K, V> {
    parent: Rdd<'a, (K, V)>,
    range: RangeInclusive<K>,
    /// Those that can hold such keys, if that is known.
    partitions: OnceCell<Range<u32>>,
}

impl<'a, K: Record + Ord + 'a, V: 'a> FilterByRange<'a, K, V> {
    /// Where the ends of the range belong, and what lies between.
    fn reachable(&self) -> Result<Range<u32>> {
        let all = 0..self.parent.partitions();
        if !matches!(self.parent.partitioning(), Some(Partitioning::Range(_))) {
            return Ok(all);
        }
        let Some(shuffle) = placing_shuffle(&self.parent) else {
            return Ok(all);
        };
        let start = shuffle.bucket(&to_bytes(self.range.start()))?;
        let end = shuffle.bucket(&to_bytes(self.range.end()))?;
        Ok(start.min(end)..start.max(end) + 1)
    }
}

impl<'a, K: Record + Ord + 'a, V: 'a> Operation for FilterByRange<'a, K, V> {
    type Item = (K, V);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, V)>
    where
        Self: 's,
    {
        let known = self.partitions.get();
        if known.is_some_and(|partitions| !partitions.contains(&partition)) {
            return Records::new(std::iter::empty());
        }
        let records = self.parent.records(partition);
        Records::new(records.filter(move |(key, _)| self.range.contains(key)))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        one_to_one(&self.parent)
    }

    fn prepare(&self) -> Result<()> {
        // Nobody else sets it: preparing is done once.
        let _ = self.partitions.set(self.reachable()?);
        Ok(())
    }
}
