//! What the driver decides goes where it belongs: to executors, to the program, to the allocation.
//!
//! Launches of one input that go to the same executor go as one message, at the place of the first.

use std::sync::Arc;

use crate::allocation;
use crate::event::EventKind;
use crate::message::ToExecutor;
use crate::{
    AttemptId, ExecutorId, FailureKind, KillReason, Message, Task, TaskFailure, TaskMetrics, client,
};

use super::{Action, Application, Outbox};

/// What is left to do when an input is taken in: one machine has decided it, another must hear of it.
#[derive(Debug)]
pub(super) enum Errand {
    /// An attempt has ended without anybody saying so.
    End(AttemptId, TaskFailure),
    /// The allocation wants something.
    Allocate(allocation::Action),
    /// The driver gives an executor back, for this reason; in good order, if so.
    GiveBack(ExecutorId, bool, Arc<str>),
    /// An executor that is about to go has nothing left to do.
    Dismiss(ExecutorId),
}

impl Application {
    /// Tells the driver.
    pub(super) fn drive(&mut self, input: crate::Input, out: &mut Outbox) {
        let mut orders = crate::Outbox::default();
        self.driver.handle(self.now, input, &mut orders);
        self.relay(orders, out);
    }

    pub(super) fn relay(&mut self, orders: crate::Outbox, out: &mut Outbox) {
        for event in orders.events {
            self.observe(&event.kind);
            out.events.push(event);
        }
        for action in orders.actions {
            self.route(action, out);
        }
    }

    fn observe(&mut self, event: &EventKind) {
        match event {
            EventKind::JobStarted { job, .. } => {
                self.jobs.insert(*job);
            }
            EventKind::JobEnded { job, .. } => {
                self.jobs.remove(job);
            }
            EventKind::TaskStarted {
                attempt, executor, ..
            } => self.executors.start(*attempt, *executor),
            EventKind::TaskEnded { attempt, .. } => {
                if let Some(executor) = self.executors.end(*attempt) {
                    self.dismiss_if_idle(executor);
                }
            }
            EventKind::HostExcluded {
                host, stage: None, ..
            } => {
                self.excluded.insert(host.clone());
            }
            EventKind::HostReadmitted { host } => {
                self.excluded.remove(host);
            }
            _ => {}
        }
        self.allocate(allocation::Input::Event(event));
    }

    /// Tells the allocation, if there is one.
    pub(super) fn allocate(&mut self, input: allocation::Input<'_>) {
        let Some(allocation) = &mut self.allocation else {
            return;
        };
        let mut wishes = Vec::new();
        allocation.handle(self.now, input, &mut wishes);
        self.errands
            .extend(wishes.into_iter().map(Errand::Allocate));
    }

    pub(super) fn dismiss_if_idle(&mut self, executor: ExecutorId) {
        let known = self.executors.get(executor);
        if known.is_some_and(|known| known.leaving.is_some() && known.running.is_empty()) {
            self.errands.push_back(Errand::Dismiss(executor));
        }
    }

    pub(super) fn run_errands(&mut self, out: &mut Outbox) {
        while let Some(errand) = self.errands.pop_front() {
            match errand {
                Errand::End(attempt, failure) => {
                    let ended = crate::Input::TaskEnded {
                        attempt,
                        outcome: failure.into(),
                        metrics: TaskMetrics::default(),
                    };
                    self.drive(ended, out);
                }
                Errand::Allocate(wish) => self.grant(wish, out),
                Errand::GiveBack(executor, true, reason) => {
                    self.decommission(executor, reason, true, out);
                }
                Errand::GiveBack(executor, false, reason) => self.kill(&[executor], &reason, out),
                Errand::Dismiss(executor) => self.dismiss_leaving(executor, out),
            }
        }
    }

    fn grant(&mut self, wish: allocation::Action, out: &mut Outbox) {
        match wish {
            allocation::Action::RequestTotal { total, because } => {
                self.tell_client(client::Input::ExecutorsRequested { total }, out);
                self.publish(EventKind::ExecutorsRequested { total, because }, out);
            }
            allocation::Action::Kill { executors, because } => self.kill(&executors, &because, out),
            allocation::Action::Decommission { executors, because } => {
                for executor in executors {
                    self.decommission(executor, because.clone(), true, out);
                }
            }
        }
    }

