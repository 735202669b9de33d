//! What goes into a worker and what comes out.

use std::sync::Arc;
use std::time::Duration;

use crate::message::{ApplicationSpec, DriverSpec, ExecutorName, ToWorker};
use crate::{Address, ApplicationId, DriverId, Epoch, Message};

use super::Event;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The process has begun. Said once, before anything else.
    Started,
    /// A master has said something.
    Received {
        /// Which.
        from: Address,
        /// Its term.
        epoch: Epoch,
        /// What.
        message: ToWorker,
    },
    /// Nothing can be said to a master any more, and what was under way may be lost.
    Disconnected {
        /// Which.
        peer: Address,
    },
    /// An executor's process runs.
    ExecutorStarted {
        /// Which.
        name: ExecutorName,
    },
    /// An executor's process has ended, or could not be started.
    ExecutorEnded {
        /// Which.
        name: ExecutorName,
        /// With what code; none: it could not be started.
        exit_code: Option<i32>,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// A driver's process runs.
    DriverStarted {
        /// Which.
        driver: DriverId,
    },
    /// A driver's process has ended, or could not be started.
    DriverEnded {
        /// Which.
        driver: DriverId,
        /// With what code; none: it could not be started.
        exit_code: Option<i32>,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// The answer to [`Action::FindFolders`].
    FoldersFound(Vec<Folder>),
    /// The machine is to be taken out of service: a signal.
    DecommissionAsked,
    /// The process is to end: a signal.
    StopAsked,
    /// The moment named by [`Worker::next_deadline`](super::Worker::next_deadline) has come.
    DeadlineReached,
}

/// The folder of an application on this worker's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Whose it is.
    pub application: ApplicationId,
    /// How long ago anything in it was last changed.
    pub age: Duration,
}

/// Something to be done by the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send this; where there is no connection, open one.
    Send {
        /// To whom.
        to: Address,
        /// What.
        message: Message,
    },
    /// Start an executor's process and report that it runs, then that it has ended.
    StartExecutor {
        /// Which.
        name: ExecutorName,
        /// What it works for.
        application: Arc<ApplicationSpec>,
        /// Its cores.
        cores: u32,
        /// Its bytes of memory.
        memory: u64,
    },
    /// Stop an executor's process, also one that is only being started. Its end is still to be reported.
    StopExecutor {
        /// Which.
        name: ExecutorName,
        /// Whether it is no longer asked but made to.
        force: bool,
    },
    /// Start a driver's process and report that it runs, then that it has ended.
    StartDriver {
        /// Which.
        driver: DriverId,
        /// What to run.
        spec: Arc<DriverSpec>,
    },
    /// Stop a driver's process, also one that is only being started. Its end is still to be reported.
    StopDriver {
        /// Which.
        driver: DriverId,
        /// Whether it is no longer asked but made to.
        force: bool,
    },
    /// Find out which applications have a folder here, and how old it is: [`Input::FoldersFound`].
    FindFolders,
    /// Remove an application's files, but for its logs: somebody will want to know what happened.
    RemoveFiles(ApplicationId),
    /// Remove an application's folder with all that is in it.
    RemoveFolder(ApplicationId),
    /// Remove what an executor that has ended left on disk, but for its shuffle files.
    RemoveScratch(ExecutorName),
    /// End the process. Nothing comes after it.
    Exit {
        /// Why, for people.
        reason: Arc<str>,
    },
}

/// What [`Worker::handle`](super::Worker::handle) appends to. The host empties and reuses it.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// To be carried out, in order.
    pub actions: Vec<Action>,
    /// To be told to listeners, in order.
    pub events: Vec<Event>,
}

impl Outbox {
    /// Empties both, keeping their room.
    pub fn clear(&mut self) {
        self.actions.clear();
        self.events.clear();
    }
}

/// An order, for people.
pub(super) fn describe(message: &ToWorker) -> Arc<str> {
    match message {
        ToWorker::RegisteredWorker { .. } => "to be registered".into(),
        ToWorker::RegisterWorkerFailed { .. } => "not to be registered".into(),
        ToWorker::MasterInStandby => "to wait for the leader".into(),
        ToWorker::ReconnectWorker { .. } => "to register again".into(),
        ToWorker::MasterChanged { .. } => "to follow a new leader".into(),
        ToWorker::LaunchExecutor { name, .. } => format!("to launch {name}").into(),
        ToWorker::KillExecutor(name) => format!("to kill {name}").into(),
        ToWorker::LaunchDriver { driver, .. } => format!("to launch {driver}").into(),
        ToWorker::KillDriver(driver) => format!("to kill {driver}").into(),
        ToWorker::ApplicationFinished(application) => format!("to clean up {application}").into(),
        ToWorker::DecommissionWorker => "to be taken out of service".into(),
    }
}
