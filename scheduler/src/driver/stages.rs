//! Stages run, wait, complete and fail (Spark: `DAGScheduler.submitStage`, `submitMissingTasks`,
//! `markStageAsFinished`, the fetch failure part of `handleTaskCompletion`).
//!
//! A stage runs only when all it reads is there, and runs only what is missing.

use std::sync::Arc;

use crate::dag::{Failures, Fault, State};
use crate::event::{EventKind, StageKind};
use crate::task::{SetKey, SetSpec};
use crate::{Cause, ImageId, Outbox, ShuffleId, StageId, TaskFailure, Work};

use super::Driver;

impl Driver {
    /// Runs a stage, or the ancestors it has to wait for.
    pub(super) fn submit_stage(&mut self, stage: StageId, out: &mut Outbox) {
        let mut todo = vec![stage];
        while let Some(id) = todo.pop() {
            // It may have gone with a job that ended on the way.
            let Some(stage) = self.stages.get(&id) else {
                continue;
            };
            if stage.state != State::Idle {
                continue;
            }
            let on = self.missing_parents(stage);
            if on.is_empty() {
                todo.extend(self.submit_tasks(id, out));
                continue;
            }
            let jobs = stage.jobs.clone();
            for shuffle in on.iter().rev() {
                todo.push(self.join_map_stage(*shuffle, Vec::new(), &jobs).stage);
            }
            self.set_state(id, State::Waiting { on });
        }
    }

    /// Changes what a stage is doing; returns what it did before.
    pub(super) fn set_state(&mut self, id: StageId, state: State) -> State {
        if let State::Waiting { on } = &state {
            self.waiting.extend(on.iter().map(|shuffle| (*shuffle, id)));
        }
        let stage = self
            .stages
            .get_mut(&id)
            .expect("a stage that changes is there");
        let before = std::mem::replace(&mut stage.state, state);
        if let State::Waiting { on } = &before {
            for shuffle in on {
                self.waiting.remove(&(*shuffle, id));
            }
        }
        before
    }

    /// Runs what is missing of a stage all whose parents are there. Returns the stages that can run because
    /// nothing was missing.
    fn submit_tasks(&mut self, id: StageId, out: &mut Outbox) -> Vec<StageId> {
        let (work, partitions) = match self.stages[&id].kind {
            StageKind::ShuffleMap { shuffle } => {
                let buckets = self.graph.buckets(shuffle);
                // Whether it is fetched is known when a task is launched.
                let fetched = false;
                let work = Work::ShuffleMap {
                    shuffle,
                    buckets,
                    fetched,
                };
                (work, self.missing_maps(shuffle))
            }
            StageKind::Result { job } => {
                (Work::Action { job }, self.jobs[&job].missing().collect())
            }
        };
        if partitions.is_empty() {
            // An earlier attempt at the stage completed it while it waited.
            return self.available(id, out);
        }
        if self.stages[&id].attempts >= self.limits.stage_attempts {
            self.exhaust_stage(id, out);
            return Vec::new();
        }
        let tasks = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
        let image = self.image(id);
        self.images.hold(image);
        let stage = self
            .stages
            .get_mut(&id)
            .expect("a stage that is submitted is there");
        let attempt = stage.attempts;
        stage.attempts += 1;
        stage.state = State::Running { attempt };
        let (priority, rdd) = (
            *stage.jobs.first().expect("a stage works for a job"),
            stage.rdd,
        );
        let (info, jobs) = (
            stage.info(attempt, tasks),
            stage.jobs.iter().copied().collect(),
        );
        self.publish(EventKind::StageSubmitted { info, image, jobs }, out);
        let (key, seed) = (SetKey { stage: id, attempt }, self.seed);
        let preferences = self.preferences(rdd, &partitions);
        self.tasks.submit(SetSpec {
            key,
            priority,
            pool: self.jobs[&priority].pool.clone(),
            image,
            work,
            rdd,
            seed,
            partitions,
            preferences,
        });
        Vec::new()
    }

    /// Returns what the tasks of a stage are forks of. A shuffle that has not run yet gets the image of the first
    /// job that needs it, for life.
    fn image(&mut self, id: StageId) -> ImageId {
        let stage = &self.stages[&id];
        let first = &self.jobs[stage.jobs.first().expect("a stage works for a job")];
        let StageKind::ShuffleMap { shuffle } = stage.kind else {
            return first.image;
        };
        if let Some(outputs) = self.shuffles.get(shuffle) {
            return outputs.image;
        }
        let (image, maps) = (first.image, stage.partitions);
        self.images.hold(image);
        let buckets = self.graph.buckets(shuffle);
        self.shuffles.begin(shuffle, image, maps, buckets);
        image
    }

