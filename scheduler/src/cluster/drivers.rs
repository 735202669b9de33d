//! The book of drivers that the cluster runs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::resources::Resources;
use crate::message::{DriverSpec, DriverState, DriverStatus};
use crate::{Address, DriverId, SubmissionKey, WorkerId};

/// One driver.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) spec: Arc<DriverSpec>,
    pub(super) state: DriverState,
    /// Where it runs. What it takes there is taken until its end is reported.
    pub(super) worker: Option<WorkerId>,
    pub(super) reason: Option<Arc<str>>,
    /// Whether it is on disk, and so may be told and run.
    pub(super) durable: bool,
    /// Whether somebody asked for its end.
    pub(super) kill: bool,
    /// Who wants to know when it is on disk.
    pub(super) askers: BTreeSet<Address>,
}

impl Driver {
    pub(super) fn new(spec: Arc<DriverSpec>, state: DriverState) -> Self {
        Self {
            spec,
            state,
            worker: None,
            reason: None,
            durable: false,
            kill: false,
            askers: BTreeSet::new(),
        }
    }

    pub(super) fn need(&self) -> Resources {
        Resources::new(self.spec.cores, self.spec.memory)
    }

    /// Returns whether it stands in the line of its tenant.
    pub(super) fn waits(&self) -> bool {
        self.state == DriverState::Submitted && self.durable
    }
}

/// All drivers.
#[derive(Debug)]
pub(super) struct Drivers {
    /// `deploy.retainedDrivers`.
    retained: usize,
    by_id: BTreeMap<DriverId, Driver>,
    /// Of those that have ended too, as long as they are remembered.
    by_key: BTreeMap<SubmissionKey, DriverId>,
    ended: BTreeMap<DriverId, (Arc<DriverSpec>, DriverStatus)>,
    ended_order: VecDeque<DriverId>,
    /// How many a worker runs.
    pub(super) running: u32,
}

impl Drivers {
    pub(super) fn new(retained: u32) -> Self {
        Self {
            retained: retained as usize,
            by_id: BTreeMap::new(),
            by_key: BTreeMap::new(),
            ended: BTreeMap::new(),
            ended_order: VecDeque::new(),
            running: 0,
        }
    }

    pub(super) fn get(&self, driver: DriverId) -> Option<&Driver> {
        self.by_id.get(&driver)
    }

    pub(super) fn get_mut(&mut self, driver: DriverId) -> Option<&mut Driver> {
        self.by_id.get_mut(&driver)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (DriverId, &Driver)> {
        self.by_id.iter().map(|(id, driver)| (*id, driver))
    }

    pub(super) fn ended(
        &self,
    ) -> impl Iterator<Item = (DriverId, &Arc<DriverSpec>, &DriverStatus)> {
        let ended = self.ended.iter();
        ended.map(|(id, (spec, status))| (*id, spec, status))
    }

    pub(super) fn of_key(&self, key: SubmissionKey) -> Option<DriverId> {
        self.by_key.get(&key).copied()
    }

    pub(super) fn end_of(&self, driver: DriverId) -> Option<&DriverStatus> {
        self.ended.get(&driver).map(|(_, status)| status)
    }

    pub(super) fn add(&mut self, id: DriverId, driver: Driver) {
        self.by_key.insert(driver.spec.key, id);
        self.by_id.insert(id, driver);
    }

    /// Takes a driver out of the books, and remembers how it ended.
    pub(super) fn end(
        &mut self,
        id: DriverId,
        state: DriverState,
        reason: Option<Arc<str>>,
    ) -> Option<Driver> {
        let driver = self.by_id.remove(&id)?;
        let status = DriverStatus {
            state,
            worker: driver.worker,
            reason,
        };
        self.ended.insert(id, (Arc::clone(&driver.spec), status));
        self.ended_order.push_back(id);
        while self.ended_order.len() > self.retained
            && let Some(oldest) = self.ended_order.pop_front()
            && let Some((spec, _)) = self.ended.remove(&oldest)
        {
            // A driver that was started again has taken the key along.
            if self.by_key.get(&spec.key) == Some(&oldest) {
                self.by_key.remove(&spec.key);
            }
        }
        Some(driver)
    }
}
