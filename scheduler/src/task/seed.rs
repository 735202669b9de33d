//! The seed of a task's randomness.
//!
//! It depends on what is computed, never on the attempt: two attempts draw the same numbers.

use crate::{RddId, ShuffleId};

/// What a task computes a partition of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Rdd(RddId),
    Shuffle(ShuffleId),
}

/// Returns the seed of a partition.
pub(crate) fn seed(application: u64, stream: Stream, partition: u32) -> u64 {
    let stream = match stream {
        Stream::Rdd(RddId(id)) => u64::from(id) << 1,
        Stream::Shuffle(ShuffleId(id)) => (u64::from(id) << 1) | 1,
    };
    mix(mix(mix(application) ^ stream) ^ u64::from(partition))
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
fn mix(input: u64) -> u64 {
    let sum = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let high = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let low = (high ^ (high >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    low ^ (low >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_mixer_is_split_mix_64() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn seeds_differ_by_application_dataset_kind_and_partition() {
        let mut seeds = BTreeSet::new();
        for application in 0..3 {
            for id in 0..10 {
                for partition in 0..10 {
                    seeds.insert(seed(application, Stream::Rdd(RddId(id)), partition));
                    seeds.insert(seed(application, Stream::Shuffle(ShuffleId(id)), partition));
                }
            }
        }
        assert_eq!(seeds.len(), 600);
    }
}
