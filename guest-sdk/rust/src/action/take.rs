//! The actions that look at the first records, and compute no more partitions than they need, or few.

use std::mem;
use std::panic::Location;

use super::Site;
use super::future::{FutureAction, Started, Step};
use crate::driver::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::rdd::Rdd;
use crate::record::{Record, from_bytes, to_bytes};

/// How many times as many partitions `take` tries after those that gave nothing (Spark's `rdd.limit.scaleUpFactor`).
const TAKE_SCALE_UP: u32 = 4;

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// The first `count` records, in the order of the partitions. It computes no more partitions than it takes, or few
    /// (Spark's `take`).
    ///
    /// # Errors
    /// A job failed.
    #[track_caller]
    pub fn take(&self, count: usize) -> Result<Vec<T>> {
        self.taken("take", Location::caller(), count)
    }

    fn taken(&self, name: &'static str, call_site: Site, count: usize) -> Result<Vec<T>> {
        Taking::new(self, name, call_site, count).start()?.wait()
    }

    /// Starts what [`take`](Self::take) does, and returns at once. Where one job does not find enough, the next starts when
    /// the result is waited or asked for.
    ///
    /// # Errors
    /// The job could not be started.
    #[track_caller]
    pub fn take_async(&self, count: usize) -> Result<FutureAction<'a, Vec<T>>> {
        Taking::new(self, "take_async", Location::caller(), count).start()
    }

    /// The first record.
    ///
    /// # Errors
    /// There is none, or a job failed.
    #[track_caller]
    pub fn first(&self) -> Result<T> {
        let first = self.taken("first", Location::caller(), 1)?.pop();
        first.ok_or_else(|| {
            Error::of(
                ErrorKind::NotFound,
                "the dataset has no first record: it is empty",
            )
        })
    }

    /// Whether there are no records.
    ///
    /// # Errors
    /// A job failed.
    #[track_caller]
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.taken("is_empty", Location::caller(), 1)?.is_empty())
    }
}

/// What has been taken, and where to go on.
struct Taking<'a, T> {
    rdd: Rdd<'a, T>,
    name: &'static str,
    call_site: Site,
    count: usize,
    taken: Vec<T>,
    scanned: u32,
}

impl<'a, T: Record + 'a> Taking<'a, T> {
    fn new(rdd: &Rdd<'a, T>, name: &'static str, call_site: Site, count: usize) -> Self {
        Self {
            rdd: rdd.clone(),
            name,
            call_site,
            count,
            taken: Vec::new(),
            scanned: 0,
        }
    }

    fn start(mut self) -> Result<FutureAction<'a, Vec<T>>> {
        FutureAction::in_steps(move |results| self.go_on(&results))
    }

    /// Adds what a job has found, and starts the next one if it is not enough.
    fn go_on(&mut self, results: &[Vec<u8>]) -> Result<Step<Vec<T>>> {
        for bytes in results {
            let records: Vec<T> = from_bytes(bytes)?;
            let left = self.count - self.taken.len();
            self.taken.extend(records.into_iter().take(left));
        }
        let left = self.count - self.taken.len();
        let unread = self.rdd.partitions() - self.scanned;
        if left == 0 || unread == 0 {
            return Ok(Step::Done(mem::take(&mut self.taken)));
        }
        let more = next_partitions(self.scanned, self.taken.len(), left).min(unread);
        let next = self.scanned..self.scanned + more;
        self.scanned += more;
        self.job(left, next.collect()).map(Step::Job)
    }

    fn job(&self, left: usize, partitions: Vec<u32>) -> Result<Started> {
        let action = |partition| {
            let records = self.rdd.records(partition);
            Ok(to_bytes(&records.take(left).collect::<Vec<T>>()))
        };
        let job = Job {
            name: self.name,
            call_site: self.call_site,
            root: &self.rdd,
            action: &action,
        };
        Started::new(&job, partitions)
    }
}

/// How many partitions `take` computes next (Spark's `RDD.take`).
fn next_partitions(scanned: u32, found: usize, left: usize) -> u32 {
    if scanned == 0 {
        return 1;
    }
    let most = scanned.saturating_mul(TAKE_SCALE_UP);
    if found == 0 {
        return most;
    }
    let needed = (3 * left as u64 * u64::from(scanned)).div_ceil(2 * found as u64);
    u32::try_from(needed).unwrap_or(most).clamp(1, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_scales_up_as_spark_does() {
        assert_eq!(next_partitions(0, 0, 10), 1);
        assert_eq!(next_partitions(1, 0, 10), 4);
        assert_eq!(next_partitions(5, 0, 10), 20);
        assert_eq!(next_partitions(4, 5, 5), 6);
        assert_eq!(next_partitions(1, 1, 1_000_000), 4);
    }
}
