//! Processes talk: through a link each, over the network.

use scheduler::link::{self, Config, Link, Packet};
use scheduler::message::{ToDriver, ToExecutor, ToMaster};
use scheduler::{Address, Message};

use crate::network::{Arrival, EndpointId};
use crate::process::{Line, ProcessId};
use crate::world::{What, World};

impl World {
    /// A process says something to another one.
    pub(crate) fn say(&mut self, id: ProcessId, to: &Address, message: Message) {
        if let Some(process) = self.processes.get(&id).filter(|_| is_news(&message)) {
            self.trace
                .line(self.now, || format!("{process} to {to}: {message:?}"));
        }
        let peer = self.network.endpoint(to);
        self.tell_line(id, peer, link::Input::Said(message));
    }

    /// A process says goodbye to everybody.
    pub(crate) fn hang_up(&mut self, id: ProcessId) {
        let lines = self.processes.get(&id).map(|process| &process.lines);
        let peers: Vec<EndpointId> = lines.into_iter().flatten().map(|(peer, _)| *peer).collect();
        for peer in peers {
            self.tell_line(id, peer, link::Input::CloseAsked);
        }
    }

    pub(crate) fn arrive(&mut self, to: EndpointId, from: EndpointId, packet: Packet<Message>) {
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
            self.plan(way, What::Arrive { to, from, packet });
        }
        if let Some(way) = first {
            self.plan(way, What::Arrive { to, from, packet });
        }
    }

    pub(crate) fn tell_line(
        &mut self,
        id: ProcessId,
        peer: EndpointId,
        input: link::Input<Message>,
    ) {
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
        let from = self.network.address(from).clone();
        if is_news(&message) {
            self.trace
                .line(self.now, || format!("{process} hears {from}: {message:?}"));
        }
        if let Some(told) = process.machine.received(from, message) {
            self.tell(id, told);
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
        if let Some(told) = process.machine.disconnected(peer) {
            self.tell(id, told);
        }
    }
}

/// Returns whether a message says more than that its sender lives: what is not is left out of traces.
fn is_news(message: &Message) -> bool {
    !matches!(
        message,
        Message::ToMaster(ToMaster::Heartbeat(_))
            | Message::ToDriver(ToDriver::Heartbeat { .. })
            | Message::ToExecutor(ToExecutor::HeartbeatResponse { .. })
    )
}
