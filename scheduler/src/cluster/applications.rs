//! The book of applications: what they are, what they have, what they wait for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::resources::Resources;
use crate::message::{ApplicationSpec, ApplicationState};
use crate::{Address, ApplicationId, DriverId, ExecutorId, SubmissionKey, WorkerId};

/// One application.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) spec: Arc<ApplicationSpec>,
    pub(super) state: ApplicationState,
    /// Whether it is on disk, and so may be told that it was taken in.
    pub(super) durable: bool,
    /// The most cores of its executors.
    pub(super) cores_max: u32,
    /// How many executors it wants; none: as many as there is room for.
    pub(super) target: Option<u32>,
    /// Executors that it counts on.
    pub(super) live: u32,
    /// Of them, those whose process runs.
    pub(super) running: u32,
    /// Executors that are being killed.
    pub(super) dying: u32,
    /// Cores of the executors that it counts on.
    pub(super) cores: u64,
    /// Executors that failed since one last began.
    pub(super) retries: u32,
    /// Whether its executors have failed so often that it gets no other for a while.
    pub(super) rests: bool,
    pub(super) next_executor: u32,
    /// Whether it stands in the line of its tenant.
    pub(super) in_line: bool,
    /// What it was last told that it waits for.
    pub(super) told: Option<Arc<str>>,
    /// Workers that have had an executor of it, and so may have files.
    pub(super) workers: BTreeSet<WorkerId>,
}

impl Application {
    pub(super) fn new(spec: Arc<ApplicationSpec>, cores_default: u32) -> Self {
        Self {
            state: ApplicationState::Waiting,
            durable: false,
            cores_max: spec.cores_max.unwrap_or(cores_default),
            target: spec.executors,
            live: 0,
            running: 0,
            dying: 0,
            cores: 0,
            retries: 0,
            rests: false,
            next_executor: 0,
            in_line: false,
            told: None,
            workers: BTreeSet::new(),
            spec,
        }
    }

    /// Returns the least that an executor of it takes.
    pub(super) fn need(&self) -> Resources {
        let cores = self.spec.executor_cores.unwrap_or(1);
        Resources::new(cores, self.spec.executor_memory)
    }

    /// Returns whether its executors take all cores that there are.
    pub(super) fn is_greedy(&self) -> bool {
        self.spec.executor_cores.is_none()
    }

    pub(super) fn cores_left(&self) -> u32 {
        let left = u64::from(self.cores_max).saturating_sub(self.cores);
        u32::try_from(left).expect("it is not above the most")
    }

    /// Returns whether it could do with another executor, and its own limits allow it. One that takes all cores of
    /// a worker waits for those that it gives back itself, lest it get them in crumbs.
    pub(super) fn wants_more(&self) -> bool {
        let below = self.target.is_none_or(|target| self.live < target);
        let numbers_left = self.next_executor < u32::MAX;
        let waits_for_own = self.is_greedy() && self.dying > 0;
        let may = numbers_left && !waits_for_own && !self.rests;
        below && may && self.cores_left() >= self.need().cores
    }

    /// Returns whether it has what it wants. One that takes what there is has it with the first executor.
    pub(super) fn is_content(&self) -> bool {
        self.target
            .map_or(self.live > 0, |target| self.live >= target)
    }

    /// Returns a number for an executor, or none where all were used.
    pub(super) fn number_executor(&mut self) -> Option<ExecutorId> {
        let number = self.next_executor;
        self.next_executor = number.checked_add(1)?;
        Some(ExecutorId(number))
    }

    /// Takes note that this number was used.
    pub(super) fn skip_executor(&mut self, used: ExecutorId) {
        self.next_executor = self.next_executor.max(used.0.saturating_add(1));
    }
}

/// An application that has ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) application: ApplicationId,
    pub(super) spec: Arc<ApplicationSpec>,
    pub(super) state: ApplicationState,
    pub(super) reason: Arc<str>,
}

/// All applications.
#[derive(Debug)]
pub(super) struct Applications {
    /// `deploy.retainedApplications`.
    retained: usize,
    by_id: BTreeMap<ApplicationId, Application>,
    by_address: BTreeMap<Address, ApplicationId>,
    by_driver: BTreeMap<DriverId, ApplicationId>,
    /// Of those that have ended too, as long as they are remembered.
    by_key: BTreeMap<SubmissionKey, ApplicationId>,
    ended: VecDeque<Ended>,
}

impl Applications {
    pub(super) fn new(retained: u32) -> Self {
        Self {
            retained: retained as usize,
            by_id: BTreeMap::new(),
            by_address: BTreeMap::new(),
            by_driver: BTreeMap::new(),
            by_key: BTreeMap::new(),
            ended: VecDeque::new(),
        }
    }

    pub(super) fn get(&self, application: ApplicationId) -> Option<&Application> {
        self.by_id.get(&application)
    }

    pub(super) fn get_mut(&mut self, application: ApplicationId) -> Option<&mut Application> {
        self.by_id.get_mut(&application)
    }

    pub(super) fn at(&self, address: &Address) -> Option<ApplicationId> {
        self.by_address.get(address).copied()
    }

    pub(super) fn of_driver(&self, driver: DriverId) -> Option<ApplicationId> {
        self.by_driver.get(&driver).copied()
    }

    pub(super) fn of_key(&self, key: SubmissionKey) -> Option<ApplicationId> {
        self.by_key.get(&key).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ApplicationId, &Application)> {
        self.by_id
            .iter()
            .map(|(id, application)| (*id, application))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn ended(&self) -> impl Iterator<Item = &Ended> {
        self.ended.iter()
    }

    /// Returns how an application has ended, as long as it is remembered.
    pub(super) fn end_of(&self, application: ApplicationId) -> Option<&Ended> {
        let mut latest = self.ended.iter().rev();
        latest.find(|ended| ended.application == application)
    }

    pub(super) fn add(&mut self, id: ApplicationId, application: Application) {
        let spec = &application.spec;
        self.by_key.insert(spec.key, id);
        self.by_address.insert(spec.driver.clone(), id);
        if let Some(driver) = spec.driver_id {
            self.by_driver.insert(driver, id);
        }
        self.by_id.insert(id, application);
    }

    /// Takes an application out of the books, and remembers how it ended.
    pub(super) fn end(
        &mut self,
        id: ApplicationId,
        state: ApplicationState,
        reason: Arc<str>,
    ) -> Option<Application> {
        let application = self.by_id.remove(&id)?;
        let spec = Arc::clone(&application.spec);
        self.by_address.remove(&spec.driver);
        if let Some(driver) = spec.driver_id {
            self.by_driver.remove(&driver);
        }
        self.ended.push_back(Ended {
            application: id,
            spec,
            state,
            reason,
        });
        while self.ended.len() > self.retained
            && let Some(oldest) = self.ended.pop_front()
        {
            self.by_key.remove(&oldest.spec.key);
        }
        Some(application)
    }
}
