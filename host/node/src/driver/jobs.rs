//! Jobs whose ends the program does not know yet.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sandbox::{AccumulatorUpdate, PartitionResult};
use scheduler::{JobFailure, JobId, StageId};

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
    /// What counts for accumulators, until the program takes it: also after the end of the job.
    added: BTreeMap<JobId, Vec<AccumulatorUpdate>>,
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

    /// Takes in what a task that counts has added to accumulators.
    pub(crate) fn count(
        &self,
        job: JobId,
        (stage, partition): (StageId, u32),
        added: Vec<wire::AccumulatorUpdate>,
    ) {
        let updates = added.into_iter().map(|update| AccumulatorUpdate {
            accumulator: update.accumulator,
            stage: stage.0,
            partition,
            bytes: update.bytes,
        });
        self.lock().added.entry(job).or_default().extend(updates);
    }

    /// What the tasks of a job that count have added since the last call: in the same order in every run, whatever the
    /// order in which they ended.
    pub(crate) fn take_added(&self, job: JobId) -> Vec<AccumulatorUpdate> {
        let mut added = self.lock().added.remove(&job).unwrap_or_default();
        added.sort_by_key(|update| (update.stage, update.partition, update.accumulator));
        added
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

#[cfg(test)]
mod tests {
    use super::*;

    fn added(accumulators: &[u32]) -> Vec<wire::AccumulatorUpdate> {
        let update = |accumulator: &u32| wire::AccumulatorUpdate {
            accumulator: *accumulator,
            bytes: Vec::new(),
        };
        accumulators.iter().map(update).collect()
    }

    #[test]
    fn what_was_added_is_taken_once_in_the_order_of_the_partitions() {
        let jobs = Jobs::default();
        let (job, other) = (jobs.begin(), jobs.begin());
        jobs.count(job, (StageId(1), 1), added(&[0]));
        jobs.count(job, (StageId(1), 0), added(&[0, 4]));
        jobs.count(other, (StageId(2), 0), added(&[0]));
        jobs.count(job, (StageId(0), 7), added(&[3]));
        let taken: Vec<_> = jobs
            .take_added(job)
            .into_iter()
            .map(|update| (update.stage, update.partition, update.accumulator))
            .collect();
        assert_eq!(taken, [(0, 7, 3), (1, 0, 0), (1, 0, 4), (1, 1, 0)]);
        assert!(jobs.take_added(job).is_empty());
        assert_eq!(jobs.take_added(other).len(), 1);
    }
}
