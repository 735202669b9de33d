//! The executors of an application, by number, address and worker, and what runs where (Spark:
//! `CoarseGrainedSchedulerBackend.executorDataMap`).
//!
//! Bookkeeping only; what is done about it is decided beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{Address, AttemptId, ExecutorId, Host, KillReason, Rack, Task, Time, WorkerId};

/// How an executor can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// The master has ordered it; it has not been heard of.
    Ordered,
    /// It is registered.
    Connected(Address),
    /// Its connection broke, and why is not known yet.
    Silent(Address),
}

/// An executor.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) worker: WorkerId,
    pub(super) host: Host,
    pub(super) rack: Option<Rack>,
    pub(super) cores: u32,
    pub(super) link: Link,
    /// When it was last heard of.
    pub(super) heard: Time,
    /// It takes no more tasks and is about to go, for this reason.
    pub(super) leaving: Option<Arc<str>>,
    /// Whether tasks may be given to it: whether the driver knows it.
    pub(super) offered: bool,
    /// The attempts it runs, or is to run.
    pub(super) running: BTreeSet<AttemptId>,
    /// Of them, those that it could not be told of yet.
    pub(super) held: Vec<Task>,
    /// Of them, those that it was told to kill.
    pub(super) kills: BTreeMap<AttemptId, KillReason>,
}

impl Executor {
    /// Returns where it is, if it has been heard of.
    pub(super) fn address(&self) -> Option<&Address> {
        match &self.link {
            Link::Ordered => None,
            Link::Connected(address) | Link::Silent(address) => Some(address),
        }
    }

    /// Returns where it can be told something now.
    pub(super) fn reachable(&self) -> Option<&Address> {
        match &self.link {
            Link::Connected(address) => Some(address),
            Link::Ordered | Link::Silent(_) => None,
        }
    }
}

/// The executors.
#[derive(Debug, Default)]
pub(super) struct Executors {
    all: BTreeMap<ExecutorId, Executor>,
    by_address: BTreeMap<Address, ExecutorId>,
    by_worker: BTreeMap<WorkerId, BTreeSet<ExecutorId>>,
    attempts: BTreeMap<AttemptId, ExecutorId>,
    /// Those that are no more, with the reason: their numbers never come back.
    gone: BTreeMap<ExecutorId, Arc<str>>,
    /// Cores of those that have been heard of.
    cores: u64,
}

impl Executors {
    /// Takes in one that was ordered; returns whether it is new.
    pub(super) fn order(
        &mut self,
        id: ExecutorId,
        worker: WorkerId,
        (host, rack): (Host, Option<Rack>),
        cores: u32,
    ) -> bool {
        if self.all.contains_key(&id) || self.gone.contains_key(&id) {
            return false;
        }
        let executor = Executor {
            worker,
            host,
            rack,
            cores,
            link: Link::Ordered,
            heard: Time::START,
            leaving: None,
            offered: false,
            running: BTreeSet::new(),
            held: Vec::new(),
            kills: BTreeMap::new(),
        };
        self.all.insert(id, executor);
        self.by_worker.entry(worker).or_default().insert(id);
        true
    }

    /// An executor has registered from there, and runs so many tasks at a time.
    pub(super) fn connect(&mut self, id: ExecutorId, address: Address, cores: u32, now: Time) {
        let executor = self.all.get_mut(&id).expect("who connects was ordered");
        if executor.link == Link::Ordered {
            executor.cores = executor.cores.min(cores);
            self.cores += u64::from(executor.cores);
        }
        executor.link = Link::Connected(address.clone());
        executor.heard = now;
        self.by_address.insert(address, id);
    }

    /// The connection to an executor broke; returns who it is, if it was connected.
    pub(super) fn disconnect(&mut self, address: &Address) -> Option<ExecutorId> {
        let id = *self.by_address.get(address)?;
        let executor = self.all.get_mut(&id).expect("an address is an executor's");
        let connected = executor.reachable().is_some();
        executor.link = Link::Silent(address.clone());
        connected.then_some(id)
    }

