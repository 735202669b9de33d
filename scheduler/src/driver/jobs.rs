//! Jobs begin and end (Spark: `DAGScheduler.handleJobSubmitted`, `handleJobCancellation`, `abortStage`).
//!
//! A job that was submitted ends exactly once, and takes with it the stages that no other job needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::dag::{Checklist, Job, MapOutputs, State, Wanted};
use crate::event::{EventKind, JobResult, StageInfo, StageKind};
use crate::{
    Action, Cause, FailureKind, ImageId, JobFailure, JobId, JobSpec, MapOutputStatistics, Outbox,
    RddId, ShuffleId, StageId, TaskFailure,
};

use super::Driver;
use super::plan::Plan;

impl Driver {
    pub(super) fn submit_job(&mut self, spec: JobSpec, out: &mut Outbox) {
        let wanted = match self.admit(&spec) {
            Ok(wanted) => wanted,
            Err(reason) => {
                let reason = reason.into();
                return self.refuse(&spec, Cause::Refused { reason }, out);
            }
        };
        self.last_job = Some(spec.job);
        let group = spec.group.as_ref();
        if let Some(reason) = group.and_then(|group| self.labels.closed(group)).cloned() {
            return self.refuse(&spec, Cause::Cancelled { reason }, out);
        }
        if spec.shuffle.is_none() && spec.partitions.is_empty() {
            return self.finish_empty(spec, out);
        }
        self.keep_job(&spec, wanted);
        let job = spec.job;
        let Plan {
            stages,
            skipped,
            last,
        } = self.plan(&spec);
        self.publish(started(spec, stages), out);
        for stage in skipped {
            self.publish(EventKind::StageSkipped { stage }, out);
        }
        match last {
            Some(stage) => self.submit_stage(stage, out),
            None => self.finish_job(job, out),
        }
    }

    /// Takes a job into the books.
    fn keep_job(&mut self, spec: &JobSpec, wanted: Wanted) {
        self.graph.hold(spec.rdd);
        if let Some(shuffle) = spec.shuffle {
            self.graph.hold_shuffle(shuffle);
        }
        self.images.hold(spec.image);
        let job = Job {
            id: spec.job,
            rdd: spec.rdd,
            wanted,
            image: spec.image,
            name: spec.name.clone(),
            call_site: spec.call_site.clone(),
            group: spec.group.clone(),
            pool: spec.pool.clone(),
            tags: spec.tags.iter().cloned().collect(),
            result_bytes: 0,
            result_tasks: 0,
            stages: BTreeSet::new(),
        };
        self.labels.add(&job);
        self.jobs.insert(spec.job, job);
    }

    /// Checks that a job makes sense.
    fn admit(&self, spec: &JobSpec) -> Result<Wanted, String> {
        let (job, rdd) = (spec.job, spec.rdd);
        if self.last_job.is_some_and(|last| job <= last) {
            return Err(format!("the number {job} was used before"));
        }
        if let Some(tag) = spec
            .tags
            .iter()
            .find(|tag| tag.is_empty() || tag.contains(','))
        {
            return Err(format!(
                "a tag is a word without a comma, and `{tag}` is not"
            ));
        }
        let Some(known) = self.graph.get(rdd) else {
            return Err(format!("{rdd} is not defined"));
        };
        match spec.shuffle {
            Some(shuffle) => self.admit_shuffle(spec, shuffle),
            None => admit_partitions(rdd, known.partitions, &spec.partitions),
        }
    }

    fn admit_shuffle(&self, spec: &JobSpec, shuffle: ShuffleId) -> Result<Wanted, String> {
        let rdd = spec.rdd;
        if !spec.partitions.is_empty() {
            return Err(format!("all map outputs of {shuffle} are made, or none"));
        }
        match self.graph.moved(shuffle) {
            None => Err(format!("{shuffle} is not defined")),
            Some(moved) if moved != rdd => Err(format!("{shuffle} moves {moved}, not {rdd}")),
            Some(_) => Ok(Wanted::MapOutputs(shuffle)),
        }
    }

    /// A job without partitions has nothing to wait for.
    fn finish_empty(&mut self, spec: JobSpec, out: &mut Outbox) {
        let (job, image, result) = (spec.job, spec.image, JobResult::Succeeded);
        self.publish(started(spec, Vec::new()), out);
        out.actions.push(Action::FinishJob { job });
        self.publish(EventKind::JobEnded { job, result }, out);
        self.pass_image(image, out);
    }

    /// A shuffle of which nothing was computed need not keep the image of a job that has ended.
    fn drop_fresh_outputs(&mut self, shuffle: ShuffleId, out: &mut Outbox) {
        let outputs = self.shuffles.get(shuffle);
        if outputs.is_some_and(|outputs| !outputs.has_begun())
            && let Some(image) = self.shuffles.remove(shuffle)
        {
            self.let_go_image(image, out);
        }
    }

