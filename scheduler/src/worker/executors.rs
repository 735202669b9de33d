//! Executors: launched, killed, ended, each once (Spark: `ExecutorRunner`).

use std::sync::Arc;

use crate::message::{ApplicationSpec, ExecutorName, ExecutorState, ToMaster};

use super::children::{FinishedExecutor, Kind, Name, Phase};
use super::room::{Answer, Share};
use super::{Action, EventKind, Outbox, Worker};

impl Worker {
    pub(super) fn launch_executor(
        &mut self,
        name: ExecutorName,
        application: Arc<ApplicationSpec>,
        share: Share,
        out: &mut Outbox,
    ) {
        if self.repeat_executor(name, out) {
            return;
        }
        let waits = match self.admit_executor(name, share) {
            Ok(waits) => waits,
            Err(reason) => return self.reject_executor(name, reason, out),
        };
        let Share { cores, memory } = share;
        let (kind, wait) = (Kind::Executor(application), waits.is_some());
        let launched = EventKind::ExecutorLaunched {
            name,
            cores,
            memory,
            waits,
        };
        self.publish(launched, out);
        self.add_child(Name::Executor(name), share, kind, wait, out);
    }

    /// Answers an order about an executor that is known already. Returns whether it is.
    fn repeat_executor(&mut self, name: ExecutorName, out: &mut Outbox) -> bool {
        let running = match self.children.get(&Name::Executor(name)) {
            Some(child) => child.phase == Phase::Running && child.stop.is_none(),
            None => return self.repeat_end(name, out),
        };
        let order = format!("to launch {name}");
        self.refuse(order.into(), "it is launched already".into(), out);
        if running {
            self.tell_executor(name, ExecutorState::Running, out);
        }
        true
    }

    fn repeat_end(&mut self, name: ExecutorName, out: &mut Outbox) -> bool {
        self.send_reports(out);
        let finished = self.finished_executors.get(Name::Executor(name));
        if let Some(finished) = finished {
            self.tell(finished.report(self.info.id), out);
        }
        finished.is_some()
    }

    /// Returns what a new executor waits for, if it must; fails where it can't be taken.
    fn admit_executor(
        &mut self,
        name: ExecutorName,
        share: Share,
    ) -> Result<Option<Arc<str>>, Arc<str>> {
        self.note_launch(name)?;
        if let Some(reason) = self.closed() {
            return Err(reason);
        }
        if share.cores == 0 {
            return Err("an executor without cores can't do anything".into());
        }
        match self.room.ask(share) {
            Answer::Now => Ok(None),
            Answer::Later(waits) => Ok(Some(waits)),
            Answer::Full(reason) | Answer::Never(reason) => Err(reason),
        }
    }

    fn reject_executor(&mut self, name: ExecutorName, reason: Arc<str>, out: &mut Outbox) {
        self.refuse(format!("to launch {name}").into(), reason.clone(), out);
        self.finish_executor(name, ExecutorState::Failed, None, reason, out);
    }

    pub(super) fn kill_executor(&mut self, name: ExecutorName, out: &mut Outbox) {
        if self.children.contains_key(&Name::Executor(name)) {
            let reason = "the master ordered it".into();
            return self.stop_child(Name::Executor(name), reason, out);
        }
        if !self.repeat_end(name, out) {
            // Its launch, should it still come, does nothing.
            let reason = "it was killed before it was launched here";
            self.finish_executor(name, ExecutorState::Killed, None, reason.into(), out);
        }
    }

    pub(super) fn executor_started(&mut self, name: ExecutorName, out: &mut Outbox) {
        let Some(child) = self.children.get_mut(&Name::Executor(name)) else {
            return;
        };
        if child.phase == Phase::Starting {
            child.phase = Phase::Running;
            if child.stop.is_none() {
                self.tell_executor(name, ExecutorState::Running, out);
            }
        }
    }

    pub(super) fn executor_ended(
        &mut self,
        name: ExecutorName,
        exit_code: Option<i32>,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        let child = self.children.get(&Name::Executor(name));
        let Some(child) = child.filter(|child| child.has_process()) else {
            return;
        };
        let (state, reason) = match (&child.stop, exit_code) {
            (Some(stop), _) => (ExecutorState::Killed, stop.clone()),
            (None, None) => (ExecutorState::Failed, reason),
            (None, Some(_)) => (ExecutorState::Exited, reason),
        };
        self.end_executor(name, state, exit_code, reason, out);
    }

    pub(super) fn end_executor(
        &mut self,
        name: ExecutorName,
        state: ExecutorState,
        exit_code: Option<i32>,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        let child = self.remove_child(Name::Executor(name));
        self.publish(
            EventKind::ExecutorEnded {
                name,
                state,
                exit_code,
                reason: reason.clone(),
            },
            out,
        );
        self.finish_executor(name, state, exit_code, reason, out);
        if child.has_process() && self.limits.cleanup_scratch {
            out.actions.push(Action::RemoveScratch(name));
        }
        self.clean_application(name.application, out);
    }

    fn finish_executor(
        &mut self,
        name: ExecutorName,
        state: ExecutorState,
        exit_code: Option<i32>,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        let finished = FinishedExecutor {
            name,
            state,
            exit_code,
            reason,
            at: self.now,
        };
        let report = finished.report(self.info.id);
        self.finished_executors.keep(Name::Executor(name), finished);
        self.report_end(report, out);
    }

    fn tell_executor(&self, name: ExecutorName, state: ExecutorState, out: &mut Outbox) {
        let changed = ToMaster::ExecutorStateChanged {
            worker: self.info.id,
            name,
            state,
            reason: None,
            exit_code: None,
        };
        self.tell(changed, out);
    }
}
