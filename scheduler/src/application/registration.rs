//! Executors present themselves and show that they live (Spark: `DriverEndpoint.receiveAndReply`,
//! `HeartbeatReceiver`).
//!
//! Who comes back after a broken connection tells what it runs, and both sides' books are made to agree.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use crate::message::{ToDriver, ToExecutor};
use crate::{
    Address, AttemptId, ExecutorId, FailureKind, KillReason, Message, TaskFailure, TaskMetrics,
};

use super::relay::Errand;
use super::{Action, Application, Due, Life, Outbox, allocation};

/// How many executors may wait for the master's word about them.
const STRANGERS_MAX: usize = 10_000;

/// What an executor says of itself, but for what the master has said already.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    cores: u32,
    running: Vec<AttemptId>,
}

impl Application {
    pub(super) fn hear(&mut self, from: Address, message: ToDriver, out: &mut Outbox) {
        match message {
            ToDriver::RegisterExecutor {
                executor,
                cores,
                running,
                ..
            } => {
                self.register(from, executor, Registration { cores, running }, out);
            }
            ToDriver::Heartbeat { executor, running } => {
                self.heartbeat(from, executor, running, out);
            }
            message => {
                if let Some(executor) = self.executors.at(&from) {
                    self.touch(executor);
                    self.believe(executor, message, out);
                }
            }
        }
    }

    /// Takes in what a registered executor says, as far as it is its to say.
    fn believe(&mut self, from: ExecutorId, message: ToDriver, out: &mut Outbox) {
        match message {
            ToDriver::StatusUpdate {
                attempt,
                outcome,
                metrics,
                ..
            } if self.executors.of(attempt) == Some(from) => {
                let ended = crate::Input::TaskEnded {
                    attempt,
                    outcome,
                    metrics,
                };
                self.drive(ended, out);
            }
            ToDriver::CommitAsked(attempt) if self.executors.of(attempt) == Some(from) => {
                self.drive(crate::Input::CommitAsked { attempt }, out);
            }
            ToDriver::BlockStored { rdd, partition, .. } => {
                let executor = from;
                self.allocate(allocation::Input::BlockStored {
                    rdd,
                    partition,
                    executor,
                });
                let stored = crate::Input::BlockStored {
                    rdd,
                    partition,
                    executor,
                };
                self.drive(stored, out);
            }
            ToDriver::BlockDropped { rdd, partition, .. } => {
                let executor = from;
                self.allocate(allocation::Input::BlockDropped {
                    rdd,
                    partition,
                    executor,
                });
                let dropped = crate::Input::BlockDropped {
                    rdd,
                    partition,
                    executor,
                };
                self.drive(dropped, out);
            }
            ToDriver::BlockNotCopied { rdd, partition, .. } => {
                let executor = from;
                let failed = crate::Input::BlockNotCopied {
                    rdd,
                    partition,
                    executor,
                };
                self.drive(failed, out);
            }
            ToDriver::ExecutorDecommissioning(_) => {
                self.decommission(from, "it said that it is about to go".into(), false, out);
            }
            _ => {}
        }
    }

    fn register(
        &mut self,
        from: Address,
        executor: ExecutorId,
        registration: Registration,
        out: &mut Outbox,
    ) {
        if let Some(reason) = self.objection(&from, executor) {
            return self.refuse_executor(from, reason, out);
        }
        let Some(known) = self.executors.get(executor) else {
            // Its order may still be under way from the master.
            self.timers
                .set(Due::Stranger(executor), self.now + self.limits.grace);
            self.strangers.insert(executor, (from, registration));
            return;
        };
        if self.excluded.contains(&known.host) {
            let reason: Arc<str> =
                format!("{} is excluded: too much failed there", known.host).into();
            self.refuse_executor(from, reason.clone(), out);
            return self.kill(&[executor], &reason, out);
        }
        self.accept(from, executor, &registration, out);
    }

    /// Returns why an executor may not register, if so.
    fn objection(&self, from: &Address, executor: ExecutorId) -> Option<Arc<str>> {
        match &self.life {
            Life::New | Life::Going => {}
            Life::Refused(reason) => return Some(reason.clone()),
            Life::Over => return Some("the application has ended".into()),
        }
        if let Some(reason) = self.executors.gone(executor) {
            return Some(format!("{executor} was given up: {reason}").into());
        }
        if let Some(other) = self.executors.at(from).filter(|other| *other != executor) {
            return Some(format!("{from} is registered as {other}").into());
        }
        let known = self.executors.get(executor);
        let address = known.and_then(|known| known.address());
        let stranger = self.strangers.get(&executor).map(|(address, _)| address);
        if let Some(address) = address.or(stranger).filter(|address| *address != from) {
            return Some(format!("{executor} is registered already, from {address}").into());
        }
        let full = known.is_none() && self.strangers.len() >= STRANGERS_MAX;
        full.then(|| "too many executors wait for the master's word about them".into())
    }