    /// Lets an executor go that is about to, unless it got something to do in the meantime.
    fn dismiss_leaving(&mut self, executor: ExecutorId, out: &mut Outbox) {
        let known = self.executors.get(executor);
        let idle = known.filter(|known| known.running.is_empty());
        if let Some(reason) = idle.and_then(|known| known.leaving.clone()) {
            let reason = format!("it was decommissioned ({reason}) and is idle").into();
            self.kill(&[executor], &reason, out);
        }
    }

    fn route(&mut self, action: crate::Action, out: &mut Outbox) {
        match action {
            crate::Action::LaunchTask { executor, task } => self.launch(executor, task, out),
            crate::Action::KillTask {
                executor,
                attempt,
                reason,
            } => self.kill_task(executor, attempt, reason, out),
            crate::Action::GrantCommit { attempt } => {
                self.answer(attempt, ToExecutor::GrantCommit(attempt), out);
            }
            crate::Action::DenyCommit { attempt } => {
                self.answer(attempt, ToExecutor::DenyCommit(attempt), out);
            }
            crate::Action::KillExecutor {
                executor,
                decommission,
                reason,
            } => {
                self.errands
                    .push_back(Errand::GiveBack(executor, decommission, reason));
            }
            crate::Action::RemoveBlocks(rdd) => {
                self.allocate(allocation::Input::BlocksRemoved(rdd));
                self.say_to_all(&ToExecutor::RemoveBlocks(rdd), out);
            }
            crate::Action::CopyBlock {
                executor,
                rdd,
                partition,
            } => self.say(executor, ToExecutor::CopyBlock { rdd, partition }, out),
            crate::Action::RemoveShuffle(shuffle) => {
                self.allocate(allocation::Input::ShuffleRemoved(shuffle));
                self.say_to_all(&ToExecutor::RemoveShuffle(shuffle), out);
                out.actions.push(Action::Program(action));
            }
            action => out.actions.push(Action::Program(action)),
        }
    }

    /// Launches a task, together with others of this input on the same executor; or keeps it until the executor
    /// can be reached again.
    pub(super) fn launch(&mut self, executor: ExecutorId, task: Task, out: &mut Outbox) {
        let Some(known) = self.executors.get_mut(executor) else {
            return;
        };
        let Some(to) = known.reachable().cloned() else {
            known.held.push(task);
            return;
        };
        if let Some(at) = self.launches.get(&executor)
            && let Some(Action::Send { message, .. }) = out.actions.get_mut(*at)
            && let Message::ToExecutor(ToExecutor::LaunchTasks(tasks)) = message
        {
            return tasks.push(task);
        }
        self.launches.insert(executor, out.actions.len());
        let message = Message::ToExecutor(ToExecutor::LaunchTasks(vec![task]));
        out.actions.push(Action::Send { to, message });
    }

    fn kill_task(
        &mut self,
        executor: ExecutorId,
        attempt: AttemptId,
        reason: KillReason,
        out: &mut Outbox,
    ) {
        let Some(known) = self.executors.get_mut(executor) else {
            return;
        };
        known.kills.insert(attempt, reason);
        // It never heard of it, so it will not tell of its end either.
        if known.held.iter().any(|task| task.attempt == attempt) {
            let failure = TaskFailure::new(FailureKind::Killed, reason.to_string());
            self.errands.push_back(Errand::End(attempt, failure));
            return;
        }
        self.say(executor, ToExecutor::KillTask { attempt, reason }, out);
    }

    /// Answers whoever runs the attempt.
    fn answer(&mut self, attempt: AttemptId, message: ToExecutor, out: &mut Outbox) {
        if let Some(executor) = self.executors.of(attempt) {
            self.say(executor, message, out);
        }
    }

    /// Says something to an executor, if it has been heard of. What is said into a broken connection may be lost;
    /// when it comes back it is told what matters.
    pub(super) fn say(&self, executor: ExecutorId, message: ToExecutor, out: &mut Outbox) {
        let known = self.executors.get(executor);
        if let Some(to) = known.and_then(|known| known.address()).cloned() {
            let message = Message::ToExecutor(message);
            out.actions.push(Action::Send { to, message });
        }
    }

    fn say_to_all(&self, message: &ToExecutor, out: &mut Outbox) {
        for (executor, _) in self.executors.iter() {
            self.say(executor, message.clone(), out);
        }
    }
}
