//! Which task runs where, and when it is tried again (Spark: `TaskSchedulerImpl`).
//!
//! Knows task sets, executors and attempts; of stages and jobs it knows the numbers alone.

mod commits;
mod executors;
mod queue;
mod seed;
mod set;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::event::EventKind;
use crate::{
    Action, AttemptId, Event, ExecutorId, ImageId, KillReason, Outbox, StageId, Task, TaskFailure,
    TaskName, Time,
};

use commits::Commits;
pub(crate) use executors::Executors;
use queue::Queue;
pub(crate) use seed::{Stream, seed};
pub(crate) use set::{SetKey, SetSpec, TaskSet, Verdict};

/// An attempt that an executor has not reported as ended.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) name: TaskName,
    pub(crate) executor: ExecutorId,
    launched: Time,
    /// Its task's place in the task set.
    index: usize,
    /// Why it is being killed, if it is.
    pub(crate) kill: Option<KillReason>,
}

impl Attempt {
    fn set(&self) -> SetKey {
        SetKey {
            stage: self.name.stage,
            attempt: self.name.stage_attempt,
        }
    }
}

/// The task scheduler.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    failures_max: u32,
    timeout: Option<Duration>,
    sets: BTreeMap<SetKey, TaskSet>,
    queue: Queue,
    pub(crate) executors: Executors,
    attempts: BTreeMap<AttemptId, Attempt>,
    commits: Commits,
    next_attempt: u64,
    /// The images of task sets that are over, to be let go.
    over: Vec<ImageId>,
}

impl Tasks {
    /// Changes the limits for what is decided from now on.
    pub(crate) fn limit(&mut self, failures_max: u32, timeout: Option<Duration>) {
        (self.failures_max, self.timeout) = (failures_max, timeout);
    }

    pub(crate) fn failures_max(&self) -> u32 {
        self.failures_max
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Takes in a task set, which is not empty.
    pub(crate) fn submit(&mut self, set: TaskSet) {
        self.queue.insert(set.priority, set.key);
        let before = self.sets.insert(set.key, set);
        assert!(before.is_none(), "a stage attempt has one task set");
    }

    /// Launches tasks while there are both a task that waits and a core that is free.
    pub(crate) fn launch(&mut self, now: Time, out: &mut Outbox) {
        while let Some(key) = self.queue.first() {
            let Some(executor) = self.executors.roomiest() else {
                return;
            };
            let set = self.sets.get_mut(&key).expect("a queued task set is there");
            if let Some(index) = set.take() {
                let id = AttemptId(self.next_attempt);
                self.next_attempt += 1;
                let task = set.task(index, id);
                let attempt = Attempt {
                    name: task.name,
                    executor,
                    launched: now,
                    index,
                    kill: None,
                };
                self.attempts.insert(id, attempt);
                self.executors.take(executor);
                announce(now, executor, task, out);
            }
            if !set.is_waiting() {
                self.queue.remove(set.priority, key);
            }
        }
    }

    /// Takes an attempt that has ended out of the books; its core is free again.
    pub(crate) fn end(&mut self, id: AttemptId) -> Option<Attempt> {
        let attempt = self.attempts.remove(&id)?;
        self.executors.give_back(attempt.executor);
        let set = self
            .sets
            .get_mut(&attempt.set())
            .expect("a set outlives its attempts");
        set.ended(attempt.index);
        Some(attempt)
    }

    /// Drops the attempt's task set if nothing is left to do with it. To be called after what [`Self::end`]
    /// returned has been dealt with.
    pub(crate) fn settle(&mut self, attempt: &Attempt) {
        self.drop_if_over(attempt.set());
    }

    fn drop_if_over(&mut self, key: SetKey) {
        if self.sets.get(&key).is_some_and(TaskSet::is_over) {
            self.over
                .extend(self.sets.remove(&key).map(|set| set.image));
        }
    }

    /// Returns the next image of a task set that is over, to be let go.
    pub(crate) fn pop_over(&mut self) -> Option<ImageId> {
        self.over.pop()
    }

    /// Takes note that `partition` of the stage is computed, by whichever of its attempts; other attempts at
    /// it are killed. Returns whether that was the last one of the `running` task set.
    pub(crate) fn succeed(
        &mut self,
        stage: StageId,
        running: Option<u32>,
        partition: u32,
        out: &mut Outbox,
    ) -> bool {
        let first = SetKey { stage, attempt: 0 };
        let last = SetKey {
            stage,
            attempt: u32::MAX,
        };
        let rivals = self
            .sets
            .range(first..=last)
            .any(|(_, set)| set.runs(partition));
        if rivals {
            self.kill(KillReason::AnotherSucceeded, out, |attempt| {
                attempt.name.stage == stage && attempt.name.partition == partition
            });
        }
        let Some(attempt) = running else { return false };
        let set = self
            .sets
            .get_mut(&SetKey { stage, attempt })
            .expect("a running set is there");
        set.succeed(partition);
        let (key, complete) = (set.key, set.is_complete());
        if complete {
            self.queue.remove(set.priority, key);
            // The last partition may have come from an earlier attempt, with nothing of this one running.
            self.drop_if_over(key);
        }
        complete
    }

    /// Decides whether a failed task is tried again; if so, it waits again.
    pub(crate) fn fail(&mut self, attempt: &Attempt, failure: &Arc<TaskFailure>) -> Verdict {
        let set = self
            .sets
            .get_mut(&attempt.set())
            .expect("a set outlives its attempts");
        let verdict = set.fail(attempt.index, failure, self.failures_max);
        if matches!(verdict, Verdict::Retry { .. }) {
            self.queue.insert(set.priority, set.key);
        }
        verdict
    }

    /// Launches nothing more of a stage attempt; what runs of it may go on.
    pub(crate) fn stop(&mut self, stage: StageId, attempt: u32) {
        let key = SetKey { stage, attempt };
        let Some(set) = self.sets.get_mut(&key) else {
            return;
        };
        set.stop();
        self.queue.remove(set.priority, key);
        self.drop_if_over(key);
    }

    /// Stops all attempts at a stage and kills what runs of them.
    pub(crate) fn kill_stage(&mut self, stage: StageId, out: &mut Outbox) {
        let first = SetKey { stage, attempt: 0 };
        let last = SetKey {
            stage,
            attempt: u32::MAX,
        };
        let keys: Vec<SetKey> = self.sets.range(first..=last).map(|(key, _)| *key).collect();
        for key in keys {
            self.stop(stage, key.attempt);
        }
        self.commits.forget_stage(stage);
        self.kill(KillReason::JobEnded, out, |attempt| {
            attempt.name.stage == stage
        });
    }

    /// Kills the running attempts that are `meant` and not being killed already.
    fn kill(&mut self, reason: KillReason, out: &mut Outbox, meant: impl Fn(&Attempt) -> bool) {
        for (id, attempt) in &mut self.attempts {
            if attempt.kill.is_none() && meant(attempt) {
                attempt.kill = Some(reason);
                let (executor, attempt) = (attempt.executor, *id);
                out.actions.push(Action::KillTask {
                    executor,
                    attempt,
                    reason,
                });
            }
        }
    }

    /// Returns when the first running attempt will have run too long.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let timeout = self.timeout?;
        // Attempts are numbered in order of launch, and all may run equally long.
        let first = self
            .attempts
            .values()
            .find(|attempt| attempt.kill.is_none())?;
        Some(first.launched + timeout)
    }

