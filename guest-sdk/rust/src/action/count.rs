//! The actions that count.

use std::hash::Hash;
use std::panic::Location;

use crate::error::Result;
use crate::hash::HashMap;
use crate::rdd::Rdd;
use crate::record::Record;

impl<'a, T: 'a> Rdd<'a, T> {
    /// The number of records.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn count(&self) -> Result<u64> {
        let counts = self.per_partition("count", Location::caller(), |_, records| {
            Ok(records.fold(0u64, |count, _| count + 1))
        })?;
        Ok(counts.into_iter().sum())
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// How often each record is there.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn count_by_value(&self) -> Result<HashMap<T, u64>>
    where
        T: Hash + Eq,
    {
        let counts = self
            .mapped("count_by_value", None, |record| (record, 1u64))
            .reduce_by_key(|a, b| a + b);
        Ok(counts
            .collected("count_by_value", Location::caller())?
            .into_iter()
            .collect())
    }
}
