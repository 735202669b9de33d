//! Random choices that are the same in every attempt and every run.
//!
//! There is no ambient source: each generator starts from a seed and a partition's number.

use crate::stream::Records;

/// SplitMix64, of Steele, Lea and Flood: one addition and three mixing steps a number.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator that starts from this state.
    pub fn new(state: u64) -> Self {
        Self { state }
    }

    /// A generator for one partition: those of neighbouring partitions and seeds have nothing in common.
    pub fn of_partition(seed: u64, partition: u32) -> Self {
        let mut mixed = Self::new(seed);
        mixed.state = mixed.next_u64() ^ u64::from(partition).wrapping_mul(0xD1B5_4A32_D192_ED03);
        Self::new(mixed.next_u64())
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ bits >> 31
    }

    /// A number from 0 up to, not including, 1: a multiple of 2^-53.
    #[inline]
    pub fn next_f64(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 * STEP
    }

    /// A number below `bound`, which is not zero (Lemire's multiplication; its bias is below 2^-32 for such bounds).
    pub(crate) fn next_below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of a Poisson distribution, by Knuth's method. A sum of Poisson numbers is one too, so a large mean is cut into small ones.
    pub(crate) fn next_poisson(&mut self, mut mean: f64) -> usize {
        let mut count = 0;
        while mean > 0.0 {
            let part = mean.min(KNUTH_MEAN_MAX);
            mean -= part;
            let limit = (-part).exp();
            let mut product = self.next_f64();
            while product > limit {
                count += 1;
                product *= self.next_f64();
            }
        }
        count
    }
}

/// How often a sample takes a record.
#[derive(Clone, Copy)]
pub(crate) enum Sampler {
    Bernoulli(f64),
    /// Takes what falls between the two: neighbouring cells of one seed take each record once.
    Cell(f64, f64),
    Poisson(f64),
}

/// The choices for the records of one partition.
pub(crate) struct Counts {
    sampler: Sampler,
    random: Random,
}

/// The largest mean that Knuth's product can be taken for in one go: `exp` of it is far from underflow.
const KNUTH_MEAN_MAX: f64 = 16.0;

impl Sampler {
    pub(crate) fn start(self, seed: u64, partition: u32) -> Counts {
        Counts {
            sampler: self,
            random: Random::of_partition(seed, partition),
        }
    }
}

impl Counts {
    pub(crate) fn next_count(&mut self) -> usize {
        match self.sampler {
            Sampler::Bernoulli(fraction) => usize::from(self.random.next_f64() < fraction),
            Sampler::Cell(from, to) => usize::from((from..to).contains(&self.random.next_f64())),
            Sampler::Poisson(mean) => self.random.next_poisson(mean),
        }
    }
}

/// A uniform choice of at most `size` of the records, and how many there were: Algorithm L of Li, "Reservoir-sampling
/// algorithms of time complexity O(n(1 + log(N/n)))", which draws numbers only for the records that it takes.
/// What is chosen of a record is made by `choose`.
pub(crate) fn reservoir<T, U>(
    records: Records<'_, T>,
    choose: impl Fn(T) -> U,
    size: usize,
    random: Random,
) -> (Vec<U>, u64) {
    let mut chosen = Vec::new();
    let mut skips = Skips::new(size, random);
    let count = records.skim(&mut |record| {
        if chosen.len() < size {
            chosen.push(choose(record));
            return if chosen.len() < size { 0 } else { skips.next() };
        }
        let skipped = skips.next();
        let place = usize::try_from(skips.random.next_below(size as u64));
        if let Some(place) = place.ok().and_then(|place| chosen.get_mut(place)) {
            *place = choose(record);
        }
        skipped
    });
    (chosen, count)
}

/// How many records a full reservoir passes over between two that it takes.
struct Skips {
    size: f64,
    /// The largest of so many uniform numbers as the reservoir has places, of which each record has one.
    largest: f64,
    random: Random,
}

impl Skips {
    fn new(size: usize, random: Random) -> Self {
        Self {
            size: size as f64,
            largest: 1.0,
            random,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number from 0 to 10^18, behind which there are no records"
    )]
    fn next(&mut self) -> u64 {
        self.largest *= (self.uniform().ln() / self.size).exp();
        (self.uniform().ln() / (-self.largest).ln_1p())
            .floor()
            .min(1e18) as u64
    }

    /// A number above 0, of which a logarithm can be taken.
    fn uniform(&mut self) -> f64 {
        1.0 - self.random.next_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut random = Random::new(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn samples_have_their_mean_and_variance() {
        for (sampler, mean, variance) in [
            (Sampler::Bernoulli(0.3), 0.3, 0.21),
            (Sampler::Poisson(0.3), 0.3, 0.3),
            (Sampler::Poisson(40.0), 40.0, 40.0),
        ] {
            let mut counts = sampler.start(7, 3);
            let taken: Vec<f64> = (0..200_000).map(|_| counts.next_count() as f64).collect();
            let seen = taken.iter().sum::<f64>() / 200_000.0;
            let spread = taken
                .iter()
                .map(|count| (count - seen).powi(2))
                .sum::<f64>()
                / 200_000.0;
            assert!(
                (seen - mean).abs() < 0.02 * mean.max(1.0),
                "mean {seen}, not {mean}"
            );
            assert!(
                (spread - variance).abs() < 0.03 * variance.max(1.0),
                "variance {spread}, not {variance}"
            );
        }
    }

    #[test]
    fn a_fraction_of_none_and_of_all_are_exact() {
        let takes = |sampler: Sampler| {
            (0..1000)
                .map({
                    let mut counts = sampler.start(1, 0);
                    move |_| counts.next_count()
                })
                .sum::<usize>()
        };
        assert_eq!(takes(Sampler::Bernoulli(0.0)), 0);
        assert_eq!(takes(Sampler::Bernoulli(1.0)), 1000);
        assert_eq!(takes(Sampler::Poisson(0.0)), 0);
    }

    #[test]
    fn a_reservoir_is_even_and_counts_all() {
        let mut hits = [0u32; 100];
        for seed in 0..2000 {
            let (chosen, count) = reservoir(
                Records::new(0..100usize),
                |n| n,
                10,
                Random::of_partition(seed, 0),
            );
            assert_eq!((chosen.len(), count), (10, 100));
            chosen.iter().for_each(|record| hits[*record] += 1);
        }
        assert!(hits.iter().all(|hit| hit.abs_diff(200) < 75), "{hits:?}");
    }

    #[test]
    fn partitions_draw_different_numbers() {
        let first = |partition| Random::of_partition(1, partition).next_u64();
        let distinct: std::collections::BTreeSet<u64> = (0..1000).map(first).collect();
        assert_eq!(distinct.len(), 1000);
    }
}
