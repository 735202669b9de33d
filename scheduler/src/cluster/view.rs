//! What a master knows, for pages and tests.

use std::sync::Arc;

use super::Master;
use super::State;
use super::executors::Executor;
use super::workers::{Worker, WorkerState};
use crate::message::{
    ApplicationSpec, ApplicationState, DriverSpec, DriverStatus, ExecutorName, ExecutorState,
    WorkerInfo,
};
use crate::{ApplicationId, DriverId, Epoch, Tenant, WorkerId};

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerView {
    /// Who it is.
    pub info: Arc<WorkerInfo>,
    /// How it is.
    pub state: WorkerState,
    /// Cores that are taken.
    pub cores_used: u32,
    /// Bytes of memory that are taken.
    pub memory_used: u64,
    /// Its executors.
    pub executors: Vec<ExecutorName>,
    /// Its drivers.
    pub drivers: Vec<DriverId>,
    /// Why it is gone, if it is.
    pub reason: Option<Arc<str>>,
}

/// An executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutorView {
    /// Its name.
    pub name: ExecutorName,
    /// Where it is.
    pub worker: WorkerId,
    /// How it is; one that is being killed is [`ExecutorState::Killed`] before it has ended.
    pub state: ExecutorState,
    /// Its cores.
    pub cores: u32,
    /// Its bytes of memory.
    pub memory: u64,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationView {
    /// Its name.
    pub id: ApplicationId,
    /// What it is.
    pub spec: Arc<ApplicationSpec>,
    /// How it is.
    pub state: ApplicationState,
    /// How many executors it wants; none: as many as there is room for.
    pub executors_wanted: Option<u32>,
    /// Its executors, with those that are being killed.
    pub executors: Vec<ExecutorView>,
    /// Why it waits, or has ended.
    pub reason: Option<Arc<str>>,
}

/// A driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverView {
    /// Its name.
    pub id: DriverId,
    /// What it is.
    pub spec: Arc<DriverSpec>,
    /// How it is.
    pub status: DriverStatus,
}

/// A tenant that has, or wants, something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantView {
    /// Its name.
    pub tenant: Tenant,
    /// Cores of its executors and drivers.
    pub cores: u64,
    /// Bytes of memory of its executors and drivers.
    pub memory: u64,
    /// Its executors, without those that are being killed.
    pub executors: usize,
    /// Drivers that a worker runs for it.
    pub drivers: u32,
    /// Its applications that may have executors.
    pub applications: usize,
    /// Its applications that wait until others have ended.
    pub applications_queued: usize,
}

impl Master {
    /// Returns how it is.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Returns the latest term in which it led; 0 where it never did.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the workers in order of their ids, those that are gone and remembered last.
    pub fn workers(&self) -> impl Iterator<Item = WorkerView> {
        let gone = self.workers.gone().map(|gone| WorkerView {
            info: Arc::clone(&gone.info),
            state: WorkerState::Dead,
            cores_used: 0,
            memory_used: 0,
            executors: Vec::new(),
            drivers: Vec::new(),
            reason: Some(Arc::clone(&gone.reason)),
        });
        self.workers.iter().map(view).chain(gone)
    }

    /// Returns a worker that is not gone.
    pub fn worker(&self, worker: WorkerId) -> Option<WorkerView> {
        self.workers.get(worker).map(view)
    }

    /// Returns the applications in order of submission, those that have ended and are remembered last.
    pub fn applications(&self) -> impl Iterator<Item = ApplicationView> {
        let known = self.applications.iter().map(|(id, _)| id);
        let known = known.filter_map(|id| self.known_application(id));
        let ended = self.applications.ended().map(|ended| ApplicationView {
            id: ended.application,
            spec: Arc::clone(&ended.spec),
            state: ended.state,
            executors_wanted: None,
            executors: self.executors_of(ended.application),
            reason: Some(Arc::clone(&ended.reason)),
        });
        known.chain(ended)
    }

    /// Returns an application that has not ended.
    pub fn application(&self, application: ApplicationId) -> Option<ApplicationView> {
        self.known_application(application)
    }

    fn known_application(&self, id: ApplicationId) -> Option<ApplicationView> {
        let known = self.applications.get(id)?;
        Some(ApplicationView {
            id,
            spec: Arc::clone(&known.spec),
            state: known.state,
            executors_wanted: known.target,
            executors: self.executors_of(id),
            reason: self.why_waits(id),
        })
    }

    fn executors_of(&self, application: ApplicationId) -> Vec<ExecutorView> {
        let all = self.executors.of(application);
        all.map(|(name, executor)| view_executor(name, executor))
            .collect()
    }

    /// Returns the drivers in order of submission, those that have ended and are remembered last.
    pub fn drivers(&self) -> impl Iterator<Item = DriverView> {
        let known = self.drivers.iter().filter_map(|(id, driver)| {
            let (spec, status) = (Arc::clone(&driver.spec), self.driver_status(id)?);
            Some(DriverView { id, spec, status })
        });
        let ended = self.drivers.ended().map(|(id, spec, status)| DriverView {
            id,
            spec: Arc::clone(spec),
            status: status.clone(),
        });
        known.chain(ended)
    }

    /// Returns the tenants that have or want something.
    pub fn tenants(&self) -> impl Iterator<Item = TenantView> {
        self.accounts.iter().map(|(tenant, account)| TenantView {
            tenant: tenant.clone(),
            cores: account.used.cores,
            memory: account.used.memory,
            executors: account.executors.len(),
            drivers: account.drivers,
            applications: account.admitted.len(),
            applications_queued: account.queued.len(),
        })
    }
}

fn view(worker: &Worker) -> WorkerView {
    let used = worker.room.used();
    WorkerView {
        info: Arc::clone(&worker.info),
        state: worker.state,
        cores_used: used.cores,
        memory_used: used.memory,
        executors: worker.executors.iter().copied().collect(),
        drivers: worker.drivers.iter().copied().collect(),
        reason: None,
    }
}

fn view_executor(name: ExecutorName, executor: &Executor) -> ExecutorView {
    ExecutorView {
        name,
        worker: executor.worker,
        state: executor.phase.state(),
        cores: executor.size.cores,
        memory: executor.size.memory,
    }
}
