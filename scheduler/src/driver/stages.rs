//! Stages run, wait, complete and fail (Spark: `DAGScheduler.submitStage`, `submitMissingTasks`,
//! `markStageAsFinished`, the fetch failure part of `handleTaskCompletion`).
//!
//! A stage runs only when all it reads is there, and runs only what is missing.

use std::sync::Arc;

use crate::dag::{MapOutputs, State};
use crate::event::{EventKind, StageKind};
use crate::task::{SetKey, SetSpec};
use crate::{Cause, ImageId, Outbox, ShuffleId, StageId, TaskFailure, Work};

use super::Driver;

impl Driver {
    /// Runs a stage, or the ancestors it has to wait for.
    pub(super) fn submit_stage(&mut self, stage: StageId, out: &mut Outbox) {
        let mut todo = vec![stage];
        while let Some(id) = todo.pop() {
            let stage = &self.stages[&id];
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

    pub(super) fn set_state(&mut self, stage: StageId, state: State) {
        self.stages
            .get_mut(&stage)
            .expect("a stage that changes is there")
            .state = state;
    }

    /// Runs what is missing of a stage all whose parents are there. Returns the stages that can run because
    /// nothing was missing.
    fn submit_tasks(&mut self, id: StageId, out: &mut Outbox) -> Vec<StageId> {
        let (work, partitions) = match self.stages[&id].kind {
            StageKind::ShuffleMap { shuffle } => {
                (Work::ShuffleMap { shuffle }, self.missing_maps(shuffle))
            }
            StageKind::Result { job } => (
                Work::Action { job },
                self.jobs[&job].results.missing().collect(),
            ),
        };
        if partitions.is_empty() {
            // An earlier attempt at the stage completed it while it waited.
            return self.available(id);
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
        let images = &mut self.images;
        let outputs = self.outputs.entry(shuffle).or_insert_with(|| {
            images.hold(first.image);
            MapOutputs::new(first.image, stage.partitions)
        });
        outputs.image
    }

    /// Ends the running attempt at a map stage, each of whose tasks has succeeded.
    pub(super) fn complete_map_stage(&mut self, id: StageId, shuffle: ShuffleId, out: &mut Outbox) {
        self.publish_completed(id, None, out);
        self.set_state(id, State::Idle);
        if !self.is_available(shuffle) {
            // Outputs were lost while others were computed.
            return self.submit_stage(id, out);
        }
        for child in self.available(id) {
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

    /// Takes note that all outputs of a map stage are there. Returns the stages that waited for nothing else.
    fn available(&mut self, id: StageId) -> Vec<StageId> {
        let stage = self
            .stages
            .get_mut(&id)
            .expect("a stage that completes is there");
        stage.failures = 0;
        stage.state = State::Idle;
        let StageKind::ShuffleMap { shuffle } = stage.kind else {
            return Vec::new();
        };
        self.stop_waiting(shuffle)
    }

    /// Ends the waiting for a shuffle. Returns the stages that waited for nothing else.
    fn stop_waiting(&mut self, shuffle: ShuffleId) -> Vec<StageId> {
        let mut ready = Vec::new();
        for (id, stage) in &mut self.stages {
            let State::Waiting { on } = &mut stage.state else {
                continue;
            };
            if on.remove(&shuffle) && on.is_empty() {
                stage.state = State::Idle;
                ready.push(*id);
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
        stage.failures += 1;
        if stage.failures < self.stage_failures_max {
            return self.submit_stage(id, out);
        }
        stage.state = State::Failed;
        let rdd = self.graph.rdd(stage.rdd);
        let cause = Cause::StageFailed {
            stage: id,
            rdd_name: rdd.name.clone(),
            call_site: rdd.call_site.clone(),
            attempts: stage.failures,
            failure: failure.clone(),
        };
        self.fail_stage(id, &cause, out);
    }
}
