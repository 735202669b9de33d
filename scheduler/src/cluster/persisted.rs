//! What a master must not forget: who was taken in. Everything else is told anew by workers and drivers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::message::{ApplicationSpec, DriverSpec, WorkerInfo};
use crate::{ApplicationId, DriverId, WorkerId};

/// What a disk holds (Spark: `PersistenceEngine`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persisted {
    /// Applications that have not ended.
    pub applications: BTreeMap<ApplicationId, Arc<ApplicationSpec>>,
    /// Drivers that have not ended.
    pub drivers: BTreeMap<DriverId, Arc<DriverSpec>>,
    /// Workers that are not known to be gone.
    pub workers: BTreeMap<WorkerId, WorkerInfo>,
}

/// One change of [`Persisted`]; all of it is on disk, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A worker was taken in.
    AddWorker(WorkerInfo),
    /// A worker is gone.
    RemoveWorker(WorkerId),
    /// An application was taken in.
    AddApplication {
        /// Its name.
        application: ApplicationId,
        /// What it is.
        spec: Arc<ApplicationSpec>,
    },
    /// An application has ended.
    RemoveApplication(ApplicationId),
    /// A driver was taken in.
    AddDriver {
        /// Its name.
        driver: DriverId,
        /// What it is.
        spec: Arc<DriverSpec>,
    },
    /// A driver has ended.
    RemoveDriver(DriverId),
    /// A driver is started again, under another name.
    ReplaceDriver {
        /// Its name so far.
        old: DriverId,
        /// Its name from now on.
        driver: DriverId,
        /// What it is.
        spec: Arc<DriverSpec>,
    },
}

impl Persisted {
    /// Makes one change. The same one again changes nothing.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::AddWorker(info) => {
                self.workers.insert(info.id, info.clone());
            }
            Change::RemoveWorker(worker) => {
                self.workers.remove(worker);
            }
            Change::AddApplication { application, spec } => {
                self.applications.insert(*application, Arc::clone(spec));
            }
            Change::RemoveApplication(application) => {
                self.applications.remove(application);
            }
            Change::AddDriver { driver, spec } => {
                self.drivers.insert(*driver, Arc::clone(spec));
            }
            Change::RemoveDriver(driver) => {
                self.drivers.remove(driver);
            }
            Change::ReplaceDriver { old, driver, spec } => {
                self.drivers.remove(old);
                self.drivers.insert(*driver, Arc::clone(spec));
            }
        }
    }
}
