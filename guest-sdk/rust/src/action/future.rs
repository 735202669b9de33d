//! The actions that return at once, and what they return.
//!
//! A job needs the program's closures only until it has started: its tasks are forks of the image that was taken then. So
//! several can run at a time, and the driver goes on meanwhile.

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::{Site, decoded, encoded};
use crate::driver::{Job, WAIT_MS, await_job, milliseconds, missing};
use crate::error::Result;
use crate::host;
use crate::rdd::Rdd;
use crate::record::{Record, from_bytes, to_bytes};
use crate::stream::Records;
use crate::task::task;

/// An action that is running: what [`Rdd::count_async`] and the like return (Spark's `FutureAction`).
///
/// Jobs run beside each other, and share the cores as the scheduler sees fit:
///
/// ```no_run
/// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
/// let numbers = cx.range(0..1_000_000);
/// let odd = numbers.filter(|n| n % 2 == 1).count_async()?;
/// let first = numbers.map(|n| n * n).take_async(3)?;
/// println!("{:?} of {}", first.wait()?, odd.wait()?);
/// # Ok(())
/// # }
/// ```
///
/// What nobody waits for is not computed: an action that is dropped is cancelled.
#[must_use = "an action that is dropped is cancelled"]
pub struct FutureAction<'a, R> {
    job: Started,
    /// Makes the results of a job the action's, or starts the next one.
    then: Box<Then<'a, R>>,
    /// Once it has ended.
    outcome: Option<Result<R>>,
}

/// See [`FutureAction::in_steps`].
type Then<'a, R> = dyn FnMut(Vec<Vec<u8>>) -> Result<Step<R>> + 'a;

/// What follows when a job has ended.
pub(super) enum Step<R> {
    Done(R),
    Job(Started),
}

impl<'a, R> FutureAction<'a, R> {
    /// An action of several jobs, one after the other. The first is what `then` answers no results with.
    pub(super) fn in_steps(
        mut then: impl FnMut(Vec<Vec<u8>>) -> Result<Step<R>> + 'a,
    ) -> Result<Self> {
        let (job, outcome) = match then(Vec::new())? {
            Step::Done(result) => (Started::nothing(), Some(Ok(result))),
            Step::Job(job) => (job, None),
        };
        Ok(Self {
            job,
            then: Box::new(then),
            outcome,
        })
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// The job failed.
    pub fn wait(mut self) -> Result<R> {
        loop {
            if let Some(outcome) = self.outcome.take() {
                return outcome;
            }
            self.go_on(WAIT_MS);
        }
    }

    /// Waits for at most so long. Whether the action has ended, well or not: then [`wait`](Self::wait) answers at once.
    pub fn wait_for(&mut self, time: Duration) -> bool {
        // A time that no clock can show is no bound.
        let until = Instant::now().checked_add(time);
        while self.outcome.is_none() {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let wait = left.map_or(WAIT_MS, milliseconds);
            let has_news = self.go_on(wait);
            if wait == 0 || (!has_news && wait < WAIT_MS) {
                break;
            }
        }
        self.outcome.is_some()
    }

    /// Takes in what has arrived, without waiting. Whether the action has ended.
    pub fn poll(&mut self) -> bool {
        self.wait_for(Duration::ZERO)
    }

    /// Ends the action, and its tasks where they are.
    pub fn cancel(self) {}

    /// Waits for news; whether there were any.
    fn go_on(&mut self, wait_ms: u64) -> bool {
        let news = self.job.take_in(wait_ms);
        let next = match news {
            Ok(has_news) if !self.job.has_ended() => return has_news,
            Ok(_) => self.job.results().and_then(|results| (self.then)(results)),
            Err(error) => Err(error),
        };
        match next {
            Ok(Step::Job(job)) => self.job = job,
            Ok(Step::Done(result)) => self.outcome = Some(Ok(result)),
            Err(error) => self.outcome = Some(Err(error)),
        }
        true
    }
}

impl<R> fmt::Debug for FutureAction<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureAction")
            .field("job", &self.job.title)
            .field("has_ended", &self.outcome.is_some())
            .finish()
    }
}

/// A job that has been started, and what has arrived of it. Dropped before its end, it is cancelled.
pub(super) struct Started {
    title: String,
    /// None once it has ended.
    number: Option<u32>,
    /// In ascending order.
    partitions: Vec<u32>,
    results: Vec<Option<Vec<u8>>>,
}

