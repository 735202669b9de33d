//! Samples with a fraction for each key.
//!
//! A record's number is drawn from its partition's generator in the order of the records, so it is the same in every
//! job.

use std::cell::OnceCell;
use std::hash::Hash;
use std::panic::Location;
use std::rc::Rc;

use crate::driver::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::HashMap;
use crate::lineage::Parent;
use crate::random::Random;
use crate::rdd::{Operation, Rdd, one_to_one};
use crate::record::{Record, from_bytes, to_bytes};
use crate::stream::Records;
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
        let call_site = Location::caller();
        let operation = Exact {
            parent: self.clone(),
            fraction,
            seed,
            call_site,
            limits: OnceCell::new(),
        };
        self.narrow(
            "sample_by_key_exact",
            call_site,
            self.partitioning(),
            operation,
        )
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

fn not_a_fraction(fraction: f64) -> Error {
    Error::of(
        ErrorKind::InvalidArgument,
        format_args!("a fraction of {fraction} cannot be sampled: it must be 0 or more"),
    )
}

/// The chance that too few records of a key are on the brink; then all of them are looked at.
const MISS: f64 = 1e-9;

/// Numbers below the first are taken, those above the second are not; between them lies the brink.
type Brink = (u64, u64);

struct Exact<'a, K, V, F> {
    parent: Rdd<'a, (K, V)>,
    fraction: F,
    seed: u64,
    call_site: &'static Location<'static>,
    /// The largest number that is taken of each key; a key of which none is taken is missing.
    limits: OnceCell<HashMap<K, u64>>,
}

impl<'a, K: Record + Hash + Eq + Clone + 'a, V: 'a, F: Fn(&K) -> f64> Exact<'a, K, V, F> {
    /// A job over each partition's keys and numbers.
    fn job<R: Record>(
        &self,
        name: &'static str,
        work: impl Fn(&mut dyn Iterator<Item = (K, u64)>) -> R,
        mut take: impl FnMut(R),
    ) -> Result<()> {
        let action = |partition| {
            let mut random = Random::of_partition(self.seed, partition);
            let records = self.parent.records(partition);
            let done = work(&mut records.map(|(key, _)| (key, random.next_u64())));
            task::check()?;
            Ok(to_bytes(&done))
        };
        let job = Job {
            name,
            call_site: self.call_site,
            root: &self.parent,
            action: &action,
        };
        let all = (0..self.parent.partitions()).collect();
        job.run(all, |_, bytes| {
            take(from_bytes(&bytes)?);
            Ok(())
        })
    }

    /// How many records each key has.
    fn counts(&self) -> Result<HashMap<K, u64>> {
        let mut counts: HashMap<K, u64> = HashMap::default();
        self.job(
            "sample_by_key_exact: count",
            |records| crate::approximate::counted(records.map(|(key, _)| key)),
            |part| {
                for (key, count) in part {
                    *counts.entry(key).or_default() += count;
                }
            },
        )?;
        Ok(counts)
    }

    /// Of each key with a brink, how many numbers lie below it, and those that lie on it in order.
    fn on_brink(&self, brinks: &HashMap<K, Brink>) -> Result<HashMap<K, (u64, Vec<u64>)>> {
        let mut found: HashMap<K, (u64, Vec<u64>)> = HashMap::default();
        let work = |records: &mut dyn Iterator<Item = (K, u64)>| {
            let mut part: HashMap<K, (u64, Vec<u64>)> = HashMap::default();
            records.for_each(|(key, number)| {
                let Some((below, above)) = brinks.get(&key) else {
                    return;
                };
                if number < *below {
                    part.entry(key).or_default().0 += 1;
                } else if number <= *above {
                    part.entry(key).or_default().1.push(number);
                }
            });
            part.into_iter().collect::<Vec<_>>()
        };
        self.job("sample_by_key_exact: brink", work, |part| {
            for (key, (below, numbers)) in part {
                let all = found.entry(key).or_default();
                all.0 += below;
                all.1.extend(numbers);
            }
        })?;
        found
            .values_mut()
            .for_each(|(_, numbers)| numbers.sort_unstable());
        Ok(found)
    }

    /// The largest number that is taken of each key.
    fn find_limits(&self) -> Result<HashMap<K, u64>> {
        let mut wanted = HashMap::default();
        let mut brinks = HashMap::default();
        for (key, count) in self.counts()? {
            let fraction = (self.fraction)(&key);
            if fraction.is_nan() || fraction < 0.0 {
                return Err(not_a_fraction(fraction));
            }
            let size = sample_size(count, fraction);
            if size > 0 {
                brinks.insert(key.clone(), brink(count, size as f64 / count as f64));
                wanted.insert(key, size);
            }
        }
        let mut limits = HashMap::default();
        for _ in 0..ROUNDS {
            if brinks.is_empty() {
                return Ok(limits);
            }
            let found = self.on_brink(&brinks)?;
            brinks.retain(|key, brink| {
                let limit = wanted.get(key).zip(found.get(key));
                let limit = limit.and_then(|(size, found)| last_taken(*size, found));
                *brink = (0, u64::MAX);
                limits.extend(limit.map(|limit| (key.clone(), limit)));
                limit.is_none()
            });
        }
        Err(Error::of(
            ErrorKind::JobFailed,
            "an exact sample cannot be taken: the dataset has other records each time that it is computed",
        ))
    }
}

/// The first round finds nearly all limits; the second looks at every record of the keys that are left.
const ROUNDS: u32 = 3;

/// The number of the last record that is taken, of what was found below the brink and on it.
fn last_taken(size: u64, (below, numbers): &(u64, Vec<u64>)) -> Option<u64> {
    let place = size.checked_sub(*below)?.checked_sub(1)?;
    numbers.get(usize::try_from(place).ok()?).copied()
}

/// How many of so many records are taken.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it lies between 0 and the count"
)]
fn sample_size(count: u64, fraction: f64) -> u64 {
    ((count as f64 * fraction).ceil() as u64).min(count)
}

/// Between which numbers the last one taken nearly always lies (Meng's bounds, as in Spark's `BinomialBounds`).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a probability's part of all numbers; what is larger is the largest"
)]
fn brink(count: u64, fraction: f64) -> Brink {
    let scale = |probability: f64| (probability.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
    let spread = -MISS.ln() / count as f64;
    let below = spread * 2.0 / 3.0;
    let lower = fraction + below - (below * below + 3.0 * below * fraction).sqrt();
    let upper = fraction + spread + (spread * spread + 2.0 * spread * fraction).sqrt();
    (scale(lower), scale(upper))
}

impl<'a, K, V, F> Operation for Exact<'a, K, V, F>
where
    K: Record + Hash + Eq + Clone + 'a,
    V: 'a,
    F: Fn(&K) -> f64,
{
    type Item = (K, V);

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, (K, V)>
    where
        Self: 's,
    {
        let mut random = Random::of_partition(self.seed, partition);
        let records = self.parent.records(partition);
        Records::new(records.filter(move |(key, _)| {
            let number = random.next_u64();
            let limit = self.limits.get().and_then(|limits| limits.get(key));
            limit.is_some_and(|limit| number <= *limit)
        }))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        one_to_one(&self.parent)
    }

    fn prepare(&self) -> Result<()> {
        if self.limits.get().is_none() {
            // Nobody else sets it: the jobs do not come by here.
            let _ = self.limits.set(self.find_limits()?);
        }
        Ok(())
    }
}
