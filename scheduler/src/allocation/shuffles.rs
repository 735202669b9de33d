//! Which jobs may read which shuffles (Spark: `ExecutorMonitor`'s `shuffleToActiveJobs`).
//!
//! Only kept with `dynamicAllocation.shuffleTracking.enabled`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{JobId, ShuffleId};

/// The shuffles of the jobs that run.
#[derive(Debug, Default)]
pub(super) struct Shuffles {
    jobs: BTreeMap<ShuffleId, BTreeSet<JobId>>,
    of_job: BTreeMap<JobId, BTreeSet<ShuffleId>>,
}

impl Shuffles {
    /// The job may read the shuffle; returns whether no job did.
    pub(super) fn need(&mut self, shuffle: ShuffleId, job: JobId) -> bool {
        let jobs = self.jobs.entry(shuffle).or_default();
        let first = jobs.is_empty();
        jobs.insert(job);
        self.of_job.entry(job).or_default().insert(shuffle);
        first
    }

    /// The job has ended; returns the shuffles that no job may read any more.
    pub(super) fn end(&mut self, job: JobId) -> Vec<ShuffleId> {
        let mut over = Vec::new();
        for shuffle in self.of_job.remove(&job).unwrap_or_default() {
            let jobs = self.jobs.get_mut(&shuffle);
            let jobs = jobs.expect("a job's shuffles know the job");
            jobs.remove(&job);
            if jobs.is_empty() {
                self.jobs.remove(&shuffle);
                over.push(shuffle);
            }
        }
        over
    }

    /// The shuffle is gone.
    pub(super) fn remove(&mut self, shuffle: ShuffleId) {
        for job in self.jobs.remove(&shuffle).unwrap_or_default() {
            if let Some(shuffles) = self.of_job.get_mut(&job) {
                shuffles.remove(&shuffle);
            }
        }
    }

    pub(super) fn is_active(&self, shuffle: ShuffleId) -> bool {
        self.jobs.contains_key(&shuffle)
    }
}