    /// Gives no result to a job that does not run.
    fn refuse(&mut self, spec: &JobSpec, cause: Cause, out: &mut Outbox) {
        let (job, name, call_site) = (spec.job, spec.name.clone(), spec.call_site.clone());
        let failure = Arc::new(JobFailure {
            job,
            name,
            call_site,
            cause,
        });
        out.actions.push(Action::FailJob { job, failure });
        self.pass_image(spec.image, out);
    }

    /// Lets go of the image of a job that does not run, unless somebody else needs it: the host's own hold ends
    /// with this input.
    fn pass_image(&mut self, image: ImageId, out: &mut Outbox) {
        self.images.hold(image);
        self.let_go_image(image, out);
    }

    pub(super) fn finish_job(&mut self, id: JobId, out: &mut Outbox) {
        let job = self
            .jobs
            .remove(&id)
            .expect("a job that finishes is running");
        match &job.wanted {
            Wanted::Results(results) => {
                assert!(results.is_complete(), "a job finishes with all its results");
                self.complete_result_stage(&job, out);
            }
            Wanted::MapOutputs(shuffle) => {
                let statistics = self.statistics(*shuffle);
                out.actions.push(Action::AcceptStatistics {
                    job: id,
                    statistics,
                });
            }
        }
        out.actions.push(Action::FinishJob { job: id });
        self.end_job(job, JobResult::Succeeded, out);
    }

    fn complete_result_stage(&mut self, job: &Job, out: &mut Outbox) {
        for stage in job.stages.iter().copied() {
            if self.stages[&stage].kind == (StageKind::Result { job: job.id }) {
                self.publish_completed(stage, None, out);
                self.set_state(stage, State::Idle);
            }
        }
    }

    /// Returns how much the map outputs of a shuffle, all of which are there, have for each bucket.
    fn statistics(&self, shuffle: ShuffleId) -> MapOutputStatistics {
        assert!(
            self.is_available(shuffle),
            "a job finishes with all its map outputs"
        );
        let outputs = self.shuffles.get(shuffle);
        let none = || vec![0; self.graph.buckets(shuffle) as usize];
        let bytes = outputs.map_or_else(none, MapOutputs::bytes);
        MapOutputStatistics { shuffle, bytes }
    }

    /// Finishes the jobs that wanted nothing but the map outputs of a stage, all of which are there.
    pub(super) fn finish_map_jobs(&mut self, stage: StageId, shuffle: ShuffleId, out: &mut Outbox) {
        for job in self.stages[&stage].jobs.clone() {
            if let Wanted::MapOutputs(wanted) = self.jobs[&job].wanted
                && wanted == shuffle
            {
                self.finish_job(job, out);
            }
        }
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

    pub(super) fn end_application(&mut self, out: &mut Outbox) {
        self.cancel_all(&"the application has ended".into(), out);
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
        self.labels.remove(&job);
        self.let_go_lineage(&job, out);
        self.let_go_image(job.image, out);
    }

    fn let_go_lineage(&mut self, job: &Job, out: &mut Outbox) {
        let mut gone = Vec::new();
        if let Wanted::MapOutputs(shuffle) = job.wanted {
            gone.extend(self.graph.let_go_shuffle(shuffle));
        }
        gone.extend(self.graph.let_go(job.rdd));
        self.remove(gone, out);
    }

    /// Ends a stage that no job needs, be it that they `succeeded`.
    fn drop_stage(&mut self, id: StageId, succeeded: bool, out: &mut Outbox) {
        let state = self.set_state(id, State::Idle);
        let stage = self
            .stages
            .remove(&id)
            .expect("a stage that is dropped is there");
        self.tasks.kill_stage(id, out);
        match state {
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

/// Tells that a job has begun.
fn started(spec: JobSpec, stages: Vec<StageInfo>) -> EventKind {
    EventKind::JobStarted {
        job: spec.job,
        name: spec.name,
        call_site: spec.call_site,
        stages,
        group: spec.group,
        tags: spec.tags,
    }
}

/// Checks that partitions can be computed.
fn admit_partitions(rdd: RddId, count: u32, partitions: &[u32]) -> Result<Wanted, String> {
    let beyond = partitions.iter().find(|partition| **partition >= count);
    if let Some(partition) = beyond {
        return Err(format!(
            "{rdd} has {count} partitions, there is no partition {partition}"
        ));
    }
    let results = Checklist::new(partitions.to_vec()).map(Wanted::Results);
    results.ok_or_else(|| format!("a partition of {rdd} is asked for twice"))
}
