//! The actions that find the least and the greatest records, in one pass.

use std::cmp::Ordering;
use std::panic::Location;

use super::Site;
use crate::error::Result;
use crate::rdd::Rdd;
use crate::record::Record;

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// The largest record; of equal ones the first.
    ///
    /// # Errors
    /// There are no records, or the job failed.
    #[track_caller]
    pub fn max(&self) -> Result<T>
    where
        T: Ord,
    {
        let larger = |a: T, b: T| if b > a { b } else { a };
        self.made_one("max", Location::caller(), larger)
    }

    /// The largest record by an order of one's own; of equal ones the first.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// let heights = cx.parallelize([1.74, 1.82, 1.65]);
    /// assert_eq!(heights.max_by(f64::total_cmp)?, 1.82);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`max`](Self::max).
    #[track_caller]
    pub fn max_by(&self, order: impl Fn(&T, &T) -> Ordering + 'a) -> Result<T> {
        let larger = |a, b| if order(&b, &a).is_gt() { b } else { a };
        self.made_one("max_by", Location::caller(), larger)
    }

    /// The smallest record; of equal ones the first.
    ///
    /// # Errors
    /// As [`max`](Self::max).
    #[track_caller]
    pub fn min(&self) -> Result<T>
    where
        T: Ord,
    {
        let smaller = |a: T, b: T| if b < a { b } else { a };
        self.made_one("min", Location::caller(), smaller)
    }

    /// The smallest record by an order of one's own; of equal ones the first.
    ///
    /// # Errors
    /// As [`max`](Self::max).
    #[track_caller]
    pub fn min_by(&self, order: impl Fn(&T, &T) -> Ordering + 'a) -> Result<T> {
        let smaller = |a, b| if order(&b, &a).is_lt() { b } else { a };
        self.made_one("min_by", Location::caller(), smaller)
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
}

/// The `count` least records in order, those that are equal in order of arrival. It holds at most twice as many.
pub(super) fn least<T: Record>(
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
}
