//! The operations on numbers: of type `f64`, or of one that becomes it without loss.

mod histogram;
mod stats;
#[cfg(test)]
mod tests;

use std::panic::Location;
use std::time::Duration;

pub use stats::StatCounter;

use crate::approximate::{BoundedDouble, Mean, PartialResult, Sum, expect_confidence};
use crate::error::Result;
use crate::rdd::Rdd;
use crate::stream::Records;

type Site = &'static Location<'static>;

/// What a partition's numbers come to.
fn counted<T: Into<f64>>(records: Records<'_, T>) -> StatCounter {
    records.map(Into::into).collect()
}

impl<'a, T: Into<f64> + 'a> Rdd<'a, T> {
    /// The sum of all numbers; 0 where there are none.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn sum(&self) -> Result<f64> {
        let parts = self.per_partition("sum", Location::caller(), |_, records| {
            Ok(records.fold(0.0, |sum, number| sum + number.into()))
        })?;
        Ok(parts.into_iter().sum())
    }

    /// Count, mean, variance, least and largest number, in one pass.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// let stats = cx.parallelize([1.0, 2.0, 6.0]).stats()?;
    /// assert_eq!((stats.count(), stats.mean(), stats.max()), (3, 3.0, 6.0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn stats(&self) -> Result<StatCounter> {
        self.measured("stats", Location::caller())
    }

    fn measured(&self, name: &'static str, call_site: Site) -> Result<StatCounter> {
        let parts = self.per_partition(name, call_site, |_, records| Ok(counted(records)))?;
        let mut all = StatCounter::default();
        parts.iter().for_each(|part| all.merge(part));
        Ok(all)
    }

    /// The mean of all numbers; 0 where there are none (as in Spark).
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn mean(&self) -> Result<f64> {
        Ok(self.measured("mean", Location::caller())?.mean())
    }

    /// The variance of all numbers; not a number where there are none. The same as [`pop_variance`](Self::pop_variance).
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn variance(&self) -> Result<f64> {
        Ok(self.measured("variance", Location::caller())?.variance())
    }

    /// The standard deviation of all numbers; not a number where there are none. The same as [`pop_stdev`](Self::pop_stdev).
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn stdev(&self) -> Result<f64> {
        Ok(self.measured("stdev", Location::caller())?.stdev())
    }

    /// The variance of all numbers, of which nothing is a sample: the mean of the squared differences from the mean.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn pop_variance(&self) -> Result<f64> {
        let stats = self.measured("pop_variance", Location::caller())?;
        Ok(stats.pop_variance())
    }

    /// The root of [`pop_variance`](Self::pop_variance).
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn pop_stdev(&self) -> Result<f64> {
        Ok(self.measured("pop_stdev", Location::caller())?.pop_stdev())
    }

    /// The variance of that of which the numbers are a sample: divided by one less than their count. Not a number where
    /// there are fewer than two.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn sample_variance(&self) -> Result<f64> {
        let stats = self.measured("sample_variance", Location::caller())?;
        Ok(stats.sample_variance())
    }

    /// The root of [`sample_variance`](Self::sample_variance).
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn sample_stdev(&self) -> Result<f64> {
        let stats = self.measured("sample_stdev", Location::caller())?;
        Ok(stats.sample_stdev())
    }

    /// The mean of the numbers that are met in time, and bounds between which the true one lies with this confidence.
    ///
    /// # Errors
    /// The job failed, or the confidence is no probability.
    #[track_caller]
    pub fn mean_approx(
        &self,
        timeout: Duration,
        confidence: f64,
    ) -> Result<PartialResult<'a, BoundedDouble>> {
        let evaluator = Mean::new(expect_confidence(confidence)?);
        self.approximated(
            "mean_approx",
            Location::caller(),
            timeout,
            evaluator,
            counted,
        )
    }

    /// The sum as the numbers that are met in time let it be guessed, and bounds between which the true one lies with this
    /// confidence.
    ///
    /// # Errors
    /// The job failed, or the confidence is no probability.
    #[track_caller]
    pub fn sum_approx(
        &self,
        timeout: Duration,
        confidence: f64,
    ) -> Result<PartialResult<'a, BoundedDouble>> {
        let evaluator = Sum::new(expect_confidence(confidence)?);
        self.approximated(
            "sum_approx",
            Location::caller(),
            timeout,
            evaluator,
            counted,
        )
    }
}
