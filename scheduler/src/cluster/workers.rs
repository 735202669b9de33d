//! The book of workers: who they are, what is free on them, when they were last heard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::free::Free;
use super::resources::{Resources, Room};
use crate::message::{ExecutorName, WorkerInfo};
use crate::{Address, ApplicationId, DriverId, Host, Time, WorkerId};

/// Workers that are gone and still remembered, at most.
const GONE_MAX: usize = 10_000;

/// How a worker is (Spark: `WorkerState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// It is being written down.
    Registering,
    /// It takes work.
    Alive,
    /// It takes no more work and is about to go.
    Decommissioned,
    /// The master has changed and it has not spoken yet.
    Unknown,
    /// It is gone.
    Dead,
}

/// Something on a worker that is in nobody's books: it was told to stop, and until it has nobody knows what is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stranger {
    Executor(ExecutorName),
    Driver(DriverId),
}

/// For whom room is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Application(ApplicationId),
    Driver(DriverId),
}

/// One worker.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) info: Arc<WorkerInfo>,
    pub(super) state: WorkerState,
    pub(super) room: Room,
    pub(super) heard: Time,
    pub(super) executors: BTreeSet<ExecutorName>,
    pub(super) drivers: BTreeSet<DriverId>,
    /// Those that have had an executor here, and so may have files.
    pub(super) applications: BTreeSet<ApplicationId>,
    pub(super) strangers: BTreeSet<Stranger>,
    pub(super) reserved: Option<Want>,
    /// Whether it said that it is about to go before its books were complete.
    pub(super) leaving: bool,
}

impl Worker {
    fn is_open(&self) -> bool {
        self.state == WorkerState::Alive && self.strangers.is_empty() && self.reserved.is_none()
    }
}

/// A worker that is gone.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    pub(super) info: Arc<WorkerInfo>,
    pub(super) reason: Arc<str>,
    until: Time,
}

/// All workers.
#[derive(Debug)]
pub(super) struct Workers {
    /// `worker.timeout`.
    timeout: Duration,
    /// How long a worker that is gone is remembered.
    remembered: Duration,
    by_id: BTreeMap<WorkerId, Worker>,
    by_address: BTreeMap<Address, WorkerId>,
    by_host: BTreeMap<Arc<str>, BTreeSet<WorkerId>>,
    /// Those that take work, by what is free.
    pub(super) free: Free,
    /// Those that take work, by what they have in all.
    pub(super) size: Free,
    /// Cores of those that take work.
    cores: u64,
    /// Of them, the free ones.
    cores_free: u64,
    /// When to see whether a worker was heard; not before it can be overdue.
    looks: BTreeSet<(Time, WorkerId)>,
    gone: BTreeMap<WorkerId, Gone>,
    gone_until: BTreeSet<(Time, WorkerId)>,
}

impl Workers {
    pub(super) fn new(timeout: Duration, persistence: u32) -> Self {
        Self {
            timeout,
            remembered: timeout.saturating_mul(persistence),
            by_id: BTreeMap::new(),
            by_address: BTreeMap::new(),
            by_host: BTreeMap::new(),
            free: Free::default(),
            size: Free::default(),
            cores: 0,
            cores_free: 0,
            looks: BTreeSet::new(),
            gone: BTreeMap::new(),
            gone_until: BTreeSet::new(),
        }
    }

    pub(super) fn get(&self, worker: WorkerId) -> Option<&Worker> {
        self.by_id.get(&worker)
    }

    pub(super) fn at(&self, address: &Address) -> Option<WorkerId> {
        self.by_address.get(address).copied()
    }

    pub(super) fn on_host(&self, host: &Host) -> impl Iterator<Item = WorkerId> + '_ {
        let workers = self.by_host.get(&host_key(host));
        workers.into_iter().flatten().copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Worker> {
        self.by_id.values()
    }

