//! A sum and a mean, by the numbers that were met in time (Spark's `SumEvaluator` and `MeanEvaluator`).

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::{BoundedDouble, Evaluator, Share};
use crate::double::StatCounter;

/// With more numbers than this their mean is normal.
const NORMAL_FROM: u64 = 100;

/// What is not known at all.
const UNKNOWN: BoundedDouble = BoundedDouble {
    mean: 0.0,
    confidence: 0.0,
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
};

/// How many standard deviations around the mean hold the true one with this confidence.
fn deviations(confidence: f64, count: u64) -> f64 {
    let probability = f64::midpoint(1.0, confidence);
    if probability >= 1.0 {
        return f64::INFINITY;
    }
    let student = StudentsT::new(0.0, 1.0, count.saturating_sub(1) as f64);
    match student {
        Ok(student) if count <= NORMAL_FROM => student.inverse_cdf(probability),
        _ => Normal::standard().inverse_cdf(probability),
    }
}

fn around(mean: f64, confidence: f64, reach: f64) -> BoundedDouble {
    BoundedDouble {
        mean,
        confidence,
        low: mean - reach,
        high: mean + reach,
    }
}

/// The partitions' numbers, merged in the order of the partitions, whatever the order in which they came.
#[derive(Default)]
struct Parts(BTreeMap<u32, StatCounter>);

impl Parts {
    fn merged(&self) -> StatCounter {
        let mut all = StatCounter::default();
        self.0.values().for_each(|part| all.merge(part));
        all
    }
}

/// Averages numbers.
pub(crate) struct Mean {
    parts: Parts,
    confidence: f64,
}

impl Mean {
    pub(crate) fn new(confidence: f64) -> Self {
        let parts = Parts::default();
        Self { parts, confidence }
    }
}

impl Evaluator for Mean {
    type Part = StatCounter;
    type Answer = BoundedDouble;

    fn take(&mut self, partition: u32, part: StatCounter) {
        self.parts.0.insert(partition, part);
    }

    fn answer(&self, share: Share) -> BoundedDouble {
        let met = self.parts.merged();
        match met.count() {
            _ if share.is_whole() => BoundedDouble::exact(met.mean()),
            0 => UNKNOWN,
            1 => around(met.mean(), self.confidence, f64::INFINITY),
            count => {
                let deviation = (met.sample_variance() / count as f64).sqrt();
                let reach = deviations(self.confidence, count) * deviation;
                around(met.mean(), self.confidence, reach)
            }
        }
    }
}

/// Adds numbers.
pub(crate) struct Sum {
    parts: Parts,
    confidence: f64,
}

impl Sum {
    pub(crate) fn new(confidence: f64) -> Self {
        let parts = Parts::default();
        Self { parts, confidence }
    }
}

impl Evaluator for Sum {
    type Part = StatCounter;
    type Answer = BoundedDouble;

    fn take(&mut self, partition: u32, part: StatCounter) {
        self.parts.0.insert(partition, part);
    }

    /// What is missing has a number of records and a mean, either of which is estimated; it is their product.
    fn answer(&self, share: Share) -> BoundedDouble {
        let met = self.parts.merged();
        if share.is_whole() {
            return BoundedDouble::exact(met.sum());
        }
        if met.count() == 0 {
            return UNKNOWN;
        }
        let (fraction, count, mean) = (share.fraction(), met.count() as f64, met.mean());
        let missing = count * (1.0 - fraction) / fraction;
        let estimate = met.sum() + mean * missing;
        let mean_variance = met.sample_variance() / count;
        if mean_variance.is_nan() {
            return around(estimate, self.confidence, f64::INFINITY);
        }
        let missing_variance = count * (1.0 - fraction) / (fraction * fraction);
        let variance = mean * mean * missing_variance
            + missing * missing * mean_variance
            + mean_variance * missing_variance;
        let reach = deviations(self.confidence, met.count()) * variance.sqrt();
        around(estimate, self.confidence, reach)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Share = Share {
        answered: 1,
        all: 2,
    };

    fn told<E: Evaluator<Part = StatCounter, Answer = BoundedDouble>>(
        mut evaluator: E,
        numbers: impl IntoIterator<Item = f64>,
        share: Share,
    ) -> BoundedDouble {
        evaluator.take(0, numbers.into_iter().collect());
        evaluator.answer(share)
    }

    #[track_caller]
    fn expect(bounded: BoundedDouble, expected: [f64; 4]) {
        let BoundedDouble {
            mean,
            confidence,
            low,
            high,
        } = bounded;
        for (number, expected) in [mean, confidence, low, high].into_iter().zip(expected) {
            let is_near = number == expected || (number - expected).abs() < 1e-6 * expected.abs();
            assert!(is_near, "{bounded:?}, not {expected}");
        }
    }

    /// What Spark 4.3's `MeanEvaluator` answers.
    #[test]
    fn means_are_bounded_as_sparks_are() {
        let mean = || Mean::new(0.95);
        let few = [1.0, 2.0, 3.0, 4.0, 10.0];
        expect(
            told(mean(), few, HALF),
            [4.0, 0.95, -0.389_945_165, 8.389_945_165],
        );
        let one = [5.0, 0.95, f64::NEG_INFINITY, f64::INFINITY];
        expect(told(mean(), [5.0], HALF), one);
        expect(told(mean(), [], HALF), [0.0, 0.0, one[2], one[3]]);
        let many = (0..200).map(f64::from);
        expect(
            told(Mean::new(0.9), many, HALF),
            [99.5, 0.9, 92.768_146_402, 106.231_853_597],
        );
        let whole = Share {
            answered: 2,
            ..HALF
        };
        expect(told(mean(), few, whole), [4.0, 1.0, 4.0, 4.0]);
    }

    /// What Spark 4.3's `SumEvaluator` answers.
    #[test]
    fn sums_are_bounded_as_sparks_are() {
        let few = [1.0, 2.0, 3.0, 4.0, 10.0];
        expect(
            told(Sum::new(0.95), few, HALF),
            [40.0, 0.95, -3.679_402_889, 83.679_402_889],
        );
        let quarter = Share {
            answered: 1,
            all: 4,
        };
        let one = [20.0, 0.95, f64::NEG_INFINITY, f64::INFINITY];
        expect(told(Sum::new(0.95), [5.0], quarter), one);
        let many = (0..200).map(f64::from);
        expect(
            told(Sum::new(0.9), many, quarter),
            [79_600.0, 0.9, 70_616.207_612, 88_583.792_388],
        );
        let whole = Share {
            answered: 2,
            ..HALF
        };
        expect(told(Sum::new(0.9), few, whole), [20.0, 1.0, 20.0, 20.0]);
    }

    #[test]
    fn parts_give_the_same_in_whatever_order_they_come() {
        let parts: [(u32, f64); 3] = [(0, 0.1), (1, 1e17), (2, -1e17)];
        let sum = |order: [usize; 3]| {
            let mut sum = Sum::new(0.5);
            for at in order {
                sum.take(parts[at].0, [parts[at].1, 0.7].into_iter().collect());
            }
            sum.answer(Share {
                answered: 3,
                all: 3,
            })
        };
        assert_eq!(sum([0, 1, 2]), sum([2, 0, 1]));
    }
}
