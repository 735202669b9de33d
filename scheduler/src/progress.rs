//! How far an application is, built from events alone: what progress bars and the summary show.
//!
//! A view: it decides nothing, and can be built again from a log of events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{EventKind, JobResult, StageInfo};
use crate::{Event, JobFailure, JobId, Outcome, StageId, TaskMetrics, Time};

/// What a stage is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageState {
    /// It has not begun, or waits for its parents again.
    Waiting,
    /// Its tasks run.
    Running,
    /// It is complete.
    Complete,
    /// It did not have to run.
    Skipped,
    /// An attempt at it failed, and no further one has begun.
    Failed,
}

/// One stage of a running job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageProgress {
    /// What it is; the attempt is the latest.
    pub info: StageInfo,
    /// What it is doing.
    pub state: StageState,
    /// Partitions that are computed.
    pub done: u32,
    /// Attempts that run now.
    pub running: u32,
    /// Attempts that failed or were killed.
    pub failed: u32,
    /// When its latest attempt began.
    pub since: Time,
    /// What its attempts cost together.
    pub metrics: TaskMetrics,
}

/// Everything counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Jobs that began.
    pub jobs: u32,
    /// Jobs that failed.
    pub jobs_failed: u32,
    /// Stages that became complete.
    pub stages: u32,
    /// Stages that did not have to run.
    pub stages_skipped: u32,
    /// Attempts that were launched.
    pub attempts: u64,
    /// Attempts whose result counts.
    pub tasks: u64,
    /// Attempts that failed or were killed.
    pub failures: u64,
    /// What all attempts cost together.
    pub metrics: TaskMetrics,
}

/// How far an application is. Only the stages of running jobs are kept, so it does not grow for ever.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The stages of running jobs.
    pub stages: BTreeMap<StageId, StageProgress>,
    /// Everything counted so far.
    pub totals: Totals,
    /// The last job that failed.
    pub failure: Option<Arc<JobFailure>>,
    /// The moment of the latest event.
    pub now: Time,
    started: Time,
    /// The stages of each running job; a stage may serve several.
    jobs: BTreeMap<JobId, Vec<StageId>>,
}

impl Progress {
    /// Takes in one event; events come in order.
    pub fn take(&mut self, event: &Event) {
        self.now = event.at;
        match &event.kind {
            EventKind::ApplicationStarted { .. } => self.started = event.at,
            EventKind::JobStarted { job, stages, .. } => self.start_job(*job, stages),
            EventKind::StageSkipped { stage } => self.skip(*stage),
            EventKind::StageSubmitted { info, jobs, .. } => self.submit(event.at, info, jobs),
            EventKind::TaskStarted { task, .. } => self.start_task(task.stage),
            EventKind::TaskEnded {
                task,
                outcome,
                metrics,
                ..
            } => {
                self.end_task(task.stage, outcome, metrics);
            }
            EventKind::StageCompleted { stage, failure, .. } => {
                self.complete(*stage, failure.is_none());
            }
            EventKind::JobEnded { job, result } => self.end_job(*job, result),
            EventKind::ExecutorAdded { .. }
            | EventKind::ExecutorRemoved { .. }
            | EventKind::ExecutorsAwaited { .. }
            | EventKind::ExecutorsRequested { .. }
            | EventKind::ExecutorDecommissioned { .. }
            | EventKind::ExecutorExcluded { .. }
            | EventKind::ExecutorReadmitted { .. }
            | EventKind::HostExcluded { .. }
            | EventKind::HostReadmitted { .. }
            | EventKind::SpeculationStarted { .. }
            | EventKind::TaskRetried { .. }
            | EventKind::MapOutputsLost { .. }
            | EventKind::TaskSetSchedulable { .. }
            | EventKind::TaskSetUnschedulable { .. }
            | EventKind::TaskSetWaiting { .. }
            | EventKind::ApplicationEnded => {}
        }
    }

    /// Returns the stages whose tasks run, in the order of their numbers.
    pub fn active(&self) -> impl Iterator<Item = &StageProgress> {
        self.stages
            .values()
            .filter(|stage| stage.state == StageState::Running)
    }

    /// Returns how long the application has been running.
    pub fn elapsed(&self) -> Duration {
        self.now.since(self.started)
    }

    fn start_job(&mut self, job: JobId, stages: &[StageInfo]) {
        self.totals.jobs += 1;
        self.jobs
            .insert(job, stages.iter().map(|info| info.stage).collect());
        for info in stages {
            self.stage(info);
        }
    }

    fn stage(&mut self, info: &StageInfo) -> &mut StageProgress {
        self.stages
            .entry(info.stage)
            .or_insert_with(|| StageProgress {
                info: info.clone(),
                state: StageState::Waiting,
                done: 0,
                running: 0,
                failed: 0,
                since: Time::START,
                metrics: TaskMetrics::default(),
            })
    }

    fn skip(&mut self, stage: StageId) {
        self.totals.stages_skipped += 1;
        if let Some(stage) = self.stages.get_mut(&stage) {
            stage.state = StageState::Skipped;
            stage.done = stage.info.partitions;
        }
    }

    fn submit(&mut self, at: Time, info: &StageInfo, jobs: &[JobId]) {
        // A stage that a lost output brought back was not known when its jobs began.
        for job in jobs {
            let stages = self.jobs.entry(*job).or_default();
            if !stages.contains(&info.stage) {
                stages.push(info.stage);
            }
        }
        let stage = self.stage(info);
        stage.info = info.clone();
        stage.state = StageState::Running;
        stage.done = info.partitions.saturating_sub(info.tasks);
        stage.since = at;
    }

