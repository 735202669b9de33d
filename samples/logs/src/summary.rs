//! What a report says of a group of requests.

use std::collections::BTreeMap;
use std::fmt;

use tinderbox::Record;

use crate::request::Request;

/// Answers from this status on are the server's failures.
const SERVER_ERROR: u16 = 500;

/// Adds up requests.
///
/// Percentiles are exact. A latency is a whole number of milliseconds, so a group has few different ones, however many requests
/// it has: how often each was seen says as much as the sorted list of all would, and can be merged.
#[derive(Clone, Default, Record)]
pub struct Summary {
    requests: u64,
    errors: u64,
    bytes: u64,
    /// How many requests took so many milliseconds.
    latencies: BTreeMap<u32, u64>,
}

impl Summary {
    pub fn add(mut self, request: Request) -> Self {
        self.requests += 1;
        self.errors += u64::from(request.status >= SERVER_ERROR);
        self.bytes += request.bytes;
        *self.latencies.entry(request.latency_ms).or_default() += 1;
        self
    }

    pub fn merge(mut self, other: Self) -> Self {
        self.requests += other.requests;
        self.errors += other.errors;
        self.bytes += other.bytes;
        for (latency, count) in other.latencies {
            *self.latencies.entry(latency).or_default() += count;
        }
        self
    }

    /// The lowest latency, in milliseconds, that so many of a hundred requests did not exceed (the nearest-rank method).
    fn percentile(&self, percent: u64) -> u32 {
        let rank = (self.requests * percent).div_ceil(100);
        let mut seen = 0;
        for (latency, count) in &self.latencies {
            seen += count;
            if seen >= rank {
                return *latency;
            }
        }
        0
    }
}

/// The columns of a report.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}", self.requests, self.errors)?;
        for percent in [50, 95, 99] {
            write!(f, "\t{}", self.percentile(percent))?;
        }
        write!(f, "\t{}", self.bytes)
    }
}
