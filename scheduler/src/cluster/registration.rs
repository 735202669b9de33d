//! Workers come, speak and go.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::master::{Pending, because};
use super::workers::{Stranger, WorkerState};
use super::{Change, EventKind, Master, Outbox};
use crate::amount::Bytes;
use crate::message::{
    ExecutorReport, ExecutorState, ToApplication, ToSubmitter, ToWorker, WorkerInfo,
};
use crate::{Address, ApplicationId, DriverId, Host, WorkerId};

/// No machine has more cores than this.
const CORES_MAX: u32 = 1 << 16;

/// No machine has more memory than this, in bytes.
const MEMORY_MAX: u64 = 1 << 46;

impl Master {
    /// (Spark: `Master.handleRegisterWorker`.)
    pub(super) fn register_worker(&mut self, from: &Address, info: WorkerInfo, out: &mut Outbox) {
        if let Some(reason) = self.refusal(&info) {
            return self.refuse_worker(from, info.id, reason, out);
        }
        match self.workers.get(info.id).map(|known| known.state) {
            // The answer comes when it is on disk.
            Some(WorkerState::Registering) => {}
            Some(_) => self.confirm(info.id, true, out),
            None => self.take_in_worker(info, out),
        }
    }

    /// Returns why a worker can not be taken in.
    fn refusal(&self, info: &WorkerInfo) -> Option<Arc<str>> {
        let WorkerInfo { cores, memory, .. } = info;
        if *cores == 0 || *cores > CORES_MAX {
            return Some(because(format!(
                "it claims {cores} cores; a worker has 1 to {CORES_MAX}"
            )));
        }
        if *memory == 0 || *memory > MEMORY_MAX {
            return Some(because(format!(
                "it claims {} of memory; a worker has something, and at most {}",
                Bytes(*memory),
                Bytes(MEMORY_MAX)
            )));
        }
        let known = self.workers.get(info.id);
        if known.is_some_and(|known| known.info.address != info.address) {
            return Some(because(format!("another worker is named {}", info.id)));
        }
        let there = self.workers.at(&info.address)?;
        let state = self.workers.get(there)?.state;
        let other = there != info.id && state != WorkerState::Unknown;
        other.then(|| because(format!("{there} is registered at {} already", info.address)))
    }

    fn refuse_worker(&self, from: &Address, worker: WorkerId, reason: Arc<str>, out: &mut Outbox) {
        self.publish(
            EventKind::WorkerRefused {
                worker,
                reason: Arc::clone(&reason),
            },
            out,
        );
        self.tell_worker(from, ToWorker::RegisterWorkerFailed { reason }, out);
    }

    fn take_in_worker(&mut self, info: WorkerInfo, out: &mut Outbox) {
        if let Some(before) = self.workers.at(&info.address) {
            let reason = "a new worker has registered at its address";
            self.lose_worker(before, reason.into(), out);
        }
        let pending = Pending::Worker(info.id);
        self.persist(Change::AddWorker(info.clone()), pending, out);
        self.workers.add(self.now, info, WorkerState::Registering);
    }

    /// It is on disk: it can work.
    pub(super) fn accept_worker(&mut self, worker: WorkerId, out: &mut Outbox) {
        let leaving = self.workers.change(worker, |worker| {
            worker.state = WorkerState::Alive;
            worker.leaving
        });
        let Some(leaving) = leaving else {
            return;
        };
        self.confirm(worker, false, out);
        self.publish_worker(worker, out);
        if leaving {
            self.decommission(worker, out);
        }
        self.touch();
    }

    fn confirm(&self, worker: WorkerId, duplicate: bool, out: &mut Outbox) {
        let master = self.address.clone();
        self.order(
            worker,
            ToWorker::RegisteredWorker { master, duplicate },
            out,
        );
    }

    fn publish_worker(&self, worker: WorkerId, out: &mut Outbox) {
        let Some(known) = self.workers.get(worker) else {
            return;
        };
        let kind = EventKind::WorkerRegistered {
            worker,
            address: known.info.address.clone(),
            host: known.info.host.clone(),
            cores: known.info.cores,
            memory: known.info.memory,
        };
        self.publish(kind, out);
    }

    pub(super) fn hear(&mut self, from: Address, worker: WorkerId, out: &mut Outbox) {
        let known = self.speaks_for_worker(&from, worker) && self.workers.heard(self.now, worker);
        if !known {
            let master = self.address.clone();
            self.tell_worker(&from, ToWorker::ReconnectWorker { master }, out);
        }
    }

    /// A worker says what it runs. To one that waits for this after a change of leaders it is news; the others have
    /// it in their books, and what is not there is told to stop.
    pub(super) fn take_report(
        &mut self,
        from: &Address,
        worker: WorkerId,
        executors: &[ExecutorReport],
        drivers: &[DriverId],
        out: &mut Outbox,
    ) {
        if !self.speaks_for_worker(from, worker) {
            return self.hear(from.clone(), worker, out);
        }
        self.workers.heard(self.now, worker);
        let state = self.workers.get(worker).map(|known| known.state);
        if state == Some(WorkerState::Unknown) {
            self.adopt(worker, executors, drivers, out);
            self.publish_worker(worker, out);
        } else {
            self.compare(worker, executors, drivers, out);
        }
        self.touch();
    }

    fn compare(
        &mut self,
        worker: WorkerId,
        executors: &[ExecutorReport],
        drivers: &[DriverId],
        out: &mut Outbox,
    ) {
        for report in executors {
            let known = self.executors.get(report.name);
            if known.is_none_or(|executor| executor.worker != worker) {
                self.expel(worker, Stranger::Executor(report.name), out);
            }
        }
        for driver in drivers {
            let known = self.drivers.get(*driver);
            if known.is_none_or(|driver| driver.worker != Some(worker)) {
                self.expel(worker, Stranger::Driver(*driver), out);
            }
        }
        self.miss(worker, executors, out);
    }

