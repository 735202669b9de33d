//! Which executors are idle, and since when (Spark: `ExecutorMonitor`).
//!
//! An executor that runs nothing is due to go after a while: later if it holds cached blocks, not at all while a job
//! may read the shuffle files that it is kept for. Who is due next is kept in order.

use std::collections::{BTreeMap, BTreeSet};

use crate::{ExecutorId, RddId, ShuffleId, Time};

use super::config::Config;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Alive,
    /// Somebody was told to stop it.
    Killed,
    /// It takes no more work and goes by itself.
    Decommissioned,
}

#[derive(Debug)]
struct Executor {
    cores: u32,
    state: State,
    /// Since when it runs nothing, if it runs nothing.
    idle_since: Time,
    blocks: BTreeMap<RddId, BTreeSet<u32>>,
    shuffles: BTreeSet<ShuffleId>,
    /// Of them, those that a job may read.
    active: u32,
    /// Its place among those who are due.
    due: Option<Time>,
}

/// The executors.
#[derive(Debug, Default)]
pub(super) struct Executors {
    all: BTreeMap<ExecutorId, Executor>,
    /// How many attempts run where; also where no executor is known: words may come in another order than things.
    running: BTreeMap<ExecutorId, u32>,
    due: BTreeSet<(Time, ExecutorId)>,
    /// Who holds blocks of which dataset.
    holders: BTreeMap<RddId, BTreeSet<ExecutorId>>,
    /// Who holds files of which shuffle.
    writers: BTreeMap<ShuffleId, BTreeSet<ExecutorId>>,
    alive: u32,
    cores: u64,
}

impl Executors {
    pub(super) fn add(&mut self, id: ExecutorId, cores: u32, now: Time, config: &Config) {
        if self.all.contains_key(&id) {
            return;
        }
        let executor = Executor {
            cores,
            state: State::Alive,
            idle_since: now,
            blocks: BTreeMap::new(),
            shuffles: BTreeSet::new(),
            active: 0,
            due: None,
        };
        self.all.insert(id, executor);
        self.alive += 1;
        self.cores += u64::from(cores);
        self.file(id, config);
    }

    pub(super) fn remove(&mut self, id: ExecutorId) {
        let Some(executor) = self.all.remove(&id) else {
            return;
        };
        self.alive -= u32::from(executor.state == State::Alive);
        self.cores -= u64::from(executor.cores);
        if let Some(due) = executor.due {
            self.due.remove(&(due, id));
        }
        for rdd in executor.blocks.keys() {
            leave(&mut self.holders, *rdd, id);
        }
        for shuffle in &executor.shuffles {
            leave(&mut self.writers, *shuffle, id);
        }
    }

    pub(super) fn start(&mut self, id: ExecutorId, config: &Config) {
        *self.running.entry(id).or_default() += 1;
        self.file(id, config);
    }

    pub(super) fn end(&mut self, id: ExecutorId, now: Time, config: &Config) {
        let Some(running) = self.running.get_mut(&id) else {
            return;
        };
        *running -= 1;
        if *running > 0 {
            return;
        }
        self.running.remove(&id);
        if let Some(executor) = self.all.get_mut(&id) {
            executor.idle_since = now;
        }
        self.file(id, config);
    }

    pub(super) fn store(&mut self, rdd: RddId, partition: u32, id: ExecutorId, config: &Config) {
        if let Some(executor) = self.all.get_mut(&id) {
            executor.blocks.entry(rdd).or_default().insert(partition);
            self.holders.entry(rdd).or_default().insert(id);
            self.file(id, config);
        }
    }

    pub(super) fn drop_block(
        &mut self,
        rdd: RddId,
        partition: u32,
        id: ExecutorId,
        config: &Config,
    ) {
        let executor = self.all.get_mut(&id);
        let Some(blocks) = executor.and_then(|executor| executor.blocks.get_mut(&rdd)) else {
            return;
        };
        blocks.remove(&partition);
        if blocks.is_empty() {
            self.forget_blocks(rdd, id);
            self.file(id, config);
        }
    }

    /// Nobody holds blocks of the dataset any more.
    pub(super) fn remove_blocks(&mut self, rdd: RddId, config: &Config) {
        for id in self.holders.get(&rdd).cloned().unwrap_or_default() {
            self.forget_blocks(rdd, id);
            self.file(id, config);
        }
    }

    fn forget_blocks(&mut self, rdd: RddId, id: ExecutorId) {
        if let Some(executor) = self.all.get_mut(&id) {
            executor.blocks.remove(&rdd);
        }
        leave(&mut self.holders, rdd, id);
    }

    /// The executor has written for a shuffle.
    pub(super) fn wrote(
        &mut self,
        shuffle: ShuffleId,
        active: bool,
        id: ExecutorId,
        config: &Config,
    ) {
        if let Some(executor) = self.all.get_mut(&id) {
            if executor.shuffles.insert(shuffle) {
                executor.active += u32::from(active);
                self.writers.entry(shuffle).or_default().insert(id);
            }
            self.file(id, config);
        }
    }

