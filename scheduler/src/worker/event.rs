//! What a worker has decided, for logs and pages.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::{DriverState, ExecutorName, ExecutorState};
use crate::{Address, ApplicationId, DriverId, Epoch, Time};

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
    /// The worker has offered itself to all masters.
    RegistrationTried {
        /// How often it has tried again; 0 is the first time.
        retry: u32,
    },
    /// A leader has it in its books.
    Registered {
        /// The leader.
        master: Address,
        /// Its term.
        epoch: Epoch,
        /// Whether it was in the books before.
        duplicate: bool,
    },
    /// A new leader leads.
    MasterChanged {
        /// The leader.
        master: Address,
        /// Its term.
        epoch: Epoch,
    },
    /// The leader can't be reached. What runs here goes on.
    MasterLost {
        /// The leader that was.
        master: Address,
    },
    /// An order was not obeyed.
    OrderRefused {
        /// Which, for people.
        order: Arc<str>,
        /// Why.
        reason: Arc<str>,
    },
    /// An executor was ordered and has its cores and memory, or will have them.
    ExecutorLaunched {
        /// Which.
        name: ExecutorName,
        /// Its cores.
        cores: u32,
        /// Its bytes of memory.
        memory: u64,
        /// What it waits for; none: it is being started.
        waits: Option<Arc<str>>,
    },
    /// An executor has ended.
    ExecutorEnded {
        /// Which.
        name: ExecutorName,
        /// How.
        state: ExecutorState,
        /// With what code.
        exit_code: Option<i32>,
        /// Why.
        reason: Arc<str>,
    },
    /// A driver was ordered and has its cores and memory, or will have them.
    DriverLaunched {
        /// Which.
        driver: DriverId,
        /// What it waits for; none: it is being started.
        waits: Option<Arc<str>>,
    },
    /// A supervised driver has failed and will be started again.
    DriverRelaunching {
        /// Which.
        driver: DriverId,
        /// How long from now.
        wait: Duration,
        /// How it failed.
        reason: Arc<str>,
    },
    /// A driver has ended for good.
    DriverEnded {
        /// Which.
        driver: DriverId,
        /// How.
        state: DriverState,
        /// Why.
        reason: Arc<str>,
    },
    /// The worker takes no more work.
    Decommissioning,
    /// An application is over, and its files go, but for its logs.
    FilesRemoved {
        /// Whose.
        application: ApplicationId,
    },
    /// An application's folder goes.
    FolderRemoved {
        /// Whose.
        application: ApplicationId,
        /// Why.
        because: Arc<str>,
    },
    /// The worker ends what runs here, and then itself.
    Stopping {
        /// Why.
        reason: Arc<str>,
    },
}
