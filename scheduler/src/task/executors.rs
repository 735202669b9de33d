//! Who can run tasks, and how many more (Spark: `CoarseGrainedSchedulerBackend`'s executor data).
//!
//! A core is taken from launch until the attempt's end is reported, or the executor is lost.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{AttemptId, ExecutorId, Host, Rack, Time};

use super::places::{HostId, Place, Places, Site};

#[derive(Debug)]
struct Executor {
    site: Site,
    cores: u32,
    free: u32,
    /// As how free it is listed, if it is.
    listed: Option<u32>,
    /// Sorted: later attempts come later.
    running: Vec<AttemptId>,
    /// Those of them that wait for a core, in the order in which they get one.
    ahead: VecDeque<AttemptId>,
    barred: Barred,
    decommissioned: Option<Time>,
}

/// Why an executor gets no tasks; all false: it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Barred {
    /// It, or its machine, is about to go.
    pub(crate) decommissioned: bool,
    /// Nobody hears of it.
    pub(crate) silent: bool,
    /// The application excludes it or its machine.
    pub(crate) excluded: bool,
    /// It was given back to the cluster.
    pub(crate) killed: bool,
    /// It has fewer cores than a task takes.
    pub(crate) small: bool,
}

/// How free an executor is: the most free is the greatest, of equals the oldest.
pub(super) type Room = (u32, Reverse<ExecutorId>);

/// What a change among executors means for places.
#[derive(Debug, Default)]
pub(super) struct Shift {
    /// Places that now have an executor that takes tasks.
    pub(super) live: Vec<Place>,
    /// Places that no longer have one.
    pub(super) dead: Vec<Place>,
}

/// The executors.
#[derive(Debug)]
pub(crate) struct Executors {
    all: BTreeMap<ExecutorId, Executor>,
    /// Those that can take a task.
    free: BTreeSet<Room>,
    /// Of them, those that may be wanted: what they can take was not asked since they could.
    fresh: BTreeSet<ExecutorId>,
    /// How many there are on each machine.
    hosts: BTreeMap<HostId, u32>,
    /// Where the lost ones were whose files are still there.
    gone: BTreeMap<ExecutorId, HostId>,
    pub(crate) places: Places,
    /// Cores of a task.
    cpus: u32,
    /// Cores of all.
    cores: u32,
    /// Attempts that wait for a core.
    ahead: usize,
}

impl Default for Executors {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            free: BTreeSet::new(),
            fresh: BTreeSet::new(),
            hosts: BTreeMap::new(),
            gone: BTreeMap::new(),
            places: Places::default(),
            cpus: 1,
            cores: 0,
            ahead: 0,
        }
    }
}

impl Executors {
    /// Changes how many cores a task takes from now on.
    pub(super) fn set_cpus(&mut self, cpus: u32) -> Shift {
        let mut shift = Shift::default();
        if std::mem::replace(&mut self.cpus, cpus) == cpus {
            return shift;
        }
        let all = self.all.iter().map(|(id, executor)| (*id, executor.cores));
        for (id, cores) in all.collect::<Vec<_>>() {
            let Shift { live, dead } = self.bar(id, |barred| barred.small = cores < cpus);
            shift.live.extend(live);
            shift.dead.extend(dead);
            self.relist(id);
        }
        shift
    }

    pub(super) fn cpus(&self) -> u32 {
        self.cpus
    }

    /// Adds an executor that is not known.
    pub(super) fn add(
        &mut self,
        id: ExecutorId,
        host: &Host,
        rack: Option<&Rack>,
        cores: u32,
        barred: Barred,
    ) -> Shift {
        let executor = Executor {
            site: self.places.site(id, host, rack),
            cores,
            free: cores,
            listed: None,
            running: Vec::new(),
            ahead: VecDeque::new(),
            barred: Barred {
                killed: true,
                ..barred
            },
            decommissioned: None,
        };
        *self.hosts.entry(executor.site.host).or_default() += 1;
        self.all.insert(id, executor);
        self.cores += cores;
        let small = cores < self.cpus;
        self.bar(id, |now| *now = Barred { small, ..barred })
    }

    /// Changes whether an executor gets tasks.
    pub(super) fn bar(&mut self, id: ExecutorId, change: impl FnOnce(&mut Barred)) -> Shift {
        let mut shift = Shift::default();
        let Some(executor) = self.all.get_mut(&id) else {
            return shift;
        };
        let (site, before) = (executor.site, executor.barred);
        change(&mut executor.barred);
        let takes = executor.barred == Barred::default();
        if takes == (before == Barred::default()) {
            return shift;
        }
        for place in site.places() {
            if takes && self.places.arrive(place, id) {
                shift.live.push(place);
            }
            if !takes && self.places.leave(place, id) {
                shift.dead.push(place);
            }
        }
        self.relist(id);
        shift
    }

