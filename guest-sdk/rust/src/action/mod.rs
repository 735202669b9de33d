//! The actions: what starts a job and brings something back to the driver.
//!
//! Partitions' results are put together in the order of the partitions, whatever the order in which they arrive.

mod count;
mod fold;
mod future;
mod local;
mod order;
mod pair;
mod run;
mod sample;
mod take;
#[cfg(test)]
mod tests;
mod tree;

pub use future::FutureAction;
pub use local::LocalIterator;

use std::panic::Location;

use crate::batch::{self, Batch};
use crate::driver::Job;
use crate::error::Result;
use crate::rdd::Rdd;
use crate::record::{Record, from_bytes, to_bytes};
use crate::stream::Records;

type Site = &'static Location<'static>;

impl<'a, T: 'a> Rdd<'a, T> {
    /// One result a partition, in their order.
    pub(crate) fn per_partition<R: Record>(
        &self,
        name: &'static str,
        call_site: Site,
        work: impl Fn(u32, Records<'a, T>) -> Result<R>,
    ) -> Result<Vec<R>> {
        let all = (0..self.partitions()).collect();
        self.per_partition_of(name, call_site, all, work)
    }

    /// One result for each of these partitions, in ascending order.
    pub(crate) fn per_partition_of<R: Record>(
        &self,
        name: &'static str,
        call_site: Site,
        partitions: Vec<u32>,
        work: impl Fn(u32, Records<'a, T>) -> Result<R>,
    ) -> Result<Vec<R>> {
        let action = |partition| Ok(to_bytes(&work(partition, self.records(partition))?));
        let job = Job {
            name,
            call_site,
            root: self,
            action: &action,
        };
        let results = job.run_on(partitions)?;
        results.iter().map(|bytes| Ok(from_bytes(bytes)?)).collect()
    }

    /// Runs a function on each record, in the tasks. What it prints goes to the task's log.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn for_each(&self, f: impl Fn(T) + 'a) -> Result<()> {
        self.per_partition("for_each", Location::caller(), |_, records| {
            records.for_each(&f);
            Ok(())
        })?;
        Ok(())
    }

    /// Runs a function on the records of each partition, in its task.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn for_each_partition(&self, f: impl Fn(Records<'a, T>) + 'a) -> Result<()> {
        self.per_partition("for_each_partition", Location::caller(), |_, records| {
            f(records);
            Ok(())
        })?;
        Ok(())
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// All records, in the order of the partitions.
    ///
    /// # Errors
    /// The job failed.
    #[track_caller]
    pub fn collect(&self) -> Result<Vec<T>> {
        self.collected("collect", Location::caller())
    }

    fn collected(&self, name: &'static str, call_site: Site) -> Result<Vec<T>> {
        let action = |partition| Ok(encoded(self.records(partition)));
        let job = Job {
            name,
            call_site,
            root: self,
            action: &action,
        };
        decoded(&job.run_all()?)
    }
}

/// All records of a partition in a batch.
fn encoded<T: Record>(records: Records<'_, T>) -> Vec<u8> {
    let mut batch = Batch::default();
    records.for_each(|record| batch.push(|out| record.encode(out)));
    batch.into_bytes()
}

/// The records of such batches, one behind the other.
fn decoded<T: Record>(batches: &[Vec<u8>]) -> Result<Vec<T>> {
    let mut all = Vec::new();
    batches
        .iter()
        .try_for_each(|bytes| batch::decode_into(bytes, &mut all))?;
    Ok(all)
}
