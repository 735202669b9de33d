//! How many records there are, by those that were counted in time (Spark's `CountEvaluator`, `GroupedCountEvaluator`).

use std::hash::Hash;

use statrs::distribution::{ContinuousCDF, DiscreteCDF, Normal, Poisson};

use super::{BoundedDouble, Evaluator, Share};
use crate::hash::HashMap;
use crate::record::Record;
use crate::table::Table;

/// From so many on a Poisson distribution is normal, as far as anybody could tell.
const NORMAL_FROM: f64 = 100_000.0;

/// Bounds a number of which a share of the partitions has counted `sum`.
///
/// It is as if each record had been met with the probability of that share, so what is missing has a Poisson
/// distribution.
pub(crate) fn bound(confidence: f64, sum: u64, share: Share) -> BoundedDouble {
    let counted = sum as f64;
    if share.is_whole() {
        return BoundedDouble::exact(counted);
    }
    let met = share.fraction();
    if share.answered == 0 || sum == 0 {
        return BoundedDouble {
            mean: 0.0,
            confidence: 0.0,
            low: 0.0,
            high: f64::INFINITY,
        };
    }
    let missing = counted * (1.0 - met) / met;
    BoundedDouble {
        mean: counted + missing,
        confidence,
        low: counted + poisson(missing, (1.0 - confidence) / 2.0),
        high: counted + poisson(missing, (1.0 + confidence) / 2.0),
    }
}

/// The number up to which a Poisson distribution stays with this probability.
fn poisson(mean: f64, probability: f64) -> f64 {
    if probability <= 0.0 {
        return 0.0;
    }
    if probability >= 1.0 {
        return f64::INFINITY;
    }
    match Poisson::new(mean) {
        Ok(distribution) if mean < NORMAL_FROM => distribution.inverse_cdf(probability) as f64,
        _ => {
            // Cornish and Fisher's expansion, with the skewness.
            let deviations = Normal::standard().inverse_cdf(probability);
            let skewed = (deviations * deviations - 1.0) / 6.0;
            (mean + mean.sqrt() * deviations + skewed - 0.5).ceil()
        }
    }
}

/// Counts records.
pub(crate) struct Counted {
    pub(crate) sum: u64,
    pub(crate) confidence: f64,
}

impl Evaluator for Counted {
    type Part = u64;
    type Answer = BoundedDouble;

    fn take(&mut self, _: u32, part: u64) {
        self.sum += part;
    }

    fn answer(&self, share: Share) -> BoundedDouble {
        bound(self.confidence, self.sum, share)
    }
}

/// Counts the records of each key, or each record.
pub(crate) struct CountByKey<K> {
    sums: HashMap<K, u64>,
    confidence: f64,
}

impl<K> CountByKey<K> {
    pub(crate) fn new(confidence: f64) -> Self {
        Self {
            sums: HashMap::default(),
            confidence,
        }
    }
}

impl<K: Record + Hash + Eq + Clone> Evaluator for CountByKey<K> {
    type Part = Vec<(K, u64)>;
    type Answer = HashMap<K, BoundedDouble>;

    fn take(&mut self, _: u32, part: Self::Part) {
        for (key, count) in part {
            *self.sums.entry(key).or_default() += count;
        }
    }

    fn answer(&self, share: Share) -> Self::Answer {
        let bounded = |(key, sum): (&K, &u64)| (key.clone(), bound(self.confidence, *sum, share));
        self.sums.iter().map(bounded).collect()
    }
}

/// How often each of the records is there.
pub(crate) fn counted<K: Record + Hash + Eq>(records: impl Iterator<Item = K>) -> Vec<(K, u64)> {
    let mut counts = Table::new();
    let create = |mut key: K, one| {
        key.detach();
        (key, one)
    };
    records.for_each(|key| {
        counts.meet(key, 1, create, |count, one| *count += one);
    });
    let entries = counts.into_entries();
    entries.map(|entry| (entry.key, entry.slot)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(sum: u64, answered: u32, all: u32) -> [f64; 4] {
        let bounded = bound(0.95, sum, Share { answered, all });
        [bounded.mean, bounded.confidence, bounded.low, bounded.high]
    }

    /// What Spark 4.3's `CountEvaluator.bound` answers.
    #[test]
    fn bounds_are_sparks() {
        assert_eq!(bounds(1, 1, 2), [2.0, 0.95, 1.0, 4.0]);
        assert_eq!(bounds(10, 1, 4), [40.0, 0.95, 30.0, 51.0]);
        assert_eq!(bounds(100, 2, 4), [200.0, 0.95, 181.0, 220.0]);
        assert_eq!(bounds(1000, 3, 4)[2..], [1298.0, 1370.0]);
        assert_eq!(
            bounds(50_000, 1, 10),
            [500_000.0, 0.95, 498_686.0, 501_315.0]
        );
        assert_eq!(bounds(7, 3, 3), [7.0, 1.0, 7.0, 7.0]);
        assert_eq!(bounds(0, 1, 3)[..3], [0.0, 0.0, 0.0]);
        assert_eq!(bounds(0, 0, 3)[3], f64::INFINITY);
    }

    #[test]
    fn no_confidence_is_the_median_and_full_confidence_has_no_bound() {
        let share = Share {
            answered: 1,
            all: 4,
        };
        let none = bound(0.0, 10, share);
        assert_eq!((none.low, none.high), (40.0, 40.0), "as Spark 4.3");
        let full = bound(1.0, 10, share);
        assert_eq!((full.low, full.high), (10.0, f64::INFINITY));
    }

    #[test]
    fn a_large_number_is_bounded_as_one_that_is_just_not() {
        let [mean, _, low, high] = bounds(33_332, 1, 4);
        let [larger, _, lower, higher] = bounds(33_334, 1, 4);
        assert_eq!((mean, larger), (133_328.0, 133_336.0));
        assert!((lower - low - 8.0).abs() < 3.0, "{low} and {lower}");
        assert!((higher - high - 8.0).abs() < 3.0, "{high} and {higher}");
    }
}
