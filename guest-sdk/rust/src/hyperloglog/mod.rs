//! How many different records there are, about, in one pass and bounded memory.
//!
//! The sketch is that of HyperLogLog++ (Heule, Nunkesser and Hall, "HyperLogLog in Practice", 2013): 64-bit hashes, and a
//! sparse form of high precision for few records. Instead of its tables of measured bias, the dense form is read by Ertl's
//! estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017), which has none to correct.

mod estimate;
#[cfg(test)]
mod tests;

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
            Registers::Sparse { entries, .. } => estimate::linear(entries.len()),
            Registers::Dense(registers) => estimate::dense(registers, 64 - self.precision),
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
