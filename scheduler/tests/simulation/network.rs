//! Where processes listen, and what happens to packets between them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scheduler::{Address, Random};

use crate::faults::{Counts, Kind};
use crate::process::ProcessId;

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostId(pub(crate) usize);

/// A place that packets go to: an address, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EndpointId(usize);

/// What the network does to packets between machines, in chances of a million each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) drop: u32,
    /// Late by up to seconds.
    pub(crate) delay: u32,
    pub(crate) duplicate: u32,
    /// Late by so little that it only changes places with others.
    pub(crate) reorder: u32,
}

#[derive(Debug)]
struct Endpoint {
    address: Address,
    host: HostId,
    listener: Option<ProcessId>,
    /// Whether packets to nobody are answered, as by a living machine.
    refuses: bool,
}

/// The network.
#[derive(Debug)]
pub(crate) struct Network {
    random: Random,
    endpoints: Vec<Endpoint>,
    addresses: BTreeMap<Address, EndpointId>,
    pub(crate) weather: Weather,
    /// Machines from which nothing gets to another.
    cut: BTreeSet<(HostId, HostId)>,
}

/// Where a packet ends up.
pub(crate) enum Arrival {
    At(ProcessId),
    /// Nobody listens, and the machine says so.
    Refused,
    Nowhere,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            endpoints: Vec::new(),
            addresses: BTreeMap::new(),
            weather: Weather::default(),
            cut: BTreeSet::new(),
        }
    }

    /// Returns the place of an address. One that nobody ever listened at is on a machine that is not there.
    pub(crate) fn endpoint(&mut self, address: &Address) -> EndpointId {
        if let Some(endpoint) = self.addresses.get(address) {
            return *endpoint;
        }
        self.add(address.clone(), HostId(usize::MAX))
    }

    fn add(&mut self, address: Address, host: HostId) -> EndpointId {
        let endpoint = EndpointId(self.endpoints.len());
        self.addresses.insert(address.clone(), endpoint);
        self.endpoints.push(Endpoint {
            address,
            host,
            listener: None,
            refuses: false,
        });
        endpoint
    }

    pub(crate) fn listen(
        &mut self,
        address: &Address,
        host: HostId,
        process: ProcessId,
    ) -> EndpointId {
        let id = self.endpoint(address);
        let endpoint = &mut self.endpoints[id.0];
        assert_eq!(endpoint.listener, None, "one process listens at {address}");
        (endpoint.host, endpoint.listener) = (host, Some(process));
        id
    }

    pub(crate) fn stop_listening(&mut self, endpoint: EndpointId, refuses: bool) {
        let endpoint = &mut self.endpoints[endpoint.0];
        (endpoint.listener, endpoint.refuses) = (None, refuses);
    }

    pub(crate) fn address(&self, endpoint: EndpointId) -> &Address {
        &self.endpoints[endpoint.0].address
    }

    pub(crate) fn host(&self, endpoint: EndpointId) -> HostId {
        self.endpoints[endpoint.0].host
    }

    pub(crate) fn listener(&self, endpoint: EndpointId) -> Option<ProcessId> {
        self.endpoints[endpoint.0].listener
    }

    pub(crate) fn arrival(&self, endpoint: EndpointId) -> Arrival {
        let endpoint = &self.endpoints[endpoint.0];
        match endpoint.listener {
            Some(process) => Arrival::At(process),
            None if endpoint.refuses => Arrival::Refused,
            None => Arrival::Nowhere,
        }
    }

    /// Cuts one machine off from another, in one direction.
    pub(crate) fn cut(&mut self, from: HostId, to: HostId) {
        self.cut.insert((from, to));
    }

    pub(crate) fn mend(&mut self, from: HostId, to: HostId) {
        self.cut.remove(&(from, to));
    }

    pub(crate) fn mend_all(&mut self) {
        self.cut.clear();
    }

    /// Returns whether packets get from one machine to the other and back.
    pub(crate) fn connects(&self, one: HostId, other: HostId) -> bool {
        !self.cut.contains(&(one, other)) && !self.cut.contains(&(other, one))
    }

    /// Returns after how long a packet arrives: once, not at all, or twice.
    pub(crate) fn travel(
        &mut self,
        from: EndpointId,
        to: EndpointId,
        counts: &mut Counts,
    ) -> [Option<Duration>; 2] {
        let (from, to) = (self.host(from), self.host(to));
        if from == to {
            return [Some(self.micros(30, 100)), None];
        }
        if self.cut.contains(&(from, to)) {
            return [None, None];
        }
        let mut happens = |chance, kind| {
            let happens = self.random.happens(chance);
            if happens {
                counts.add(kind);
            }
            happens
        };
        let weather = self.weather;
        if happens(weather.drop, Kind::PacketDropped) {
            return [None, None];
        }
        let twice = happens(weather.duplicate, Kind::PacketDuplicated);
        let late = happens(weather.delay, Kind::PacketDelayed);
        let overtaken = happens(weather.reorder, Kind::PacketReordered);
        let mut way = self.micros(200, 1_500);
        if late {
            way += self.micros(50_000, 4_000_000);
        }
        if overtaken {
            way += self.micros(2_000, 60_000);
        }
        let again = twice.then(|| way + self.micros(100, 1_000_000));
        [Some(way), again]
    }

    fn micros(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_micros(least + self.random.below(most - least))
    }
}
