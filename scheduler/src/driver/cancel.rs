//! Jobs are cancelled, one by one or many at once (Spark: `DAGScheduler.handleJobGroupCancelled`,
//! `handleJobTagCancelled`, `handleStageCancellation`, `doCancelAllJobs`).
//!
//! A job that is cancelled with others is told with which.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::{Cause, JobId, Outbox, StageId};

use super::Driver;

impl Driver {
    pub(super) fn cancel_job(&mut self, job: JobId, reason: Arc<str>, out: &mut Outbox) {
        self.fail_job(job, Cause::Cancelled { reason }, out);
    }

    pub(super) fn cancel_group(
        &mut self,
        group: Arc<str>,
        reason: &str,
        future: bool,
        out: &mut Outbox,
    ) {
        let reason: Arc<str> = format!("with its group `{group}`: {reason}").into();
        self.cancel_jobs(self.labels.in_group(&group), &reason, out);
        if future {
            self.labels.close(group, reason, self.limits.closed_groups);
        }
    }

    pub(super) fn cancel_tag(&mut self, tag: &str, reason: &str, out: &mut Outbox) {
        let reason = format!("with all jobs tagged `{tag}`: {reason}").into();
        self.cancel_jobs(self.labels.tagged(tag), &reason, out);
    }

    pub(super) fn cancel_stage(&mut self, stage: StageId, reason: &str, out: &mut Outbox) {
        let reason = format!("with {stage}: {reason}").into();
        let known = self.stages.get(&stage);
        let jobs = known.map_or_else(BTreeSet::new, |stage| stage.jobs.clone());
        self.cancel_jobs(jobs, &reason, out);
    }

    pub(super) fn cancel_all(&mut self, reason: &Arc<str>, out: &mut Outbox) {
        let jobs = self.jobs.keys().copied().collect();
        self.cancel_jobs(jobs, reason, out);
    }

    fn cancel_jobs(&mut self, jobs: BTreeSet<JobId>, reason: &Arc<str>, out: &mut Outbox) {
        for job in jobs {
            self.cancel_job(job, reason.clone(), out);
        }
    }
}