    /// Takes one out for good.
    pub(super) fn remove(&mut self, id: ExecutorId, reason: &Arc<str>) -> Option<Executor> {
        let executor = self.all.remove(&id)?;
        self.gone.insert(id, reason.clone());
        if let Some(address) = executor.address() {
            self.cores -= u64::from(executor.cores);
            self.by_address.remove(address);
        }
        let on_worker = self.by_worker.get_mut(&executor.worker);
        let on_worker = on_worker.expect("an executor's worker knows it");
        on_worker.remove(&id);
        if on_worker.is_empty() {
            self.by_worker.remove(&executor.worker);
        }
        Some(executor)
    }

    pub(super) fn get(&self, id: ExecutorId) -> Option<&Executor> {
        self.all.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: ExecutorId) -> Option<&mut Executor> {
        self.all.get_mut(&id)
    }

    /// Returns who registered from there.
    pub(super) fn at(&self, address: &Address) -> Option<ExecutorId> {
        self.by_address.get(address).copied()
    }

    /// Takes note of one that is no more before anything else was heard of it.
    pub(super) fn bury(&mut self, id: ExecutorId, reason: &Arc<str>) {
        self.gone.entry(id).or_insert_with(|| reason.clone());
    }

    /// Returns why an executor is no more.
    pub(super) fn gone(&self, id: ExecutorId) -> Option<&Arc<str>> {
        self.gone.get(&id)
    }

    pub(super) fn on_worker(&self, worker: WorkerId) -> Vec<ExecutorId> {
        let ids = self.by_worker.get(&worker).into_iter().flatten();
        ids.copied().collect()
    }

    pub(super) fn ids(&self) -> Vec<ExecutorId> {
        self.all.keys().copied().collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ExecutorId, &Executor)> {
        self.all.iter().map(|(id, executor)| (*id, executor))
    }

    /// Returns how many there are, those that were not heard of included.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns how many have been heard of.
    pub(super) fn registered(&self) -> usize {
        self.by_address.len()
    }

    /// Returns how many cores they have, those that have been heard of.
    pub(super) fn cores(&self) -> u64 {
        self.cores
    }

    /// An attempt is to run there.
    pub(super) fn start(&mut self, attempt: AttemptId, id: ExecutorId) {
        if let Some(executor) = self.all.get_mut(&id) {
            executor.running.insert(attempt);
            self.attempts.insert(attempt, id);
        }
    }

    /// An attempt is over; returns where it was.
    pub(super) fn end(&mut self, attempt: AttemptId) -> Option<ExecutorId> {
        let id = self.attempts.remove(&attempt)?;
        if let Some(executor) = self.all.get_mut(&id) {
            executor.running.remove(&attempt);
            executor.kills.remove(&attempt);
            executor.held.retain(|task| task.attempt != attempt);
        }
        Some(id)
    }

    /// Returns where an attempt runs.
    pub(super) fn of(&self, attempt: AttemptId) -> Option<ExecutorId> {
        self.attempts.get(&attempt).copied()
    }

    /// States what always holds; for few executors, as it looks at all.
    pub(super) fn check(&self) {
        if self.all.len() + self.attempts.len() > 256 {
            return;
        }
        let heard = self.all.values().filter(|one| one.address().is_some());
        assert_eq!(heard.count(), self.by_address.len());
        for (address, id) in &self.by_address {
            assert_eq!(self.all[id].address(), Some(address));
        }
        let running = self.all.values().map(|one| one.running.len());
        assert_eq!(running.sum::<usize>(), self.attempts.len());
        for executor in self.all.values() {
            let held = executor.held.iter();
            assert!(
                held.map(|task| &task.attempt)
                    .all(|one| executor.running.contains(one))
            );
            assert!(executor.offered || executor.running.is_empty());
        }
    }
}
