//! The program's side: it begins, wants jobs, and ends.

use std::mem;
use std::sync::Arc;

use crate::client;
use crate::message::ToExecutor;

use super::{Action, Application, Life, Outbox};

impl Application {
    pub(super) fn start(&mut self, out: &mut Outbox) {
        if self.life != Life::New {
            return;
        }
        self.life = Life::Going;
        let name = self.name.clone();
        self.drive(crate::Input::ApplicationStarted { name }, out);
        self.await_executors();
        self.tell_client(client::Input::Started, out);
    }

    pub(super) fn obey(&mut self, input: crate::Input, out: &mut Outbox) {
        if self.life == Life::Over {
            return;
        }
        match input {
            crate::Input::ApplicationEnded => self.end(out),
            // It can only fail; so that it does not end before it began, it begins.
            crate::Input::JobSubmitted(spec) => {
                self.drive(crate::Input::JobSubmitted(spec), out);
                if let Life::Refused(reason) = &self.life {
                    self.cancel_jobs(reason.clone(), out);
                }
            }
            input if is_programs(&input) => self.drive(input, out),
            _ => {}
        }
    }

    /// The cluster has no place for the application any more.
    pub(super) fn refuse(&mut self, reason: Arc<str>, out: &mut Outbox) {
        if self.life != Life::Going {
            return;
        }
        self.life = Life::Refused(reason.clone());
        self.allocation = None;
        self.cancel_jobs(reason.clone(), out);
        self.dismiss(&reason, out);
        self.timers.clear();
    }

    fn cancel_jobs(&mut self, reason: Arc<str>, out: &mut Outbox) {
        while let Some(job) = self.jobs.pop_first() {
            let reason = reason.clone();
            self.drive(crate::Input::JobCancelled { job, reason }, out);
        }
    }

    fn end(&mut self, out: &mut Outbox) {
        let reason: Arc<str> = match mem::replace(&mut self.life, Life::Over) {
            Life::Refused(reason) => reason,
            _ => "the application has ended".into(),
        };
        self.allocation = None;
        self.drive(crate::Input::ApplicationEnded, out);
        self.dismiss(&reason, out);
        self.tell_client(client::Input::Stopped, out);
        self.timers.clear();
        out.actions.push(Action::Exit { reason });
    }

    /// Lets every executor go.
    fn dismiss(&mut self, reason: &Arc<str>, out: &mut Outbox) {
        while let Some((_, (to, _))) = self.strangers.pop_first() {
            self.refuse_executor(to, reason.clone(), out);
        }
        for executor in self.executors.ids() {
            self.say(executor, ToExecutor::StopExecutor, out);
            self.lose(executor, reason.clone(), false, out);
        }
        self.silent_at.clear();
    }
}

/// Returns whether it is the program's to say; the rest is heard from executors and masters.
fn is_programs(input: &crate::Input) -> bool {
    !matches!(
        input,
        crate::Input::ApplicationStarted { .. }
            | crate::Input::ExecutorAdded { .. }
            | crate::Input::ExecutorLost { .. }
            | crate::Input::ExecutorDecommissioned { .. }
            | crate::Input::ExecutorSilent { .. }
            | crate::Input::Heartbeat { .. }
            | crate::Input::TaskEnded { .. }
            | crate::Input::WorkerLost { .. }
            | crate::Input::CommitAsked { .. }
            | crate::Input::BlockStored { .. }
            | crate::Input::BlockDropped { .. }
            | crate::Input::BlockNotCopied { .. }
            | crate::Input::DeadlineReached
    )
}
