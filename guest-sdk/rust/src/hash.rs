//! The one hash of the SDK: the same for the same key, in every task and every run.
//!
//! Its seed is fixed, so keys that someone chose to collide do collide. It chooses buckets and finds keys; it protects
//! nothing.

use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A hash map whose order is the same in every run.
pub type HashMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<FixedHasher>>;

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
const FINISHER: u64 = 0xD6E8_FEB8_6659_FD93;

/// Multiplies the words of the key together: for short keys the quickest that WebAssembly has.
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedHasher {
    state: u64,
}

impl FixedHasher {
    #[inline]
    fn mix(&mut self, word: u64) {
        self.state = (self.state.rotate_left(29) ^ word).wrapping_mul(MULTIPLIER);
    }
}

impl Hasher for FixedHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64) << 56;
        if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            let whole = bytes.as_chunks::<8>().0;
            if bytes.len() > 16 {
                whole
                    .iter()
                    .for_each(|chunk| self.mix(u64::from_le_bytes(*chunk)));
            } else {
                self.mix(u64::from_le_bytes(*first));
            }
            self.mix(u64::from_le_bytes(*last) ^ length);
        } else if let (Some(first), Some(last)) =
            (bytes.first_chunk::<4>(), bytes.last_chunk::<4>())
        {
            let pair =
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
            self.mix(pair ^ length);
        } else {
            let byte = |at: usize| u64::from(bytes.get(at).copied().unwrap_or(0)) << (8 * at);
            self.mix(byte(0) | byte(1) | byte(2) | length);
        }
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.mix(u64::from(number));
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.mix(u64::from(number));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.mix(u64::from(number));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    /// As 64 bits, so that lengths hash alike on every machine.
    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        let folded = (self.state ^ self.state >> 32).wrapping_mul(FINISHER);
        folded ^ folded >> 32
    }
}

#[inline]
pub(crate) fn hash_of<K: Hash + ?Sized>(key: &K) -> u64 {
    let mut hasher = FixedHasher::default();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The bucket of a hash: its upper half, so that the keys of one bucket still differ in the lower half.
#[inline]
pub(crate) fn bucket_of(hash: u64, buckets: u32) -> u32 {
    (((hash >> 32) * u64::from(buckets)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_key_never_changes() {
        assert_eq!(hash_of("tinder"), hash_of(&String::from("tinder")));
        assert_eq!(hash_of(&7u64), hash_of(&7usize));
        let known = ["", "a", "spark", "tinderbox", "a longer key than that one"].map(hash_of);
        assert_eq!(
            known, KNOWN,
            "a changed hash changes the order of every result"
        );
    }

    const KNOWN: [u64; 5] = [
        4_410_199_053_064_427_974,
        16_092_823_338_254_411_846,
        5_561_263_472_662_141_918,
        16_576_904_091_379_700_319,
        14_374_012_615_795_576_799,
    ];

    #[test]
    fn keys_that_differ_in_length_or_one_byte_differ() {
        let keys: Vec<String> = (0..200)
            .flat_map(|length| (0..length.max(1)).map(move |at| (length, at)))
            .map(|(length, at)| {
                (0..length)
                    .map(|here| if here == at { 'b' } else { 'a' })
                    .collect()
            })
            .collect();
        let hashes: std::collections::BTreeSet<u64> =
            keys.iter().map(|key| hash_of(key.as_str())).collect();
        let distinct: std::collections::BTreeSet<&String> = keys.iter().collect();
        assert_eq!(hashes.len(), distinct.len());
    }

    #[test]
    fn buckets_of_counting_numbers_are_even() {
        for buckets in [2u32, 3, 7, 200] {
            let mut sizes = vec![0u32; buckets as usize];
            (0..20_000u64).for_each(|key| sizes[bucket_of(hash_of(&key), buckets) as usize] += 1);
            let even = 20_000 / buckets;
            assert!(
                sizes.iter().all(|size| size.abs_diff(even) < even / 2),
                "{buckets}: {sizes:?}"
            );
        }
    }
}
