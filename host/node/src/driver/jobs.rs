//! Jobs whose ends the program does not know yet.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sandbox::PartitionResult;
use scheduler::{JobFailure, JobId};

/// Results that wait for a driver which is not told of each one: a driver that wakes for every small result
/// takes a core from the tasks.
const RESULT_BATCH_BYTES: usize = 4 << 20;

/// How far a job is.
pub(crate) struct Progress {
    pub(crate) results: Vec<PartitionResult>,
    pub(crate) end: Option<Result<(), Arc<JobFailure>>>,
    pub(crate) stopping: bool,
}

/// The jobs that were submitted, until their ends are told.
#[derive(Default)]
pub(crate) struct Jobs {
    state: Mutex<State>,
    /// A job has a batch of results or has ended, or the application is stopping.
    progress: Condvar,
}

#[derive(Default)]
struct State {
    next: u32,
    jobs: BTreeMap<JobId, Job>,
    stopping: bool,
}

#[derive(Default)]
struct Job {
    results: Vec<PartitionResult>,
    result_bytes: usize,
    end: Option<Result<(), Arc<JobFailure>>>,
}

impl Jobs {
    /// Begins a job, and names it.
    pub(crate) fn begin(&self) -> JobId {
        let mut state = self.lock();
        let id = JobId(state.next);
        state.next += 1;
        state.jobs.insert(id, Job::default());
        id
    }

    /// Takes in the result of a partition.
    pub(crate) fn accept(&self, job: JobId, partition: u32, bytes: Vec<u8>) {
        let mut state = self.lock();
        let Some(job) = state.jobs.get_mut(&job) else {
            return;
        };
        job.result_bytes += bytes.len();
        job.results.push(PartitionResult { partition, bytes });
        if job.result_bytes >= RESULT_BATCH_BYTES {
            self.progress.notify_all();
        }
    }

    /// Ends a job.
    pub(crate) fn end(&self, job: JobId, end: Result<(), Arc<JobFailure>>) {
        if let Some(job) = self.lock().jobs.get_mut(&job) {
            job.end = Some(end);
        }
        self.progress.notify_all();
    }

    /// Wakes whoever waits: nothing more is to come.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.progress.notify_all();
    }

    /// Waits until a job has a batch of results or has ended, at most for `timeout`. None where there is no such job,
    /// or its end was told before.
    pub(crate) fn await_job(&self, id: JobId, timeout: Duration) -> Option<Progress> {
        let deadline = Instant::now().checked_add(timeout);
        let mut state = self.lock();
        loop {
            let stopping = state.stopping;
            let job = state.jobs.get_mut(&id)?;
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let over = left.is_some_and(|left| left.is_zero());
            if stopping || over || job.end.is_some() || job.result_bytes >= RESULT_BATCH_BYTES {
                job.result_bytes = 0;
                let progress = Progress {
                    results: std::mem::take(&mut job.results),
                    end: job.end.clone(),
                    stopping,
                };
                if progress.end.is_some() {
                    state.jobs.remove(&id);
                }
                return Some(progress);
            }
            state = match left {
                Some(left) => {
                    self.progress
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .progress
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
