//! Drivers that the cluster runs: taken in, watched, started again, ended.

use std::sync::Arc;

use super::drivers::Driver;
use super::master::{Pending, because};
use super::workers::Stranger;
use super::{Change, EventKind, Master, Outbox};
use crate::message::{
    ApplicationState, DriverSpec, DriverState, DriverStatus, ToSubmitter, ToWorker,
};
use crate::{Address, DriverId, SubmissionKey, WorkerId};

impl Master {
    pub(super) fn submit_driver(&mut self, from: Address, spec: DriverSpec, out: &mut Outbox) {
        let key = spec.key;
        match self.drivers.of_key(key) {
            Some(id) => self.submit_again(from, key, id, out),
            None if spec.cores == 0 => {
                let reason = because("`driver.cores` is 0; a driver needs at least 1");
                self.answer_submission(from, key, Err(reason), out);
            }
            None => match self.number_driver() {
                Some(id) => self.take_in_driver(from, id, spec, out),
                None => {
                    let reason = because("this leader has no number left for a driver");
                    self.answer_submission(from, key, Err(reason), out);
                }
            },
        }
    }

    /// The same wish, said again.
    fn submit_again(&mut self, from: Address, key: SubmissionKey, id: DriverId, out: &mut Outbox) {
        match self.drivers.get_mut(id) {
            // The answer comes when it is on disk.
            Some(driver) if !driver.durable => {
                driver.askers.insert(from);
            }
            _ => self.answer_submission(from, key, Ok(id), out),
        }
    }

    fn answer_submission(
        &self,
        to: Address,
        key: SubmissionKey,
        driver: Result<DriverId, Arc<str>>,
        out: &mut Outbox,
    ) {
        self.answer(to, ToSubmitter::SubmitDriverResponse { key, driver }, out);
    }

    fn number_driver(&mut self) -> Option<DriverId> {
        let (epoch, number) = (self.epoch, self.next_driver);
        self.next_driver = number.checked_add(1)?;
        Some(DriverId { epoch, number })
    }

    fn take_in_driver(&mut self, from: Address, id: DriverId, spec: DriverSpec, out: &mut Outbox) {
        let spec = Arc::new(spec);
        let mut driver = Driver::new(Arc::clone(&spec), DriverState::Submitted);
        driver.askers.insert(from);
        self.drivers.add(id, driver);
        let change = Change::AddDriver { driver: id, spec };
        self.persist(change, Pending::Driver(id), out);
    }

    /// It is on disk: it can be told, and run.
    pub(super) fn accept_driver(&mut self, id: DriverId, out: &mut Outbox) {
        let Some(driver) = self.drivers.get_mut(id) else {
            return;
        };
        driver.durable = true;
        let (need, kill, spec) = (driver.need(), driver.kill, Arc::clone(&driver.spec));
        for asker in std::mem::take(&mut driver.askers) {
            self.answer_submission(asker, spec.key, Ok(id), out);
        }
        self.accounts
            .line_up_driver(self.now, &spec.tenant, id, need);
        let kind = EventKind::DriverSubmitted {
            driver: id,
            name: Arc::clone(&spec.name),
            tenant: spec.tenant.clone(),
        };
        self.publish(kind, out);
        if kill {
            self.end_driver(id, DriverState::Killed, killed_on_request(), out);
        }
        self.touch();
    }

    pub(super) fn kill_driver(&mut self, from: Address, id: DriverId, out: &mut Outbox) {
        let refused = match self.drivers.get_mut(id) {
            None => Some(self.why_no_driver(id)),
            Some(driver) => {
                driver.kill = true;
                if let Some(worker) = driver.worker {
                    self.order(worker, ToWorker::KillDriver(id), out);
                } else if driver.waits() {
                    self.end_driver(id, DriverState::Killed, killed_on_request(), out);
                }
                None
            }
        };
        let response = ToSubmitter::KillDriverResponse {
            driver: id,
            refused,
        };
        self.answer(from, response, out);
    }

    fn why_no_driver(&self, id: DriverId) -> Arc<str> {
        because(match self.drivers.end_of(id) {
            Some(_) => format!("{id} has ended already"),
            None => format!("there is no {id}"),
        })
    }

    pub(super) fn tell_driver_status(&self, from: Address, driver: DriverId, out: &mut Outbox) {
        let status = self.driver_status(driver);
        self.answer(
            from,
            ToSubmitter::DriverStatusResponse { driver, status },
            out,
        );
    }

    pub(super) fn driver_status(&self, id: DriverId) -> Option<DriverStatus> {
        let Some(driver) = self.drivers.get(id) else {
            return self.drivers.end_of(id).cloned();
        };
        let reason = driver.reason.clone();
        Some(DriverStatus {
            state: driver.state,
            worker: driver.worker,
            reason: reason.or_else(|| self.why_driver_waits(id)),
        })
    }

