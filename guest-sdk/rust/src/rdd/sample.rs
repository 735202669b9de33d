//! Records chosen at random, the same ones for the same seed.

use std::panic::Location;

use super::Rdd;
use crate::error::{Error, ErrorKind, Result};
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

    /// Divides the records at random, in parts as large as these weights are beside each other: each record is in one of
    /// them. The same seed divides alike, in every attempt and every run.
    ///
    /// The weights need not add up to 1. Sizes are those that chance gives: each part reads this dataset by itself and keeps
    /// what is its own, so [`cache`](Self::cache) what is dear to compute.
    ///
    /// # Errors
    /// A weight is negative or no number, or all are 0.
    ///
    /// ```no_run
    /// # fn example(points: tinderbox::Rdd<'_, f64>) -> tinderbox::Result<()> {
    /// let parts = points.random_split(&[0.8, 0.2], 7)?;
    /// let (training, testing) = (&parts[0], &parts[1]);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn random_split(&self, weights: &[f64], seed: u64) -> Result<Vec<Self>> {
        let site = Location::caller();
        let part = |cell| self.sampled("random_split", site, cell, seed);
        Ok(cells(weights)?.into_iter().map(part).collect())
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

/// The part of 0 to 1 that each weight has. The last one that has any ends at 1, exactly.
fn cells(weights: &[f64]) -> Result<Vec<Sampler>> {
    let sum: f64 = weights.iter().sum();
    let usable = weights.iter().all(|weight| *weight >= 0.0) && sum > 0.0 && sum.is_finite();
    if !usable {
        return Err(Error::of(
            ErrorKind::InvalidArgument,
            format_args!(
                "weights of {weights:?} divide nothing: each must be 0 or more, and one above 0"
            ),
        ));
    }
    let mut passed = 0.0;
    let cell = |weight: &f64| {
        let from = passed / sum;
        passed += weight;
        Sampler::Cell(from, passed / sum)
    };
    Ok(weights.iter().map(cell).collect())
}
