//! Every transition of the cluster as data, with its reason, for pages, logs and history.
//!
//! What is written down carries [`VERSION`]; within a version fields are only added, with a default.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::message::{ApplicationState, DriverState, ExecutorName, ExecutorState};
use crate::{Address, ApplicationId, DriverId, Epoch, Host, Tenant, Time, WorkerId};

/// The version of these events.
pub const VERSION: u32 = 1;

/// Something that listeners may want to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was decided.
    pub at: Time,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// This master leads from now on.
    LeaderElected {
        /// Who.
        master: Address,
        /// Its term.
        epoch: Epoch,
        /// The version of the events that follow.
        version: u32,
    },
    /// It asks those it has read about what they run.
    RecoveryStarted {
        /// That many workers.
        workers: u32,
        /// That many applications.
        applications: u32,
        /// That many drivers.
        drivers: u32,
    },
    /// It knows what runs, and gives out work again.
    RecoveryCompleted {
        /// Workers that did not answer.
        workers_lost: u32,
        /// Applications whose drivers did not answer.
        applications_lost: u32,
    },
    /// It no longer leads.
    LeadershipLost {
        /// Of this term.
        epoch: Epoch,
    },
    /// A worker is in the books.
    WorkerRegistered {
        /// Who.
        worker: WorkerId,
        /// Where it listens.
        address: Address,
        /// Its machine.
        host: Host,
        /// Its cores.
        cores: u32,
        /// Its bytes of memory.
        memory: u64,
    },
    /// A worker was turned away.
    WorkerRefused {
        /// Who.
        worker: WorkerId,
        /// Why.
        reason: Arc<str>,
    },
    /// A worker takes no more work.
    WorkerDecommissioned {
        /// Who.
        worker: WorkerId,
    },
    /// A worker is gone.
    WorkerLost {
        /// Who.
        worker: WorkerId,
        /// Why.
        reason: Arc<str>,
    },
    /// An application is in the books.
    ApplicationRegistered {
        /// Which.
        application: ApplicationId,
        /// Its name.
        name: Arc<str>,
        /// Who pays for it.
        tenant: Tenant,
    },
    /// An application was turned away.
    ApplicationRefused {
        /// Its name.
        name: Arc<str>,
        /// Why.
        reason: Arc<str>,
    },
    /// An application has fewer executors than it wants, or no longer.
    ApplicationWaiting {
        /// Which.
        application: ApplicationId,
        /// Why; none: it no longer waits.
        because: Option<Arc<str>>,
    },
    /// An application wants another number of executors.
    ExecutorsRequested {
        /// Which.
        application: ApplicationId,
        /// How many in all.
        total: u32,
    },
    /// An application has ended.
    ApplicationEnded {
        /// Which.
        application: ApplicationId,
        /// How.
        state: ApplicationState,
        /// Why.
        reason: Arc<str>,
    },
    /// An executor was ordered.
    ExecutorLaunched {
        /// Which.
        executor: ExecutorName,
        /// Where.
        worker: WorkerId,
        /// Its cores.
        cores: u32,
        /// Its bytes of memory.
        memory: u64,
        /// Why there.
        because: Arc<str>,
    },
    /// An executor has begun, or takes no more work.
    ExecutorChanged {
        /// Which.
        executor: ExecutorName,
        /// How it is now.
        state: ExecutorState,
    },
    /// An executor was told to stop.
    ExecutorKilled {
        /// Which.
        executor: ExecutorName,
        /// Why.
        reason: Arc<str>,
    },
    /// An executor is gone.
    ExecutorEnded {
        /// Which.
        executor: ExecutorName,
        /// How.
        state: ExecutorState,
        /// Why.
        reason: Option<Arc<str>>,
        /// With what code its process ended.
        exit_code: Option<i32>,
    },
    /// A driver is in the books.
    DriverSubmitted {
        /// Which.
        driver: DriverId,
        /// Its name.
        name: Arc<str>,
        /// Who pays for it.
        tenant: Tenant,
    },
    /// A driver was ordered.
    DriverLaunched {
        /// Which.
        driver: DriverId,
        /// Where.
        worker: WorkerId,
    },
    /// A driver is to be started again, under another name.
    DriverRelaunched {
        /// Its name so far.
        old: DriverId,
        /// Its name from now on.
        driver: DriverId,
        /// Why.
        reason: Arc<str>,
    },
    /// A driver has ended.
    DriverEnded {
        /// Which.
        driver: DriverId,
        /// How.
        state: DriverState,
        /// Why.
        reason: Option<Arc<str>>,
    },
    /// An operator has changed the tenants' quotas.
    TenantsChanged,
}
