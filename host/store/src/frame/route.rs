//! Spreads framed records over the buckets of a shuffle.

use super::{Batch, Cursor, HASH, LENGTH};
use crate::{MapOutputWriter, Result};

/// What is collected for all buckets together, in bytes.
const COLLECTED_BYTES: usize = 16 << 20;
const BATCH_BYTES_MAX: usize = 128 << 10;
const BATCH_BYTES_MIN: usize = 4 << 10;

/// Collects the records of each bucket until they are worth a batch.
#[derive(Debug)]
pub struct FrameRouter {
    batches: Vec<Batch>,
    full: usize,
}

impl FrameRouter {
    /// For so many buckets.
    pub fn new(buckets: u32) -> Self {
        let buckets = buckets as usize;
        Self {
            batches: std::iter::repeat_with(Batch::default)
                .take(buckets)
                .collect(),
            full: (COLLECTED_BYTES / buckets.max(1)).clamp(BATCH_BYTES_MIN, BATCH_BYTES_MAX),
        }
    }

    /// Adds framed records, each to the bucket of its hash. Those of a bucket stay in their order.
    ///
    /// # Errors
    ///
    /// If the frames are malformed or have no hash, or a batch cannot be written.
    pub fn write(&mut self, frames: &[u8], output: &mut MapOutputWriter) -> Result<()> {
        let buckets = self.batches.len() as u64;
        let mut cursor = Cursor::new();
        while let Some(frame) = cursor.next(frames, HASH | LENGTH)? {
            let bucket = bucket_of(frame.hash, buckets);
            let batch = &mut self.batches[bucket as usize];
            let flags = cursor.header.flags & !HASH;
            if batch.len() >= self.full || !batch.takes(flags) {
                output.write(bucket, &batch.finish())?;
            }
            batch.push(flags, frame.prefix, &frames[frame.record]);
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    ///
    /// If a batch cannot be written.
    pub fn finish(mut self, output: &mut MapOutputWriter) -> Result<()> {
        for (bucket, batch) in (0..).zip(&mut self.batches) {
            if batch.len() > 0 {
                output.write(bucket, &batch.finish())?;
            }
        }
        Ok(())
    }
}

/// The bucket of a hash, by its upper half. Programs that move some records by themselves do the same.
fn bucket_of(hash: u64, buckets: u64) -> u32 {
    let bucket = ((hash >> 32) * buckets) >> 32;
    u32::try_from(bucket).expect("both factors are below 2^32")
}
