//! How many different records there are, about, in one pass and bounded memory.
//!
//! The sketch is that of HyperLogLog++ (Heule, Nunkesser and Hall, "HyperLogLog in Practice", 2013): 64-bit hashes, and a
//! sparse form of high precision for few records. Instead of its tables of measured bias, the dense form is read by Ertl's
//! estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017), which has none to correct.

use std::hash::Hash;
use std::panic::Location;

use crate::driver::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::hash_of;
use crate::rdd::Rdd;
use crate::record::{Input, Malformed, Record, from_bytes, to_bytes, write_length};
use crate::task;

/// With fewer registers than 2^7 the estimate is biased by more than a percent.
const PRECISION_MIN: u8 = 7;
/// A sketch takes 2^24 bytes then.
const PRECISION_MAX: u8 = 24;
/// The precision of the sparse form: an index of so many bits and a rank of 6 are 32 together.
const SPARSE: u8 = 26;
const RANK_BITS: u32 = 6;
const RANK_MASK: u32 = (1 << RANK_BITS) - 1;
/// Unsorted entries that a sparse sketch has room for before they are sorted in.
const PENDING_MIN: usize = 16;

/// The precision that gives this relative standard deviation (Spark's `countApproxDistinct`).
///
/// # Errors
/// No sketch is so exact.
pub(crate) fn precision_of(relative_sd: f64) -> Result<u8> {
    let bits = (2.0 * (1.054 / relative_sd).log2()).ceil();
    if relative_sd.is_nan() || relative_sd <= 0.0 || bits > f64::from(PRECISION_MAX) {
        let least = 1.054 / 2f64.powf(f64::from(PRECISION_MAX) / 2.0);
        return Err(Error::of(
            ErrorKind::InvalidArgument,
            format_args!(
                "no sketch of at most 16 MiB counts with a relative error of {relative_sd}: it must be at least \
                 {least:.6}; count the distinct records where it must be exact"
            ),
        ));
    }
    let enough = (PRECISION_MIN..PRECISION_MAX).find(|precision| f64::from(*precision) >= bits);
    Ok(enough.unwrap_or(PRECISION_MAX))
}

/// The records that were met, as far as counting them needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sketch {
    precision: u8,
    registers: Registers,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Registers {
    /// Index and rank in one number; the first `sorted` of them ascend, each index once.
    Sparse { entries: Vec<u32>, sorted: usize },
    /// The largest rank of each index.
    Dense(Vec<u8>),
}

impl Sketch {
    pub(crate) fn new(precision: u8) -> Self {
        Self {
            precision,
            registers: Registers::Sparse {
                entries: Vec::new(),
                sorted: 0,
            },
        }
    }

    /// How many sparse entries take as much memory as all registers.
    fn sparse_max(&self) -> usize {
        (1 << self.precision) / size_of::<u32>()
    }

    #[inline]
    pub(crate) fn add<T: Hash + ?Sized>(&mut self, record: &T) {
        self.add_hash(mixed(hash_of(record)));
    }

    #[inline]
    fn add_hash(&mut self, hash: u64) {
        match &mut self.registers {
            Registers::Dense(registers) => {
                let (index, rank) = split(hash, self.precision);
                if let Some(register) = registers.get_mut(index) {
                    *register = rank.max(*register);
                }
            }
            Registers::Sparse { .. } => self.push(entry(hash)),
        }
    }

    fn push(&mut self, entry: u32) {
        if let Registers::Sparse { entries, sorted } = &mut self.registers {
            entries.push(entry);
            if entries.len() >= PENDING_MIN + *sorted * 5 / 4 {
                self.settle();
            }
        }
    }

