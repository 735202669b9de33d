//! The actions on pairs of a key and a value.

use std::hash::Hash;
use std::panic::Location;

use crate::error::Result;
use crate::hash::HashMap;
use crate::rdd::Rdd;
use crate::record::Record;

impl<'a, K: Record + Hash + Eq + 'a, V: Record + 'a> Rdd<'a, (K, V)> {
    /// All pairs as a map; of a key's values the last stays. Its order is the same in every run.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn collect_as_map(&self) -> Result<HashMap<K, V>> {
        Ok(self
            .collected("collect_as_map", Location::caller())?
            .into_iter()
            .collect())
    }

    /// How many records each key has.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn count_by_key(&self) -> Result<HashMap<K, u64>> {
        let counts = self.map_values(|_| 1u64).reduce_by_key(|a, b| a + b);
        Ok(counts
            .collected("count_by_key", Location::caller())?
            .into_iter()
            .collect())
    }
}
