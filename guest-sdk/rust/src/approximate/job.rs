//! A job that is waited for only so long.
//!
//! When the time is up the job goes on, and what it has told so far is the answer; whoever drops the answer ends the job.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use crate::driver::{Job, WAIT_MS, await_job, milliseconds};
use crate::error::Result;
use crate::host;
use crate::rdd::Rdd;
use crate::record::{Record, from_bytes, to_bytes};
use crate::stream::Records;
use crate::task::task;

/// How many of the partitions have answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) answered: u32,
    pub(crate) all: u32,
}

impl Share {
    /// Nothing is left to guess.
    pub(crate) fn is_whole(self) -> bool {
        self.answered == self.all
    }

    /// From 0 to 1.
    pub(crate) fn fraction(self) -> f64 {
        f64::from(self.answered) / f64::from(self.all.max(1))
    }
}

/// Makes an answer of what some of the partitions came to (Spark's `ApproximateEvaluator`).
pub(crate) trait Evaluator {
    /// What one partition's task comes to.
    type Part: Record;
    type Answer;

    /// Takes in a partition's part. They come in any order.
    fn take(&mut self, partition: u32, part: Self::Part);

    fn answer(&self, share: Share) -> Self::Answer;
}

/// What an action knew when its time was up (Spark's `PartialResult`). The job behind it goes on.
///
/// ```no_run
/// # use std::time::Duration;
/// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
/// let numbers = cx.range(0..1_000_000).map(|n| n as f64);
/// let sum = numbers.sum_approx(Duration::from_millis(200), 0.95)?;
/// println!("{} so far, between {}", sum.initial_value().mean, sum.initial_value());
/// println!("{} in the end", sum.final_value()?.mean);
/// # Ok(())
/// # }
/// ```
///
/// Dropping it cancels what is still running.
pub struct PartialResult<'a, R> {
    initial: R,
    rest: Option<Box<dyn Rest<R> + 'a>>,
}

impl<R> PartialResult<'_, R> {
    /// The answer when the time was up, or all partitions had answered.
    pub fn initial_value(&self) -> &R {
        &self.initial
    }

    /// Whether all partitions had answered by then.
    pub fn is_initial_value_final(&self) -> bool {
        self.rest.is_none()
    }

    /// The answer of all partitions. It waits for them.
    ///
    /// # Errors
    /// The job failed.
    pub fn final_value(self) -> Result<R> {
        match self.rest {
            None => Ok(self.initial),
            Some(rest) => rest.finish(),
        }
    }

    /// Lets go of the job, and gives the answer when the time was up.
    pub fn into_initial_value(self) -> R {
        self.initial
    }
}

impl<R: fmt::Debug> fmt::Debug for PartialResult<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialResult")
            .field("initial", &self.initial)
            .field("is_final", &self.rest.is_none())
            .finish()
    }
}

/// What is still running.
trait Rest<R> {
    fn finish(self: Box<Self>) -> Result<R>;
}

/// A job of which some partitions have not answered.
struct Running<'a, T, E> {
    job: u32,
    ended: Cell<bool>,
    evaluator: E,
    share: Share,
    /// Its blocks and shuffles stay as long as somebody holds it.
    _root: Rdd<'a, T>,
}

impl<T, E: Evaluator> Running<'_, T, E> {
    /// Takes in what arrives until the job ends or the time is up.
    fn collect(&mut self, until: Option<Instant>) -> Result<()> {
        while !self.ended.get() {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let wait = left.map_or(WAIT_MS, milliseconds);
            let progress = await_job(self.job, wait).inspect_err(|_| self.ended.set(true))?;
            self.ended.set(progress.finished);
            let is_silent = progress.results.is_empty();
            for result in progress.results {
                self.evaluator
                    .take(result.partition, from_bytes(&result.bytes)?);
                self.share.answered += 1;
            }
            if until.is_some() && (is_silent || wait == 0) {
                break;
            }
        }
        Ok(())
    }
}

impl<T, E: Evaluator> Rest<E::Answer> for Running<'_, T, E> {
    fn finish(mut self: Box<Self>) -> Result<E::Answer> {
        self.collect(None)?;
        Ok(self.evaluator.answer(self.share))
    }
}

impl<T, E> Drop for Running<'_, T, E> {
    fn drop(&mut self) {
        if !self.ended.get() && task().is_none() {
            // A job that has ended meanwhile needs no cancelling.
            let _ = host::cancel_job(self.job);
        }
    }
}

impl<'a, T: 'a> Rdd<'a, T> {
    /// Computes a part of each partition, and makes an answer of those that have arrived when the time is up.
    pub(crate) fn approximated<E: Evaluator + 'a>(
        &self,
        name: &'static str,
        call_site: &'static Location<'static>,
        timeout: Duration,
        evaluator: E,
        work: impl Fn(Records<'a, T>) -> E::Part,
    ) -> Result<PartialResult<'a, E::Answer>> {
        // A time that no clock can show is no bound.
        let until = Instant::now().checked_add(timeout);
        let all = self.partitions();
        let action = |partition| Ok(to_bytes(&work(self.records(partition))));
        let job = Job {
            name,
            call_site,
            root: self,
            action: &action,
        };
        let number = job.start((0..all).collect())?;
        let mut running = Box::new(Running {
            job: number.unwrap_or_default(),
            ended: Cell::new(number.is_none()),
            evaluator,
            share: Share { answered: 0, all },
            _root: self.clone(),
        });
        running.collect(until)?;
        let initial = running.evaluator.answer(running.share);
        let rest = (!running.ended.get()).then_some(running as Box<dyn Rest<E::Answer> + 'a>);
        Ok(PartialResult { initial, rest })
    }
}