impl Started {
    pub(super) fn new(job: &Job<'_>, partitions: Vec<u32>) -> Result<Self> {
        Ok(Self {
            title: job.title(),
            number: job.start(partitions.clone())?,
            results: vec![None; partitions.len()],
            partitions,
        })
    }

    fn nothing() -> Self {
        Self {
            title: String::new(),
            number: None,
            partitions: Vec::new(),
            results: Vec::new(),
        }
    }

    fn has_ended(&self) -> bool {
        self.number.is_none()
    }

    /// Waits until something arrives, the job ends or the time is up. Whether anything has arrived.
    fn take_in(&mut self, wait_ms: u64) -> Result<bool> {
        let Some(number) = self.number else {
            return Ok(false);
        };
        let progress = await_job(number, wait_ms).inspect_err(|_| self.number = None)?;
        if progress.finished {
            self.number = None;
        }
        let has_news = !progress.results.is_empty();
        for result in progress.results {
            let place = self.partitions.binary_search(&result.partition).ok();
            let place = place.and_then(|place| self.results.get_mut(place));
            *place.ok_or_else(|| missing(&self.title, result.partition))? = Some(result.bytes);
        }
        Ok(has_news)
    }

    /// The results, in the order of the partitions, once the job has ended.
    fn results(&mut self) -> Result<Vec<Vec<u8>>> {
        let results = self.partitions.iter().zip(&mut self.results);
        let whole = |(at, result): (&u32, &mut Option<Vec<u8>>)| {
            result.take().ok_or_else(|| missing(&self.title, *at))
        };
        results.map(whole).collect()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(number) = self.number
            && task().is_none()
        {
            // A job that has ended meanwhile needs no cancelling.
            let _ = host::cancel_job(number);
        }
    }
}

impl<'a, T: 'a> Rdd<'a, T> {
    /// Starts a job over all partitions. Of each one's result `finish` makes the action's.
    fn started<R>(
        &self,
        name: &'static str,
        call_site: Site,
        work: impl Fn(Records<'a, T>) -> Vec<u8>,
        finish: impl Fn(&[Vec<u8>]) -> Result<R> + 'a,
    ) -> Result<FutureAction<'a, R>> {
        let action = |partition| Ok(work(self.records(partition)));
        let job = Job {
            name,
            call_site,
            root: self,
            action: &action,
        };
        let job = Started::new(&job, (0..self.partitions()).collect())?;
        // Its blocks and shuffles stay as long as somebody holds it.
        let held = self.clone();
        Ok(FutureAction {
            job,
            then: Box::new(move |results| {
                let _held = &held;
                finish(&results).map(Step::Done)
            }),
            outcome: None,
        })
    }

    /// Starts what [`count`](Self::count) does, and returns at once.
    ///
    /// # Errors
    /// The job could not be started.
    #[track_caller]
    pub fn count_async(&self) -> Result<FutureAction<'a, u64>> {
        let count = |records: Records<'a, T>| to_bytes(&records.counted());
        self.started("count_async", Location::caller(), count, |counts| {
            let numbers = counts.iter().map(|bytes| from_bytes::<u64>(bytes));
            Ok(numbers.sum::<Result<u64, _>>()?)
        })
    }

    /// Starts what [`for_each`](Self::for_each) does, and returns at once.
    ///
    /// # Errors
    /// The job could not be started.
    #[track_caller]
    pub fn for_each_async(&self, f: impl Fn(T) + 'a) -> Result<FutureAction<'a, ()>> {
        let work = |records: Records<'a, T>| {
            records.for_each(&f);
            Vec::new()
        };
        self.started("for_each_async", Location::caller(), work, |_| Ok(()))
    }

    /// Starts what [`for_each_partition`](Self::for_each_partition) does, and returns at once.
    ///
    /// # Errors
    /// The job could not be started.
    #[track_caller]
    pub fn for_each_partition_async(
        &self,
        f: impl Fn(Records<'a, T>) + 'a,
    ) -> Result<FutureAction<'a, ()>> {
        let work = |records: Records<'a, T>| {
            f(records);
            Vec::new()
        };
        let name = "for_each_partition_async";
        self.started(name, Location::caller(), work, |_| Ok(()))
    }
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// Starts what [`collect`](Self::collect) does, and returns at once.
    ///
    /// # Errors
    /// The job could not be started.
    #[track_caller]
    pub fn collect_async(&self) -> Result<FutureAction<'a, Vec<T>>> {
        self.started("collect_async", Location::caller(), encoded, |batches| {
            decoded(batches)
        })
    }
}
