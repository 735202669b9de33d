//! Answers that are bounded in time: what an action knows when its time is up, and how sure it is of it.
//!
//! The bounds are those of Spark's `org.apache.spark.partial`: what has been counted is taken for a sample of the whole.

mod count;
mod job;
mod sum;

use std::fmt;

pub(crate) use count::{CountByKey, Counted, counted};
pub use job::PartialResult;
pub(crate) use job::{Evaluator, Share};
pub(crate) use sum::{Mean, Sum};

use crate::error::{Error, ErrorKind, Result};

/// An estimate, and the bounds between which the true number lies with some confidence (Spark's `BoundedDouble`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundedDouble {
    /// The estimate.
    pub mean: f64,
    /// The probability that the true number lies within the bounds, from 0 to 1: 1 where all partitions have answered.
    pub confidence: f64,
    /// The lower bound.
    pub low: f64,
    /// The upper bound.
    pub high: f64,
}

impl BoundedDouble {
    /// A number of which nothing is left to guess.
    pub(crate) fn exact(number: f64) -> Self {
        Self {
            mean: number,
            confidence: 1.0,
            low: number,
            high: number,
        }
    }
}

/// `[low, high]`, as Spark prints it.
impl fmt::Display for BoundedDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:.3}, {:.3}]", self.low, self.high)
    }
}

/// Checks what the program wants to be sure with.
pub(crate) fn expect_confidence(confidence: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&confidence) {
        return Ok(confidence);
    }
    Err(Error::of(
        ErrorKind::InvalidArgument,
        format_args!("a confidence of {confidence} is no probability: it must lie between 0 and 1"),
    ))
}
