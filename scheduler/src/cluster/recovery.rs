//! A change of leaders: what the new one reads, asks, and concludes.

use super::applications::Application;
use super::drivers::Driver;
use super::executors::Phase;
use super::master::because;
use super::resources::Resources;
use super::workers::{Stranger, WorkerState};
use super::{Action, EventKind, Master, Outbox, Persisted, State, VERSION};
use crate::message::{ApplicationState, DriverState, ExecutorReport, ToApplication, ToWorker};
use crate::{DriverId, Epoch, WorkerId};

impl Master {
    /// (Spark: `Master.receive`, `ElectedLeader`.)
    pub(super) fn lead(&mut self, epoch: Epoch, persisted: Persisted, out: &mut Outbox) {
        if self.state != State::Standby {
            return;
        }
        self.epoch = epoch;
        self.state = State::Recovering;
        let master = self.address.clone();
        let elected = EventKind::LeaderElected {
            master,
            epoch,
            version: VERSION,
        };
        self.publish(elected, out);
        let kind = EventKind::RecoveryStarted {
            workers: count(persisted.workers.len()),
            applications: count(persisted.applications.len()),
            drivers: count(persisted.drivers.len()),
        };
        self.publish(kind, out);
        self.skip_numbers(&persisted);
        self.begin_recovery(persisted, out);
        self.recovery_due = Some(self.now + self.config.recovery_timeout);
    }

    /// Names that this term has given are not given again.
    fn skip_numbers(&mut self, persisted: &Persisted) {
        let after = |epoch, number: u32| match epoch == self.epoch {
            true => number.saturating_add(1),
            false => 0,
        };
        let applications = persisted.applications.keys();
        let applications = applications.map(|id| after(id.epoch, id.number));
        let drivers = persisted.drivers.keys();
        let drivers = drivers.map(|id| after(id.epoch, id.number));
        let next = (applications.max(), drivers.max());
        self.next_application = next.0.unwrap_or_default();
        self.next_driver = next.1.unwrap_or_default();
    }

    fn begin_recovery(&mut self, persisted: Persisted, out: &mut Outbox) {
        for (id, spec) in persisted.applications {
            let mut application = Application::new(spec, self.config.cores_default);
            application.state = ApplicationState::Unknown;
            application.durable = true;
            let tenant = application.spec.tenant.clone();
            self.applications.add(id, application);
            self.accounts.enter(self.now, &tenant, id);
            self.silent_applications.insert(id);
            let master = self.address.clone();
            self.tell(id, ToApplication::MasterChanged { master }, out);
        }
        for (id, spec) in persisted.drivers {
            let mut driver = Driver::new(spec, DriverState::Unknown);
            driver.durable = true;
            self.drivers.add(id, driver);
        }
        for (id, info) in persisted.workers {
            self.workers.add(self.now, info, WorkerState::Unknown);
            self.silent_workers.insert(id);
            let master = self.address.clone();
            self.order(id, ToWorker::MasterChanged { master }, out);
        }
    }

    /// A worker says to a new leader what it runs.
    pub(super) fn adopt(
        &mut self,
        worker: WorkerId,
        executors: &[ExecutorReport],
        drivers: &[DriverId],
        out: &mut Outbox,
    ) {
        self.silent_workers.remove(&worker);
        let leaving = self.workers.change(worker, |worker| {
            worker.state = WorkerState::Alive;
            worker.leaving
        });
        for report in executors {
            if !self.adopt_executor(worker, *report) {
                self.expel(worker, Stranger::Executor(report.name), out);
            }
        }
        for driver in drivers {
            if !self.adopt_driver(worker, *driver, out) {
                self.expel(worker, Stranger::Driver(*driver), out);
            }
        }
        if leaving == Some(true) {
            self.decommission(worker, out);
        }
    }

    /// Returns false where nobody knows it, or it is somewhere else.
    fn adopt_executor(&mut self, worker: WorkerId, report: ExecutorReport) -> bool {
        if let Some(known) = self.executors.get(report.name) {
            return known.worker == worker;
        }
        let size = Resources::new(report.cores, report.memory);
        let adopted = self.book(report.name, worker, size, Phase::Running);
        if let Some(known) = self.applications.get_mut(report.name.application) {
            known.skip_executor(report.name.executor);
            if adopted && known.state == ApplicationState::Waiting {
                known.state = ApplicationState::Running;
            }
        }
        adopted
    }

    /// Returns false where nobody knows it, or it is somewhere else.
    fn adopt_driver(&mut self, worker: WorkerId, id: DriverId, out: &mut Outbox) -> bool {
        let Some(driver) = self.drivers.get(id) else {
            return false;
        };
        if driver.state != DriverState::Unknown {
            return driver.worker == Some(worker);
        }
        let kill = driver.kill;
        let adopted = self.book_driver(id, worker);
        if adopted && kill {
            self.order(worker, ToWorker::KillDriver(id), out);
        }
        adopted
    }

    pub(super) fn complete_recovery_if_heard(&mut self, out: &mut Outbox) {
        let heard = self.silent_workers.is_empty() && self.silent_applications.is_empty();
        if self.state == State::Recovering && heard {
            self.complete_recovery(out);
        }
    }

    /// (Spark: `Master.completeRecovery`.)
    pub(super) fn complete_recovery(&mut self, out: &mut Outbox) {
        self.state = State::CompletingRecovery;
        self.recovery_due = None;
        let reason = because("it did not answer the new leader");
        let workers = std::mem::take(&mut self.silent_workers);
        for worker in &workers {
            self.lose_worker(*worker, reason.clone(), out);
        }
        let applications = std::mem::take(&mut self.silent_applications);
        for application in &applications {
            let state = ApplicationState::Failed;
            self.end_application(*application, state, reason.clone(), out);
        }
        let unknown = self.drivers.iter();
        let unknown = unknown.filter(|(_, driver)| driver.state == DriverState::Unknown);
        let unknown: Vec<_> = unknown.map(|(id, _)| id).collect();
        for driver in unknown {
            self.lose_driver(
                driver,
                &because("no worker has told the new leader of it"),
                out,
            );
        }
        self.state = State::Alive;
        let kind = EventKind::RecoveryCompleted {
            workers_lost: count(workers.len()),
            applications_lost: count(applications.len()),
        };
        self.publish(kind, out);
        self.touch();
    }

    /// Another master leads: nothing that this one would say is true any more. (Spark: `RevokedLeadership`.)
    pub(super) fn step_down(&mut self, out: &mut Outbox) {
        self.state = State::Deposed;
        self.recovery_due = None;
        let epoch = self.epoch;
        self.publish(EventKind::LeadershipLost { epoch }, out);
        let reason = because("it no longer leads");
        out.actions.push(Action::Exit { reason });
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
