//! How many numbers lie in each of several ranges.

use std::panic::Location;

use super::Site;
use crate::error::{Error, ErrorKind, Result};
use crate::rdd::Rdd;

impl<'a, T: Into<f64> + 'a> Rdd<'a, T> {
    /// Cuts the range from the least number to the largest into so many even buckets, and counts what lies in each. Answers
    /// with the bounds, one more than there are buckets, and the counts.
    ///
    /// A number on a bound belongs to the bucket above it, the largest to the last. Where all numbers are the same there is
    /// one bucket, of no width.
    ///
    /// # Errors
    /// There are no numbers, or one is infinite or not a number; there are to be no buckets; a job failed.
    #[track_caller]
    pub fn histogram(&self, buckets: u32) -> Result<(Vec<f64>, Vec<u64>)> {
        let site = Location::caller();
        if buckets == 0 {
            return Err(Error::of(
                ErrorKind::InvalidArgument,
                "a histogram of 0 buckets cannot count anything: at least 1 is needed",
            ));
        }
        let stats = self.measured("histogram: range", site)?;
        let (min, max) = (stats.min(), stats.max());
        if !min.is_finite() || !max.is_finite() {
            return Err(Error::of(
                ErrorKind::InvalidArgument,
                format_args!(
                    "no even buckets can be cut from {min} to {max}: the dataset is empty or holds infinity or NaN; \
                     filter those out, or name the bounds"
                ),
            ));
        }
        let bounds = even_bounds(min, max, buckets);
        let count = bounds.len() - 1;
        let even = move |number: f64| even_bucket(number, min, max, count);
        let counts = self.bucketed(site, count, even)?;
        Ok((bounds, counts))
    }

    /// Counts what lies in each bucket between two neighbouring bounds. A number on a bound belongs to the bucket above it,
    /// one on the last bound to the last bucket. What lies outside, or is not a number, is not counted.
    ///
    /// # Errors
    /// There are fewer than two bounds, or they do not ascend; the job failed.
    #[track_caller]
    pub fn histogram_in(&self, bounds: &[f64]) -> Result<Vec<u64>> {
        let site = Location::caller();
        expect_bounds(bounds)?;
        self.bucketed(site, bounds.len() - 1, |number| bucket(number, bounds))
    }

    fn bucketed(
        &self,
        site: Site,
        buckets: usize,
        bucket: impl Fn(f64) -> Option<usize>,
    ) -> Result<Vec<u64>> {
        let parts = self.per_partition("histogram", site, |_, records| {
            let mut counts = vec![0u64; buckets];
            records.for_each(|number| {
                let place = bucket(number.into());
                if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
                    *count += 1;
                }
            });
            Ok(counts)
        })?;
        let mut all = vec![0; buckets];
        for part in parts {
            all.iter_mut()
                .zip(part)
                .for_each(|(count, more)| *count += more);
        }
        Ok(all)
    }
}

fn expect_bounds(bounds: &[f64]) -> Result<()> {
    let refuse = |why: String| Err(Error::of(ErrorKind::InvalidArgument, why));
    if bounds.len() < 2 {
        return refuse(format!(
            "{} bounds enclose no bucket: at least 2 are needed",
            bounds.len()
        ));
    }
    match bounds
        .windows(2)
        .find(|pair| pair[0] >= pair[1] || pair[0].is_nan() || pair[1].is_nan())
    {
        None => Ok(()),
        Some(pair) => refuse(format!(
            "the bounds of a histogram must ascend, but {} comes before {}",
            pair[0], pair[1]
        )),
    }
}

/// The bounds of so many buckets; of one where there is nothing to cut.
fn even_bounds(min: f64, max: f64, buckets: u32) -> Vec<f64> {
    if min == max {
        return vec![min, min];
    }
    let (span, steps) = (max - min, f64::from(buckets));
    let inner = (0..buckets).map(|step| min + f64::from(step) * span / steps);
    inner.chain([max]).collect()
}

/// In constant time, for buckets that are even.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it lies between 0 and the count"
)]
fn even_bucket(number: f64, min: f64, max: f64, count: usize) -> Option<usize> {
    if !(min..=max).contains(&number) {
        return None;
    }
    let place = (number - min) / (max - min) * count as f64;
    Some((place as usize).min(count - 1))
}

fn bucket(number: f64, bounds: &[f64]) -> Option<usize> {
    let last = bounds.len() - 1;
    if number == bounds[last] {
        return Some(last - 1);
    }
    let below = bounds.partition_point(|bound| *bound <= number);
    (1..=last).contains(&below).then(|| below - 1)
}
