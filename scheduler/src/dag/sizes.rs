//! How large the buckets of a map output are, in few bytes (Spark: `CompressedMapStatus`,
//! `HighlyCompressedMapStatus`).
//!
//! A shuffle of 10,000 x 10,000 has 100 million buckets: 800 MB in the driver at eight bytes each. Up to
//! [`EACH_MAX`] buckets are told in one byte each, as the more precise form is cheap there; with more of them the
//! even case costs nothing, and memory goes to what matters to whoever balances work: which buckets are empty,
//! and which are far larger than the rest.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

/// Up to so many buckets each has a size of its own (Spark: `shuffle.minNumPartitionsToHighlyCompress`).
const EACH_MAX: usize = 2_000;

/// So many large buckets have a size of their own beside the average (Spark:
/// `shuffle.maxAccurateSkewedBlockNumber`).
const LARGE_MAX: usize = 100;

/// A bucket is large if it is so many times the average. Spark asks for 100 MiB: what hurts a short task is
/// skew, not size.
const LARGE_FACTOR: u64 = 5;

/// The size that the largest code stands for, in bytes; nothing is larger here.
const SIZE_MAX: u64 = decode(u8::MAX);

/// The sizes of one map output's buckets, in bytes: none is told too small, none by more than an eighth too large,
/// but for those that are told as an average.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketSizes(pub Told);

/// How sizes are told. What comes from another process may be out of order: the driver looks before it believes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// A code for each.
    Each(Box<[u8]>),
    /// What most have in common, and the others.
    Average {
        /// How many there are.
        buckets: u32,
        /// Bytes of each bucket that is neither empty nor large.
        average: u64,
        /// A bit for each bucket, from the lowest on; nothing where none is empty.
        empty: Box<[u64]>,
        /// Sorted; each with its code.
        large: Box<[(u32, u8)]>,
    },
}

impl BucketSizes {
    /// Takes down sizes in bytes.
    pub fn new(sizes: &[u64]) -> Self {
        if sizes.len() <= EACH_MAX {
            return Self(Told::Each(sizes.iter().copied().map(encode).collect()));
        }
        let large = large(sizes);
        let mut sum = sizes
            .iter()
            .fold(0_u64, |sum, size| sum.saturating_add(*size));
        let mut count = sizes.iter().filter(|size| **size > 0).count() as u64;
        for bucket in &large {
            sum = sum.saturating_sub(sizes[*bucket as usize]);
            count -= 1;
        }
        let codes = large
            .iter()
            .map(|bucket| (*bucket, encode(sizes[*bucket as usize])));
        Self(Told::Average {
            buckets: u32::try_from(sizes.len()).unwrap_or(u32::MAX),
            average: sum.div_ceil(count.max(1)).min(SIZE_MAX),
            empty: empty(sizes),
            large: codes.collect(),
        })
    }

    /// Returns about how many bytes a bucket has; one that does not exist has none.
    pub fn size(&self, bucket: u32) -> u64 {
        match &self.0 {
            Told::Each(codes) => codes.get(bucket as usize).copied().map_or(0, decode),
            Told::Average {
                buckets,
                average,
                empty,
                large,
            } => {
                if bucket >= *buckets || is_set(empty, bucket) {
                    return 0;
                }
                let at = large.binary_search_by_key(&bucket, |(bucket, _)| *bucket);
                at.map_or(*average, |at| decode(large[at].1))
            }
        }
    }

    /// Returns whether this tells of so many buckets, in good order: it may come from another process.
    pub(crate) fn fits(&self, count: u32) -> bool {
        match &self.0 {
            Told::Each(codes) => codes.len() == count as usize,
            Told::Average {
                buckets,
                average,
                empty,
                large,
            } => {
                let sorted = large.is_sorted_by(|(before, _), (after, _)| before < after);
                let words = (count as usize).div_ceil(64);
                *buckets == count
                    && *average <= SIZE_MAX
                    && (empty.is_empty() || empty.len() == words)
                    && sorted
                    && large.last().is_none_or(|(bucket, _)| *bucket < count)
            }
        }
    }

    /// Returns what all buckets have in common, in bytes.
    pub(super) fn common(&self) -> u64 {
        match self.0 {
            Told::Each(_) => 0,
            Told::Average { average, .. } => average,
        }
    }

    /// Tells each bucket that differs from [`Self::common`], and by how much. Adding up many outputs costs as much
    /// as they were told in, not as many buckets as there are.
    pub(super) fn differences(&self, mut tell: impl FnMut(usize, i64)) {
        match &self.0 {
            Told::Each(codes) => {
                let sizes = codes.iter().copied().map(decode).enumerate();
                sizes
                    .filter(|(_, size)| *size > 0)
                    .for_each(|(bucket, size)| tell(bucket, signed(size)));
            }
            Told::Average {
                buckets,
                average,
                empty,
                large,
            } => {
                let common = signed(*average);
                if !empty.is_empty() {
                    let none = (0..*buckets).filter(|bucket| is_set(empty, *bucket));
                    none.for_each(|bucket| tell(bucket as usize, -common));
                }
                for (bucket, code) in large.iter().filter(|(bucket, _)| !is_set(empty, *bucket)) {
                    tell(*bucket as usize, signed(decode(*code)) - common);
                }
            }
        }
    }
}

