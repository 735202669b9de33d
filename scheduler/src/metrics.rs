//! What a task attempt cost, as counted by the host that ran it.
//!
//! Plain numbers with their unit in the name, so that adding them up is all that anybody does with them.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// The cost of one attempt, or the sum of many (but for the peaks, which are the highest of them).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskMetrics {
    /// From launch to end in the executor, instantiation included.
    pub run_time_us: u64,
    /// Of it, until the fork stood ready.
    pub instantiate_us: u64,
    /// Bytes read from sources.
    pub bytes_read: u64,
    /// Bytes written to outputs.
    pub bytes_written: u64,
    /// Bytes read from shuffles.
    pub shuffle_read_bytes: u64,
    /// Bytes written to a shuffle.
    pub shuffle_write_bytes: u64,
    /// Bytes read from cached blocks.
    pub blocks_read_bytes: u64,
    /// Bytes cached.
    pub blocks_written_bytes: u64,
    /// Bytes of the result.
    pub result_bytes: u64,
    /// Bytes of the task's log.
    pub log_bytes: u64,
    /// The most memory that the fork had, in bytes, its image included.
    pub peak_memory_bytes: u64,
    /// The most that the cached blocks of the attempt's executor had at once until it ended, in bytes (as Spark's
    /// `ExecutorMetrics`, which come with the end of each task).
    pub blocks_peak_bytes: u64,
    /// The same of its prepared images.
    pub images_peak_bytes: u64,
    /// The same of what is on its way to and from other processes, and set aside for it.
    pub transfers_peak_bytes: u64,
    /// Bytes that the task put aside since they did not fit in its memory, before they were compressed.
    pub spilled_bytes: u64,
    /// The runs that they came in.
    pub spills: u64,
    /// The accumulators that the task added to.
    pub accumulators: u64,
}

impl AddAssign<&Self> for TaskMetrics {
    fn add_assign(&mut self, other: &Self) {
        // Taken apart whole, so that a new number does not compile until somebody decides how it adds up.
        let Self {
            run_time_us,
            instantiate_us,
            bytes_read,
            bytes_written,
            shuffle_read_bytes,
            shuffle_write_bytes,
            blocks_read_bytes,
            blocks_written_bytes,
            result_bytes,
            log_bytes,
            peak_memory_bytes,
            blocks_peak_bytes,
            images_peak_bytes,
            transfers_peak_bytes,
            spilled_bytes,
            spills,
            accumulators,
        } = other;
        self.run_time_us += run_time_us;
        self.instantiate_us += instantiate_us;
        self.bytes_read += bytes_read;
        self.bytes_written += bytes_written;
        self.shuffle_read_bytes += shuffle_read_bytes;
        self.shuffle_write_bytes += shuffle_write_bytes;
        self.blocks_read_bytes += blocks_read_bytes;
        self.blocks_written_bytes += blocks_written_bytes;
        self.result_bytes += result_bytes;
        self.log_bytes += log_bytes;
        self.spilled_bytes += spilled_bytes;
        self.spills += spills;
        self.accumulators += accumulators;
        for (peak, other) in [
            (&mut self.peak_memory_bytes, peak_memory_bytes),
            (&mut self.blocks_peak_bytes, blocks_peak_bytes),
            (&mut self.images_peak_bytes, images_peak_bytes),
            (&mut self.transfers_peak_bytes, transfers_peak_bytes),
        ] {
            *peak = (*peak).max(*other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_add_up_and_the_peak_is_the_highest() {
        let mut sum = TaskMetrics {
            run_time_us: 3,
            peak_memory_bytes: 9,
            ..TaskMetrics::default()
        };
        sum += &TaskMetrics {
            run_time_us: 4,
            peak_memory_bytes: 5,
            ..TaskMetrics::default()
        };
        assert_eq!((sum.run_time_us, sum.peak_memory_bytes), (7, 9));
    }
}
