//! Processes, the network between them, and time: one thread, one seed.
//!
//! Everything that will happen is in one queue. What happens is told to one process' machine; what that orders is
//! carried out at once, or planned.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use scheduler::client::submission;
use scheduler::link::Packet;
use scheduler::{Address, AttemptId, JobId, Message, Random, Tenant, Time};
use scheduler::{application, cluster, executor, worker};

use crate::checks::Checks;
use crate::data::Data;
use crate::disk::Store;
use crate::driver::Errand;
use crate::election::Election;
use crate::faults::{Counts, Kind};
use crate::network::{EndpointId, HostId, Network};
use crate::process::{Going, Machine, Process, ProcessId};
use crate::program::Program;
use crate::queue::Queue;
use crate::scenario::Scenario;
use crate::site::Site;
use crate::trace::Trace;
use crate::worker::ChildId;

/// Things that wait at most for a process that is stopped.
const WAITING_MAX: usize = 10_000;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum What {
    Arrive {
        to: EndpointId,
        from: EndpointId,
        packet: Packet<Message>,
    },
    /// A machine's deadline may have come.
    Wake(ProcessId),
    /// A link's deadline may have come.
    WakeLine(ProcessId, EndpointId),
    Tell(ProcessId, Told),
    /// The election service looks for a leader.
    Elect,
    /// The store makes a write durable.
    Settle,
    /// A machine's daemon begins, where none runs.
    Start(HostId),
    /// A worker's child begins.
    Spawn(ProcessId, ChildId),
    /// A worker's child is gone, with this exit code, or could not be started.
    EndChild(ProcessId, ChildId, Option<i32>),
    /// A task goes on.
    Step(ProcessId, AttemptId),
    /// A program goes on.
    Program(ProcessId),
    /// A program loses patience.
    Cancel(ProcessId, JobId),
    /// A user comes with an errand.
    Come(usize),
    /// Something goes wrong.
    Fault,
    /// Something that went wrong is over.
    Mend(Mend),
    /// From now on nothing goes wrong.
    Heal,
    /// Users look after their errands.
    Look,
}

impl What {
    /// Returns the process that it happens to.
    fn process(&self, network: &Network) -> Option<ProcessId> {
        match self {
            Self::Arrive { to, .. } => network.listener(*to),
            Self::Wake(process)
            | Self::WakeLine(process, _)
            | Self::Tell(process, _)
            | Self::Spawn(process, _)
            | Self::Step(process, _)
            | Self::Program(process)
            | Self::Cancel(process, _) => Some(*process),
            _ => None,
        }
    }
}

/// What a machine is told.
#[derive(Debug)]
pub(crate) enum Told {
    Master(cluster::Input),
    Worker(worker::Input),
    Executor(executor::Input),
    Driver(application::Input),
    Submission(submission::Input),
}

/// A fault that ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mend {
    Cut(HostId, HostId),
    Stopped(ProcessId),
    Slow(HostId),
    Full(HostId),
    Store,
    Down(HostId),
    /// A flapping worker crashes again.
    Flap(HostId),
    /// A decommissioned worker ends.
    Leaves(ProcessId),
    /// A master crashes while it writes.
    Trap(ProcessId),
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) applications: u64,
    pub(crate) executors: u64,
    pub(crate) jobs: u64,
    pub(crate) tasks: u64,
    /// Of them, those that waited at their executor for a core.
    pub(crate) sent_ahead: u64,
    /// Cached partitions that were copied to another executor.
    pub(crate) copies: u64,
    /// What masters and drivers ordered.
    pub(crate) decisions: u64,
    pub(crate) events: u64,
    /// Applications that ended before their time because of a fault.
    pub(crate) excused: u64,
}

impl AddAssign<&Self> for Stats {
    fn add_assign(&mut self, other: &Self) {
        self.applications += other.applications;
        self.executors += other.executors;
        self.jobs += other.jobs;
        self.tasks += other.tasks;
        self.sent_ahead += other.sent_ahead;
        self.copies += other.copies;
        self.decisions += other.decisions;
        self.events += other.events;
        self.excused += other.excused;
    }
}

/// All there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) now: Time,
    pub(crate) queue: Queue<What>,
    pub(crate) random: Random,
    pub(crate) network: Network,
    pub(crate) sites: Vec<Site>,
    /// Where masters listen, in every life.
    pub(crate) master_addresses: Vec<Address>,
    pub(crate) processes: BTreeMap<ProcessId, Process>,
    next_process: u32,
    pub(crate) election: Election,
    pub(crate) store: Store,
    pub(crate) data: Data,
    pub(crate) errands: Vec<Errand>,
    /// What runs in which driver, by where it listens.
    pub(crate) programs: BTreeMap<EndpointId, Arc<Program>>,
    /// When faults ended, if they have.
    pub(crate) healed: Option<Time>,
    pub(crate) checks: Checks,
    /// Tenants that have work and no executor.
    pub(crate) hungry_since: BTreeMap<Tenant, Time>,
    pub(crate) counts: Counts,
    pub(crate) stats: Stats,
    pub(crate) trace: Trace,
    /// How many deadlines in a row came at the same moment.
    pub(crate) busy: u32,
}

