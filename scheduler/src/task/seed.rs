//! The seed of a task's randomness.
//!
//! It depends on what is computed, never on the attempt: two attempts draw the same numbers.

use crate::random::mix;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
