//! What an attempt has added to accumulators.

use sandbox::{Error, ErrorKind};
use wire::AccumulatorUpdate;

/// What one attempt may say, in bytes: it travels in a message beside the attempt's end. (Spark counts it as part of the
/// result, which is bounded for the job alone; so it is here, too.)
const ADDED_BYTES_MAX: usize = 1 << 20;

/// What counts for an accumulator beyond its bytes, so that there can't be too many of them either.
const OVERHEAD_BYTES: usize = 16;

/// Collects what an attempt says.
#[derive(Default)]
pub(super) struct Added {
    updates: Vec<AccumulatorUpdate>,
    bytes: usize,
}

impl Added {
    /// Takes in what was added to one accumulator.
    pub(super) fn add(&mut self, accumulator: u32, bytes: Vec<u8>) -> Result<(), Error> {
        let last = self.updates.last();
        if last.is_some_and(|last| last.accumulator >= accumulator) {
            let message = format!(
                "accumulator {accumulator} comes too late: each is told of once, in the order of their numbers"
            );
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        self.bytes += bytes.len() + OVERHEAD_BYTES;
        if self.bytes > ADDED_BYTES_MAX {
            let message = format!(
                "what this task has added to accumulators takes {} bytes, and may take {ADDED_BYTES_MAX}; return or save what \
                 is large as records of a dataset instead",
                self.bytes
            );
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        self.updates.push(AccumulatorUpdate { accumulator, bytes });
        Ok(())
    }

    /// How many accumulators there are.
    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.updates.iter().map(|update| update.bytes.len()).sum()
    }

    pub(super) fn into_updates(self) -> Vec<AccumulatorUpdate> {
        self.updates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_or_comes_twice_is_refused() {
        let mut added = Added::default();
        added.add(1, vec![7]).unwrap();
        assert!(added.add(1, vec![7]).is_err(), "twice");
        assert!(added.add(2, vec![0; ADDED_BYTES_MAX]).is_err(), "too large");
        assert_eq!(added.len(), 1);
    }

    #[test]
    fn too_many_are_refused() {
        let mut added = Added::default();
        let refused = (0..).find(|number| added.add(*number, Vec::new()).is_err());
        assert_eq!(refused, Some(1 << 16));
    }
}
