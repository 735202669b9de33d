//! Jobs begin and end (Spark: `DAGScheduler.handleJobSubmitted`, `handleJobCancellation`, `abortStage`).
//!
//! A job that was submitted ends exactly once, and takes with it the stages that no other job needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::dag::{Checklist, Job, State};
use crate::event::{EventKind, JobResult, StageKind};
use crate::{
    Action, Cause, FailureKind, JobFailure, JobId, JobSpec, Outbox, ShuffleId, StageId, TaskFailure,
};

use super::Driver;
use super::plan::Plan;

impl Driver {
    pub(super) fn submit_job(&mut self, spec: JobSpec, out: &mut Outbox) {
        let results = match self.admit(&spec) {
            Ok(results) => results,
            Err(reason) => return self.refuse(&spec, reason, out),
        };
        self.next_job = spec.job.0 + 1;
        if results.is_complete() {
            return self.finish_empty(&spec, out);
        }
        self.graph.hold(spec.rdd);
        self.images.hold(spec.image);
        let entry = Job {
            id: spec.job,
            rdd: spec.rdd,
            image: spec.image,
            name: spec.name.clone(),
            call_site: spec.call_site.clone(),
            pool: spec.pool.clone(),
            results,
            result_bytes: 0,
            stages: BTreeSet::new(),
        };
        self.jobs.insert(spec.job, entry);
        let Plan {
            stages,
            skipped,
            result,
        } = self.plan(&spec);
        let JobSpec {
            job,
            name,
            call_site,
            ..
        } = spec;
        self.publish(
            EventKind::JobStarted {
                job,
                name,
                call_site,
                stages,
            },
            out,
        );
        for stage in skipped {
            self.publish(EventKind::StageSkipped { stage }, out);
        }
        self.submit_stage(result, out);
    }

    /// Checks that a job makes sense.
    fn admit(&self, spec: &JobSpec) -> Result<Checklist, String> {
        let JobSpec {
            job,
            rdd,
            partitions,
            ..
        } = spec;
        if job.0 < self.next_job {
            return Err(format!("the number {job} was used before"));
        }
        let Some(known) = self.graph.get(*rdd) else {
            return Err(format!("{rdd} is not defined"));
        };
        if let Some(partition) = partitions
            .iter()
            .find(|partition| **partition >= known.partitions)
        {
            let count = known.partitions;
            return Err(format!(
                "{rdd} has {count} partitions, there is no partition {partition}"
            ));
        }
        Checklist::new(partitions.clone())
            .ok_or_else(|| format!("a partition of {rdd} is asked for twice"))
    }

    /// A job without partitions has nothing to wait for.
    fn finish_empty(&mut self, spec: &JobSpec, out: &mut Outbox) {
        let (job, name, call_site) = (spec.job, spec.name.clone(), spec.call_site.clone());
        self.publish(
            EventKind::JobStarted {
                job,
                name,
                call_site,
                stages: Vec::new(),
            },
            out,
        );
        out.actions.push(Action::FinishJob { job });
        self.publish(
            EventKind::JobEnded {
                job,
                result: JobResult::Succeeded,
            },
            out,
        );
        self.pass_image(spec, out);
    }

    /// A shuffle of which nothing was computed need not keep the image of a job that has ended.
    fn drop_fresh_outputs(&mut self, shuffle: ShuffleId, out: &mut Outbox) {
        if self
            .outputs
            .get(&shuffle)
            .is_some_and(|outputs| !outputs.has_begun())
            && let Some(outputs) = self.outputs.remove(&shuffle)
        {
            self.let_go_image(outputs.image, out);
        }
    }

    /// Gives no result to a job that makes no sense.
    fn refuse(&mut self, spec: &JobSpec, reason: String, out: &mut Outbox) {
        let JobSpec {
            job,
            name,
            call_site,
            ..
        } = spec;
        let cause = Cause::Refused {
            reason: reason.into(),
        };
        let (name, call_site) = (name.clone(), call_site.clone());
        let failure = Arc::new(JobFailure {
            job: *job,
            name,
            call_site,
            cause,
        });
        out.actions.push(Action::FailJob { job: *job, failure });
        self.pass_image(spec, out);
    }

