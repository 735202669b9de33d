//! Processes, the network between them, and time: one thread, one seed.
//!
//! Everything that will happen is in one queue. What happens is told to one process' machine; what that orders is
//! carried out at once, or planned.

use std::collections::BTreeMap;

use scheduler::link::{self, Config, Link, Packet};
use scheduler::{Address, Message, Random, Time};

use crate::clock::Clock;
use crate::faults::Counts;
use crate::network::{Arrival, EndpointId, HostId, Network};
use crate::process::{Going, Line, Machine, Process, ProcessId};
use crate::trace::Trace;

/// Packets that wait at most for a process that is stopped.
const WAITING_MAX: usize = 1_000;

/// Something that will happen.
#[derive(Clone, Debug)]
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
}

/// All there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) queue: crate::queue::Queue<What>,
    pub(crate) random: Random,
    pub(crate) network: Network,
    pub(crate) processes: BTreeMap<ProcessId, Process>,
    next_process: u32,
    pub(crate) counts: Counts,
    pub(crate) trace: Trace,
    pub(crate) events: u64,
    /// How many deadlines in a row came at the same moment.
    busy: u32,
}

impl World {
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let mut random = Random::new(seed);
        Self {
            now: Time::START,
            queue: crate::queue::Queue::default(),
            network: Network::new(random.draw()),
            random,
            processes: BTreeMap::new(),
            next_process: 0,
            counts: Counts::default(),
            trace,
            events: 0,
            busy: 0,
        }
    }

    /// Lets time pass until `end`, or until nothing is left to happen.
    pub(crate) fn run_until(&mut self, end: Time) {
        while let Some((at, what)) = self.queue.pop_until(end) {
            self.busy = if at > self.now { 0 } else { self.busy };
            self.now = at;
            self.events += 1;
            self.happen(what);
        }
        self.now = self.now.max(end);
    }

    fn happen(&mut self, what: What) {
        let Some(what) = self.hold(what) else { return };
        match what {
            What::Arrive { to, from, packet } => self.arrive(to, from, packet),
            What::Wake(process) => self.wake(process),
            What::WakeLine(process, peer) => self.wake_line(process, peer),
        }
    }

    /// Keeps what happens to a process that is stopped; it finds it when it goes on.
    fn hold(&mut self, what: What) -> Option<What> {
        let process = match &what {
            What::Arrive { to, .. } => self.network.listener(*to),
            What::Wake(process) | What::WakeLine(process, _) => Some(*process),
        };
        let process = process.and_then(|process| self.processes.get_mut(&process));
        let Some(waiting) = process.and_then(|process| process.stopped.as_mut()) else {
            return Some(what);
        };
        if waiting.len() < WAITING_MAX {
            waiting.push(what);
        }
        None
    }

    pub(crate) fn spawn(
        &mut self,
        address: &Address,
        host: HostId,
        clock: Clock,
        machine: Machine,
    ) -> ProcessId {
        let id = ProcessId(self.next_process);
        self.next_process += 1;
        let process = Process {
            address: address.clone(),
            endpoint: self.network.listen(address, host, id),
            host,
            clock,
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

    fn hang_up(&mut self, id: ProcessId) {
        let peers = self
            .processes
            .get(&id)
            .map(|process| process.lines.keys().copied().collect::<Vec<_>>());
        for peer in peers.unwrap_or_default() {
            self.tell_line(id, peer, link::Input::CloseAsked);
        }
    }

    /// A process says something to another one.
    pub(crate) fn say(&mut self, id: ProcessId, to: &Address, message: Message) {
        self.trace
            .line(self.now, || format!("  to {to}: {message:?}"));
        let peer = self.network.endpoint(to);
        self.tell_line(id, peer, link::Input::Said(message));
    }

    fn arrive(&mut self, to: EndpointId, from: EndpointId, packet: Packet<Message>) {
        match self.network.arrival(to) {
            Arrival::At(process) => self.tell_line(process, from, link::Input::Received(packet)),
            Arrival::Nowhere => {}
            Arrival::Refused => {
                if let Some(refusal) = packet.refusal() {
                    self.transmit(to, from, refusal);
                }
            }
        }
    }

    fn transmit(&mut self, from: EndpointId, to: EndpointId, packet: Packet<Message>) {
        let [first, second] = self.network.travel(from, to, &mut self.counts);
        if let Some(way) = second {
            let packet = packet.clone();
            self.queue
                .plan(self.now + way, What::Arrive { to, from, packet });
        }
        if let Some(way) = first {
            self.queue
                .plan(self.now + way, What::Arrive { to, from, packet });
        }
    }

    fn tell_line(&mut self, id: ProcessId, peer: EndpointId, input: link::Input<Message>) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let (now, us) = (process.clock.read(self.now), process.endpoint);
        let line = process.lines.entry(peer).or_insert_with(|| Line {
            link: Link::new(Config::default(), self.random.draw()),
            wake: None,
        });
        let mut out = Vec::new();
        line.link.handle(now, input, &mut out);
        self.plan_wake_line(id, peer);
        for action in out {
            match action {
                link::Action::Transmit(packet) => self.transmit(us, peer, packet),
                link::Action::Deliver(message) => self.receive(id, peer, message),
                link::Action::TellClosed(reason) => self.disconnected(id, peer, reason),
            }
        }
    }

    fn receive(&mut self, id: ProcessId, from: EndpointId, message: Message) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let sender = self.network.address(from);
        self.trace.line(self.now, || {
            format!("{process} hears {sender}: {message:?}")
        });
        match &mut process.machine {
            Machine::Ping(ping) => ping.hear(&message),
        }
    }

    fn disconnected(&mut self, id: ProcessId, peer: EndpointId, reason: link::Reason) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let peer = self.network.address(peer).clone();
        self.trace.line(self.now, || {
            format!("{process} is disconnected from {peer}: {reason}")
        });
        match &mut process.machine {
            Machine::Ping(ping) => ping.disconnected += 1,
        }
    }

    fn deadline_reached(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let now = process.clock.read(self.now);
        match &mut process.machine {
            Machine::Ping(ping) => {
                let peer = ping.peer.clone();
                if let Some(message) = ping.count(now) {
                    self.say(id, &peer, message);
                }
            }
        }
    }

    fn wake(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        if process.wake != Some(self.now) {
            return;
        }
        process.wake = None;
        let due = process.machine.next_deadline();
        if due.is_some_and(|due| due <= process.clock.read(self.now)) {
            self.busy += 1;
            assert!(
                self.busy < 1_000,
                "{process} has a deadline that it does not meet"
            );
            self.deadline_reached(id);
        }
        self.plan_wake(id);
    }

    /// Makes sure that the machine's next deadline is looked at.
    pub(crate) fn plan_wake(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let Some(due) = process.machine.next_deadline() else {
            return;
        };
        let due = process.clock.when(due, self.now);
        if process.wake.is_none_or(|wake| due < wake) {
            process.wake = Some(due);
            self.queue.plan(due, What::Wake(id));
        }
    }

    fn wake_line(&mut self, id: ProcessId, peer: EndpointId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let Some(line) = process.lines.get_mut(&peer) else {
            return;
        };
        if line.wake != Some(self.now) {
            return;
        }
        line.wake = None;
        let due = line.link.next_deadline();
        if due.is_some_and(|due| due <= process.clock.read(self.now)) {
            self.tell_line(id, peer, link::Input::DeadlineReached);
        } else {
            self.plan_wake_line(id, peer);
        }
    }

    fn plan_wake_line(&mut self, id: ProcessId, peer: EndpointId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let Some(line) = process.lines.get_mut(&peer) else {
            return;
        };
        let Some(due) = line.link.next_deadline() else {
            process.lines.remove(&peer);
            return;
        };
        let due = process.clock.when(due, self.now);
        if line.wake.is_none_or(|wake| due < wake) {
            line.wake = Some(due);
            self.queue.plan(due, What::WakeLine(id, peer));
        }
    }

    /// Stops a process; for itself no time passes.
    pub(crate) fn stop(&mut self, id: ProcessId) {
        if let Some(process) = self.processes.get_mut(&id) {
            process.stopped.get_or_insert_default();
        }
    }

    /// Lets a process go on: it finds all that waited, and that it is late.
    pub(crate) fn go_on(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let waiting = process.stopped.take().unwrap_or_default();
        self.look_at_clock(id);
        for what in waiting {
            self.queue.plan(self.now, what);
        }
    }

    /// After a process was stopped, or its clock has jumped.
    pub(crate) fn look_at_clock(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.wake = None;
        let peers: Vec<EndpointId> = process.lines.keys().copied().collect();
        self.plan_wake(id);
        for peer in peers {
            if let Some(line) = self
                .processes
                .get_mut(&id)
                .and_then(|process| process.lines.get_mut(&peer))
            {
                line.wake = None;
            }
            self.plan_wake_line(id, peer);
        }
    }
}
