//! Ranges of keys to partitions.
//!
//! The bounds of the ranges come from a sample (Spark's `RangePartitioner`), which a job of its own takes just before
//! the first action that needs them.

use std::cell::OnceCell;
use std::panic::Location;

use crate::driver::Job;
use crate::error::Result;
use crate::lineage::{Partitioning, next_partitioner};
use crate::random::{Random, reservoir};
use crate::rdd::Rdd;
use crate::record::{Record, from_bytes, to_bytes};
use crate::shuffle::Route;
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
    /// The partitioner's number, which seeds the sample.
    number: u32,
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
            number: next_partitioner(),
            bounds: OnceCell::new(),
        }
    }

    pub(crate) fn partitioning(&self) -> Partitioning {
        Partitioning::Range(self.number)
    }
}

impl<'a, K: Record + Ord + Clone + 'a, V: 'a> ByRange<'a, K, V> {
    /// How many keys one partition of the parent gives.
    fn sample_size(&self) -> usize {
        let all = (SAMPLED_PER_PARTITION * u64::from(self.partitions)).min(SAMPLED_MAX);
        let each = (all * OVERSAMPLING).div_ceil(u64::from(self.parent.partitions()).max(1));
        usize::try_from(each).unwrap_or(usize::MAX)
    }

    fn sample(&self) -> Result<Vec<(K, f64)>> {
        let (size, seed) = (self.sample_size(), u64::from(self.number));
        let action = |partition| {
            let random = Random::of_partition(seed, partition);
            let records = self.parent.records(partition);
            let sample = reservoir(records, |(key, _)| key, size, random);
            task::check()?;
            Ok(to_bytes(&sample))
        };
        let job = Job {
            name: "ranges: sample",
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

    /// Finds the bounds, by a job of its own.
    fn prepare(&self) -> Result<()> {
        if self.partitions > 1 && self.bounds.get().is_none() {
            let bounds = bounds(self.sample()?, self.partitions);
            // Nobody else sets it: the sampling job does not come by here.
            let _ = self.bounds.set(bounds);
        }
        Ok(())
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