    /// Sorts pending entries in, and makes the sketch dense where that is smaller.
    fn settle(&mut self) {
        let most = self.sparse_max();
        if let Registers::Sparse { entries, sorted } = &mut self.registers {
            if *sorted < entries.len() {
                // Of one index the largest rank comes first, and stays.
                entries.sort_unstable_by_key(|entry| (entry >> RANK_BITS, !entry));
                entries.dedup_by_key(|entry| *entry >> RANK_BITS);
                *sorted = entries.len();
            }
            if entries.len() > most {
                self.make_dense();
            }
        }
    }

    fn make_dense(&mut self) {
        let Registers::Sparse { entries, .. } = &self.registers else {
            return;
        };
        let mut registers = vec![0u8; 1 << self.precision];
        for entry in entries {
            let (index, rank) = coarser(*entry, self.precision);
            registers[index] = rank.max(registers[index]);
        }
        self.registers = Registers::Dense(registers);
    }

    /// Takes in what another sketch of the same precision has met.
    pub(crate) fn merge(&mut self, other: &Self) {
        match &other.registers {
            Registers::Sparse { entries, .. } => match &mut self.registers {
                Registers::Sparse { .. } => entries.iter().for_each(|entry| self.push(*entry)),
                Registers::Dense(registers) => {
                    for entry in entries {
                        let (index, rank) = coarser(*entry, self.precision);
                        registers[index] = rank.max(registers[index]);
                    }
                }
            },
            Registers::Dense(others) => {
                self.make_dense();
                if let Registers::Dense(registers) = &mut self.registers {
                    let both = registers.iter_mut().zip(others);
                    both.for_each(|(register, other)| *register = (*other).max(*register));
                }
            }
        }
    }

    /// About how many different records were met.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no estimate is negative, and one beyond all numbers is the largest"
    )]
    pub(crate) fn estimate(mut self) -> u64 {
        self.settle();
        match &self.registers {
            Registers::Sparse { entries, .. } => linear(entries.len()),
            Registers::Dense(registers) => dense(registers, 64 - self.precision),
        }
        .round() as u64
    }
}

/// Spreads a hash over all its bits (the finisher of MurmurHash3): whatever they were multiplied with before, each depends on
/// all.
#[inline]
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash = (hash ^ hash >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    hash ^ hash >> 33
}

/// The upper bits as an index, and the place of the first one among the others, counted from 1.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "an index has at most 26 bits, a rank is at most 61"
)]
fn split(hash: u64, precision: u8) -> (usize, u8) {
    let index = hash >> (64 - precision);
    let rest = hash << precision | 1 << (precision - 1);
    (index as usize, rest.leading_zeros() as u8 + 1)
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "an index has 26 bits")]
fn entry(hash: u64) -> u32 {
    let (index, rank) = split(hash, SPARSE);
    (index as u32) << RANK_BITS | u32::from(rank)
}

/// The index and the rank that a sparse entry has in the dense form.
#[expect(clippy::cast_possible_truncation, reason = "a rank is at most 61")]
fn coarser(entry: u32, precision: u8) -> (usize, u8) {
    let (index, rank) = (entry >> RANK_BITS, entry & RANK_MASK);
    let spare = u32::from(SPARSE - precision);
    let lost = index & ((1 << spare) - 1);
    let rank = match lost {
        0 => spare + rank,
        _ => spare - lost.ilog2(),
    };
    ((index >> spare) as usize, rank as u8)
}

/// Linear counting: how many records fill so many of the sparse form's indices.
fn linear(filled: usize) -> f64 {
    let all = f64::from(1u32 << SPARSE);
    all * -(-(filled as f64) / all).ln_1p()
}

/// Ertl's improved raw estimator.
fn dense(registers: &[u8], rank_max: u8) -> f64 {
    let count = registers.len() as f64;
    let mut of_rank = [0u32; 66];
    registers
        .iter()
        .for_each(|rank| of_rank[usize::from(*rank).min(65)] += 1);
    let share = |rank: u8| f64::from(of_rank[usize::from(rank)]);
    let mut sum = count * tau(1.0 - share(rank_max + 1) / count);
    for rank in (1..=rank_max).rev() {
        sum = 0.5 * (sum + share(rank));
    }
    sum += count * sigma(share(0) / count);
    count * count / (2.0 * std::f64::consts::LN_2 * sum)
}

