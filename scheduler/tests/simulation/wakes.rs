//! Deadlines come, as each process' clock shows them; and processes are stopped and go on.

use scheduler::link;

use crate::network::EndpointId;
use crate::process::{Line, Machine, Process, ProcessId};
use crate::world::{What, World};

/// So many deadlines may come at one moment.
const BUSY_MAX: u32 = 10_000;

impl World {
    fn line(&mut self, id: ProcessId, peer: EndpointId) -> Option<&mut Line> {
        self.processes.get_mut(&id)?.lines.get_mut(&peer)
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

    pub(crate) fn wake(&mut self, id: ProcessId) {
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
                self.busy < BUSY_MAX,
                "{process} has a deadline that it does not meet"
            );
            self.deadline_reached(id);
        }
        self.plan_wake(id);
    }

    fn deadline_reached(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let now = process.clock.read(self.now);
        if let Machine::Ping(ping) = &mut process.machine {
            let peer = ping.peer.clone();
            if let Some(message) = ping.count(now) {
                self.say(id, &peer, message);
            }
        } else if let Some(told) = process.machine.deadline_reached() {
            self.tell(id, told);
        }
    }

    /// Makes sure that the link's next deadline is looked at; a link without one is forgotten.
    pub(crate) fn plan_wake_line(&mut self, id: ProcessId, peer: EndpointId) {
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

    pub(crate) fn wake_line(&mut self, id: ProcessId, peer: EndpointId) {
        let now = self.now;
        let clock = self
            .processes
            .get(&id)
            .map(|process| process.clock.read(now));
        let Some(line) = self.line(id, peer).filter(|line| line.wake == Some(now)) else {
            return;
        };
        line.wake = None;
        if line.link.next_deadline() <= clock {
            self.tell_line(id, peer, link::Input::DeadlineReached);
        } else {
            self.plan_wake_line(id, peer);
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
        let process = self.processes.get_mut(&id);
        let Some(waiting) = process.and_then(|process| process.stopped.take()) else {
            return;
        };
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
            if let Some(line) = self.line(id, peer) {
                line.wake = None;
            }
            self.plan_wake_line(id, peer);
        }
    }
}

/// Returns whether a process is there and goes.
pub(crate) fn goes(process: Option<&Process>) -> bool {
    process.is_some_and(|process| process.stopped.is_none())
}
