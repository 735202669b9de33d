//! The actions that make all records one.
//!
//! Each partition is folded in its task; the driver merges what came out in the order of the partitions.

use std::panic::Location;

use super::Site;
use crate::error::{Error, ErrorKind, Result};
use crate::rdd::Rdd;
use crate::record::Record;

impl<'a, T: 'a> Rdd<'a, T> {
    /// Adds each record to `zero`, partition by partition, and then the partitions' sums to `zero` in their order.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn aggregate<C: Record + Clone>(
        &self,
        zero: C,
        add: impl Fn(C, T) -> C + 'a,
        merge: impl Fn(C, C) -> C,
    ) -> Result<C> {
        let sums = self.per_partition("aggregate", Location::caller(), |_, records| {
            Ok(records.fold(zero.clone(), &add))
        })?;
        Ok(sums.into_iter().fold(zero.clone(), merge))
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// Makes all records one, two by two. The function must be associative; partitions are merged in their order.
    ///
    /// # Errors
    /// There are no records, or the job failed.
    #[track_caller]
    pub fn reduce(&self, f: impl Fn(T, T) -> T + 'a) -> Result<T> {
        self.made_one("reduce", Location::caller(), f)
    }

    pub(super) fn made_one(
        &self,
        name: &'static str,
        call_site: Site,
        f: impl Fn(T, T) -> T,
    ) -> Result<T> {
        let parts = self.per_partition(name, call_site, |_, records| Ok(records.reduce(&f)))?;
        let whole = parts.into_iter().flatten().reduce(&f);
        whole.ok_or_else(nothing_to_reduce)
    }

    /// Makes all records and `zero` one. `zero` is used once a partition and once more, so it should be neutral.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn fold(&self, zero: T, f: impl Fn(T, T) -> T + 'a) -> Result<T>
    where
        T: Clone,
    {
        let parts = self.per_partition("fold", Location::caller(), |_, records| {
            Ok(records.fold(zero.clone(), &f))
        })?;
        Ok(parts.into_iter().fold(zero.clone(), &f))
    }
}

pub(super) fn nothing_to_reduce() -> Error {
    Error::of(
        ErrorKind::NotFound,
        "nothing to reduce: the dataset is empty",
    )
}
