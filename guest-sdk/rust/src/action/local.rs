//! The action that brings the records to the driver partition by partition.

use std::iter::FusedIterator;
use std::panic::Location;
use std::{fmt, vec};

use super::{Site, decoded, encoded};
use crate::driver::Job;
use crate::error::Result;
use crate::rdd::Rdd;
use crate::record::Record;

/// The records of a dataset, in the driver: what [`Rdd::to_local_iterator`] returns. After an error there are none.
pub struct LocalIterator<'a, T> {
    rdd: Rdd<'a, T>,
    call_site: Site,
    /// Records of the partition that came last.
    here: vec::IntoIter<T>,
    next_partition: u32,
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// The records one after the other, in the order of the partitions. Each partition is computed by a job of its own when
    /// its first record is asked for, so the driver holds one partition at a time.
    ///
    /// [`cache`](Self::cache) what comes out of a long computation that has no shuffle in it: else each job reads it anew.
    ///
    /// ```no_run
    /// # fn example(lines: tinderbox::Rdd<'_, String>) -> tinderbox::Result<()> {
    /// for line in lines.to_local_iterator() {
    ///     println!("{}", line?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn to_local_iterator(&self) -> LocalIterator<'a, T> {
        LocalIterator {
            rdd: self.clone(),
            call_site: Location::caller(),
            here: Vec::new().into_iter(),
            next_partition: 0,
        }
    }
}

impl<'a, T: Record + 'a> LocalIterator<'a, T> {
    fn fetch(&self, partition: u32) -> Result<Vec<T>> {
        let action = |partition| Ok(encoded(self.rdd.records(partition)));
        let job = Job {
            name: "to_local_iterator",
            call_site: self.call_site,
            root: &self.rdd,
            action: &action,
        };
        decoded(&job.run_on(vec![partition])?)
    }
}

impl<'a, T: Record + 'a> Iterator for LocalIterator<'a, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        loop {
            if let Some(record) = self.here.next() {
                return Some(Ok(record));
            }
            if self.next_partition >= self.rdd.partitions() {
                return None;
            }
            match self.fetch(self.next_partition) {
                Ok(records) => {
                    self.here = records.into_iter();
                    self.next_partition += 1;
                }
                Err(error) => {
                    self.next_partition = self.rdd.partitions();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl<'a, T: Record + 'a> FusedIterator for LocalIterator<'a, T> {}

impl<T> fmt::Debug for LocalIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalIterator")
            .field("rdd", &self.rdd)
            .field("next_partition", &self.next_partition)
            .finish()
    }
}
