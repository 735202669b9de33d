//! Attempts: taken in, killed, asking to commit, ended. Each has one end, which the driver is told.

use std::sync::Arc;

use crate::message::ToDriver;
use crate::{AttemptId, FailureKind, KillReason, Outcome, Task, TaskFailure, TaskMetrics, Time};

use super::{Action, EventKind, Executor, Outbox};
use crate::task::AHEAD_MAX;

/// Kills of attempts that were not launched yet: so many are remembered, the latest to be launched.
const KILLED_EARLY_MAX: usize = 1_024;

/// So many ends are kept until the driver has heard of them.
const UPDATES_MAX: usize = 100_000;

/// An attempt that runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    began: Time,
    metrics: TaskMetrics,
    killed: bool,
    /// It has asked whether it may commit and waits for the answer.
    pub(super) asks: bool,
}

impl Attempt {
    /// Returns what it has cost by `now`.
    pub(super) fn cost(&self, now: Time) -> TaskMetrics {
        let run_time_us = Time::from(now.since(self.began)).as_micros();
        TaskMetrics {
            run_time_us,
            ..self.metrics
        }
    }
}

/// The end of an attempt.
#[derive(Clone, Debug)]
pub(super) struct Update {
    pub(super) attempt: AttemptId,
    pub(super) outcome: Outcome,
    pub(super) metrics: TaskMetrics,
}

impl Executor {
    pub(super) fn launch(&mut self, tasks: Vec<Task>, out: &mut Outbox) {
        for task in tasks {
            self.launch_one(task, out);
        }
        // What was killed early and is not above the highest was launched by now, or never will be.
        let highest = self.highest;
        self.killed_early
            .retain(|attempt, _| Some(*attempt) > highest);
    }

    fn launch_one(&mut self, task: Task, out: &mut Outbox) {
        let attempt = task.attempt;
        if Some(attempt) <= self.highest {
            let reason = "it was launched before".into();
            return self.publish(EventKind::TaskRefused { attempt, reason }, out);
        }
        self.highest = Some(attempt);
        if let Some(reason) = self.why_not(attempt) {
            return self.refuse_task(attempt, reason, out);
        }
        let (began, metrics) = (self.now, TaskMetrics::default());
        let running = Attempt {
            began,
            metrics,
            killed: false,
            asks: false,
        };
        self.running.insert(attempt, running);
        out.actions.push(Action::RunTask(task));
    }

    /// Returns why an attempt is not run, if it is not.
    fn why_not(&mut self, attempt: AttemptId) -> Option<Arc<str>> {
        let (executor, cores) = (self.config.executor, self.config.cores);
        if let Some(reason) = self.killed_early.remove(&attempt) {
            return Some(format!("it was killed before it was launched: {reason}").into());
        }
        if !self.connection.registered {
            return Some(format!("{executor} is not registered").into());
        }
        if self.is_leaving() {
            return Some(format!("{executor} is being taken out of service").into());
        }
        let full = self.running.len() >= self.tasks_max();
        full.then(|| {
            let reason =
                format!("{executor} has {cores} cores, and {AHEAD_MAX} tasks wait for each");
            reason.into()
        })
    }

    /// Returns how many tasks may run or wait for a core.
    pub(super) fn tasks_max(&self) -> usize {
        (self.config.cores as usize).saturating_mul(1 + AHEAD_MAX as usize)
    }

    /// Ends an attempt that has not begun, in a way that does not count as its failure.
    fn refuse_task(&mut self, attempt: AttemptId, reason: Arc<str>, out: &mut Outbox) {
        let failure = TaskFailure::new(FailureKind::Killed, &*reason);
        self.publish(EventKind::TaskRefused { attempt, reason }, out);
        self.update(attempt, failure.into(), TaskMetrics::default(), out);
    }

    pub(super) fn kill(&mut self, attempt: AttemptId, reason: KillReason, out: &mut Outbox) {
        if let Some(running) = self.running.get_mut(&attempt) {
            let before = running.killed;
            // What is recalled goes on if it has begun, and may be killed later.
            running.killed |= reason != KillReason::Recalled;
            if !before {
                out.actions.push(Action::KillTask { attempt, reason });
            }
        } else if Some(attempt) > self.highest {
            self.killed_early.insert(attempt, reason);
            if self.killed_early.len() > KILLED_EARLY_MAX {
                self.killed_early.pop_last();
            }
        }
    }

    pub(super) fn end_attempt(
        &mut self,
        attempt: AttemptId,
        outcome: Outcome,
        metrics: TaskMetrics,
        out: &mut Outbox,
    ) {
        if self.running.remove(&attempt).is_some() {
            self.update(attempt, outcome, metrics, out);
        }
    }

    fn update(
        &mut self,
        attempt: AttemptId,
        outcome: Outcome,
        metrics: TaskMetrics,
        out: &mut Outbox,
    ) {
        self.updates.push(Update {
            attempt,
            outcome,
            metrics,
        });
        self.send_updates(out);
        if self.updates.len() > UPDATES_MAX
            && let Some(oldest) = self.updates.pop_oldest()
        {
            out.actions
                .push(Action::ReleaseResults(vec![oldest.attempt]));
        }
    }

    /// Tells the ends that were not told on this connection.
    pub(super) fn send_updates(&mut self, out: &mut Outbox) {
        if !self.connection.registered {
            return;
        }
        let executor = self.config.executor;
        for update in self.updates.send(self.connection.sent) {
            let message = ToDriver::StatusUpdate {
                executor,
                attempt: update.attempt,
                outcome: update.outcome.clone(),
                metrics: update.metrics,
            };
            out.actions.push(Action::Send {
                to: self.config.driver.clone(),
                message: message.into(),
            });
        }
    }

    pub(super) fn note_progress(&mut self, attempt: AttemptId, metrics: TaskMetrics) {
        if let Some(running) = self.running.get_mut(&attempt) {
            running.metrics = metrics;
        }
    }

    pub(super) fn ask_commit(&mut self, attempt: AttemptId, out: &mut Outbox) {
        let Some(running) = self.running.get_mut(&attempt) else {
            // Nobody else would answer it.
            return out.actions.push(Action::DenyCommit(attempt));
        };
        if !std::mem::replace(&mut running.asks, true) && self.connection.registered {
            self.tell(ToDriver::CommitAsked(attempt), out);
        }
    }

    pub(super) fn answer_commit(&mut self, attempt: AttemptId, granted: bool, out: &mut Outbox) {
        let asking = self
            .running
            .get_mut(&attempt)
            .filter(|running| running.asks);
        let Some(running) = asking else {
            return;
        };
        running.asks = false;
        out.actions.push(if granted {
            Action::GrantCommit(attempt)
        } else {
            Action::DenyCommit(attempt)
        });
    }
}