    /// Lets go of the image of a job that does not run, unless somebody else needs it: the host's own hold ends
    /// with this input.
    fn pass_image(&mut self, spec: &JobSpec, out: &mut Outbox) {
        self.images.hold(spec.image);
        self.let_go_image(spec.image, out);
    }

    pub(super) fn finish_job(&mut self, id: JobId, out: &mut Outbox) {
        let job = self
            .jobs
            .remove(&id)
            .expect("a job that finishes is running");
        assert!(
            job.results.is_complete(),
            "a job finishes with all its results"
        );
        for stage in job.stages.iter().copied() {
            if self.stages[&stage].kind == (StageKind::Result { job: id }) {
                self.publish_completed(stage, None, out);
                self.set_state(stage, State::Idle);
            }
        }
        out.actions.push(Action::FinishJob { job: id });
        self.end_job(job, JobResult::Succeeded, out);
    }

    pub(super) fn fail_job(&mut self, id: JobId, cause: Cause, out: &mut Outbox) {
        let Some(job) = self.jobs.remove(&id) else {
            return;
        };
        let failure = Arc::new(job.failure(cause));
        out.actions.push(Action::FailJob {
            job: id,
            failure: failure.clone(),
        });
        self.end_job(job, JobResult::Failed(failure), out);
    }

    /// Fails every job that needs a stage.
    pub(super) fn fail_stage(&mut self, stage: StageId, cause: &Cause, out: &mut Outbox) {
        for job in self.stages[&stage].jobs.clone() {
            self.fail_job(job, cause.clone(), out);
        }
    }

    pub(super) fn cancel_job(&mut self, job: JobId, reason: Arc<str>, out: &mut Outbox) {
        self.fail_job(job, Cause::Cancelled { reason }, out);
    }

    pub(super) fn end_application(&mut self, out: &mut Outbox) {
        let reason: Arc<str> = "the application has ended".into();
        while let Some(job) = self.jobs.first_key_value().map(|(id, _)| *id) {
            self.cancel_job(job, reason.clone(), out);
        }
        self.publish(EventKind::ApplicationEnded, out);
    }

    /// Takes down what only this job needed.
    fn end_job(&mut self, job: Job, result: JobResult, out: &mut Outbox) {
        for id in &job.stages {
            let stage = self.stages.get_mut(id).expect("a job's stages are there");
            stage.jobs.remove(&job.id);
            if stage.jobs.is_empty() {
                self.drop_stage(*id, result == JobResult::Succeeded, out);
            }
        }
        self.publish(
            EventKind::JobEnded {
                job: job.id,
                result,
            },
            out,
        );
        let gone = self.graph.let_go(job.rdd);
        self.remove(gone, out);
        self.let_go_image(job.image, out);
    }

    /// Ends a stage that no job needs, be it that they `succeeded`.
    fn drop_stage(&mut self, id: StageId, succeeded: bool, out: &mut Outbox) {
        let stage = self
            .stages
            .remove(&id)
            .expect("a stage that is dropped is there");
        self.tasks.kill_stage(id, out);
        match stage.state {
            State::Running { attempt } => {
                let failure = TaskFailure::new(FailureKind::Killed, "no job needs it any more");
                let failure = Some(Arc::new(failure));
                self.publish(
                    EventKind::StageCompleted {
                        stage: id,
                        attempt,
                        failure,
                    },
                    out,
                );
            }
            _ if succeeded && stage.attempts == 0 => {
                self.publish(EventKind::StageSkipped { stage: id }, out);
            }
            _ => {}
        }
        if let StageKind::ShuffleMap { shuffle } = stage.kind {
            self.map_stages.remove(&shuffle);
            self.drop_fresh_outputs(shuffle, out);
        }
    }
}