impl World {
    /// An empty world; `scenario` is what is in it once it [begins](Self::begin).
    pub(crate) fn new(seed: u64, scenario: Scenario, trace: Trace) -> Self {
        let mut random = Random::new(seed);
        Self {
            scenario,
            now: Time::START,
            queue: Queue::default(),
            network: Network::new(random.draw()),
            random,
            sites: Vec::new(),
            master_addresses: Vec::new(),
            processes: BTreeMap::new(),
            next_process: 0,
            election: Election::default(),
            store: Store::default(),
            data: Data::default(),
            errands: Vec::new(),
            programs: BTreeMap::new(),
            healed: None,
            checks: Checks::default(),
            hungry_since: BTreeMap::new(),
            counts: Counts::default(),
            stats: Stats::default(),
            trace,
            busy: 0,
        }
    }

    /// Lets time pass until `end`, or until nothing is left to happen.
    pub(crate) fn run_until(&mut self, end: Time) {
        while let Some((at, what)) = self.queue.pop_until(end) {
            self.busy = if at > self.now { 0 } else { self.busy };
            self.now = at;
            self.stats.events += 1;
            if let Some(what) = self.hold(what) {
                self.happen(what);
            }
        }
        self.now = self.now.max(end);
    }

    /// Keeps what happens to a process that is stopped; it finds it when it goes on.
    fn hold(&mut self, what: What) -> Option<What> {
        let process = what.process(&self.network);
        let process = process.and_then(|process| self.processes.get_mut(&process));
        let Some(waiting) = process.and_then(|process| process.stopped.as_mut()) else {
            return Some(what);
        };
        if waiting.len() < WAITING_MAX {
            waiting.push(what);
        }
        None
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Arrive { to, from, packet } => self.arrive(to, from, packet),
            What::Wake(process) => self.wake(process),
            What::WakeLine(process, peer) => self.wake_line(process, peer),
            What::Tell(process, told) => self.tell(process, told),
            What::Elect => self.elect(),
            What::Settle => self.settle(),
            What::Start(host) => self.start_daemon(host),
            What::Spawn(worker, child) => self.spawn_child(worker, child),
            What::EndChild(worker, child, code) => self.end_child(worker, child, code),
            What::Step(process, attempt) => self.step(process, attempt),
            What::Program(process) => self.program(process),
            What::Cancel(process, job) => self.cancel(process, job),
            What::Come(errand) => self.come(errand),
            What::Fault => self.fault(),
            What::Mend(mend) => self.mend(mend),
            What::Heal => self.heal(),
            What::Look => self.look(),
        }
    }

    pub(crate) fn tell(&mut self, id: ProcessId, told: Told) {
        match told {
            Told::Master(input) => self.tell_master(id, input),
            Told::Worker(input) => self.tell_worker(id, input),
            Told::Executor(input) => self.tell_executor(id, input),
            Told::Driver(input) => self.tell_driver(id, input),
            Told::Submission(input) => self.tell_submitter(id, input),
        }
    }

    pub(crate) fn plan(&mut self, within: Duration, what: What) {
        self.queue.plan(self.now + within, what);
    }

    /// Plans to tell a machine something next.
    pub(crate) fn plan_told(&mut self, id: ProcessId, told: Told) {
        self.plan(Duration::ZERO, What::Tell(id, told));
    }

    /// Draws a time from `least` to below `most` milliseconds.
    pub(crate) fn millis(&mut self, least: u64, most: u64) -> Duration {
        let span = most.saturating_sub(least).max(1) * 1_000;
        Duration::from_micros(least * 1_000 + self.random.below(span))
    }

    pub(crate) fn pick<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        let at = self.random.below(among.len().max(1) as u64);
        among.get(usize::try_from(at).unwrap()).copied()
    }

    pub(crate) fn note<D: Display>(&mut self, line: impl FnOnce() -> D) {
        self.trace.line(self.now, line);
    }

    /// Draws whether a fault happens where it could, and counts it.
    pub(crate) fn strikes(&mut self, kind: Kind) -> bool {
        let chance = self.scenario.faults.chance(kind);
        let strikes = chance > 0 && self.healed.is_none() && self.random.happens(chance);
        if strikes {
            self.counts.add(kind);
            self.note(|| format!("fault: {kind}"));
        }
        strikes
    }

    pub(crate) fn free_address(&mut self, host: HostId) -> Address {
        let site = &mut self.sites[host.0];
        site.port += 1;
        format!("{}:{}", site.name, site.port).as_str().into()
    }

    pub(crate) fn spawn(&mut self, address: &Address, host: HostId, machine: Machine) -> ProcessId {
        let id = ProcessId(self.next_process);
        self.next_process += 1;
        let process = Process {
            address: address.clone(),
            endpoint: self.network.listen(address, host, id),
            host,
            clock: self.sites[host.0].clock,
            lines: BTreeMap::new(),
            wake: None,
            stopped: None,
            machine,
        };
        self.trace.line(self.now, || format!("{process} begins"));
        self.processes.insert(id, process);
        self.plan_wake(id);
        id
    }

    pub(crate) fn end(&mut self, id: ProcessId, going: Going) {
        if going == Going::Orderly {
            self.hang_up(id);
        }
        let Some(process) = self.processes.remove(&id) else {
            return;
        };
        self.trace
            .line(self.now, || format!("{process} ends, {going:?}"));
        self.network
            .stop_listening(process.endpoint, going != Going::Silent);
    }
}
