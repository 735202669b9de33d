//! Attempts end (Spark: `DAGScheduler.handleTaskCompletion`, `handleExecutorLost`).
//!
//! A result counts if its attempt was not killed; so each partition's counts once. The success of an earlier attempt at
//! the stage counts too: its output may already be committed.

use std::sync::Arc;

use crate::dag::{Stage, State};
use crate::event::{EventKind, StageKind};
use crate::failure::timed_out;
use crate::task::{Attempt, Unschedulable, Verdict};
use crate::{
    Action, AttemptId, BucketSizes, Cause, ExecutorId, FailureKind, JobId, KillReason, Outbox,
    Outcome, ShuffleId, TaskFailure, TaskMetrics, TaskName,
};

use super::Driver;

impl Driver {
    pub(super) fn end_attempt(
        &mut self,
        id: AttemptId,
        outcome: Outcome,
        metrics: TaskMetrics,
        out: &mut Outbox,
    ) {
        // One that is not known has ended before: with its executor, or it is reported twice.
        let Some(attempt) = self.tasks.end(id) else {
            return;
        };
        let (outcome, sizes) = self.judge(&attempt, outcome).without_sizes();
        let event = EventKind::TaskEnded {
            task: attempt.name,
            attempt: id,
            executor: attempt.executor,
            outcome: outcome.clone(),
            metrics,
        };
        self.publish(event, out);
        match outcome {
            Outcome::Succeeded | Outcome::Wrote(_) => {
                self.tasks.measure(&attempt, &metrics);
                self.succeed(id, &attempt, &metrics, sizes, out);
            }
            Outcome::Failed(failure) => {
                self.tasks.give_up_commit(id, attempt.name);
                self.fail(id, &attempt, &failure, out);
            }
        }
        self.tasks.settle(&attempt);
    }

    /// Returns how an attempt counts: what one that was killed says does not matter.
    fn judge(&self, attempt: &Attempt, outcome: Outcome) -> Outcome {
        match attempt.kill {
            None | Some(KillReason::Recalled) => outcome,
            Some(KillReason::TimedOut) => {
                timed_out(self.tasks.timeout().unwrap_or_default()).into()
            }
            Some(reason) => TaskFailure::new(FailureKind::Killed, reason.to_string()).into(),
        }
    }

    fn succeed(
        &mut self,
        id: AttemptId,
        attempt: &Attempt,
        metrics: &TaskMetrics,
        sizes: Option<Arc<BucketSizes>>,
        out: &mut Outbox,
    ) {
        let (stage, partition) = (attempt.name.stage, attempt.name.partition);
        let known = self
            .stages
            .get(&stage)
            .expect("the attempts of a stage that is gone are killed");
        let (kind, running, first) = (known.kind, known.running(), known.jobs.first().copied());
        let complete = self.tasks.succeed(stage, running, partition, out);
        match kind {
            StageKind::Result { job } => self.accept(id, (job, attempt.name), metrics, out),
            StageKind::ShuffleMap { shuffle } => {
                let job = first.expect("a stage is needed by a job");
                count_accumulators(id, (job, attempt.name), metrics, out);
                self.register(id, attempt.executor, (shuffle, partition), sizes, out);
                if complete {
                    self.complete_map_stage(stage, shuffle, out);
                }
                // What it added to accumulators; otherwise what map tasks answer is no matter.
                if metrics.accumulators > 0 {
                    self.charge(job, metrics.result_bytes, out);
                }
            }
        }
    }

    /// Hands a result to its job.
    fn accept(
        &mut self,
        attempt: AttemptId,
        (id, name): (JobId, TaskName),
        metrics: &TaskMetrics,
        out: &mut Outbox,
    ) {
        if !self.charge(id, metrics.result_bytes, out) {
            return;
        }
        let partition = name.partition;
        let job = self
            .jobs
            .get_mut(&id)
            .expect("a result stage lives as long as its job");
        job.results().tick(partition);
        let complete = job.results().is_complete();
        count_accumulators(attempt, (id, name), metrics, out);
        out.actions.push(Action::AcceptResult {
            job: id,
            partition,
            attempt,
        });
        if complete {
            self.finish_job(id, out);
        }
    }

    /// Adds to what a job has brought to the driver. Fails it and returns false where that is too much.
    fn charge(&mut self, id: JobId, bytes: u64, out: &mut Outbox) -> bool {
        let limit = self.limits.result_bytes;
        let Some(job) = self.jobs.get_mut(&id) else {
            return true;
        };
        job.result_bytes = job.result_bytes.saturating_add(bytes);
        job.result_tasks += 1;
        match limit {
            Some(limit) if job.result_bytes > limit => {
                let cause = Cause::ResultsTooLarge {
                    bytes: job.result_bytes,
                    limit,
                    tasks: job.result_tasks,
                };
                self.fail_job(id, cause, out);
                false
            }
            _ => true,
        }
    }

