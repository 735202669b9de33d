//! Records chosen at random, the same ones for the same seed.

use std::panic::Location;

use super::Rdd;
use crate::random::Sampler;

impl<'a, T: 'a> Rdd<'a, T> {
    /// Keeps each record with a probability of `fraction` (Spark's `BernoulliSampler`).
    ///
    /// The same seed keeps the same records, in every attempt and every run.
    #[track_caller]
    pub fn sample(&self, fraction: f64, seed: u64) -> Self {
        self.sampled(
            "sample",
            Location::caller(),
            Sampler::Bernoulli(fraction),
            seed,
        )
    }

    /// Takes each record as often as a Poisson distribution of mean `fraction` says (Spark's `PoissonSampler`).
    #[track_caller]
    pub fn sample_with_replacement(&self, fraction: f64, seed: u64) -> Self
    where
        T: Clone,
    {
        let sampler = Sampler::Poisson(fraction);
        self.partitions_mapped(
            "sample_with_replacement",
            Location::caller(),
            self.partitioning(),
            move |partition, records| {
                let mut counts = sampler.start(seed, partition);
                records.flat_map(move |record| std::iter::repeat_n(record, counts.next_count()))
            },
        )
    }

    fn sampled(
        &self,
        name: &'static str,
        site: &'static Location<'static>,
        sampler: Sampler,
        seed: u64,
    ) -> Self {
        self.partitions_mapped(
            name,
            site,
            self.partitioning(),
            move |partition, records| {
                let mut counts = sampler.start(seed, partition);
                records.filter(move |_| counts.next_count() > 0)
            },
        )
    }
}
