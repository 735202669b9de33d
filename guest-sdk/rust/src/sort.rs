//! Sorts by key: ranges of keys to partitions, then each partition by itself.
//!
//! The bounds of the ranges come from a sample (Spark's `RangePartitioner`), which a job of its own takes just before
//! the first action that needs them. Records with equal keys stay in their order.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::mem;
use std::panic::Location;
use std::rc::Rc;

use crate::driver::Job;
use crate::error::Result;
use crate::lineage::{Parent, Shuffle, expect_partitions};
use crate::memory::Watch;
use crate::random::{Random, reservoir};
use crate::rdd::{Operation, Rdd};
use crate::record::{Record, from_bytes, to_bytes};
use crate::shuffle::{Move, Route};
use crate::spill::{Run, RunWriter, Runs};
use crate::stream::Records;
use crate::task;

/// Which key comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The smallest.
    Ascending,
    /// The largest.
    Descending,
}

/// Keys that are sampled for each partition that is wanted, and at most in all (as Spark).
const SAMPLED_PER_PARTITION: u64 = 20;
const SAMPLED_MAX: u64 = 1_000_000;
/// Each partition is asked for so much more than its share, since some hold more records than others (as Spark).
const OVERSAMPLING: u64 = 3;

/// Buckets by ranges of the key.
pub(crate) struct ByRange<'a, K, V> {
    parent: Rdd<'a, (K, V)>,
    partitions: u32,
    order: Order,
    call_site: &'static Location<'static>,
    /// The largest key of each range but the last, in ascending order.
    bounds: OnceCell<Vec<K>>,
}

impl<'a, K, V> ByRange<'a, K, V> {
    pub(crate) fn new(
        parent: Rdd<'a, (K, V)>,
        partitions: u32,
        order: Order,
        call_site: &'static Location<'static>,
    ) -> Self {
        Self {
            parent,
            partitions,
            order,
            call_site,
            bounds: OnceCell::new(),
        }
    }
}

impl<'a, K: Record + Ord + Clone + 'a, V: 'a> ByRange<'a, K, V> {
    /// How many keys one partition of the parent gives.
    fn sample_size(&self) -> usize {
        let all = (SAMPLED_PER_PARTITION * u64::from(self.partitions)).min(SAMPLED_MAX);
        let each = (all * OVERSAMPLING).div_ceil(u64::from(self.parent.partitions()).max(1));
        usize::try_from(each).unwrap_or(usize::MAX)
    }

    /// Finds the bounds, by a job of its own. The shuffle's number seeds the sample.
    fn prepare(&self, shuffle: u32) -> Result<()> {
        if self.partitions > 1 && self.bounds.get().is_none() {
            let bounds = bounds(self.sample(u64::from(shuffle))?, self.partitions);
            // Nobody else sets it: the sampling job does not come by here.
            let _ = self.bounds.set(bounds);
        }
        Ok(())
    }

    fn sample(&self, seed: u64) -> Result<Vec<(K, f64)>> {
        let size = self.sample_size();
        let action = |partition| {
            let keys = self.parent.records(partition).map(|(key, _)| key);
            let sample = reservoir(keys, size, Random::of_partition(seed, partition));
            task::check()?;
            Ok(to_bytes(&sample))
        };
        let job = Job {
            name: "sort_by_key: sample",
            call_site: self.call_site,
            root: &self.parent,
            action: &action,
        };
        let mut weighted = Vec::new();
        for bytes in job.run_all()? {
            let (keys, count): (Vec<K>, u64) = from_bytes(&bytes)?;
            let weight = count as f64 / keys.len().max(1) as f64;
            weighted.extend(keys.into_iter().map(|key| (key, weight)));
        }
        Ok(weighted)
    }
}

impl<'a, K: Record + Ord + Clone + 'a, V: 'a> Route<K> for ByRange<'a, K, V> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "there are fewer bounds than partitions"
    )]
    fn bucket(&self, key: &K) -> u32 {
        let below =
            self.bounds
                .get()
                .map_or(0, |bounds| bounds.partition_point(|bound| bound < key)) as u32;
        match self.order {
            Order::Ascending => below,
            Order::Descending => self.partitions - 1 - below,
        }
    }
}

/// Cuts weighted keys into ranges of about equal weight; no bound appears twice (Spark's `determineBounds`).
fn bounds<K: Ord + Clone>(mut weighted: Vec<(K, f64)>, partitions: u32) -> Vec<K> {
    weighted.sort_by(|a, b| a.0.cmp(&b.0));
    let step = weighted.iter().map(|(_, weight)| weight).sum::<f64>() / f64::from(partitions);
    let mut bounds: Vec<K> = Vec::new();
    let mut passed = 0.0;
    let mut target = step;
    for (key, weight) in weighted {
        passed += weight;
        if passed >= target && bounds.len() + 1 < partitions as usize && bounds.last() < Some(&key)
        {
            bounds.push(key);
            target += step;
        }
    }
    bounds
}

/// The records of each range, in order.
pub(crate) struct Sort<'a, K, V> {
    pub(crate) shuffle: Move<'a, K, V, ByRange<'a, K, V>>,
}

impl<'a, K: Record + Ord + Clone + 'a, V: Record + 'a> Operation for Sort<'a, K, V> {
    type Item = (K, V);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, V)>
    where
        Self: 's,
    {
        let records = self.shuffle.records(partition);
        match self.shuffle.route.order {
            Order::Ascending => sorted(records, |a, b| a.0.cmp(&b.0)),
            Order::Descending => sorted(records, |a, b| b.0.cmp(&a.0)),
        }
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        vec![Parent::Shuffle(&self.shuffle)]
    }

    fn prepare(&self) -> Result<()> {
        expect_partitions(self.shuffle.partitions())?;
        self.shuffle.route.prepare(self.shuffle.number())
    }
}

/// The records in order; equal ones as they came. What does not fit in memory is sorted piece by piece, and merged.
fn sorted<'s, T, C>(records: Records<'_, T>, compare: C) -> Records<'s, T>
where
    T: Record + 's,
    C: Fn(&T, &T) -> Ordering + Copy + 's,
{
    let (mut collected, mut runs, mut watch) = (Vec::new(), Runs::new(), Watch::new());
    records.for_each(|record| {
        collected.push(record);
        watch.expect_growth(&collected);
        if watch.is_due() {
            match put_aside(mem::take(&mut collected), compare) {
                Ok(run) => runs.push(run),
                Err(error) => task::fail(error),
            }
            watch = Watch::new();
        }
    });
    if runs.is_empty() {
        collected.sort_by(compare);
        return Records::new(collected.into_iter());
    }
    let merged = put_aside(collected, compare).and_then(|run| {
        runs.push(run);
        runs.merged(compare)
    });
    match merged {
        Ok(merged) => Records::new(merged),
        Err(error) => {
            task::fail(error);
            Records::new(std::iter::empty())
        }
    }
}

fn put_aside<T: Record>(
    mut records: Vec<T>,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Result<Rc<Run>> {
    records.sort_by(compare);
    let mut writer = RunWriter::new();
    for record in records {
        writer.push(|out| record.encode(out))?;
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_cut_into_equal_weights() {
        let weighted = (0..100).rev().map(|key| (key, 1.0)).collect();
        assert_eq!(bounds(weighted, 4), [24, 49, 74]);
    }

    #[test]
    fn heavy_keys_and_few_keys_give_fewer_bounds() {
        assert_eq!(bounds(vec![(1, 100.0), (1, 100.0), (2, 1.0)], 4), [1, 2]);
        assert!(bounds(Vec::<(u8, f64)>::new(), 4).is_empty());
    }
}