    /// A worker says how a driver is.
    pub(super) fn change_driver(
        &mut self,
        worker: WorkerId,
        id: DriverId,
        state: DriverState,
        reason: Option<Arc<str>>,
        out: &mut Outbox,
    ) {
        let here = self.drivers.get_mut(id);
        let Some(driver) = here.filter(|driver| driver.worker == Some(worker)) else {
            if state.is_finished() {
                self.see_off(worker, Stranger::Driver(id));
            }
            return;
        };
        let again = driver.spec.supervise && !driver.kill;
        match state {
            DriverState::Submitted | DriverState::Unknown => {}
            DriverState::Running | DriverState::Relaunching => {
                driver.state = state;
                driver.reason = reason;
            }
            // Nobody here asked for it: its worker is about to go.
            DriverState::Killed if again => {
                let reason = reason.unwrap_or_else(|| because("it was killed"));
                self.relaunch_driver(id, &reason, out);
            }
            _ => self.end_driver(id, state, reason, out),
        }
    }

    /// Its worker is gone, or never said that it runs it.
    pub(super) fn lose_driver(&mut self, id: DriverId, reason: &Arc<str>, out: &mut Outbox) {
        let Some(driver) = self.drivers.get(id) else {
            return;
        };
        let reason = Arc::clone(reason);
        if driver.kill {
            self.end_driver(id, DriverState::Killed, Some(reason), out);
        } else if driver.spec.supervise {
            self.relaunch_driver(id, &reason, out);
        } else {
            self.end_driver(id, DriverState::Error, Some(reason), out);
        }
    }

    /// Starts a driver anew, under another name: the old one may still run where nobody can see it, and what it says
    /// must not be taken for the new one's. (Spark: `Master.relaunchDriver`, SPARK-19900.)
    fn relaunch_driver(&mut self, old: DriverId, reason: &Arc<str>, out: &mut Outbox) {
        let Some(id) = self.number_driver() else {
            let reason = Some(Arc::clone(reason));
            return self.end_driver(old, DriverState::Error, reason, out);
        };
        let why = because(format!("{reason}; it is started again as {id}"));
        let state = DriverState::Relaunching;
        let Some(driver) = self.take_out_driver(old, state, Some(why), out) else {
            return;
        };
        let spec = driver.spec;
        let change = Change::ReplaceDriver {
            old,
            driver: id,
            spec: Arc::clone(&spec),
        };
        self.persist(change, Pending::Driver(id), out);
        self.drivers
            .add(id, Driver::new(spec, DriverState::Submitted));
        let kind = EventKind::DriverRelaunched {
            old,
            driver: id,
            reason: Arc::clone(reason),
        };
        self.publish(kind, out);
    }

    fn end_driver(
        &mut self,
        id: DriverId,
        state: DriverState,
        reason: Option<Arc<str>>,
        out: &mut Outbox,
    ) {
        if self
            .take_out_driver(id, state, reason.clone(), out)
            .is_none()
        {
            return;
        }
        self.persist(Change::RemoveDriver(id), None, out);
        let kind = EventKind::DriverEnded {
            driver: id,
            state,
            reason,
        };
        self.publish(kind, out);
    }

    /// Takes a driver out of all books, and its application with it.
    fn take_out_driver(
        &mut self,
        id: DriverId,
        state: DriverState,
        reason: Option<Arc<str>>,
        out: &mut Outbox,
    ) -> Option<Driver> {
        let driver = self.drivers.end(id, state, reason)?;
        let (need, tenant) = (driver.need(), &driver.spec.tenant);
        self.accounts.step_out_driver(self.now, tenant, id, need);
        self.accounts.change(self.now, tenant, |account| {
            if driver.worker.is_some() {
                account.used.take_off(need);
                account.drivers -= 1;
            }
        });
        if let Some(worker) = driver.worker {
            self.drivers.running -= 1;
            self.workers.change(worker, |worker| {
                worker.room.give_back(need);
                worker.drivers.remove(&id);
            });
        }
        if let Some(application) = self.applications.of_driver(id) {
            let state = match state {
                DriverState::Finished => ApplicationState::Finished,
                DriverState::Killed => ApplicationState::Killed,
                _ => ApplicationState::Failed,
            };
            let reason = because(format!("its driver, {id}, has ended"));
            self.end_application(application, state, reason, out);
        }
        self.touch();
        Some(driver)
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is always used as a reason that may be missing"
)]
fn killed_on_request() -> Option<Arc<str>> {
    Some(because("somebody asked for it"))
}
