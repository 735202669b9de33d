//! The driver: registered with, kept informed, lost and found again.

use std::time::Duration;

use crate::Address;
use crate::message::ToDriver;

use super::{Due, EventKind, Executor, Life, Outbox};

/// How long a driver that can be reached may take to answer a registration (Spark: `rpc.askTimeout`).
const ANSWER_WAIT: Duration = Duration::from_secs(120);

/// How long after it could not be reached the driver is tried again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// No heartbeat comes sooner after another, whatever the driver says.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// So many ends that the driver may not have heard of call for a heartbeat before its time.
const HURRY: usize = 1_024;

/// How the executor stands with its driver.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Connection {
    pub(super) registered: bool,
    /// The driver was lost and has not been found again.
    lost: bool,
    interval: Duration,
    /// Heartbeats sent on this connection.
    pub(super) sent: u64,
    /// Of them, those answered.
    pub(super) answered: u64,
    /// Regular heartbeats since the last answer.
    silent: u32,
}

impl Executor {
    pub(super) fn register(&mut self, out: &mut Outbox) {
        if !self.timers.is_set(Due::GiveUpDriver) {
            self.timers.set(Due::GiveUpDriver, self.now + ANSWER_WAIT);
        }
        // An attempt runs, for the driver, until it has heard of its end: that is told as soon as it answers.
        let ended = self.updates.iter().map(|update| update.attempt);
        let running = self.running.keys().copied().chain(ended).collect();
        let config = &self.config;
        let register = ToDriver::RegisterExecutor {
            executor: config.executor,
            worker: config.worker,
            host: config.host.clone(),
            rack: config.rack.clone(),
            cores: config.cores,
            running,
        };
        self.tell(register, out);
    }

    pub(super) fn registered(&mut self, interval: Duration, out: &mut Outbox) {
        if self.connection.registered || self.life == Life::New {
            return;
        }
        self.connection = Connection {
            registered: true,
            interval: interval.max(INTERVAL_MIN),
            ..Connection::default()
        };
        if let Life::Leaving { heartbeats } = &mut self.life {
            *heartbeats = 0;
        }
        self.timers.cancel(Due::Register);
        self.timers.cancel(Due::GiveUpDriver);
        self.plan_heartbeat();
        self.catch_up(out);
    }

    /// Tells the driver all that it may have missed.
    fn catch_up(&mut self, out: &mut Outbox) {
        let updates = u32::try_from(self.updates.len()).unwrap_or(u32::MAX);
        self.publish(EventKind::Registered { updates }, out);
        self.say_decommissioned(out);
        self.send_blocks(out);
        self.send_updates(out);
        let asking = self.running.iter().filter(|(_, running)| running.asks);
        for (attempt, _) in asking {
            self.tell(ToDriver::CommitAsked(*attempt), out);
        }
    }

    fn unregister(&mut self) {
        self.connection.registered = false;
        self.timers.cancel(Due::Heartbeat);
        self.updates.doubt();
        self.dropped.doubt();
    }

    pub(super) fn disconnected(&mut self, peer: &Address, out: &mut Outbox) {
        if *peer != self.config.driver || self.life == Life::New {
            return;
        }
        let was_registered = self.connection.registered;
        self.unregister();
        if !self.connection.lost {
            self.connection.lost = true;
            self.publish(EventKind::DriverLost, out);
            self.timers
                .set(Due::GiveUpDriver, self.now + self.limits.driver_loss_wait);
        }
        if self.limits.driver_loss_wait.is_zero() {
            self.give_up_driver(out);
        } else if was_registered {
            self.register(out);
        } else {
            self.timers.set(Due::Register, self.now + RETRY_WAIT);
        }
    }

    pub(super) fn give_up_driver(&mut self, out: &mut Outbox) {
        let driver = &self.config.driver;
        let reason = if self.connection.lost {
            let seconds = self.limits.driver_loss_wait.as_secs();
            format!("its driver at {driver} could not be reached for {seconds} s")
        } else {
            let seconds = ANSWER_WAIT.as_secs();
            format!("its driver at {driver} has not answered for {seconds} s")
        };
        self.exit(reason.into(), out);
    }

    fn plan_heartbeat(&mut self) {
        self.timers
            .set(Due::Heartbeat, self.now + self.connection.interval);
    }

    /// Sends the regular heartbeat, or gives up a driver that answers none.
    pub(super) fn beat(&mut self, out: &mut Outbox) {
        let (silent, max) = (self.connection.silent, self.limits.heartbeat_failures_max);
        if silent >= max {
            let reason = format!("its driver has not answered {silent} heartbeats");
            return self.exit(reason.into(), out);
        }
        self.connection.silent += 1;
        self.send_heartbeat(out);
        self.plan_heartbeat();
    }

    fn send_heartbeat(&mut self, out: &mut Outbox) {
        let costs = self
            .running
            .iter()
            .map(|(attempt, running)| (*attempt, running.cost(self.now)));
        let heartbeat = ToDriver::Heartbeat {
            executor: self.config.executor,
            running: costs.collect(),
        };
        self.tell(heartbeat, out);
        self.connection.sent += 1;
    }

    /// Sends a heartbeat before its time where its answer is waited for.
    pub(super) fn hurry(&mut self, out: &mut Outbox) {
        let Connection {
            registered,
            sent,
            answered,
            ..
        } = self.connection;
        let waited_for =
            self.updates.len() >= HURRY || (self.is_leaving() && self.running.is_empty());
        if registered && sent == answered && waited_for && self.life != Life::Gone {
            self.send_heartbeat(out);
        }
    }

    pub(super) fn heartbeat_answered(&mut self, register_again: bool, out: &mut Outbox) {
        let connection = &mut self.connection;
        if !connection.registered || connection.answered == connection.sent {
            return;
        }
        connection.answered += 1;
        connection.silent = 0;
        let answered = connection.answered;
        if register_again {
            self.unregister();
            return self.register(out);
        }
        let heard: Vec<_> = self
            .updates
            .heard(answered)
            .map(|update| update.attempt)
            .collect();
        self.dropped.heard(answered).for_each(drop);
        if !heard.is_empty() {
            out.actions.push(super::Action::ReleaseResults(heard));
        }
    }
}