/// The part of the registers that are still empty.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut sum, mut weight) = (x, 1.0);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

/// The part of the registers that are full.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut sum, mut weight) = (1.0 - x, 1.0);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

impl Record for Sketch {
    const MIN_WIDTH: usize = 3;

    fn encode(&self, out: &mut Vec<u8>) {
        self.precision.encode(out);
        match &self.registers {
            Registers::Sparse { entries, .. } => {
                false.encode(out);
                entries.encode(out);
            }
            Registers::Dense(registers) => {
                true.encode(out);
                write_length(registers.len(), out);
                out.extend_from_slice(registers);
            }
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let precision = u8::decode(input)?;
        if !(PRECISION_MIN..=PRECISION_MAX).contains(&precision) {
            return Err(Malformed::of("precision of a sketch"));
        }
        if bool::decode(input)? {
            let registers = Vec::<u8>::decode(input)?;
            if registers.len() != 1 << precision {
                return Err(Malformed::of("registers of a sketch"));
            }
            let registers = Registers::Dense(registers);
            return Ok(Self {
                precision,
                registers,
            });
        }
        let mut sketch = Self::new(precision);
        let entries = Vec::decode(input)?;
        sketch.registers = Registers::Sparse { entries, sorted: 0 };
        sketch.settle();
        Ok(sketch)
    }
}

impl<'a, T: Hash + 'a> Rdd<'a, T> {
    /// About how many different records there are, in one pass. The error has a standard deviation of this part of the
    /// result; the smaller it is, the more memory a task needs: 4 KiB for 0.02, 16 MiB at most.
    ///
    /// Few records (up to some 2^precision / 4) are counted nearly exactly.
    ///
    /// # Errors
    /// The job failed, or no sketch is so exact.
    #[track_caller]
    pub fn count_approx_distinct(&self, relative_sd: f64) -> Result<u64> {
        let call_site = Location::caller();
        let mut all = Sketch::new(precision_of(relative_sd)?);
        let precision = all.precision;
        let action = |partition| {
            let mut sketch = Sketch::new(precision);
            self.records(partition)
                .for_each(|record| sketch.add(&record));
            task::check()?;
            sketch.settle();
            Ok(to_bytes(&sketch))
        };
        let job = Job {
            name: "count_approx_distinct",
            call_site,
            root: self,
            action: &action,
        };
        job.run((0..self.partitions()).collect(), |_, bytes| {
            all.merge(&from_bytes(&bytes)?);
            Ok(())
        })?;
        Ok(all.estimate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;
    use crate::random::Random;

    fn of(numbers: impl Iterator<Item = u64>, precision: u8) -> Sketch {
        let mut sketch = Sketch::new(precision);
        numbers.for_each(|number| sketch.add(&number));
        sketch
    }

    #[test]
    fn precision_follows_the_error_as_sparks_does() {
        let precisions =
            [0.5, 0.4, 0.05, 0.02, 0.01, 0.001].map(|error| precision_of(error).unwrap());
        assert_eq!(precisions, [7, 7, 9, 12, 14, 21]);
        for error in [0.0, -0.1, f64::NAN, 0.0002] {
            let refused = precision_of(error).unwrap_err();
            assert!(
                refused.message().contains("it must be at least 0.000257"),
                "{refused}"
            );
        }
        assert_eq!(precision_of(f64::INFINITY).unwrap(), 7);
    }

    /// The root of the mean squared error of several sketches is what is promised: 1.04 / sqrt(registers), or less.
    #[test]
    fn the_error_is_what_is_promised_at_all_sizes() {
        const ROUNDS: u64 = 60;
        for precision in [7u8, 9, 12] {
            let promised = 1.04 / f64::from(1u32 << precision).sqrt();
            for size in [1u64, 10, 100, 1000, 5000, 30_000] {
                let squares = (0..ROUNDS).map(|round| {
                    let start = Random::new(round).next_u64();
                    let numbers = (0..size).map(|n| start.wrapping_add(n));
                    let error = of(numbers, precision).estimate() as f64 / size as f64 - 1.0;
                    error * error
                });
                let error = (squares.sum::<f64>() / ROUNDS as f64).sqrt();
                assert!(
                    error < 1.35 * promised,
                    "{precision} bits, {size} records: {error:.4}"
                );
            }
        }
    }

    #[test]
    fn few_records_are_counted_exactly() {
        for size in [0, 1, 2, 100, 1000] {
            let twice = (0..size).chain(0..size);
            assert_eq!(of(twice, 14).estimate(), size);
        }
    }

    #[test]
    fn merged_sketches_are_those_of_all_records() {
        for (a, b) in [
            (10, 10),
            (10, 50_000),
            (50_000, 10),
            (50_000, 50_000),
            (0, 70),
        ] {
            let mut merged = of(0..a, 10);
            merged.merge(&of(a / 2..a / 2 + b, 10));
            let all = of(0..a.max(a / 2 + b), 10);
            assert_eq!(merged.estimate(), all.estimate(), "{a} and {b}");
        }
    }

    /// The sparse form becomes the same dense one as if it had never been.
    #[test]
    fn a_sparse_sketch_loses_nothing_when_it_becomes_dense() {
        for precision in [7, 12, 24] {
            let mut sparse = of(0..300, precision);
            sparse.make_dense();
            let mut dense = Sketch::new(precision);
            dense.make_dense();
            (0..300u64).for_each(|number| dense.add(&number));
            assert_eq!(sparse, dense);
        }
    }

    #[test]
    fn a_sketch_takes_no_more_memory_than_its_registers() {
        for size in [10u64, 1000, 100_000] {
            let bytes = to_bytes(&of(0..size, 12));
            assert!(
                bytes.len() <= (1 << 12) * 5 / 4 + 100,
                "{size}: {}",
                bytes.len()
            );
            let back: Sketch = from_bytes(&bytes).unwrap();
            assert_eq!(back.estimate(), of(0..size, 12).estimate());
        }
    }

    #[test]
    fn bytes_that_are_no_sketch_are_refused() {
        let whole = to_bytes(&of(0..10_000, 8));
        for cut in 0..whole.len() {
            assert!(from_bytes::<Sketch>(&whole[..cut]).is_err());
        }
        for (at, byte) in [(0, 3), (0, 25), (0, 7), (1, 2)] {
            let mut changed = whole.clone();
            changed[at] = byte;
            assert!(from_bytes::<Sketch>(&changed).is_err(), "{byte} at {at}");
        }
        // Nonsense as entries and ranks is a wrong number, and no more.
        for byte in [0u8, 0x7f, 0xff] {
            let mut dense = whole.clone();
            dense[3..].fill(byte);
            let _ = from_bytes::<Sketch>(&dense).map(Sketch::estimate);
            let mut sparse = to_bytes(&of(0..10, 8));
            sparse[3..].fill(byte);
            let mut sketch = from_bytes::<Sketch>(&sparse).unwrap();
            sketch.make_dense();
            sketch.estimate();
        }
    }

    #[test]
    fn a_dataset_is_counted_in_one_pass() {
        let cx = Context::new();
        let numbers = cx.range_in(0..50_000, 4).map(|n| n % 20_000);
        let count = numbers.count_approx_distinct(0.02).unwrap();
        assert!(count.abs_diff(20_000) < 1200, "{count}");
        assert_eq!(cx.range(0..0).count_approx_distinct(0.05).unwrap(), 0);
        let words = cx.parallelize(["a", "b", "a", "c"]);
        assert_eq!(words.count_approx_distinct(0.05).unwrap(), 3);
    }
}
