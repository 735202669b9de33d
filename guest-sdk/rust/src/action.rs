//! The actions: what starts a job and brings something back to the driver.
//!
//! Partitions' results are put together in the order of the partitions, whatever the order in which they arrive.

use std::cmp::Ordering;
use std::hash::Hash;
use std::panic::Location;

use crate::batch::{self, Batch};
use crate::driver::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::HashMap;
use crate::rdd::Rdd;
use crate::record::{Record, from_bytes, to_bytes};
use crate::stream::Records;

/// How many times as many partitions `take` tries after those that gave nothing (Spark's `rdd.limit.scaleUpFactor`).
const TAKE_SCALE_UP: u32 = 4;

type Site = &'static Location<'static>;

impl<'a, T: 'a> Rdd<'a, T> {
    /// One result a partition, in their order.
    pub(crate) fn per_partition<R: Record>(
        &self,
        name: &'static str,
        call_site: Site,
        work: impl Fn(u32, Records<'a, T>) -> Result<R>,
    ) -> Result<Vec<R>> {
        let action = |partition| Ok(to_bytes(&work(partition, self.records(partition))?));
        let results = Job {
            name,
            call_site,
            root: self,
            action: &action,
        }
        .run_all()?;
        results.iter().map(|bytes| Ok(from_bytes(bytes)?)).collect()
    }

    /// The number of records.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn count(&self) -> Result<u64> {
        let counts = self.per_partition("count", Location::caller(), |_, records| {
            Ok(records.fold(0u64, |count, _| count + 1))
        })?;
        Ok(counts.into_iter().sum())
    }

    /// Runs a function on each record, in the tasks. What it prints goes to the task's log.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn for_each(&self, f: impl Fn(T) + 'a) -> Result<()> {
        self.per_partition("for_each", Location::caller(), |_, records| {
            records.for_each(&f);
            Ok(())
        })?;
        Ok(())
    }

    /// Runs a function on the records of each partition, in its task.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn for_each_partition(&self, f: impl Fn(Records<'a, T>) + 'a) -> Result<()> {
        self.per_partition("for_each_partition", Location::caller(), |_, records| {
            f(records);
            Ok(())
        })?;
        Ok(())
    }

    /// Adds each record to `zero`, partition by partition, and then the partitions' sums to `zero` in their order.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn aggregate<C: Record + Clone>(
        &self,
        zero: C,
        add: impl Fn(C, T) -> C + 'a,
        merge: impl Fn(C, C) -> C,
    ) -> Result<C> {
        let sums = self.per_partition("aggregate", Location::caller(), |_, records| {
            Ok(records.fold(zero.clone(), &add))
        })?;
        Ok(sums.into_iter().fold(zero.clone(), merge))
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// All records, in the order of the partitions.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn collect(&self) -> Result<Vec<T>> {
        self.collected("collect", Location::caller())
    }

    fn collected(&self, name: &'static str, call_site: Site) -> Result<Vec<T>> {
        let action = |partition| {
            let mut batch = Batch::default();
            self.records(partition)
                .for_each(|record| batch.push(|out| record.encode(out)));
            Ok(batch.into_bytes())
        };
        let results = Job {
            name,
            call_site,
            root: self,
            action: &action,
        }
        .run_all()?;
        let mut all = Vec::new();
        results
            .iter()
            .try_for_each(|bytes| batch::decode_into(bytes, &mut all))?;
        Ok(all)
    }

    /// The first `count` records, in the order of the partitions. It computes no more partitions than it takes, or few
    /// (Spark's `take`).
    ///
    /// # Errors
    /// A job failed.
    #[track_caller]
    pub fn take(&self, count: usize) -> Result<Vec<T>> {
        self.taken("take", Location::caller(), count)
    }

    fn taken(&self, name: &'static str, call_site: Site, count: usize) -> Result<Vec<T>> {
        let mut taken: Vec<T> = Vec::new();
        let mut scanned = 0;
        while taken.len() < count && scanned < self.partitions() {
            let left = count - taken.len();
            let more = next_partitions(scanned, taken.len(), left).min(self.partitions() - scanned);
            let action = |partition| {
                Ok(to_bytes(
                    &self.records(partition).take(left).collect::<Vec<T>>(),
                ))
            };
            let mut found: Vec<Vec<u8>> = vec![Vec::new(); more as usize];
            let job = Job {
                name,
                call_site,
                root: self,
                action: &action,
            };
            job.run((scanned..scanned + more).collect(), |partition, bytes| {
                let place = found.get_mut((partition.wrapping_sub(scanned)) as usize);
                *place.ok_or_else(|| {
                    Error::of(ErrorKind::JobFailed, "a result that was not asked for")
                })? = bytes;
                Ok(())
            })?;
            for bytes in found {
                let records: Vec<T> = from_bytes(&bytes)?;
                taken.extend(records.into_iter().take(count - taken.len()));
            }
            scanned += more;
        }
        Ok(taken)
    }

    /// The first record.
    ///
    /// # Errors
    /// There is none, or a job failed.
    #[track_caller]
    pub fn first(&self) -> Result<T> {
        let first = self.taken("first", Location::caller(), 1)?.pop();
        first.ok_or_else(|| {
            Error::of(
                ErrorKind::NotFound,
                "the dataset has no first record: it is empty",
            )
        })
    }

    /// Whether there are no records.
    ///
    /// # Errors
    /// A job failed.
    #[track_caller]
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.taken("is_empty", Location::caller(), 1)?.is_empty())
    }

    /// Makes all records one, two by two. The function must be associative; partitions are merged in their order.
    ///
    /// # Errors
    /// There are no records, or the job failed.
    #[track_caller]
    pub fn reduce(&self, f: impl Fn(T, T) -> T + 'a) -> Result<T> {
        let parts = self.per_partition("reduce", Location::caller(), |_, records| {
            Ok(records.reduce(&f))
        })?;
        let whole = parts.into_iter().flatten().reduce(&f);
        whole.ok_or_else(|| {
            Error::of(
                ErrorKind::NotFound,
                "nothing to reduce: the dataset is empty",
            )
        })
    }

    /// Makes all records and `zero` one. `zero` is used once a partition and once more, so it should be neutral.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn fold(&self, zero: T, f: impl Fn(T, T) -> T + 'a) -> Result<T>
    where
        T: Clone,
    {
        let parts = self.per_partition("fold", Location::caller(), |_, records| {
            Ok(records.fold(zero.clone(), &f))
        })?;
        Ok(parts.into_iter().fold(zero.clone(), &f))
    }

    /// The `count` largest records, the largest first.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn top(&self, count: usize) -> Result<Vec<T>>
    where
        T: Ord,
    {
        self.least("top", Location::caller(), count, |a, b| b.cmp(a))
    }

    /// The `count` largest records by an order of one's own, the largest first.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn top_by(&self, count: usize, order: impl Fn(&T, &T) -> Ordering + 'a) -> Result<Vec<T>> {
        self.least("top_by", Location::caller(), count, |a, b| order(b, a))
    }

    /// The `count` smallest records, the smallest first.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn take_ordered(&self, count: usize) -> Result<Vec<T>>
    where
        T: Ord,
    {
        self.least("take_ordered", Location::caller(), count, T::cmp)
    }

    /// The `count` smallest records by an order of one's own, the smallest first.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn take_ordered_by(
        &self,
        count: usize,
        order: impl Fn(&T, &T) -> Ordering + 'a,
    ) -> Result<Vec<T>> {
        self.least("take_ordered_by", Location::caller(), count, order)
    }

    fn least(
        &self,
        name: &'static str,
        call_site: Site,
        count: usize,
        order: impl Fn(&T, &T) -> Ordering,
    ) -> Result<Vec<T>> {
        let parts = self.per_partition(name, call_site, |_, records| {
            Ok(least(records, count, &order))
        })?;
        Ok(least(parts.into_iter().flatten(), count, &order))
    }

    /// How often each record is there.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn count_by_value(&self) -> Result<HashMap<T, u64>>
    where
        T: Hash + Eq,
    {
        let counts = self
            .mapped("count_by_value", None, |record| (record, 1u64))
            .reduce_by_key(|a, b| a + b);
        Ok(counts
            .collected("count_by_value", Location::caller())?
            .into_iter()
            .collect())
    }
}

