//! Drivers: run, and run again where they are supervised (Spark: `DriverRunner`).

use std::sync::Arc;
use std::time::Duration;

use crate::message::{DriverSpec, DriverState, ToMaster};
use crate::{DriverId, Time};

use super::children::{Child, FinishedDriver, Kind, Name, Phase};
use super::room::{Answer, Share};
use super::{Due, EventKind, Outbox, Worker};

/// The first back-off; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A run that is longer sets the back-off back (Spark: `successfulRunDuration`).
const GOOD_RUN: Duration = Duration::from_secs(5);

/// How long a driver waits for room that the master took to be there: orders to stop what takes it may be under way.
const ROOM_WAIT: Duration = Duration::from_secs(30);

/// What keeps a driver going.
#[derive(Clone, Debug)]
pub(super) struct Runner {
    pub(super) spec: Arc<DriverSpec>,
    /// When its latest run began.
    pub(super) began: Time,
    /// The next back-off.
    wait: Duration,
}

impl Worker {
    pub(super) fn launch_driver(
        &mut self,
        driver: DriverId,
        spec: Arc<DriverSpec>,
        out: &mut Outbox,
    ) {
        if self.repeat_driver(driver, out) {
            return;
        }
        if let Some(reason) = self.closed() {
            // A supervised driver that nobody asked to kill is run elsewhere by the master.
            return self.reject_driver(driver, DriverState::Killed, reason, out);
        }
        let share = Share {
            cores: spec.cores,
            memory: spec.memory,
        };
        let waits = match self.room.ask(share) {
            Answer::Now => None,
            Answer::Later(reason) | Answer::Full(reason) => Some(reason),
            Answer::Never(reason) => {
                return self.reject_driver(driver, DriverState::Error, reason, out);
            }
        };
        self.take_driver(driver, spec, share, waits, out);
    }

    fn take_driver(
        &mut self,
        driver: DriverId,
        spec: Arc<DriverSpec>,
        share: Share,
        waits: Option<Arc<str>>,
        out: &mut Outbox,
    ) {
        let (name, wait) = (Name::Driver(driver), waits.is_some());
        if wait {
            self.timers
                .set(Due::GiveUpWaiting(name), self.now + ROOM_WAIT);
        }
        let runner = Runner {
            spec,
            began: self.now,
            wait: FIRST_WAIT,
        };
        self.publish(EventKind::DriverLaunched { driver, waits }, out);
        self.add_child(name, share, Kind::Driver(runner), wait, out);
    }

    /// Answers an order about a driver that is known already. Returns whether it is.
    fn repeat_driver(&mut self, driver: DriverId, out: &mut Outbox) -> bool {
        if self.children.contains_key(&Name::Driver(driver)) {
            let order = format!("to launch {driver}");
            self.refuse(order.into(), "it is launched already".into(), out);
            return true;
        }
        self.repeat_driver_end(driver, out)
    }

    fn repeat_driver_end(&mut self, driver: DriverId, out: &mut Outbox) -> bool {
        self.send_reports(out);
        let finished = self.finished_drivers.get(Name::Driver(driver));
        if let Some(finished) = finished {
            self.tell(finished.report(self.info.id), out);
        }
        finished.is_some()
    }

    fn reject_driver(
        &mut self,
        driver: DriverId,
        state: DriverState,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        self.refuse(format!("to launch {driver}").into(), reason.clone(), out);
        self.finish_driver(driver, state, reason, out);
    }

    pub(super) fn give_up_waiting(&mut self, name: Name, out: &mut Outbox) {
        if let Name::Driver(driver) = name {
            let (share, seconds) = (self.child(name).share, ROOM_WAIT.as_secs());
            let reason = format!("{share} have not become free in {seconds} s");
            self.end_driver(driver, DriverState::Killed, reason.into(), out);
        }
    }

