//! Runs jobs: publishes the action, takes the image, submits, and hands out the results as they arrive.
//!
//! What is published is borrowed from the action's caller, and is there exactly as long as the image is being taken.

use std::cell::Cell;
use std::io::Write;
use std::panic::Location;
use std::time::Duration;

use crate::accumulator;
use crate::bindings::tinderbox::job::driver::JobProgress;
use crate::error::{Error, ErrorKind, Result};
use crate::host::{self, JobSpec};
use crate::lineage::{self, Lineage, place};
use crate::task;

/// What an action does with one partition, in its task.
pub(crate) type Action<'a> = dyn Fn(u32) -> Result<Vec<u8>> + 'a;

/// An action: what people call it, where it was called, what it computes and on what.
pub(crate) struct Job<'a> {
    pub(crate) name: &'static str,
    pub(crate) call_site: &'static Location<'static>,
    pub(crate) root: &'a dyn Lineage,
    pub(crate) action: &'a Action<'a>,
}

/// The lineage and the action that the tasks of an image run.
#[derive(Clone, Copy)]
pub(crate) struct Published<'a> {
    pub(crate) root: &'a (dyn Lineage + 'a),
    pub(crate) action: &'a Action<'a>,
}

thread_local! {
    static PUBLISHED: Cell<Option<Published<'static>>> = const { Cell::new(None) };
}

/// Keeps an action published, and withdraws it however the scope is left.
struct Publication {
    outer: Option<Published<'static>>,
}

impl Publication {
    #[expect(unsafe_code, reason = "the one place where a lifetime is erased")]
    fn of(published: Published<'_>) -> Self {
        // SAFETY: only `published` reads the cell, and only within `run_task`, which runs in a fork of an image taken
        // while this guard is alive: the fork's memory, stack included, stays as it was then, so all that the action
        // borrows is there for the whole life of the fork. In the driver the guard lives in `Job::submit` alone, inside
        // the borrow that is erased here, and empties the cell before that borrow ends.
        let published =
            unsafe { std::mem::transmute::<Published<'_>, Published<'static>>(published) };
        Self {
            outer: PUBLISHED.replace(Some(published)),
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        PUBLISHED.set(self.outer);
    }
}

/// What this image was taken for. For `run_task` alone.
pub(crate) fn with_published<R>(run: impl FnOnce(Published<'_>) -> Result<R>) -> Result<R> {
    match PUBLISHED.get() {
        Some(published) => run(published),
        None => Err(Error::of(
            ErrorKind::WrongRole,
            "this image was taken for no action: there is no task in it",
        )),
    }
}

/// How long one wait for results lasts, in milliseconds. Nothing is done between two waits.
pub(crate) const WAIT_MS: u64 = 60_000;

/// As the host counts it; a part of one counts as one, so that nobody asks again at once.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).map_or(WAIT_MS, |wait| wait.min(WAIT_MS))
}

/// Waits for news of a job. When it has ended, well or not, what those of its tasks have added that were accepted counts.
pub(crate) fn await_job(job: u32, wait_ms: u64) -> Result<JobProgress> {
    let progress = host::await_job(job, wait_ms).map_err(Error::from_host);
    match progress {
        Ok(progress) if !progress.finished => Ok(progress),
        ended => {
            let counted = accumulator::count(job);
            ended.and_then(|progress| counted.map(|()| progress))
        }
    }
}

impl Job<'_> {
    /// Runs the job over these partitions and gives each one's result to `take`, in order of arrival.
    pub(crate) fn run(
        &self,
        partitions: Vec<u32>,
        mut take: impl FnMut(u32, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let Some(job) = self.start(partitions)? else {
            return Ok(());
        };
        loop {
            let progress = await_job(job, WAIT_MS)?;
            for result in progress.results {
                take(result.partition, result.bytes).inspect_err(|_| {
                    // The first failure is the one to tell of.
                    let _ = host::cancel_job(job);
                })?;
            }
            if progress.finished {
                return Ok(());
            }
        }
    }

    /// What people call it.
    pub(crate) fn title(&self) -> String {
        format!("`{}` at {}", self.name, place(self.call_site))
    }

    /// Starts the job over these partitions, and answers with its number; none where there is nothing to do.
    pub(crate) fn start(&self, partitions: Vec<u32>) -> Result<Option<u32>> {
        task::refuse_inside(&format!("the action {}", self.title()))?;
        lineage::define(self.root)?;
        if partitions.is_empty() {
            return Ok(None);
        }
        accumulator::settle();
        self.submit(partitions).map(Some)
    }

    fn submit(&self, partitions: Vec<u32>) -> Result<u32> {
        let spec = JobSpec {
            rdd: self.root.header().id(),
            partitions,
            name: self.name.to_owned(),
            call_site: place(self.call_site),
        };
        // What stays in a buffer would be printed again by every task.
        std::io::stdout().flush()?;
        let publication = Publication::of(Published {
            root: self.root,
            action: self.action,
        });
        host::checkpoint(&[], (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
        let submitted = host::submit_job(&spec);
        drop(publication);
        submitted.map_err(Error::from_host)
    }

    /// Runs the job over all partitions; the results are in their order.
    pub(crate) fn run_all(&self) -> Result<Vec<Vec<u8>>> {
        self.run_on((0..self.root.header().partitions()).collect())
    }

    /// Runs the job over these partitions, in ascending order; the results are in that order.
    pub(crate) fn run_on(&self, partitions: Vec<u32>) -> Result<Vec<Vec<u8>>> {
        let mut results: Vec<Option<Vec<u8>>> = vec![None; partitions.len()];
        self.run(partitions.clone(), |partition, bytes| {
            let place = partitions.binary_search(&partition).ok();
            match place.and_then(|place| results.get_mut(place)) {
                Some(result) => *result = Some(bytes),
                None => return Err(missing(&self.title(), partition)),
            }
            Ok(())
        })?;
        let whole = |(partition, result): (u32, Option<Vec<u8>>)| {
            result.ok_or_else(|| missing(&self.title(), partition))
        };
        partitions.iter().copied().zip(results).map(whole).collect()
    }
}

/// A result that did not come, or that nobody asked for.
pub(crate) fn missing(action: &str, partition: u32) -> Error {
    Error::of(
        ErrorKind::JobFailed,
        format_args!("{action} ended without the result of partition {partition}"),
    )
}