impl<'a, K: Record + Hash + Eq + 'a, V: Record + 'a> Rdd<'a, (K, V)> {
    /// All pairs as a map; of a key's values the last stays. Its order is the same in every run.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn collect_as_map(&self) -> Result<HashMap<K, V>> {
        Ok(self
            .collected("collect_as_map", Location::caller())?
            .into_iter()
            .collect())
    }

    /// How many records each key has.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn count_by_key(&self) -> Result<HashMap<K, u64>> {
        let counts = self.map_values(|_| 1u64).reduce_by_key(|a, b| a + b);
        Ok(counts
            .collected("count_by_key", Location::caller())?
            .into_iter()
            .collect())
    }
}

/// How many partitions `take` computes next (Spark's `RDD.take`).
fn next_partitions(scanned: u32, found: usize, left: usize) -> u32 {
    if scanned == 0 {
        return 1;
    }
    let most = scanned.saturating_mul(TAKE_SCALE_UP);
    if found == 0 {
        return most;
    }
    let needed = (3 * left as u64 * u64::from(scanned)).div_ceil(2 * found as u64);
    u32::try_from(needed).unwrap_or(most).clamp(1, most)
}

/// The `count` least records in order, those that are equal in order of arrival. It holds at most twice as many.
fn least<T: Record>(
    records: impl Iterator<Item = T>,
    count: usize,
    order: impl Fn(&T, &T) -> Ordering,
) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    // Once so many are kept and sorted, what is not less than the last of them can be passed over.
    let mut sorted = false;
    records.for_each(|mut record| {
        let passes = !sorted
            || kept
                .get(count.wrapping_sub(1))
                .is_some_and(|last| order(&record, last).is_lt());
        if count == 0 || !passes {
            return;
        }
        record.detach();
        kept.push(record);
        if kept.len() >= count.saturating_mul(2) {
            kept.sort_by(&order);
            kept.truncate(count);
            sorted = true;
        }
    });
    kept.sort_by(&order);
    kept.truncate(count);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_are_those_of_a_stable_sort() {
        for count in [0, 1, 2, 7, 100, 5000] {
            let records: Vec<(u32, u32)> = (0..1000).map(|at| ((at * 7919) % 100, at)).collect();
            let mut sorted = records.clone();
            sorted.sort_by_key(|record| record.0);
            sorted.truncate(count);
            assert_eq!(
                least(records.into_iter(), count, |a, b| a.0.cmp(&b.0)),
                sorted,
                "{count}"
            );
        }
    }

    #[test]
    fn take_scales_up_as_spark_does() {
        assert_eq!(next_partitions(0, 0, 10), 1);
        assert_eq!(next_partitions(1, 0, 10), 4);
        assert_eq!(next_partitions(5, 0, 10), 20);
        assert_eq!(next_partitions(4, 5, 5), 6);
        assert_eq!(next_partitions(1, 1, 1_000_000), 4);
    }
}