    /// Ends the running attempt at a map stage, each of whose tasks has succeeded.
    pub(super) fn complete_map_stage(&mut self, id: StageId, shuffle: ShuffleId, out: &mut Outbox) {
        self.publish_completed(id, None, out);
        self.set_state(id, State::Idle);
        let stage = self.stages.get_mut(&id);
        stage.expect("a stage that completes is there").failures = Failures::default();
        if !self.is_available(shuffle) {
            // Outputs were lost while others were computed.
            return self.submit_stage(id, out);
        }
        for child in self.available(id, out) {
            self.submit_stage(child, out);
        }
    }

    pub(super) fn publish_completed(
        &self,
        stage: StageId,
        failure: Option<Arc<TaskFailure>>,
        out: &mut Outbox,
    ) {
        if let Some(attempt) = self.stages[&stage].running() {
            self.publish(
                EventKind::StageCompleted {
                    stage,
                    attempt,
                    failure,
                },
                out,
            );
        }
    }

    /// Takes note that all outputs of a map stage are there: jobs that want nothing else finish. Returns the
    /// stages that waited for nothing else.
    fn available(&mut self, id: StageId, out: &mut Outbox) -> Vec<StageId> {
        let stage = self
            .stages
            .get_mut(&id)
            .expect("a stage that completes is there");
        stage.failures = Failures::default();
        let StageKind::ShuffleMap { shuffle } = stage.kind else {
            return Vec::new();
        };
        let ready = self.stop_waiting(shuffle);
        self.finish_map_jobs(id, shuffle, out);
        ready
    }

    /// Ends the waiting for a shuffle. Returns the stages that waited for nothing else.
    fn stop_waiting(&mut self, shuffle: ShuffleId) -> Vec<StageId> {
        let mut ready = Vec::new();
        let last = (shuffle, StageId(u32::MAX));
        while let Some(pair) = self
            .waiting
            .range((shuffle, StageId(0))..=last)
            .next()
            .copied()
        {
            self.waiting.remove(&pair);
            let stage = self.stages.get_mut(&pair.1);
            let stage = stage.expect("a stage that waits is there");
            let State::Waiting { on } = &mut stage.state else {
                continue;
            };
            on.remove(&shuffle);
            if on.is_empty() {
                stage.state = State::Idle;
                ready.push(pair.1);
            }
        }
        ready
    }

    /// Ends the running attempt at a stage that could not read a map output, and runs it again once what is
    /// missing is there.
    pub(super) fn fail_attempt(
        &mut self,
        id: StageId,
        failure: &Arc<TaskFailure>,
        fault: Fault,
        out: &mut Outbox,
    ) {
        let Some(attempt) = self.stages[&id].running() else {
            return;
        };
        self.publish_completed(id, Some(failure.clone()), out);
        self.tasks.stop(id, attempt);
        let stage = self
            .stages
            .get_mut(&id)
            .expect("a stage that runs is there");
        stage.state = State::Idle;
        stage.failures.note(fault);
        if stage.failures.count() >= self.limits.stage_failures {
            self.abort_stage(id, failure, out);
        } else if stage.attempts >= self.limits.stage_attempts {
            self.exhaust_stage(id, out);
        } else {
            self.submit_stage(id, out);
        }
    }

    /// Fails the jobs of a stage that failed as often in a row as a stage may.
    fn abort_stage(&mut self, id: StageId, failure: &Arc<TaskFailure>, out: &mut Outbox) {
        self.set_state(id, State::Failed);
        let stage = &self.stages[&id];
        let rdd = self.graph.rdd(stage.rdd);
        let cause = Cause::StageFailed {
            stage: id,
            rdd_name: rdd.name.clone(),
            call_site: rdd.call_site.clone(),
            attempts: stage.failures.count(),
            failure: failure.clone(),
        };
        self.fail_stage(id, &cause, out);
    }

    /// Fails the jobs of a stage that has been begun as often as a stage may be.
    fn exhaust_stage(&mut self, id: StageId, out: &mut Outbox) {
        self.set_state(id, State::Failed);
        let stage = &self.stages[&id];
        let rdd = self.graph.rdd(stage.rdd);
        let cause = Cause::StageExhausted {
            stage: id,
            rdd_name: rdd.name.clone(),
            call_site: rdd.call_site.clone(),
            attempts: stage.attempts,
        };
        self.fail_stage(id, &cause, out);
    }
}
