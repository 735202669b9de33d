//! How a client finds the leader, stays with it, and finds the next one.

use std::sync::Arc;
use std::time::Duration;

use crate::following::list;
use crate::message::{ToApplication, ToMaster};
use crate::{Address, ApplicationId, Time};

use super::{Client, EventKind, Input, Life, News, Outbox, send, tell};

impl Client {
    /// Offers the application to all masters, and goes on trying, where no leader has it in its books.
    pub(super) fn seek_leader(&mut self, out: &mut Outbox) {
        let found = self.following.registered().is_some();
        if !found && self.next_try.is_none() && self.life == Life::Going {
            self.tries = 0;
            self.register_with_all(out);
        }
    }

    fn register_with_all(&mut self, out: &mut Outbox) {
        self.tries = self.tries.saturating_add(1);
        self.publish(EventKind::RegistrationTried { tries: self.tries }, out);
        for master in &self.masters {
            send(
                master,
                ToMaster::RegisterApplication(self.spec.clone()),
                out,
            );
        }
        if let Some(leader) = self
            .following
            .leader()
            .filter(|leader| !self.masters.contains(leader))
        {
            send(
                leader,
                ToMaster::RegisterApplication(self.spec.clone()),
                out,
            );
        }
        self.next_try = Some(self.now + self.draw_wait());
    }

    /// The first tries are as far apart as the settings say. Applications that have lost the same leader wait half of
    /// that more or less, so that they do not come back all at once.
    fn draw_wait(&mut self) -> Duration {
        if self.application.is_none() {
            return self.timeout;
        }
        let micros = Time::from(self.timeout).as_micros();
        let drawn = self.random.below(micros.saturating_add(1));
        Duration::from_micros((micros / 2).saturating_add(drawn))
    }

    pub(super) fn expire(&mut self, out: &mut Outbox) {
        if self.next_try.is_none_or(|due| due > self.now) {
            return;
        }
        if self.application.is_none() && self.tries >= self.tries_max {
            let (masters, tries) = (list(&self.masters), self.tries);
            let seconds = self.timeout.saturating_mul(tries).as_secs();
            let reason = format!(
                "no master at {masters} has taken the application in within {seconds} s ({tries} tries)"
            );
            return self.fail(reason.into(), out);
        }
        self.register_with_all(out);
    }

    pub(super) fn registered(&mut self, application: ApplicationId, out: &mut Outbox) {
        let before = self.application.replace(application);
        if before.is_some_and(|before| before != application) {
            self.lose_all(out);
        }
        self.accept_leader(application, before != Some(application), out);
        if let Some(master) = self.following.leader().cloned() {
            let epoch = self.following.epoch();
            self.publish(
                EventKind::Registered {
                    application,
                    master,
                    epoch,
                },
                out,
            );
        }
        // Whoever gives the name knows that no executor has a number yet; a name that an earlier leader gave and could
        // not tell comes from one that waits to hear from whoever has it.
        let given = application.epoch == self.following.epoch();
        if before.is_none() && given {
            self.acknowledged = self.following.epoch();
        }
        self.acknowledge(application, out);
        self.say_wanted(application, out);
    }

    /// The masters have forgotten the application and taken it for a new one: what it had is nobody's now.
    fn lose_all(&mut self, out: &mut Outbox) {
        let executors: Vec<_> = self.executors.live().collect();
        for executor in executors {
            let reason = "the masters have lost the application and registered it anew";
            self.end_executor(executor, reason.into(), None, false, out);
        }
    }

    fn accept_leader(&mut self, application: ApplicationId, renamed: bool, out: &mut Outbox) {
        self.following.set_registered(true);
        self.next_try = None;
        if !self.connected || renamed {
            self.connected = true;
            tell(News::Connected { application }, out);
        }
    }

    pub(super) fn master_changed(&mut self, out: &mut Outbox) {
        let Some(master) = self.following.leader().cloned() else {
            return;
        };
        let Some(application) = self.application else {
            // The offer that this leader heard, if it did, was not acknowledged.
            return send(
                &master,
                ToMaster::RegisterApplication(self.spec.clone()),
                out,
            );
        };
        self.accept_leader(application, false, out);
        let epoch = self.following.epoch();
        self.publish(EventKind::MasterChanged { master, epoch }, out);
        self.acknowledge(application, out);
        self.say_wanted(application, out);
    }

    /// Tells each leader once which numbers of executors are not to be given again.
    fn acknowledge(&mut self, application: ApplicationId, out: &mut Outbox) {
        let epoch = self.following.epoch();
        if self.acknowledged < epoch
            && let Some(master) = self.following.leader()
        {
            self.acknowledged = epoch;
            let next_executor = self.executors.next();
            let acknowledged = ToMaster::MasterChangeAcknowledged {
                application,
                next_executor,
            };
            send(master, acknowledged, out);
        }
    }

    /// Tells the leader what is wanted: it may not have heard, or have forgotten.
    fn say_wanted(&self, application: ApplicationId, out: &mut Outbox) {
        if let (Some(total), Some(master)) = (self.wanted, self.following.leader()) {
            send(
                master,
                ToMaster::RequestExecutors { application, total },
                out,
            );
        }
        self.say_unwanted(self.unwanted.iter().copied().collect(), out);
    }

    /// A standby has nothing to say, unless it is the one that was taken for the leader.
    pub(super) fn hear_standby(&mut self, from: &Address, out: &mut Outbox) {
        if self.following.registered() == Some(from) {
            self.lose_leader(from, out);
        }
    }

    pub(super) fn lose_leader(&mut self, peer: &Address, out: &mut Outbox) {
        if !self.following.lose(peer) {
            return;
        }
        let master = peer.clone();
        self.publish(EventKind::MasterLost { master }, out);
        if std::mem::replace(&mut self.connected, false) {
            tell(News::Disconnected, out);
        }
    }

    pub(super) fn fail(&mut self, reason: Arc<str>, out: &mut Outbox) {
        self.end();
        tell(News::Failed { reason }, out);
    }

    pub(super) fn stop(&mut self, out: &mut Outbox) {
        self.end();
        let Some(application) = self.application else {
            return;
        };
        self.publish(EventKind::Unregistered, out);
        let leader = self.following.leader().cloned();
        let masters = leader.map_or_else(|| self.masters.clone(), |leader| vec![leader]);
        for master in &masters {
            send(master, ToMaster::UnregisterApplication(application), out);
        }
    }

    fn end(&mut self) {
        self.life = Life::Over;
        self.next_try = None;
    }

    /// Takes back an application that a master has taken in too late.
    pub(super) fn turn_down(&mut self, input: Input, out: &mut Outbox) {
        let Input::Received { from, message, .. } = input else {
            return;
        };
        if let ToApplication::RegisteredApplication { application, .. } = message {
            send(&from, ToMaster::UnregisterApplication(application), out);
        }
    }
}
