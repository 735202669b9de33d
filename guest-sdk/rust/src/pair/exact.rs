//! Samples of exactly so many records of each key.
//!
//! Each record draws a number, or several where it may be taken again, and those with the smallest numbers are taken. A
//! number of Poisson draws for each record, of which a uniform choice is taken, is a draw with replacement.

use std::cell::{OnceCell, RefCell};
use std::hash::Hash;
use std::panic::Location;
use std::rc::Rc;

use crate::approximate::counted;
use crate::driver::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::HashMap;
use crate::lineage::Parent;
use crate::random::Random;
use crate::rdd::{Operation, Rdd, one_to_one};
use crate::record::{Record, from_bytes, to_bytes};
use crate::stream::Records;
use crate::task;

/// The chance that too few records of a key are on the brink; then all of them are looked at.
const MISS: f64 = 1e-9;

/// Numbers below the first are taken, those above the second are not; between them lies the brink.
type Brink = (u64, u64);

/// Copies a record that is taken again.
type Repeat<T> = fn(&T) -> T;

pub(super) struct Exact<'a, K, V, F> {
    parent: Rdd<'a, (K, V)>,
    fraction: F,
    seed: u64,
    call_site: &'static Location<'static>,
    /// There where a record may be taken again.
    repeat: Option<Repeat<(K, V)>>,
    /// How many numbers a key's record draws in the mean, where it may be taken again.
    means: RefCell<Option<HashMap<K, f64>>>,
    /// The largest number that is taken of each key; a key of which none is taken is missing.
    limits: OnceCell<HashMap<K, u64>>,
}

impl<'a, K, V, F> Exact<'a, K, V, F> {
    pub(super) fn new(
        parent: Rdd<'a, (K, V)>,
        fraction: F,
        seed: u64,
        call_site: &'static Location<'static>,
        repeat: Option<Repeat<(K, V)>>,
    ) -> Self {
        Self {
            parent,
            fraction,
            seed,
            call_site,
            repeat,
            means: RefCell::new(None),
            limits: OnceCell::new(),
        }
    }
}

impl<'a, K: Record + Hash + Eq + Clone + 'a, V: 'a, F: Fn(&K) -> f64> Exact<'a, K, V, F> {
    /// How many numbers a record of this key draws.
    fn draws(&self, key: &K, random: &mut Random) -> usize {
        match &*self.means.borrow() {
            None => 1,
            Some(means) => random.next_poisson(means.get(key).copied().unwrap_or(0.0)),
        }
    }

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
            let done = work(&mut records.flat_map(|(key, _)| {
                let draws = self.draws(&key, &mut random);
                // Mostly one: then nothing is allocated for it.
                let first = (draws > 0).then(|| random.next_u64());
                let others: Vec<u64> = (1..draws).map(|_| random.next_u64()).collect();
                let numbers = first.into_iter().chain(others);
                numbers.map(move |number| (key.clone(), number))
            }));
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

    /// How many numbers each key's records draw: as long as there are no means, how many records it has.
    fn counts(&self) -> Result<HashMap<K, u64>> {
        let mut counts: HashMap<K, u64> = HashMap::default();
        self.job(
            "sample_by_key_exact: count",
            |records| counted(records.map(|(key, _)| key)),
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
            records.for_each(|(mut key, number)| {
                let Some((below, above)) = brinks.get(&key).copied() else {
                    return;
                };
                if number > above {
                    return;
                }
                if !part.contains_key(&key) {
                    key.detach();
                }
                let found = part.entry(key).or_default();
                if number < below {
                    found.0 += 1;
                } else {
                    found.1.push(number);
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

    fn limit(&self, key: &K) -> Option<u64> {
        self.limits.get()?.get(key).copied()
    }

    /// How many are taken of each key, if any are.
    fn sizes(&self, counts: &HashMap<K, u64>) -> Result<HashMap<K, u64>> {
        let mut sizes = HashMap::default();
        for (key, count) in counts {
            let fraction = (self.fraction)(key);
            if fraction.is_nan() || fraction < 0.0 {
                return Err(not_a_fraction(fraction));
            }
            let size = sample_size(*count, fraction);
            let most = self.repeat.map_or(*count, |_| u64::MAX);
            if size > 0 {
                sizes.insert(key.clone(), size.min(most));
            }
        }
        Ok(sizes)
    }

    /// The largest number that is taken of each key.
    fn find_limits(&self) -> Result<HashMap<K, u64>> {
        // An attempt that failed may have left some.
        self.means.replace(None);
        let mut counts = self.counts()?;
        let wanted = self.sizes(&counts)?;
        if self.repeat.is_some() {
            let mean = |(key, size): (&K, &u64)| {
                let count = counts.get(key).copied().unwrap_or(1);
                (key.clone(), brink(count, *size as f64 / count as f64).1)
            };
            let means = wanted.iter().map(mean).collect();
            self.means.replace(Some(means));
            counts = self.counts()?;
        }
        let mut brinks: HashMap<K, Brink> = HashMap::default();
        for (key, size) in &wanted {
            let count = counts.get(key).copied().unwrap_or(1);
            let (below, above) = brink(count, *size as f64 / count as f64);
            brinks.insert(key.clone(), (scaled(below), scaled(above)));
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
    reason = "it is not negative, and what is too large is the largest"
)]
fn sample_size(count: u64, fraction: f64) -> u64 {
    (count as f64 * fraction).ceil() as u64
}

/// Between which parts of all numbers the last one taken nearly always lies (Meng's bounds, as in Spark's `BinomialBounds`).
fn brink(count: u64, fraction: f64) -> (f64, f64) {
    let spread = -MISS.ln() / count as f64;
    let below = spread * 2.0 / 3.0;
    let lower = fraction + below - (below * below + 3.0 * below * fraction).sqrt();
    let upper = fraction + spread + (spread * spread + 2.0 * spread * fraction).sqrt();
    (lower, upper)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a probability's part of all numbers; what is larger is the largest"
)]
fn scaled(probability: f64) -> u64 {
    (probability.clamp(0.0, 1.0) * u64::MAX as f64) as u64
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
        let Some(repeat) = self.repeat else {
            return Records::new(records.filter(move |(key, _)| {
                let number = random.next_u64();
                self.limit(key).is_some_and(|limit| number <= limit)
            }));
        };
        Records::new(records.flat_map(move |record| {
            let limit = self.limit(&record.0);
            let draws = self.draws(&record.0, &mut random);
            let numbers = (0..draws).map(|_| random.next_u64());
            let taken = numbers.filter(|number| limit.is_some_and(|limit| *number <= limit));
            let copies: Vec<(K, V)> = taken.map(|_| repeat(&record)).collect();
            copies
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

pub(super) fn not_a_fraction(fraction: f64) -> Error {
    Error::of(
        ErrorKind::InvalidArgument,
        format_args!("a fraction of {fraction} cannot be sampled: it must be 0 or more"),
    )
}