    /// What ran there and is not reported any more is gone; what was only ordered may be under way.
    fn miss(&mut self, worker: WorkerId, reports: &[ExecutorReport], out: &mut Outbox) {
        let Some(known) = self.workers.get(worker) else {
            return;
        };
        let reported: BTreeSet<_> = reports.iter().map(|report| report.name).collect();
        let missing: Vec<_> = known.executors.difference(&reported).copied().collect();
        for name in missing {
            if self
                .executors
                .get(name)
                .is_some_and(|executor| executor.begun)
            {
                let reason = because("its worker no longer knows it");
                self.end_executor(name, ExecutorState::Lost, Some(reason), None, false, out);
            }
        }
    }

    /// Tells a worker to stop what nobody knows. Until it says that it has, it gets no more work: what is free there
    /// is not known.
    pub(super) fn expel(&mut self, worker: WorkerId, stranger: Stranger, out: &mut Outbox) {
        self.workers.change(worker, |worker| {
            worker.strangers.insert(stranger);
        });
        let order = match stranger {
            Stranger::Executor(name) => ToWorker::KillExecutor(name),
            Stranger::Driver(driver) => ToWorker::KillDriver(driver),
        };
        self.order(worker, order, out);
    }

    /// A stranger has stopped.
    pub(super) fn see_off(&mut self, worker: WorkerId, stranger: Stranger) {
        self.workers.change(worker, |worker| {
            worker.strangers.remove(&stranger);
        });
        self.touch();
    }

    /// (Spark: `Master.removeWorker`.)
    pub(super) fn lose_worker(&mut self, id: WorkerId, reason: Arc<str>, out: &mut Outbox) {
        let Some(worker) = self.workers.remove(self.now, id, Arc::clone(&reason)) else {
            return;
        };
        self.reservations.remove(&id);
        self.silent_workers.remove(&id);
        if worker.state == WorkerState::Registering {
            self.forget_pending_worker(id);
        }
        if worker.state != WorkerState::Decommissioned {
            self.persist(Change::RemoveWorker(id), None, out);
        }
        let kind = EventKind::WorkerLost {
            worker: id,
            reason: Arc::clone(&reason),
        };
        self.publish(kind, out);
        let lost = because(format!("worker lost: {reason}"));
        for name in &worker.executors {
            let reason = Some(Arc::clone(&lost));
            self.end_executor(*name, ExecutorState::Lost, reason, None, true, out);
        }
        for driver in &worker.drivers {
            self.lose_driver(*driver, &lost, out);
        }
        // Of a worker that never spoke nobody here knows whose files it has.
        let told: Vec<_> = match worker.state {
            WorkerState::Unknown => self.applications.iter().map(|(id, _)| id).collect(),
            _ => worker.applications.iter().copied().collect(),
        };
        for application in told {
            self.tell_worker_removed(application, &worker.info, &reason, out);
        }
        self.touch();
    }

    fn tell_worker_removed(
        &mut self,
        application: ApplicationId,
        worker: &WorkerInfo,
        reason: &Arc<str>,
        out: &mut Outbox,
    ) {
        if let Some(known) = self.applications.get_mut(application) {
            known.workers.remove(&worker.id);
        }
        let message = ToApplication::WorkerRemoved {
            worker: worker.id,
            host: worker.host.clone(),
            reason: Arc::clone(reason),
        };
        self.tell(application, message, out);
    }

    /// (Spark: `Master.decommissionWorker`.)
    pub(super) fn decommission(&mut self, id: WorkerId, out: &mut Outbox) {
        match self.workers.get(id).map(|worker| worker.state) {
            Some(WorkerState::Alive) => {}
            Some(WorkerState::Registering | WorkerState::Unknown) => {
                self.workers.change(id, |worker| worker.leaving = true);
                return;
            }
            _ => return,
        }
        self.reservations.remove(&id);
        let executors = self.workers.change(id, |worker| {
            worker.state = WorkerState::Decommissioned;
            worker.reserved = None;
            worker.executors.clone()
        });
        // A leader that reads this later has nothing to give to it.
        self.persist(Change::RemoveWorker(id), None, out);
        self.publish(EventKind::WorkerDecommissioned { worker: id }, out);
        for name in executors.unwrap_or_default() {
            self.decommission_executor(name, because("worker decommissioned"), out);
        }
        self.touch();
    }

    /// (Spark: `Master.decommissionWorkersOnHosts`.)
    pub(super) fn decommission_hosts(&mut self, from: Address, hosts: &[Host], out: &mut Outbox) {
        if !self.config.decommission {
            let refused = Some(because("`decommission.enabled` is false"));
            let response = ToSubmitter::DecommissionResponse {
                workers: 0,
                refused,
            };
            return self.answer(from, response, out);
        }
        let on_hosts = hosts.iter().flat_map(|host| self.workers.on_host(host));
        let workers: BTreeSet<WorkerId> = on_hosts.collect();
        for worker in &workers {
            self.decommission(*worker, out);
            self.order(*worker, ToWorker::DecommissionWorker, out);
        }
        let refused = workers.is_empty().then(|| {
            let names: Vec<_> = hosts.iter().map(|host| format!("`{host}`")).collect();
            because(format!("no worker is on {}", names.join(", ")))
        });
        let workers = u32::try_from(workers.len()).unwrap_or(u32::MAX);
        let response = ToSubmitter::DecommissionResponse { workers, refused };
        self.answer(from, response, out);
    }
}