    /// Kills the attempts that have run too long.
    pub(crate) fn expire(&mut self, now: Time, out: &mut Outbox) {
        let Some(timeout) = self.timeout else { return };
        self.kill(KillReason::TimedOut, out, |attempt| {
            attempt.launched + timeout <= now
        });
    }

    /// Answers an attempt that wants to make its output visible (Spark: `OutputCommitCoordinator`).
    pub(crate) fn ask_commit(&mut self, id: AttemptId) -> Action {
        let alive = self
            .attempts
            .get(&id)
            .filter(|attempt| attempt.kill.is_none());
        match alive {
            Some(attempt) if self.commits.ask(attempt.name, id) => {
                Action::GrantCommit { attempt: id }
            }
            _ => Action::DenyCommit { attempt: id },
        }
    }

    /// Lets another attempt commit, if it was this one that might.
    pub(crate) fn give_up_commit(&mut self, id: AttemptId, name: TaskName) {
        self.commits.give_up(name, id);
    }

    /// Lets a partition be committed again: its map output is gone, so it is computed again.
    pub(crate) fn forget_commit(&mut self, stage: StageId, partition: u32) {
        self.commits.forget(stage, partition);
    }

    /// Returns the attempts that run on an executor.
    pub(crate) fn on_executor(&self, executor: ExecutorId) -> Vec<AttemptId> {
        let there = self
            .attempts
            .iter()
            .filter(|(_, attempt)| attempt.executor == executor);
        there.map(|(id, _)| *id).collect()
    }

    /// Returns how many task sets hold an image.
    pub(crate) fn sets_len(&self) -> usize {
        self.sets.len()
    }

    /// States what always holds.
    pub(crate) fn check(&self) {
        self.executors
            .check(self.attempts.values().map(|attempt| attempt.executor));
        for (key, set) in &self.sets {
            set.check();
            assert!(!set.is_over(), "a set that is over is dropped");
            assert_eq!(self.queue.contains(set.priority, *key), set.is_waiting());
        }
        let running: usize = self.sets.values().map(TaskSet::running).sum();
        assert_eq!(running, self.attempts.len());
    }
}

fn announce(at: Time, executor: ExecutorId, task: Task, out: &mut Outbox) {
    let (name, attempt) = (task.name, task.attempt);
    out.events.push(Event {
        at,
        kind: EventKind::TaskStarted {
            task: name,
            attempt,
            executor,
        },
    });
    out.actions.push(Action::LaunchTask { executor, task });
}