    /// Takes note that an executor is about to go; returns whether that is news.
    pub(super) fn decommission(&mut self, id: ExecutorId, now: Time) -> bool {
        let Some(executor) = self.all.get_mut(&id) else {
            return false;
        };
        let news = executor.decommissioned.is_none();
        executor.decommissioned.get_or_insert(now);
        news
    }

    pub(super) fn any_excluded(&self) -> bool {
        self.all.values().any(|executor| executor.barred.excluded)
    }

    pub(super) fn any_decommissioned(&self) -> bool {
        self.all
            .values()
            .any(|executor| executor.decommissioned.is_some())
    }

    /// Returns since when an executor is about to go, if it is.
    pub(crate) fn decommissioned(&self, id: ExecutorId) -> Option<Time> {
        self.all.get(&id)?.decommissioned
    }

    /// Removes an executor of which nothing runs any more.
    pub(super) fn remove(&mut self, id: ExecutorId, files_lost: bool) {
        let Some(executor) = self.all.remove(&id) else {
            return;
        };
        assert!(executor.running.is_empty(), "its attempts have ended");
        self.cores -= executor.cores;
        self.leave(executor.site.host);
        if !files_lost {
            self.gone.insert(id, executor.site.host);
        }
    }

    fn leave(&mut self, host: HostId) {
        let left = self.hosts.get_mut(&host).map(|left| {
            *left -= 1;
            *left
        });
        if left == Some(0) {
            self.hosts.remove(&host);
        }
    }

    /// Returns whether not all are on one machine.
    pub(super) fn on_several_hosts(&self) -> bool {
        self.hosts.len() > 1
    }

    /// Returns those that are heard of and are not about to go.
    pub(crate) fn staying(&self) -> impl Iterator<Item = ExecutorId> {
        let stays = |barred: Barred| !(barred.decommissioned || barred.silent || barred.killed);
        let staying = self.all.iter().filter(move |(_, one)| stays(one.barred));
        staying.map(|(id, _)| *id)
    }

