//! Records chosen at random, the same ones for the same seed.

use std::panic::Location;
use std::rc::Rc;

use super::{Operation, Rdd, one_to_one};
use crate::error::{Error, ErrorKind, Result};
use crate::lineage::Parent;
use crate::random::Sampler;
use crate::stream::Records;

type Site = &'static Location<'static>;

impl<'a, T: 'a> Rdd<'a, T> {
    /// Keeps each record with a probability of `fraction` (Spark's `BernoulliSampler`), which lies between 0 and 1.
    ///
    /// The same seed keeps the same records, in every attempt and every run.
    #[track_caller]
    pub fn sample(&self, fraction: f64, seed: u64) -> Self {
        let sampler = Sampler::Bernoulli(fraction);
        self.kept("sample", Location::caller(), sampler, seed)
    }

    /// Takes each record as often as a Poisson distribution of mean `fraction` says (Spark's `PoissonSampler`), which is 0 or
    /// more.
    #[track_caller]
    pub fn sample_with_replacement(&self, fraction: f64, seed: u64) -> Self
    where
        T: Clone,
    {
        let (name, sampler) = ("sample_with_replacement", Sampler::Poisson(fraction));
        self.sampled(name, Location::caller(), sampler, seed, std::iter::repeat_n)
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
        let part = |cell| self.kept("random_split", site, cell, seed);
        Ok(cells(weights)?.into_iter().map(part).collect())
    }

    /// The records that are chosen, each once.
    fn kept(&self, name: &'static str, site: Site, sampler: Sampler, seed: u64) -> Self {
        self.sampled(name, site, sampler, seed, |record, count| {
            (count > 0).then_some(record)
        })
    }

    /// Makes of each record, and how often it was chosen, those that are taken.
    fn sampled<I>(
        &self,
        name: &'static str,
        site: Site,
        sampler: Sampler,
        seed: u64,
        take: impl Fn(T, usize) -> I + 'a,
    ) -> Self
    where
        I: IntoIterator<Item = T> + 'a,
        I::IntoIter: 'a,
    {
        let sampled = Sampled {
            parent: self.clone(),
            sampler,
            seed,
            take,
        };
        self.narrow(name, site, self.partitioning(), sampled)
    }
}

struct Sampled<'a, T, F> {
    parent: Rdd<'a, T>,
    sampler: Sampler,
    seed: u64,
    take: F,
}

impl<'a, T: 'a, I, F> Operation for Sampled<'a, T, F>
where
    F: Fn(T, usize) -> I,
    I: IntoIterator<Item = T> + 'a,
    I::IntoIter: 'a,
{
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let mut counts = self.sampler.start(self.seed, partition);
        let records = self.parent.records(partition);
        Records::new(records.flat_map(move |record| (self.take)(record, counts.next_count())))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        one_to_one(&self.parent)
    }

    fn prepare(&self) -> Result<()> {
        let (fraction, most) = match self.sampler {
            Sampler::Bernoulli(fraction) => (fraction, 1.0),
            Sampler::Poisson(mean) => (mean, f64::MAX),
            Sampler::Cell(..) => return Ok(()),
        };
        if (0.0..=most).contains(&fraction) {
            return Ok(());
        }
        Err(Error::of(
            ErrorKind::InvalidArgument,
            format_args!(
                "a sample of {fraction} times the records cannot be taken: from 0 to 1, or more with replacement"
            ),
        ))
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