    fn start_task(&mut self, stage: StageId) {
        self.totals.attempts += 1;
        if let Some(stage) = self.stages.get_mut(&stage) {
            stage.running += 1;
        }
    }

    fn end_task(&mut self, stage: StageId, outcome: &Outcome, metrics: &TaskMetrics) {
        let succeeded = *outcome == Outcome::Succeeded;
        self.totals.tasks += u64::from(succeeded);
        self.totals.failures += u64::from(!succeeded);
        self.totals.metrics += metrics;
        if let Some(stage) = self.stages.get_mut(&stage) {
            // A listener that lost events shows too little, but lives.
            stage.running = stage.running.saturating_sub(1);
            stage.done = (stage.done + u32::from(succeeded)).min(stage.info.partitions);
            stage.failed += u32::from(!succeeded);
            stage.metrics += metrics;
        }
    }

    fn complete(&mut self, stage: StageId, whole: bool) {
        self.totals.stages += u32::from(whole);
        if let Some(stage) = self.stages.get_mut(&stage) {
            stage.state = if whole {
                StageState::Complete
            } else {
                StageState::Failed
            };
        }
    }

    /// Forgets the job's stages, but for those that another running job has.
    fn end_job(&mut self, job: JobId, result: &JobResult) {
        if let JobResult::Failed(failure) = result {
            self.totals.jobs_failed += 1;
            self.failure = Some(failure.clone());
        }
        for stage in self.jobs.remove(&job).unwrap_or_default() {
            if !self.jobs.values().any(|stages| stages.contains(&stage)) {
                self.stages.remove(&stage);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Locality, StageKind};
    use crate::{AttemptId, ExecutorId, FailureKind, ImageId, RddId, TaskFailure, TaskName};

    fn info(attempt: u32, tasks: u32) -> StageInfo {
        StageInfo {
            stage: StageId(0),
            attempt,
            kind: StageKind::Result { job: JobId(0) },
            rdd: RddId(0),
            name: "count".into(),
            call_site: "main.rs:1".into(),
            partitions: 3,
            tasks,
            parents: Vec::new(),
        }
    }

    fn submitted(attempt: u32, tasks: u32) -> EventKind {
        let (info, image, jobs) = (info(attempt, tasks), ImageId([0; 32]), vec![JobId(0)]);
        EventKind::StageSubmitted { info, image, jobs }
    }

    fn name(partition: u32) -> TaskName {
        TaskName {
            stage: StageId(0),
            stage_attempt: 0,
            partition,
            attempt: 0,
        }
    }

    fn started(partition: u32) -> EventKind {
        let (attempt, executor) = (AttemptId(partition.into()), ExecutorId(0));
        EventKind::TaskStarted {
            task: name(partition),
            attempt,
            executor,
            locality: Locality::default(),
            speculative: false,
        }
    }

    fn ended(partition: u32, outcome: Outcome) -> EventKind {
        let (attempt, executor) = (AttemptId(partition.into()), ExecutorId(0));
        let metrics = TaskMetrics {
            bytes_read: 10,
            ..TaskMetrics::default()
        };
        EventKind::TaskEnded {
            task: name(partition),
            attempt,
            executor,
            outcome,
            metrics,
        }
    }

    fn job_started() -> EventKind {
        let (job, stages) = (JobId(0), vec![info(0, 3)]);
        EventKind::JobStarted {
            job,
            name: "count".into(),
            call_site: "main.rs:1".into(),
            stages,
            group: None,
            tags: Vec::new(),
        }
    }

    fn after(kinds: Vec<EventKind>) -> Progress {
        let mut progress = Progress::default();
        for (at, kind) in (0..).zip(kinds) {
            progress.take(&Event {
                at: Time::from_micros(at),
                kind,
            });
        }
        progress
    }

    fn lost() -> Outcome {
        TaskFailure::new(FailureKind::ExecutorLost, "gone").into()
    }

    #[test]
    fn a_stage_counts_what_runs_what_is_done_and_what_failed() {
        let progress = after(vec![
            job_started(),
            submitted(0, 3),
            started(0),
            started(1),
            started(2),
            ended(0, Outcome::Succeeded),
            ended(1, lost()),
        ]);
        let stage = progress.active().next().unwrap();
        assert_eq!((stage.done, stage.running, stage.failed), (1, 1, 1));
        assert_eq!(stage.metrics.bytes_read, 20);
        assert_eq!(progress.elapsed(), Duration::from_micros(6));
    }

    #[test]
    fn a_further_attempt_begins_with_what_is_done() {
        let progress = after(vec![job_started(), submitted(0, 3), submitted(1, 1)]);
        assert_eq!(progress.active().next().unwrap().done, 2);
    }

    #[test]
    fn stages_go_with_their_jobs_and_totals_stay() {
        let result = JobResult::Succeeded;
        let complete = EventKind::StageCompleted {
            stage: StageId(0),
            attempt: 0,
            failure: None,
        };
        let progress = after(vec![
            job_started(),
            submitted(0, 3),
            started(0),
            ended(0, Outcome::Succeeded),
            complete,
            EventKind::JobEnded {
                job: JobId(0),
                result,
            },
        ]);
        assert!(progress.stages.is_empty());
        assert_eq!((progress.totals.stages, progress.totals.tasks), (1, 1));
    }

    #[test]
    fn a_listener_that_lost_events_lives() {
        let progress = after(vec![
            submitted(0, 5),
            ended(0, Outcome::Succeeded),
            ended(9, lost()),
        ]);
        assert_eq!(progress.totals.failures, 1);
    }
}
