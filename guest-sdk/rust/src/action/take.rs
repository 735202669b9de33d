//! The actions that look at the first records, and compute no more partitions than they need, or few.

use std::panic::Location;

use super::Site;
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

    pub(super) fn taken(
        &self,
        name: &'static str,
        call_site: Site,
        count: usize,
    ) -> Result<Vec<T>> {
        let mut taken: Vec<T> = Vec::new();
        let mut scanned = 0;
        while taken.len() < count && scanned < self.partitions() {
            let left = count - taken.len();
            let more = next_partitions(scanned, taken.len(), left).min(self.partitions() - scanned);
            let action = |partition| {
                Ok(to_bytes(
                    &self.records(partition).take(left).collect::<Vec<T>>(),
                ))
            };
            let mut found: Vec<Vec<u8>> = vec![Vec::new(); more as usize];
            let job = Job {
                name,
                call_site,
                root: self,
                action: &action,
            };
            job.run((scanned..scanned + more).collect(), |partition, bytes| {
                let place = found.get_mut((partition.wrapping_sub(scanned)) as usize);
                *place.ok_or_else(|| {
                    Error::of(ErrorKind::JobFailed, "a result that was not asked for")
                })? = bytes;
                Ok(())
            })?;
            for bytes in found {
                let records: Vec<T> = from_bytes(&bytes)?;
                taken.extend(records.into_iter().take(count - taken.len()));
            }
            scanned += more;
        }
        Ok(taken)
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