    pub(super) fn gone(&self) -> impl Iterator<Item = &Gone> {
        self.gone.values()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Returns whether a worker takes work and has room for `need`.
    pub(super) fn has_room(&self, worker: WorkerId, need: Resources) -> bool {
        let known = self.by_id.get(&worker);
        known.is_some_and(|worker| worker.is_open() && need.fits_in(worker.room.free()))
    }

    /// Returns the cores of all that take work.
    pub(super) const fn cores(&self) -> u64 {
        self.cores
    }

    /// Returns the free cores of all that take work.
    pub(super) const fn cores_free(&self) -> u64 {
        self.cores_free
    }

    pub(super) fn add(&mut self, now: Time, info: WorkerInfo, state: WorkerState) {
        let (id, room) = (info.id, Room::new(Resources::new(info.cores, info.memory)));
        self.forget(id);
        self.by_address.insert(info.address.clone(), id);
        let host = host_key(&info.host);
        self.by_host.entry(host).or_default().insert(id);
        let worker = Worker {
            info: Arc::new(info),
            state,
            room,
            heard: now,
            executors: BTreeSet::new(),
            drivers: BTreeSet::new(),
            applications: BTreeSet::new(),
            strangers: BTreeSet::new(),
            reserved: None,
            leaving: false,
        };
        self.by_id.insert(id, worker);
        self.list(id);
        self.looks.insert((now + self.timeout, id));
    }

    /// Changes a worker, and its place in every order. None where there is no such worker.
    pub(super) fn change<T>(
        &mut self,
        worker: WorkerId,
        change: impl FnOnce(&mut Worker) -> T,
    ) -> Option<T> {
        self.unlist(worker);
        let answer = self.by_id.get_mut(&worker).map(change);
        self.list(worker);
        answer
    }

    fn unlist(&mut self, id: WorkerId) {
        let Some(worker) = self.by_id.get(&id) else {
            return;
        };
        if worker.state == WorkerState::Alive {
            self.size.remove(id, worker.room.total());
            self.cores -= u64::from(worker.room.total().cores);
            self.cores_free -= u64::from(worker.room.free().cores);
        }
        if worker.is_open() {
            self.free.remove(id, worker.room.free());
        }
    }

    fn list(&mut self, id: WorkerId) {
        let Some(worker) = self.by_id.get(&id) else {
            return;
        };
        if worker.state == WorkerState::Alive {
            self.size.insert(id, worker.room.total());
            self.cores += u64::from(worker.room.total().cores);
            self.cores_free += u64::from(worker.room.free().cores);
        }
        if worker.is_open() {
            self.free.insert(id, worker.room.free());
        }
    }

    /// Takes note that a worker is alive; returns whether it is known.
    pub(super) fn heard(&mut self, now: Time, worker: WorkerId) -> bool {
        let known = self.by_id.get_mut(&worker);
        let is_known = known.is_some();
        if let Some(worker) = known {
            worker.heard = now;
        }
        is_known
    }

    /// Takes a worker out of the books, and remembers it for a while.
    pub(super) fn remove(&mut self, now: Time, id: WorkerId, reason: Arc<str>) -> Option<Worker> {
        self.unlist(id);
        let worker = self.by_id.remove(&id)?;
        self.by_address.remove(&worker.info.address);
        let host = host_key(&worker.info.host);
        if let Some(workers) = self.by_host.get_mut(&host) {
            workers.remove(&id);
            if workers.is_empty() {
                self.by_host.remove(&host);
            }
        }
        self.remember(now, &worker, reason);
        Some(worker)
    }

    fn remember(&mut self, now: Time, worker: &Worker, reason: Arc<str>) {
        let (id, until) = (worker.info.id, now + self.remembered);
        let info = Arc::clone(&worker.info);
        let gone = Gone {
            info,
            reason,
            until,
        };
        self.gone.insert(id, gone);
        self.gone_until.insert((until, id));
        if self.gone.len() > GONE_MAX
            && let Some((_, first)) = self.gone_until.first().copied()
        {
            self.forget(first);
        }
    }

    fn forget(&mut self, id: WorkerId) {
        if let Some(gone) = self.gone.remove(&id) {
            self.gone_until.remove(&(gone.until, id));
        }
    }

    /// Forgets workers that have been gone for long enough.
    pub(super) fn reap(&mut self, now: Time) {
        while let Some((until, id)) = self.gone_until.first().copied()
            && until <= now
        {
            self.forget(id);
        }
    }

    /// Returns a worker that was not heard for too long.
    pub(super) fn overdue(&mut self, now: Time) -> Option<WorkerId> {
        while let Some((at, id)) = self.looks.first().copied()
            && at <= now
        {
            self.looks.pop_first();
            let Some(worker) = self.by_id.get(&id) else {
                continue;
            };
            let due = worker.heard + self.timeout;
            if due <= now {
                return Some(id);
            }
            self.looks.insert((due, id));
        }
        None
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        let look = self.looks.first().map(|(at, _)| *at);
        let reap = self.gone_until.first().map(|(at, _)| *at);
        look.into_iter().chain(reap).min()
    }
}

/// Names of machines differ in case and are the same.
fn host_key(host: &Host) -> Arc<str> {
    host.0.to_lowercase().into()
}