    pub(super) fn kill_driver(&mut self, driver: DriverId, out: &mut Outbox) {
        if self.children.contains_key(&Name::Driver(driver)) {
            let reason = "it was killed on request".into();
            return self.stop_child(Name::Driver(driver), reason, out);
        }
        if !self.repeat_driver_end(driver, out) {
            let reason = "it was killed before it was launched here";
            self.finish_driver(driver, DriverState::Killed, reason.into(), out);
        }
    }

    pub(super) fn driver_started(&mut self, driver: DriverId, out: &mut Outbox) {
        let now = self.now;
        let Some((child, runner)) = self.runner(driver) else {
            return;
        };
        if *child != Phase::Starting {
            return;
        }
        *child = Phase::Running;
        runner.began = now;
        self.tell_driver(driver, DriverState::Running, None, out);
    }

    /// Returns a driver's phase and what keeps it going.
    fn runner(&mut self, driver: DriverId) -> Option<(&mut Phase, &mut Runner)> {
        let child = self.children.get_mut(&Name::Driver(driver))?;
        match child {
            Child {
                phase,
                kind: Kind::Driver(runner),
                ..
            } => Some((phase, runner)),
            Child { .. } => None,
        }
    }

    pub(super) fn driver_ended(
        &mut self,
        driver: DriverId,
        exit_code: Option<i32>,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        let child = self.children.get(&Name::Driver(driver));
        let Some(child) = child.filter(|child| child.has_process()) else {
            return;
        };
        let stop = child.stop.clone();
        match (exit_code, stop) {
            (Some(0), _) => self.end_driver(driver, DriverState::Finished, reason, out),
            (_, Some(stop)) => self.end_driver(driver, DriverState::Killed, stop, out),
            (None, None) => self.end_driver(driver, DriverState::Error, reason, out),
            (Some(_), None) => self.fail_driver(driver, reason, out),
        }
    }

    /// Starts a supervised driver again after a while; that is the end of one that is not supervised.
    fn fail_driver(&mut self, driver: DriverId, reason: Arc<str>, out: &mut Outbox) {
        let now = self.now;
        let Some((phase, runner)) = self.runner(driver) else {
            return;
        };
        if !runner.spec.supervise {
            return self.end_driver(driver, DriverState::Failed, reason, out);
        }
        *phase = Phase::BackingOff;
        if now.since(runner.began) > GOOD_RUN {
            runner.wait = FIRST_WAIT;
        }
        let wait = runner.wait;
        runner.wait = wait.saturating_mul(2);
        self.timers
            .set(Due::Relaunch(Name::Driver(driver)), now + wait);
        let why = format!("{reason}; it is started again after {} s", wait.as_secs());
        self.tell_driver(driver, DriverState::Relaunching, Some(why.into()), out);
        self.publish(
            EventKind::DriverRelaunching {
                driver,
                wait,
                reason,
            },
            out,
        );
    }

    pub(super) fn relaunch(&mut self, name: Name, out: &mut Outbox) {
        if self.child(name).phase == Phase::BackingOff {
            self.start_process(name, out);
        }
    }

    pub(super) fn end_driver(
        &mut self,
        driver: DriverId,
        state: DriverState,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        self.remove_child(Name::Driver(driver));
        self.publish(
            EventKind::DriverEnded {
                driver,
                state,
                reason: reason.clone(),
            },
            out,
        );
        self.finish_driver(driver, state, reason, out);
    }

    fn finish_driver(
        &mut self,
        driver: DriverId,
        state: DriverState,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        let finished = FinishedDriver {
            driver,
            state,
            reason,
            at: self.now,
        };
        let report = finished.report(self.info.id);
        self.finished_drivers.keep(Name::Driver(driver), finished);
        self.report_end(report, out);
    }

    fn tell_driver(
        &self,
        driver: DriverId,
        state: DriverState,
        reason: Option<Arc<str>>,
        out: &mut Outbox,
    ) {
        let changed = ToMaster::DriverStateChanged {
            worker: self.info.id,
            driver,
            state,
            reason,
        };
        self.tell(changed, out);
    }
}
