//! The action that all others are made of.

use std::panic::Location;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::rdd::Rdd;
use crate::record::Record;
use crate::stream::Records;

impl Context {
    /// Runs a function on the records of each of these partitions, in its task, and returns what it made of each, in the
    /// order in which they were named. [`task`](fn@crate::task) tells the function which partition it has.
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// let numbers = cx.range_in(0..100, 10);
    /// let ends = cx.run_job(&numbers, [0, 9], |records| records.sum::<u64>())?;
    /// assert_eq!(ends, [45, 945]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no such partition, or the job failed.
    #[track_caller]
    pub fn run_job<'a, T: 'a, R: Record + Clone>(
        &self,
        rdd: &Rdd<'a, T>,
        partitions: impl IntoIterator<Item = u32>,
        work: impl Fn(Records<'a, T>) -> R,
    ) -> Result<Vec<R>> {
        let call_site = Location::caller();
        let named: Vec<u32> = partitions.into_iter().collect();
        let mut once = named.clone();
        once.sort_unstable();
        once.dedup();
        if let Some(absent) = once.iter().find(|at| **at >= rdd.partitions()) {
            let message = format!(
                "`run_job` was asked for partition {absent} of a dataset that has {}, counted from 0",
                rdd.partitions()
            );
            return Err(Error::of(ErrorKind::InvalidArgument, message));
        }
        let made = rdd.per_partition_of("run_job", call_site, once.clone(), |_, records| {
            Ok(work(records))
        })?;
        let found = |at: &u32| Some(made.get(once.binary_search(at).ok()?)?.clone());
        Ok(named.iter().filter_map(found).collect())
    }
}
