//! How a cluster is, for people and their scripts: the JSON of `tinderbox status`.
//!
//! Fields are added, never taken away or renamed. Memory is in bytes; names are those of logs and pages.

use scheduler::cluster::{ApplicationView, DriverView, ExecutorView, Master, WorkerView};
use scheduler::cluster::{State, WorkerState};
use serde::{Deserialize, Serialize};

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// `STANDBY`, `RECOVERING` or `ALIVE`.
    pub state: String,
    /// The leader's term.
    pub epoch: u64,
    /// In order of their ids; those that are gone and remembered last.
    pub workers: Vec<WorkerStatus>,
    /// In order of submission; those that have ended and are remembered last.
    pub applications: Vec<ApplicationStatus>,
    /// In order of submission; those that have ended and are remembered last.
    pub drivers: Vec<DriverStatus>,
}

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its name.
    pub id: String,
    /// Where it listens.
    pub address: String,
    /// Its machine.
    pub host: String,
    /// Where that stands.
    pub rack: Option<String>,
    /// `ALIVE`, `DECOMMISSIONED`, `DEAD`, `REGISTERING` or `UNKNOWN`.
    pub state: String,
    /// Cores it offers.
    pub cores: u32,
    /// Cores that are taken.
    pub cores_used: u32,
    /// Bytes of memory it offers.
    pub memory: u64,
    /// Bytes of memory that are taken.
    pub memory_used: u64,
    /// Its executors.
    pub executors: Vec<String>,
    /// Its drivers.
    pub drivers: Vec<String>,
    /// Why it is gone, if it is.
    pub reason: Option<String>,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationStatus {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who pays for it.
    pub tenant: String,
    /// Where its driver listens.
    pub driver: String,
    /// The cluster's own driver that it runs in.
    pub driver_id: Option<String>,
    /// `WAITING`, `RUNNING`, `FINISHED`, `FAILED`, `KILLED` or `UNKNOWN`.
    pub state: String,
    /// Cores of its executors.
    pub cores: u32,
    /// Bytes of memory of each executor.
    pub executor_memory: u64,
    /// Its executors.
    pub executors: Vec<ExecutorStatus>,
    /// Why it waits, or has ended.
    pub reason: Option<String>,
}

/// An executor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutorStatus {
    /// Its name: the application's and its number.
    pub id: String,
    /// The worker it is on.
    pub worker: String,
    /// `LAUNCHING`, `RUNNING`, `KILLED`, `FAILED`, `LOST`, `EXITED` or `DECOMMISSIONED`.
    pub state: String,
    /// Its cores.
    pub cores: u32,
    /// Its bytes of memory.
    pub memory: u64,
}

/// A driver that the cluster runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverStatus {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who pays for it.
    pub tenant: String,
    /// `SUBMITTED`, `RUNNING`, `FINISHED`, `RELAUNCHING`, `UNKNOWN`, `KILLED`, `FAILED` or `ERROR`.
    pub state: String,
    /// The worker it is or was on.
    pub worker: Option<String>,
    /// Its cores.
    pub cores: u32,
    /// Its bytes of memory.
    pub memory: u64,
    /// Whether it is started again when it fails.
    pub supervise: bool,
    /// Why it is so, or what it waits for.
    pub reason: Option<String>,
}

impl ClusterStatus {
    /// Returns what a master knows.
    pub fn of(master: &Master) -> Self {
        Self {
            state: state(master.state()).into(),
            epoch: master.epoch().0,
            workers: master.workers().map(worker).collect(),
            applications: master.applications().map(application).collect(),
            drivers: master.drivers().map(driver).collect(),
        }
    }
}

fn text(name: impl ToString) -> String {
    name.to_string()
}

fn all<T: ToString>(names: impl IntoIterator<Item = T>) -> Vec<String> {
    names.into_iter().map(text).collect()
}

fn worker(view: WorkerView) -> WorkerStatus {
    let info = &view.info;
    WorkerStatus {
        id: text(info.id),
        address: text(&info.address),
        host: text(&info.host),
        rack: info.rack.as_ref().map(text),
        state: worker_state(view.state).into(),
        cores: info.cores,
        cores_used: view.cores_used,
        memory: info.memory,
        memory_used: view.memory_used,
        executors: all(view.executors),
        drivers: all(view.drivers),
        reason: view.reason.map(text),
    }
}

fn application(view: ApplicationView) -> ApplicationStatus {
    let holding = view.executors.iter();
    let holding = holding.filter(|executor| !executor.state.is_finished());
    ApplicationStatus {
        id: text(view.id),
        name: text(&view.spec.name),
        tenant: text(&view.spec.tenant),
        driver: text(&view.spec.driver),
        driver_id: view.spec.driver_id.map(text),
        state: text(view.state),
        cores: holding.map(|executor| executor.cores).sum(),
        executor_memory: view.spec.executor_memory,
        executors: view.executors.iter().map(executor).collect(),
        reason: view.reason.map(text),
    }
}

fn executor(view: &ExecutorView) -> ExecutorStatus {
    ExecutorStatus {
        id: text(view.name),
        worker: text(view.worker),
        state: text(view.state),
        cores: view.cores,
        memory: view.memory,
    }
}

fn driver(view: DriverView) -> DriverStatus {
    DriverStatus {
        id: text(view.id),
        name: text(&view.spec.name),
        tenant: text(&view.spec.tenant),
        state: text(view.status.state),
        worker: view.status.worker.map(text),
        cores: view.spec.cores,
        memory: view.spec.memory,
        supervise: view.spec.supervise,
        reason: view.status.reason.map(text),
    }
}

const fn state(state: State) -> &'static str {
    match state {
        State::Standby => "STANDBY",
        State::Recovering => "RECOVERING",
        State::CompletingRecovery => "COMPLETING_RECOVERY",
        State::Alive => "ALIVE",
        State::Deposed => "DEPOSED",
    }
}

const fn worker_state(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Registering => "REGISTERING",
        WorkerState::Unknown => "UNKNOWN",
        WorkerState::Alive => "ALIVE",
        WorkerState::Decommissioned => "DECOMMISSIONED",
        WorkerState::Dead => "DEAD",
    }
}