/// Sizes are bounded: see [`SIZE_MAX`].
fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn is_set(bits: &[u64], bit: u32) -> bool {
    let word = bits.get(bit as usize / 64);
    word.is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

fn empty(sizes: &[u64]) -> Box<[u64]> {
    if sizes.iter().all(|size| *size > 0) {
        return Box::default();
    }
    let word = |sizes: &[u64]| {
        let bits = sizes.iter().zip(0_u32..);
        bits.fold(0, |word, (size, bit)| word | u64::from(*size == 0) << bit)
    };
    sizes.chunks(64).map(word).collect()
}

/// Returns the buckets that have a size of their own: the largest of those that are far above the average. Sorted.
fn large(sizes: &[u64]) -> Vec<u32> {
    let sum = sizes
        .iter()
        .fold(0_u64, |sum, size| sum.saturating_add(*size));
    let count = sizes.iter().filter(|size| **size > 0).count() as u64;
    let least = (sum / count.max(1)).saturating_mul(LARGE_FACTOR);
    let mut large: Vec<(Reverse<u64>, u32)> = (0_u32..)
        .zip(sizes)
        .filter(|(_, size)| **size > least)
        .map(|(bucket, size)| (Reverse(*size), bucket))
        .collect();
    large.sort_unstable();
    large.truncate(LARGE_MAX);
    let mut buckets: Vec<u32> = large.into_iter().map(|(_, bucket)| bucket).collect();
    buckets.sort_unstable();
    buckets
}

/// Writes a size as three bits behind the leading one and five bits of exponent, rounded up. In whole numbers, so
/// that any two machines agree; Spark takes a logarithm.
fn encode(size: u64) -> u8 {
    let size = size.min(SIZE_MAX);
    let shift = size.checked_ilog2().unwrap_or(0).saturating_sub(3);
    let mantissa = size.div_ceil(1 << shift);
    // Rounding up may carry: 16 << shift is 8 << shift + 1.
    let (mantissa, shift) = if mantissa == 16 {
        (8, shift + 1)
    } else {
        (mantissa, shift)
    };
    let exponent = u64::from(shift) + u64::from(mantissa >= 8);
    u8::try_from(exponent << 3 | mantissa & 7).unwrap_or(u8::MAX)
}

const fn decode(code: u8) -> u64 {
    let (exponent, mantissa) = (code >> 3, (code & 7) as u64);
    match exponent {
        0 => mantissa,
        exponent => (8 + mantissa) << (exponent - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes on the heap.
    fn weight(sizes: &BucketSizes) -> usize {
        match &sizes.0 {
            Told::Each(codes) => codes.len(),
            Told::Average { empty, large, .. } => 8 * empty.len() + 8 * large.len(),
        }
    }

    #[test]
    fn a_code_is_exact_or_a_little_above() {
        for code in 0..=u8::MAX {
            assert_eq!(encode(decode(code)), code);
        }
        for size in (0..60).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]) {
            let told = decode(encode(size));
            let bounded = size.min(SIZE_MAX);
            assert!(
                told >= bounded && told <= bounded + bounded / 8,
                "{size}: {told}"
            );
        }
    }

    #[test]
    fn few_buckets_have_a_size_each() {
        let sizes = BucketSizes::new(&[0, 7, 1_000]);
        assert_eq!(
            [0, 1, 2, 3].map(|bucket| sizes.size(bucket)),
            [0, 7, 1_024, 0]
        );
        assert!(sizes.fits(3) && !sizes.fits(2));
    }

    #[test]
    fn many_buckets_have_an_average_and_the_large_ones_a_size() {
        let mut plain = vec![100; 2_001];
        (plain[3], plain[2_000]) = (0, 1 << 20);
        let sizes = BucketSizes::new(&plain);
        assert_eq!(
            [0, 3, 2_000, 2_001].map(|at| sizes.size(at)),
            [100, 0, 1 << 20, 0]
        );
    }

    #[test]
    fn differences_add_up_to_the_sizes() {
        let mut plain: Vec<u64> = (0..2_500).map(|bucket| bucket % 7).collect();
        plain[9] = 1 << 30;
        for plain in [&plain[..1_000], &plain] {
            let sizes = BucketSizes::new(plain);
            let mut sums = vec![signed(sizes.common()); plain.len()];
            sizes.differences(|bucket, by| sums[bucket] += by);
            for (bucket, sum) in (0_u32..).zip(&sums) {
                assert_eq!(*sum, signed(sizes.size(bucket)));
            }
        }
    }

    #[test]
    fn what_is_out_of_order_does_not_fit() {
        let form = |average, empty: &[u64], large: &[(u32, u8)]| {
            BucketSizes(Told::Average {
                buckets: 100,
                average,
                empty: empty.into(),
                large: large.into(),
            })
        };
        assert!(form(1, &[0, 1], &[(3, 9), (99, 9)]).fits(100));
        assert!(!form(u64::MAX, &[], &[]).fits(100));
        assert!(!form(1, &[0], &[]).fits(100));
        assert!(!form(1, &[], &[(3, 9), (3, 9)]).fits(100));
        assert!(!form(1, &[], &[(100, 9)]).fits(100));
    }

    #[test]
    fn ten_thousand_buckets_weigh_little() {
        let even = BucketSizes::new(&vec![50_000; 10_000]);
        assert_eq!(weight(&even), 0);
        let skewed: Vec<u64> = (0_u64..10_000)
            .map(|bucket| bucket % 3 * (bucket % 97).pow(4))
            .collect();
        assert!(weight(&BucketSizes::new(&skewed)) <= 2_100);
        assert_eq!(weight(&BucketSizes::new(&vec![50_000; 1_000])), 1_000);
    }
}
