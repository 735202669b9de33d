//! Executors go: by themselves, by order, or without a word (Spark: `DriverEndpoint.removeExecutor`,
//! `disableExecutor`, `decommissionExecutors`, `HeartbeatReceiver.expireDeadHosts`).

use std::sync::Arc;

use crate::message::ToExecutor;
use crate::{Address, ExecutorId, Time, client};

use super::{Application, Due, Life, Outbox};

impl Application {
    pub(super) fn disconnected(&mut self, peer: Address, out: &mut Outbox) {
        self.forget_stranger(&peer);
        if self.executors.at(&peer).is_none() {
            return self.tell_client(client::Input::Disconnected { peer }, out);
        }
        if let Some(executor) = self.executors.disconnect(&peer) {
            let until = self.now + self.limits.grace;
            self.timers.set(Due::Grace(executor), until);
            self.drive_if_offered(executor, crate::Input::ExecutorSilent { executor }, out);
        }
    }

    fn forget_stranger(&mut self, peer: &Address) {
        let mut strangers = self.strangers.iter();
        let stranger = strangers.find(|(_, (address, _))| address == peer);
        if let Some(executor) = stranger.map(|(executor, _)| *executor) {
            self.strangers.remove(&executor);
            self.timers.cancel(Due::Stranger(executor));
        }
    }

    pub(super) fn end_grace(&mut self, executor: ExecutorId, out: &mut Outbox) {
        let grace = self.limits.grace;
        let reason = format!("its connection broke, and it did not come back within {grace:?}");
        self.kill(&[executor], &reason.into(), out);
    }

    /// Tells the driver of an executor that it knows.
    fn drive_if_offered(&mut self, executor: ExecutorId, input: crate::Input, out: &mut Outbox) {
        if self
            .executors
            .get(executor)
            .is_some_and(|known| known.offered)
        {
            self.drive(input, out);
        }
    }

    /// An executor was heard of.
    pub(super) fn touch(&mut self, executor: ExecutorId) {
        if let Some(known) = self.executors.get_mut(executor) {
            known.heard = self.now;
        }
    }

    /// From now on an executor is to be heard of.
    pub(super) fn expect(&mut self, executor: ExecutorId) {
        self.silent_at
            .insert((self.now + self.limits.silence, executor));
        if !self.timers.is_set(Due::Silence) {
            let at = self.now + self.limits.silence_interval;
            self.timers.set(Due::Silence, at);
        }
    }

    /// Gives up who was silent for too long. Only those are looked at who may be.
    pub(super) fn find_silent(&mut self, out: &mut Outbox) {
        while let Some((at, executor)) = self.silent_at.first().copied() {
            if at > self.now {
                break;
            }
            self.silent_at.pop_first();
            self.look_after(executor, out);
        }
        if !self.silent_at.is_empty() {
            let at = self.now + self.limits.silence_interval;
            self.timers.set(Due::Silence, at);
        }
    }

    fn look_after(&mut self, executor: ExecutorId, out: &mut Outbox) {
        let Some(known) = self.executors.get(executor) else {
            return;
        };
        let silent = self.now.since(known.heard);
        if silent < self.limits.silence {
            let at: Time = known.heard + self.limits.silence;
            self.silent_at.insert((at, executor));
            return;
        }
        let reason = format!("it was silent for {silent:?}, longer than `network.timeout`");
        self.kill(&[executor], &reason.into(), out);
    }

    /// Gives executors up, and asks the master to do so. How many are wanted in all stays as it is, so that it may
    /// give others.
    pub(super) fn kill(&mut self, executors: &[ExecutorId], reason: &Arc<str>, out: &mut Outbox) {
        let known = executors.iter().copied();
        let known: Vec<_> = known
            .filter(|id| self.executors.get(*id).is_some())
            .collect();
        if known.is_empty() {
            return;
        }
        self.tell_client(client::Input::ExecutorsKilled(known.clone()), out);
        for executor in known {
            self.say(executor, ToExecutor::StopExecutor, out);
            self.lose(executor, reason.clone(), false, out);
        }
    }

    /// An executor is no more.
    pub(super) fn lose(
        &mut self,
        executor: ExecutorId,
        reason: Arc<str>,
        files_lost: bool,
        out: &mut Outbox,
    ) {
        let Some(gone) = self.executors.remove(executor, &reason) else {
            return;
        };
        self.timers.cancel(Due::Grace(executor));
        if gone.offered {
            let lost = crate::Input::ExecutorLost {
                executor,
                reason,
                files_lost,
            };
            self.drive(lost, out);
        }
    }

    /// An executor is about to go: it takes no more tasks. It is told so if it does not know yet.
    pub(super) fn decommission(
        &mut self,
        executor: ExecutorId,
        reason: Arc<str>,
        tell: bool,
        out: &mut Outbox,
    ) {
        let Some(known) = self.executors.get_mut(executor) else {
            return;
        };
        if self.life != Life::Going || known.leaving.is_some() {
            return;
        }
        known.leaving = Some(reason.clone());
        if tell {
            self.say(executor, ToExecutor::DecommissionExecutor, out);
        }
        let told = crate::Input::ExecutorDecommissioned { executor, reason };
        self.drive_if_offered(executor, told, out);
        self.dismiss_if_idle(executor);
    }
}