    /// Takes a map output into the books.
    fn register(
        &mut self,
        attempt: AttemptId,
        executor: ExecutorId,
        (shuffle, partition): (ShuffleId, u32),
        sizes: Option<Arc<BucketSizes>>,
        out: &mut Outbox,
    ) {
        let output = (shuffle, partition);
        self.shuffles.register(output, attempt, executor, sizes);
        out.actions.push(Action::RegisterMapOutput {
            shuffle,
            partition,
            attempt,
            executor,
        });
    }

    fn fail(
        &mut self,
        id: AttemptId,
        attempt: &Attempt,
        failure: &Arc<TaskFailure>,
        out: &mut Outbox,
    ) {
        if attempt.is_killed() && attempt.kill != Some(KillReason::TimedOut) {
            return;
        }
        if let FailureKind::FetchFailed {
            shuffle,
            map_partition,
        } = failure.kind
        {
            if let Some(writer) = self.shuffles.writer(shuffle, map_partition) {
                self.tasks.blame_for_fetch(writer, out);
            }
            return self.fetch_failed(id, attempt, (shuffle, map_partition), failure, out);
        }
        match self.tasks.fail(attempt, failure, out) {
            Verdict::Ignore => {}
            Verdict::Retry { failures } => {
                let (because, failures_max) = (failure.kind, self.tasks.failures_max());
                let task = attempt.name;
                self.publish(
                    EventKind::TaskRetried {
                        task,
                        because,
                        failures,
                        failures_max,
                    },
                    out,
                );
            }
            Verdict::GiveUp {
                failures,
                deterministic,
            } => {
                self.give_up(attempt, failures, deterministic, failure, out);
            }
        }
    }

    /// Fails the jobs of a task that has failed for good.
    fn give_up(
        &mut self,
        attempt: &Attempt,
        failures: u32,
        deterministic: bool,
        failure: &Arc<TaskFailure>,
        out: &mut Outbox,
    ) {
        let id = attempt.name.stage;
        self.publish_completed(id, Some(failure.clone()), out);
        self.set_state(id, State::Failed);
        let rdd = self.graph.rdd(self.stages[&id].rdd);
        let cause = Cause::TaskFailed {
            stage: id,
            partition: attempt.name.partition,
            partitions: rdd.partitions,
            rdd_name: rdd.name.clone(),
            call_site: rdd.call_site.clone(),
            failures,
            deterministic,
            failure: failure.clone(),
        };
        self.fail_stage(id, &cause, out);
    }

    /// Fails the jobs of tasks that may run on no executor, and for which no other one came.
    pub(super) fn fail_unschedulable(&mut self, out: &mut Outbox) {
        while let Some(Unschedulable { set, partition }) = self.tasks.pop_unschedulable() {
            let id = set.stage;
            if self.stages.get(&id).and_then(Stage::running) != Some(set.attempt) {
                continue;
            }
            let reason = "it failed on every executor that there is";
            let failure = Arc::new(TaskFailure::new(FailureKind::Killed, reason));
            self.publish_completed(id, Some(failure), out);
            self.set_state(id, State::Failed);
            let rdd = self.graph.rdd(self.stages[&id].rdd);
            let cause = Cause::Unschedulable {
                stage: id,
                partition,
                partitions: rdd.partitions,
                rdd_name: rdd.name.clone(),
                call_site: rdd.call_site.clone(),
            };
            self.fail_stage(id, &cause, out);
        }
    }

    pub(super) fn lose_executor(
        &mut self,
        executor: ExecutorId,
        reason: Arc<str>,
        files_lost: bool,
        out: &mut Outbox,
    ) {
        if !self.tasks.executors().contains(executor) {
            return;
        }
        let running = self.tasks.leave_executor(executor);
        self.lose_blocks(executor);
        if files_lost {
            self.forget_executor(executor, &reason, out);
        }
        self.shuffles.remove_executor(executor);
        let failure = TaskFailure::new(FailureKind::ExecutorLost, format!("{executor}: {reason}"));
        let failure = Arc::new(failure);
        for attempt in running {
            let outcome = Outcome::Failed(failure.clone());
            self.end_attempt(attempt, outcome, TaskMetrics::default(), out);
        }
        self.tasks.remove_executor(executor, files_lost);
        self.copy_all_lacking(out);
        self.publish(EventKind::ExecutorRemoved { executor, reason }, out);
    }
}

/// Hands on what an attempt that counts has added to accumulators, if it has.
fn count_accumulators(
    attempt: AttemptId,
    (job, name): (JobId, TaskName),
    metrics: &TaskMetrics,
    out: &mut Outbox,
) {
    if metrics.accumulators > 0 {
        out.actions.push(Action::CountAccumulators {
            job,
            stage: name.stage,
            partition: name.partition,
            attempt,
        });
    }
}
