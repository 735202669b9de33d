//! Samples with a fraction for each key.
//!
//! A record's number is drawn from its partition's generator in the order of the records, so it is the same in every
//! job.

use std::hash::Hash;
use std::panic::Location;
use std::rc::Rc;

use super::exact::{Exact, not_a_fraction};
use crate::random::Random;
use crate::rdd::Rdd;
use crate::record::Record;
use crate::task;

impl<'a, K: 'a, V: 'a> Rdd<'a, (K, V)> {
    /// Keeps each record with the probability that its key has. A probability of more than 1 is as 1.
    ///
    /// The same seed keeps the same records, in every attempt and every run. A task that meets a key whose fraction is
    /// negative or no number fails.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// let numbers = cx.range(0..1000).map(|n| (n % 2 == 0, n));
    /// let few_even_all_odd = numbers.sample_by_key(|is_even| if *is_even { 0.01 } else { 1.0 }, 7);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn sample_by_key(&self, fraction: impl Fn(&K) -> f64 + 'a, seed: u64) -> Self {
        let fraction = Rc::new(fraction);
        self.partitions_mapped(
            "sample_by_key",
            Location::caller(),
            self.partitioning(),
            move |partition, records| {
                let (fraction, mut random) =
                    (Rc::clone(&fraction), Random::of_partition(seed, partition));
                records.filter(move |(key, _)| random.next_f64() < checked(fraction(key)))
            },
        )
    }

    /// Takes each record as often as a Poisson distribution says whose mean is its key's fraction.
    #[track_caller]
    pub fn sample_by_key_with_replacement(
        &self,
        fraction: impl Fn(&K) -> f64 + 'a,
        seed: u64,
    ) -> Self
    where
        K: Clone,
        V: Clone,
    {
        let fraction = Rc::new(fraction);
        self.partitions_mapped(
            "sample_by_key_with_replacement",
            Location::caller(),
            self.partitioning(),
            move |partition, records| {
                let fraction = Rc::clone(&fraction);
                let mut random = Random::of_partition(seed, partition);
                records.flat_map(move |record| {
                    let count = random.next_poisson(checked(fraction(&record.0)));
                    std::iter::repeat_n(record, count)
                })
            },
        )
    }

    /// Keeps exactly the part of each key's records that its fraction says, rounded up: a uniform choice among them.
    ///
    /// It takes two more jobs, which run before the first action that needs them: one counts the keys, one finds which
    /// records are on the brink (Meng, "Scalable Simple Random Sampling and Stratified Sampling", 2013). The driver holds
    /// a few numbers for each key.
    #[track_caller]
    pub fn sample_by_key_exact(&self, fraction: impl Fn(&K) -> f64 + 'a, seed: u64) -> Self
    where
        K: Record + Hash + Eq + Clone,
    {
        let exact = Exact::new(self.clone(), fraction, seed, Location::caller(), None);
        self.exactly_sampled("sample_by_key_exact", Location::caller(), exact)
    }

    /// Draws from each key's records as many as its fraction says, rounded up, where a record may be drawn again.
    ///
    /// It takes three more jobs, which run before the first action that needs them.
    #[track_caller]
    pub fn sample_by_key_exact_with_replacement(
        &self,
        fraction: impl Fn(&K) -> f64 + 'a,
        seed: u64,
    ) -> Self
    where
        K: Record + Hash + Eq + Clone,
        V: Clone,
    {
        let repeat = |record: &(K, V)| record.clone();
        let exact = Exact::new(
            self.clone(),
            fraction,
            seed,
            Location::caller(),
            Some(repeat),
        );
        let name = "sample_by_key_exact_with_replacement";
        self.exactly_sampled(name, Location::caller(), exact)
    }

    fn exactly_sampled<F: Fn(&K) -> f64 + 'a>(
        &self,
        name: &'static str,
        site: &'static Location<'static>,
        exact: Exact<'a, K, V, F>,
    ) -> Self
    where
        K: Record + Hash + Eq + Clone,
    {
        self.narrow(name, site, self.partitioning(), exact)
    }
}

/// The fraction, unless it is none: then the task fails.
fn checked(fraction: f64) -> f64 {
    if fraction >= 0.0 {
        return fraction;
    }
    task::fail(not_a_fraction(fraction));
    0.0
}