    pub(super) fn refuse_executor(&self, to: Address, reason: Arc<str>, out: &mut Outbox) {
        let message = Message::ToExecutor(ToExecutor::RegisterExecutorFailed { reason });
        out.actions.push(Action::Send { to, message });
    }

    /// The master has told of an executor; if it waits for that, it waits no more.
    pub(super) fn admit_stranger(&mut self, executor: ExecutorId, out: &mut Outbox) {
        self.timers.cancel(Due::Stranger(executor));
        if let Some((from, registration)) = self.strangers.remove(&executor) {
            self.register(from, executor, registration, out);
        }
    }

    /// The master has not told of an executor for too long, or said that it is no more.
    pub(super) fn refuse_stranger(&mut self, executor: ExecutorId, out: &mut Outbox) {
        self.timers.cancel(Due::Stranger(executor));
        if let Some((from, _)) = self.strangers.remove(&executor) {
            let reason = format!("the master has not told of {executor}").into();
            self.refuse_executor(from, reason, out);
        }
    }

    /// Takes in an executor that was ordered, the first time or once more.
    fn accept(
        &mut self,
        from: Address,
        executor: ExecutorId,
        registration: &Registration,
        out: &mut Outbox,
    ) {
        self.executors
            .connect(executor, from, registration.cores, self.now);
        self.timers.cancel(Due::Grace(executor));
        self.expect(executor);
        let heartbeat_interval = self.limits.heartbeat_interval;
        self.say(
            executor,
            ToExecutor::RegisteredExecutor { heartbeat_interval },
            out,
        );
        self.agree(executor, &registration.running, out);
        if self
            .executors
            .get(executor)
            .is_some_and(|known| known.leaving.is_some())
        {
            self.say(executor, ToExecutor::DecommissionExecutor, out);
        }
        self.offer(executor, out);
    }

    /// Makes both sides agree about what an executor runs: what it does not know of is lost, what is not known
    /// here is killed, and what it could not be told meanwhile it is told.
    fn agree(&mut self, executor: ExecutorId, told: &[AttemptId], out: &mut Outbox) {
        let told: BTreeSet<_> = told.iter().copied().collect();
        let Some(known) = self.executors.get_mut(executor) else {
            return;
        };
        let held = mem::take(&mut known.held);
        let is_held = |attempt: &AttemptId| held.iter().any(|task| task.attempt == *attempt);
        let missing = known.running.difference(&told);
        let missing: Vec<_> = missing
            .copied()
            .filter(|attempt| !is_held(attempt))
            .collect();
        let unknown: Vec<_> = told.difference(&known.running).copied().collect();
        let kills: Vec<_> = known.kills.iter().map(|(id, why)| (*id, *why)).collect();
        for (attempt, reason) in kills.into_iter().filter(|(id, _)| told.contains(id)) {
            self.say(executor, ToExecutor::KillTask { attempt, reason }, out);
        }
        // Should the order still be under way, it is taken back.
        for attempt in unknown.into_iter().chain(missing.iter().copied()) {
            let reason = KillReason::JobEnded;
            self.say(executor, ToExecutor::KillTask { attempt, reason }, out);
        }
        for task in held {
            self.launch(executor, task, out);
        }
        for attempt in missing {
            let message = format!("{executor} lost its connection and does not run it");
            let failure = TaskFailure::new(FailureKind::ExecutorLost, message);
            self.errands.push_back(Errand::End(attempt, failure));
        }
    }

    fn heartbeat(
        &mut self,
        from: Address,
        executor: ExecutorId,
        mut running: Vec<(AttemptId, TaskMetrics)>,
        out: &mut Outbox,
    ) {
        let known = self.executors.get(executor);
        let known = known.is_some_and(|known| known.reachable() == Some(&from));
        if known {
            self.touch(executor);
            running.retain(|(attempt, _)| self.executors.of(*attempt) == Some(executor));
            self.drive(crate::Input::Heartbeat { running }, out);
        }
        // Whoever is left when the application is over need not come back.
        let register_again = !known && matches!(self.life, Life::New | Life::Going);
        let message = Message::ToExecutor(ToExecutor::HeartbeatResponse { register_again });
        out.actions.push(Action::Send { to: from, message });
    }
}
