//! The actions that count.

use std::hash::Hash;
use std::panic::Location;
use std::time::Duration;

use crate::approximate::{BoundedDouble, CountByKey, Counted, PartialResult, expect_confidence};
use crate::error::Result;
use crate::hash::HashMap;
use crate::rdd::Rdd;
use crate::record::Record;

impl<'a, T: 'a> Rdd<'a, T> {
    /// The number of records.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn count(&self) -> Result<u64> {
        let counts = self.per_partition("count", Location::caller(), |_, records| {
            Ok(records.counted())
        })?;
        Ok(counts.into_iter().sum())
    }

    /// The number of records, as far as it is known when the time is up: what has been counted by then is taken for a sample of
    /// all partitions, and the true number lies within the bounds with this confidence, from 0 to 1.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn example(lines: tinderbox::Rdd<'_, String>) -> tinderbox::Result<()> {
    /// let count = lines.count_approx(Duration::from_secs(2), 0.95)?.into_initial_value();
    /// println!("{} lines, between {} and {}", count.mean, count.low, count.high);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The confidence is no probability, or the job failed.
    #[track_caller]
    pub fn count_approx(
        &self,
        timeout: Duration,
        confidence: f64,
    ) -> Result<PartialResult<'a, BoundedDouble>> {
        let counted = Counted {
            sum: 0,
            confidence: expect_confidence(confidence)?,
        };
        self.approximated(
            "count_approx",
            Location::caller(),
            timeout,
            counted,
            |records| records.counted(),
        )
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
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

    /// How often each record is there, as far as it is known when the time is up. See
    /// [`count_approx`](Self::count_approx). A record that has not been met by then is missing.
    ///
    /// # Errors
    /// As [`count_approx`](Self::count_approx).
    #[track_caller]
    pub fn count_by_value_approx(
        &self,
        timeout: Duration,
        confidence: f64,
    ) -> Result<PartialResult<'a, HashMap<T, BoundedDouble>>>
    where
        T: Hash + Eq + Clone,
    {
        let counts = CountByKey::new(expect_confidence(confidence)?);
        let name = "count_by_value_approx";
        self.approximated(name, Location::caller(), timeout, counts, |records| {
            let mut counts: HashMap<T, u64> = HashMap::default();
            records.for_each(|mut record| {
                record.detach();
                *counts.entry(record).or_default() += 1;
            });
            counts.into_iter().collect()
        })
    }
}
