//! Where things are: machines, racks and executors, and which task sets have tasks that want to run there (Spark:
//! `TaskSchedulerImpl.hostToExecutors`, `hostsByRack`).
//!
//! A place is kept while an executor that takes tasks is there or a task set wants it.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Locality;
use crate::{ExecutorId, Host, JobId, Rack};

use super::SetKey;

/// A machine, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostId(u32);

/// A rack, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RackId(u32);

/// Where a task may want to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Executor(ExecutorId),
    Host(HostId),
    Rack(RackId),
}

impl Place {
    /// Returns the least place of a level.
    pub(super) fn first(level: Locality) -> Self {
        match level {
            Locality::Process => Self::Executor(ExecutorId(0)),
            Locality::Node => Self::Host(HostId(0)),
            Locality::NoPreference | Locality::Rack | Locality::Any => Self::Rack(RackId(0)),
        }
    }

    /// Returns how near its data a task is that runs here because it wants to.
    pub(super) fn locality(self) -> Locality {
        match self {
            Self::Executor(_) => Locality::Process,
            Self::Host(_) => Locality::Node,
            Self::Rack(_) => Locality::Rack,
        }
    }
}

/// An executor, as far as nearness goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) executor: ExecutorId,
    pub(crate) host: HostId,
    pub(crate) rack: Option<RackId>,
}

impl Site {
    /// Returns the places that it is at, the nearest first.
    pub(super) fn places(self) -> impl Iterator<Item = Place> {
        let near = [Place::Executor(self.executor), Place::Host(self.host)];
        near.into_iter().chain(self.rack.map(Place::Rack))
    }

    /// Returns the place of a level, if the level has one.
    pub(super) fn at(self, level: Locality) -> Option<Place> {
        match level {
            Locality::Process => Some(Place::Executor(self.executor)),
            Locality::Node => Some(Place::Host(self.host)),
            Locality::Rack => self.rack.map(Place::Rack),
            Locality::NoPreference | Locality::Any => None,
        }
    }
}

#[derive(Debug, Default)]
struct Spot {
    /// The executors there that take tasks.
    executors: BTreeSet<ExecutorId>,
    /// The task sets with a task that waits and wants to run there, the earlier job's first.
    sets: BTreeSet<(JobId, SetKey)>,
}

/// Machines and racks by name, and who is and wants to be where.
#[derive(Debug, Default)]
pub(crate) struct Places {
    hosts: BTreeMap<Host, HostId>,
    names: Vec<Host>,
    racks: BTreeMap<Rack, RackId>,
    /// The rack of each machine, as far as an executor told it.
    rack_of: BTreeMap<HostId, RackId>,
    spots: BTreeMap<Place, Spot>,
}

impl Places {
    /// Returns the number of a machine.
    pub(crate) fn host(&mut self, host: &Host) -> HostId {
        if let Some(id) = self.hosts.get(host) {
            return *id;
        }
        let id = HostId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(host.clone());
        self.hosts.insert(host.clone(), id);
        id
    }

    pub(super) fn name(&self, host: HostId) -> Host {
        self.names[host.0 as usize].clone()
    }

    /// Returns where an executor is, and remembers the rack of its machine.
    pub(super) fn site(&mut self, executor: ExecutorId, host: &Host, rack: Option<&Rack>) -> Site {
        let host = self.host(host);
        if let Some(rack) = rack {
            let next = RackId(u32::try_from(self.racks.len()).unwrap_or(u32::MAX));
            let rack = *self.racks.entry(rack.clone()).or_insert(next);
            self.rack_of.insert(host, rack);
        }
        let rack = self.rack_of.get(&host).copied();
        Site {
            executor,
            host,
            rack,
        }
    }

    pub(super) fn rack(&self, host: HostId) -> Option<RackId> {
        self.rack_of.get(&host).copied()
    }

    /// Takes note that an executor takes tasks at a place; returns whether it is the first there.
    pub(super) fn arrive(&mut self, place: Place, executor: ExecutorId) -> bool {
        let spot = self.spots.entry(place).or_default();
        spot.executors.insert(executor) && spot.executors.len() == 1
    }

    /// Takes note that an executor no longer does; returns whether it was the last there.
    pub(super) fn leave(&mut self, place: Place, executor: ExecutorId) -> bool {
        let Some(spot) = self.spots.get_mut(&place) else {
            return false;
        };
        let last = spot.executors.remove(&executor) && spot.executors.is_empty();
        self.tidy(place);
        last
    }

    /// Returns whether an executor that takes tasks is there.
    pub(super) fn is_live(&self, place: Place) -> bool {
        let spot = self.spots.get(&place);
        spot.is_some_and(|spot| !spot.executors.is_empty())
    }

    /// Returns the executors that take tasks at a place.
    pub(super) fn executors(&self, place: Place) -> impl Iterator<Item = ExecutorId> {
        let spot = self.spots.get(&place);
        spot.into_iter()
            .flat_map(|spot| spot.executors.iter().copied())
    }

    pub(super) fn list(&mut self, place: Place, priority: JobId, set: SetKey) {
        self.spots
            .entry(place)
            .or_default()
            .sets
            .insert((priority, set));
    }

    pub(super) fn unlist(&mut self, place: Place, priority: JobId, set: SetKey) {
        if let Some(spot) = self.spots.get_mut(&place) {
            spot.sets.remove(&(priority, set));
        }
        self.tidy(place);
    }

    /// Returns the task sets that want a place, the earlier job's first.
    pub(super) fn sets(&self, place: Place) -> impl Iterator<Item = SetKey> {
        let spot = self.spots.get(&place);
        spot.into_iter()
            .flat_map(|spot| spot.sets.iter().map(|(_, set)| *set))
    }

    fn tidy(&mut self, place: Place) {
        let empty = |spot: &Spot| spot.executors.is_empty() && spot.sets.is_empty();
        if self.spots.get(&place).is_some_and(empty) {
            self.spots.remove(&place);
        }
    }
}