    /// A job may read the shuffle now, or none does any more.
    pub(super) fn set_active(
        &mut self,
        shuffle: ShuffleId,
        active: bool,
        now: Time,
        config: &Config,
    ) {
        for id in self.writers.get(&shuffle).cloned().unwrap_or_default() {
            let executor = self.all.get_mut(&id).expect("writers are there");
            if active {
                executor.active += 1;
            } else {
                executor.active -= 1;
                // Until now it was of use.
                if executor.active == 0 {
                    executor.idle_since = now;
                }
            }
            self.file(id, config);
        }
    }

    /// The shuffle is gone.
    pub(super) fn remove_shuffle(&mut self, shuffle: ShuffleId, active: bool, config: &Config) {
        for id in self.writers.remove(&shuffle).unwrap_or_default() {
            let executor = self.all.get_mut(&id).expect("writers are there");
            executor.shuffles.remove(&shuffle);
            executor.active -= u32::from(active);
            self.file(id, config);
        }
    }

    pub(super) fn decommission(&mut self, id: ExecutorId, config: &Config) {
        self.set_state(id, State::Decommissioned, config);
    }

    /// Takes out up to `most` executors that are due, those first that were due first.
    pub(super) fn kill_due(&mut self, most: u32, now: Time, config: &Config) -> Vec<ExecutorId> {
        let due = self.due.iter().take_while(|(due, _)| *due <= now);
        let due = due.take(most as usize).map(|(_, id)| *id);
        let chosen: Vec<_> = due.collect();
        for id in &chosen {
            self.set_state(*id, State::Killed, config);
        }
        chosen
    }

    fn set_state(&mut self, id: ExecutorId, state: State, config: &Config) {
        let Some(executor) = self.all.get_mut(&id) else {
            return;
        };
        self.alive -= u32::from(executor.state == State::Alive);
        executor.state = state;
        self.file(id, config);
    }

    /// Returns whether an executor is due.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.due.first().is_some_and(|(due, _)| *due <= now)
    }

    /// Returns when the next executor is due, after those that are.
    pub(super) fn next_due(&self, now: Time) -> Option<Time> {
        let later = self.due.range((now, ExecutorId(u32::MAX))..);
        later.map(|(due, _)| *due).find(|due| *due > now)
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    /// Returns how many there are but for those that are about to go.
    pub(super) fn alive(&self) -> u32 {
        self.alive
    }

    /// Returns how many cores they have on average; 0: nobody knows.
    pub(super) fn mean_cores(&self) -> u32 {
        let mean = self.cores.checked_div(self.all.len() as u64);
        mean.map_or(0, |mean| u32::try_from(mean).unwrap_or(u32::MAX))
    }

    /// Puts an executor where it belongs among those who are due.
    fn file(&mut self, id: ExecutorId, config: &Config) {
        let Some(executor) = self.all.get_mut(&id) else {
            return;
        };
        let idle = !self.running.contains_key(&id);
        let due = executor.due(idle, config);
        if executor.due == due {
            return;
        }
        if let Some(before) = executor.due {
            self.due.remove(&(before, id));
        }
        executor.due = due;
        self.due.extend(due.map(|due| (due, id)));
    }

    /// States what always holds.
    pub(super) fn check(&self) {
        if self.all.len() > 64 {
            return;
        }
        let alive = self.all.values().filter(|one| one.state == State::Alive);
        assert_eq!(alive.count(), self.alive as usize);
        let due = self.all.values().filter(|one| one.due.is_some());
        assert_eq!(due.count(), self.due.len());
        for (id, executor) in &self.all {
            assert!(executor.active as usize <= executor.shuffles.len());
            let idle = !self.running.contains_key(id);
            assert!(executor.due.is_none() || (idle && executor.state == State::Alive));
        }
    }
}

impl Executor {
    /// Returns when it is due to go; none: it stays.
    fn due(&self, idle: bool, config: &Config) -> Option<Time> {
        if !idle || self.state != State::Alive || self.active > 0 {
            return None;
        }
        let timeout = if self.blocks.is_empty() && self.shuffles.is_empty() {
            Some(config.idle_timeout)
        } else {
            let cached = config
                .cached_idle_timeout
                .filter(|_| !self.blocks.is_empty());
            let shuffle = config.shuffle_timeout.filter(|_| !self.shuffles.is_empty());
            [cached, shuffle].into_iter().flatten().min()
        };
        Some(self.idle_since + timeout?)
    }
}

fn leave<K: Ord>(index: &mut BTreeMap<K, BTreeSet<ExecutorId>>, key: K, id: ExecutorId) {
    if let Some(ids) = index.get_mut(&key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(&key);
        }
    }
}
