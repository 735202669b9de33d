//! Count, mean, variance, least and largest of numbers, in one pass.
//!
//! The sums are of differences from the mean, so that large numbers with small differences lose nothing: Welford's method
//! for a number, Chan's for two counters (Spark's `StatCounter`).

use std::fmt;

use crate::Record;

/// What has been met of some numbers.
///
/// ```
/// use tinderbox::StatCounter;
///
/// let mut stats: StatCounter = [1.0, 2.0].into_iter().collect();
/// stats.merge(&[3.0, 6.0].into_iter().collect());
/// assert_eq!((stats.count(), stats.mean(), stats.pop_variance()), (4, 3.0, 3.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Record)]
pub struct StatCounter {
    count: u64,
    mean: f64,
    /// The sum of the squared differences from the mean.
    squares: f64,
    min: f64,
    max: f64,
}

impl Default for StatCounter {
    fn default() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            squares: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl FromIterator<f64> for StatCounter {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        numbers
            .into_iter()
            .fold(Self::default(), |mut stats, number| {
                stats.add(number);
                stats
            })
    }
}

impl StatCounter {
    /// Takes in a number.
    #[inline]
    pub fn add(&mut self, number: f64) {
        let difference = number - self.mean;
        self.count += 1;
        self.mean += difference / self.count as f64;
        self.squares += difference * (number - self.mean);
        self.reach(number, number);
    }

    /// Takes in what another has met.
    pub fn merge(&mut self, other: &Self) {
        if self.count == 0 {
            *self = *other;
            return;
        }
        if other.count == 0 {
            return;
        }
        let (ours, theirs) = (self.count as f64, other.count as f64);
        let (all, difference) = (ours + theirs, other.mean - self.mean);
        // The smaller side moves the mean of the larger one, so that little is lost.
        if theirs * 10.0 < ours {
            self.mean += difference * theirs / all;
        } else if ours * 10.0 < theirs {
            self.mean = other.mean - difference * ours / all;
        } else {
            self.mean = (self.mean * ours + other.mean * theirs) / all;
        }
        self.squares += other.squares + difference * difference * ours * theirs / all;
        self.count += other.count;
        self.reach(other.min, other.max);
    }

    /// What is not a number stays (as in Java's `Math.min`).
    #[inline]
    fn reach(&mut self, min: f64, max: f64) {
        if min < self.min || min.is_nan() {
            self.min = min;
        }
        if max > self.max || max.is_nan() {
            self.max = max;
        }
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 where there are none.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their sum: the mean times the count.
    pub fn sum(&self) -> f64 {
        self.mean * self.count as f64
    }

    /// The least; infinity where there are none, not a number where one is none.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// The largest; minus infinity where there are none, not a number where one is none.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// The same as [`pop_variance`](Self::pop_variance).
    pub fn variance(&self) -> f64 {
        self.pop_variance()
    }

    /// The same as [`pop_stdev`](Self::pop_stdev).
    pub fn stdev(&self) -> f64 {
        self.pop_stdev()
    }

    /// The mean of the squared differences from the mean; not a number where there are no numbers.
    pub fn pop_variance(&self) -> f64 {
        if self.count == 0 {
            return f64::NAN;
        }
        self.squares / self.count as f64
    }

    /// The root of [`pop_variance`](Self::pop_variance).
    pub fn pop_stdev(&self) -> f64 {
        self.pop_variance().sqrt()
    }

    /// The variance of that of which the numbers are a sample; not a number where there are fewer than two.
    pub fn sample_variance(&self) -> f64 {
        if self.count <= 1 {
            return f64::NAN;
        }
        self.squares / (self.count - 1) as f64
    }

    /// The root of [`sample_variance`](Self::sample_variance).
    pub fn sample_stdev(&self) -> f64 {
        self.sample_variance().sqrt()
    }
}

/// As Spark prints it.
impl fmt::Display for StatCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "(count: {}, mean: {:.6}, stdev: {:.6}, max: {:.6}, min: {:.6})",
            self.count,
            self.mean,
            self.stdev(),
            self.max,
            self.min
        )
    }
}
