//! How a worker finds the leader, stays with it, and finds the next one.

use std::sync::Arc;
use std::time::Duration;

use crate::following::list;
use crate::message::ToMaster;
use crate::{Address, DriverId, Epoch, Time};

use super::children::{Child, Name};
use super::{Due, EventKind, Life, Outbox, Worker, send};

/// The first retries are 10 s apart and the later ones 60 s, half of it more or less, so that workers that lost the
/// same master do not come back all at once.
const INITIAL_INTERVAL: Duration = Duration::from_secs(10);
const PROLONGED_INTERVAL: Duration = Duration::from_secs(60);

impl Worker {
    /// Registers with all masters, and goes on trying, where no leader has this worker in its books. Not only with the last leader, as Spark does so as not to be
    /// taken in twice: registering again does no harm here, and whoever leads next is found sooner.
    pub(super) fn seek_leader(&mut self, out: &mut Outbox) {
        let found = self.following.registered().is_some();
        if found || self.timers.is_set(Due::Register) || self.life != Life::Going {
            return;
        }
        self.timers.cancel(Due::Heartbeat);
        self.retries = 0;
        self.register_with_all(out);
    }

    fn register_with_all(&mut self, out: &mut Outbox) {
        let retry = self.retries;
        self.publish(EventKind::RegistrationTried { retry }, out);
        for master in &self.masters {
            send(master, ToMaster::RegisterWorker(self.info.clone()), out);
        }
        if let Some(leader) = self
            .following
            .leader()
            .filter(|leader| !self.masters.contains(leader))
        {
            send(leader, ToMaster::RegisterWorker(self.info.clone()), out);
        }
        let next = self.next_try();
        self.timers.set(Due::Register, next);
    }

    /// Draws a moment from half the interval to one and a half of it.
    fn next_try(&mut self) -> Time {
        let initial = self.retries < self.limits.initial_retries;
        let interval = if initial {
            INITIAL_INTERVAL
        } else {
            PROLONGED_INTERVAL
        };
        let micros = Time::from(interval).as_micros();
        let drawn = micros / 2 + self.random.below(micros + 1);
        self.now + Duration::from_micros(drawn)
    }

    pub(super) fn retry_registration(&mut self, out: &mut Outbox) {
        if self.retries >= self.limits.max_retries {
            let (masters, retries) = (list(&self.masters), self.retries);
            let reason =
                format!("no master at {masters} has taken the worker in after {retries} retries");
            return self.stop(reason.into(), out);
        }
        self.retries += 1;
        self.register_with_all(out);
    }

    /// Takes note of who gives an order. Fails where it is not to be obeyed.
    pub(super) fn heed(&mut self, from: &Address, epoch: Epoch) -> Result<(), Arc<str>> {
        if self.following.heed(from, epoch)? {
            self.reports.doubt(self.now);
        }
        Ok(())
    }

    pub(super) fn registered(&mut self, duplicate: bool, out: &mut Outbox) {
        let Some(master) = self.accept_leader() else {
            return;
        };
        self.publish(
            EventKind::Registered {
                master,
                epoch: self.following.epoch(),
                duplicate,
            },
            out,
        );
        self.send_reports(out);
        let (worker, executors, drivers) = self.latest_state();
        self.tell(
            ToMaster::WorkerLatestState {
                worker,
                executors,
                drivers,
            },
            out,
        );
        self.say_decommissioned(out);
    }

    pub(super) fn master_changed(&mut self, out: &mut Outbox) {
        if !self.was_registered {
            // The leader means an earlier life of this machine.
            return self.tell(ToMaster::RegisterWorker(self.info.clone()), out);
        }
        let Some(master) = self.accept_leader() else {
            return;
        };
        let epoch = self.following.epoch();
        self.publish(EventKind::MasterChanged { master, epoch }, out);
        self.send_reports(out);
        let (worker, executors, drivers) = self.latest_state();
        self.tell(
            ToMaster::WorkerSchedulerStateResponse {
                worker,
                executors,
                drivers,
            },
            out,
        );
        self.say_decommissioned(out);
    }

    /// Belongs to the leader that has just spoken.
    fn accept_leader(&mut self) -> Option<Address> {
        self.following.set_registered(true);
        self.was_registered = true;
        self.timers.cancel(Due::Register);
        let next = self.now + self.limits.timeout / 4;
        self.timers.set(Due::Heartbeat, next);
        self.following.leader().cloned()
    }

    fn latest_state(
        &self,
    ) -> (
        crate::WorkerId,
        Vec<crate::message::ExecutorReport>,
        Vec<DriverId>,
    ) {
        let executors = self.children.iter().filter_map(Child::report).collect();
        let drivers = self.children.keys().filter_map(Name::driver).collect();
        (self.info.id, executors, drivers)
    }

    fn say_decommissioned(&self, out: &mut Outbox) {
        if self.decommissioned {
            self.tell(ToMaster::WorkerDecommissioning(self.info.id), out);
        }
    }

    /// Keeps the report of an end, and sends it as soon as there is somebody to send it to.
    pub(super) fn report_end(&mut self, message: ToMaster, out: &mut Outbox) {
        self.reports.keep(message);
        self.send_reports(out);
    }

    pub(super) fn send_reports(&mut self, out: &mut Outbox) {
        if self.following.leader().is_some() {
            for report in self.reports.send(self.now) {
                self.tell(report, out);
            }
        }
    }

    pub(super) fn registration_failed(&mut self, reason: Arc<str>, out: &mut Outbox) {
        if self.was_registered {
            let reason = format!("it was registered before ({reason})");
            return self.refuse("not to be registered".into(), reason.into(), out);
        }
        self.stop(
            format!("the master refused the worker: {reason}").into(),
            out,
        );
    }

    pub(super) fn reconnect(&mut self) {
        // A leader that does not know the worker has taken no note of what it said.
        self.reports.doubt(self.now);
        self.following.set_registered(false);
    }

    /// A standby has nothing to say, unless it is the one that was taken for the leader.
    pub(super) fn hear_standby(&mut self, from: &Address, out: &mut Outbox) {
        if self.following.registered() == Some(from) {
            self.lose_leader(from, out);
        }
    }

    pub(super) fn lose_leader(&mut self, peer: &Address, out: &mut Outbox) {
        if self.following.lose(peer) {
            self.reports.doubt(self.now);
            let master = peer.clone();
            self.publish(EventKind::MasterLost { master }, out);
        }
    }

    pub(super) fn send_heartbeat(&mut self, out: &mut Outbox) {
        self.tell(ToMaster::Heartbeat(self.info.id), out);
        self.timers
            .set(Due::Heartbeat, self.now + self.limits.timeout / 4);
    }
}