    pub(crate) fn contains(&self, id: ExecutorId) -> bool {
        self.all.contains_key(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns whether each executor has fewer cores than a task takes.
    pub(super) fn all_small(&self) -> bool {
        self.all.values().all(|executor| executor.barred.small)
    }

    /// Returns the cores of the largest executor.
    pub(super) fn cores_max(&self) -> u32 {
        let cores = self.all.values().map(|executor| executor.cores);
        cores.max().unwrap_or_default()
    }

    /// Returns where an executor is.
    pub(super) fn site(&self, id: ExecutorId) -> Option<Site> {
        self.all.get(&id).map(|executor| executor.site)
    }

    /// Returns the machine of an executor, even of one that is lost if its files are not.
    pub(crate) fn host(&self, id: ExecutorId) -> Option<HostId> {
        let here = self.site(id).map(|site| site.host);
        here.or_else(|| self.gone.get(&id).copied())
    }

    pub(super) fn barred(&self, id: ExecutorId) -> Barred {
        self.all
            .get(&id)
            .map(|executor| executor.barred)
            .unwrap_or_default()
    }

    /// Returns the known executors of a machine.
    pub(super) fn on_host(&self, host: HostId) -> Vec<ExecutorId> {
        let there = self
            .all
            .iter()
            .filter(|(_, executor)| executor.site.host == host);
        there.map(|(id, _)| *id).collect()
    }

    /// Returns every executor that takes tasks, and whether nothing runs there.
    pub(super) fn taking(&self) -> impl Iterator<Item = (Site, bool)> {
        let takes = |executor: &&Executor| executor.barred == Barred::default();
        let taking = self.all.values().filter(takes);
        taking.map(|executor| (executor.site, executor.running.is_empty()))
    }

    /// Returns the attempts that run on an executor.
    pub(super) fn running(&self, id: ExecutorId) -> Vec<AttemptId> {
        let executor = self.all.get(&id);
        executor.map_or_else(Vec::new, |executor| executor.running.clone())
    }

    pub(super) fn is_free(&self, id: ExecutorId) -> bool {
        self.all
            .get(&id)
            .is_some_and(|executor| executor.listed.is_some())
    }

    pub(super) fn free_len(&self) -> usize {
        self.free.len()
    }

    /// Returns the executor that is the most free, of those below `after` if there is one: so work is spread evenly.
    pub(super) fn roomiest(&self, after: Option<Room>) -> Option<Room> {
        match after {
            None => self.free.last().copied(),
            Some(after) => self.free.range(..after).next_back().copied(),
        }
    }

    /// Returns the cores of an executor, if it takes tasks.
    pub(super) fn cores_taking(&self, id: ExecutorId) -> Option<u32> {
        let executor = self.all.get(&id)?;
        (executor.barred == Barred::default()).then_some(executor.cores)
    }

    /// Returns the cores of all executors together.
    pub(super) fn cores_len(&self) -> u32 {
        self.cores
    }

    /// Returns how many attempts wait for a core of an executor.
    pub(super) fn ahead(&self, id: ExecutorId) -> u32 {
        let waiting = self.all.get(&id).map_or(0, |executor| executor.ahead.len());
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    /// Returns how many attempts wait for a core anywhere.
    pub(super) fn ahead_len(&self) -> usize {
        self.ahead
    }

    /// Returns the attempts that wait for a core.
    pub(super) fn all_ahead(&self) -> impl Iterator<Item = AttemptId> {
        self.all
            .values()
            .flat_map(|executor| executor.ahead.iter().copied())
    }

    /// Returns the executors that nothing has been asked to run on since they could take a task.
    pub(super) fn fresh(&self) -> &BTreeSet<ExecutorId> {
        &self.fresh
    }

    /// Takes note that no task set wants what is free.
    pub(super) fn clear_fresh(&mut self) {
        self.fresh.clear();
    }

    /// Gives cores to an attempt; returns how many.
    pub(super) fn take(&mut self, id: ExecutorId, attempt: AttemptId) -> u32 {
        let executor = self
            .all
            .get_mut(&id)
            .expect("a task is launched on an executor that is there");
        executor.free = executor
            .free
            .checked_sub(self.cpus)
            .expect("cores are taken only where they are free");
        executor.running.push(attempt);
        relist(
            id,
            executor,
            &mut self.free,
            &mut self.fresh,
            self.cpus,
            false,
        );
        self.cpus
    }

    /// Lets an attempt wait for a core; returns how many it has.
    pub(super) fn queue(&mut self, id: ExecutorId, attempt: AttemptId) -> u32 {
        let executor = self.all.get_mut(&id);
        let executor = executor.expect("a task is sent to an executor that is there");
        executor.running.push(attempt);
        executor.ahead.push_back(attempt);
        self.ahead += 1;
        0
    }

    /// Takes back the cores of an attempt that has ended; returns the one that has them now, of those that waited.
    pub(super) fn give_back(
        &mut self,
        id: ExecutorId,
        attempt: AttemptId,
        cores: u32,
    ) -> Option<AttemptId> {
        let executor = self
            .all
            .get_mut(&id)
            .expect("an executor outlives its attempts");
        if let Ok(at) = executor.running.binary_search(&attempt) {
            executor.running.remove(at);
        }
        if cores == 0 {
            executor.ahead.retain(|waiting| *waiting != attempt);
            self.ahead -= 1;
            return None;
        }
        executor.free += cores;
        let enough = executor.free >= self.cpus;
        let next = enough.then(|| executor.ahead.pop_front()).flatten();
        if next.is_some() {
            executor.free -= self.cpus;
            self.ahead -= 1;
        }
        relist(
            id,
            executor,
            &mut self.free,
            &mut self.fresh,
            self.cpus,
            true,
        );
        next
    }

    /// Lists an executor anew.
    fn relist(&mut self, id: ExecutorId) {
        let executor = self.all.get_mut(&id).expect("who is listed is there");
        relist(
            id,
            executor,
            &mut self.free,
            &mut self.fresh,
            self.cpus,
            true,
        );
    }

    /// States what always holds, given where attempts run and how many cores they have.
    pub(super) fn check(&self, running: impl Iterator<Item = (AttemptId, ExecutorId, u32)>) {
        let mut taken: BTreeMap<ExecutorId, (u32, usize)> = BTreeMap::new();
        for (attempt, id, cores) in running {
            assert!(self.all[&id].running.contains(&attempt));
            let taken = taken.entry(id).or_default();
            *taken = (taken.0 + cores, taken.1 + 1);
        }
        assert_eq!(self.all_ahead().count(), self.ahead);
        let cores = self.all.values().map(|executor| executor.cores);
        assert_eq!(cores.sum::<u32>(), self.cores);
        for (id, executor) in &self.all {
            let (cores, attempts) = taken.get(id).copied().unwrap_or_default();
            assert_eq!(executor.cores - executor.free, cores);
            assert_eq!(executor.running.len(), attempts);
            let takes = executor.barred == Barred::default() && executor.free >= self.cpus;
            assert_eq!(executor.listed, takes.then_some(executor.free));
            assert_eq!(self.free.contains(&(executor.free, Reverse(*id))), takes);
        }
    }
}

/// Lists an executor by its room, if it can take a task.
fn relist(
    id: ExecutorId,
    executor: &mut Executor,
    free: &mut BTreeSet<Room>,
    fresh: &mut BTreeSet<ExecutorId>,
    cpus: u32,
    news: bool,
) {
    let takes = executor.barred == Barred::default() && executor.free >= cpus;
    let room = takes.then_some(executor.free);
    if let Some(before) = std::mem::replace(&mut executor.listed, room) {
        free.remove(&(before, Reverse(id)));
    }
    let Some(room) = room else {
        fresh.remove(&id);
        return;
    };
    free.insert((room, Reverse(id)));
    if news {
        fresh.insert(id);
    }
}
