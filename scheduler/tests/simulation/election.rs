//! Who leads: a service that masters hold a lease of.
//!
//! It gives each leader a higher epoch. A leader that is stopped, or cut off from the service, loses its lease without
//! knowing; it is told when it can hear.

use std::collections::BTreeSet;
use std::time::Duration;

use scheduler::{Epoch, cluster};

use crate::faults::Kind;
use crate::process::{Machine, ProcessId};
use crate::world::{Told, What, World};

/// The service.
#[derive(Debug, Default)]
pub(crate) struct Election {
    epoch: u64,
    leader: Option<ProcessId>,
    /// Those that led: a process leads once, and ends when it hears that it no longer does.
    led: BTreeSet<ProcessId>,
}

impl Election {
    pub(crate) fn leader(&self) -> Option<ProcessId> {
        self.leader
    }
}

impl World {
    /// Looks for a new leader where there is none, or none that holds its lease.
    pub(crate) fn elect(&mut self) {
        let holds = |world: &Self, id: &ProcessId| {
            world
                .processes
                .get(id)
                .is_some_and(|process| process.stopped.is_none())
        };
        if self
            .election
            .leader
            .is_some_and(|leader| holds(self, &leader))
        {
            return;
        }
        let Some(next) = self.candidate() else { return };
        self.depose();
        self.lead(next);
    }

    /// Returns a living master that has never led.
    fn candidate(&mut self) -> Option<ProcessId> {
        let masters = self.processes.iter().filter(|(id, process)| {
            matches!(process.machine, Machine::Master(_))
                && process.stopped.is_none()
                && !self.election.led.contains(id)
        });
        let masters: Vec<ProcessId> = masters.map(|(id, _)| *id).collect();
        self.pick(&masters)
    }

    fn lead(&mut self, id: ProcessId) {
        self.election.epoch += 1;
        let epoch = Epoch(self.election.epoch);
        self.election.leader = Some(id);
        self.election.led.insert(id);
        let persisted = self.store.open(id, epoch);
        if let Some(process) = self.processes.get(&id) {
            self.trace
                .line(self.now, || format!("{process} is elected, {epoch}"));
        }
        self.tell(
            id,
            Told::Master(cluster::Input::LeadershipGained { epoch, persisted }),
        );
    }

    /// The leader's lease is over. It hears of it some time later.
    fn depose(&mut self) {
        let Some(leader) = self.election.leader.take() else {
            return;
        };
        if self.processes.contains_key(&leader) {
            self.counts.add(Kind::LeaderDeposed);
            let late = self.millis(0, 20_000);
            let told = Told::Master(cluster::Input::LeadershipLost);
            self.plan(late, What::Tell(leader, told));
        }
    }

    /// Gives the lead to another master while the leader lives, if there is another one.
    pub(crate) fn change_leader(&mut self) -> bool {
        let next = self.election.leader.and_then(|_| self.candidate());
        let Some(next) = next else { return false };
        self.depose();
        self.lead(next);
        true
    }

    /// The service notices after a while that a leader may be gone.
    pub(crate) fn plan_election(&mut self, within: Duration) {
        let wait = Duration::from_millis(200) + within;
        self.plan(wait, What::Elect);
    }

    /// A master has ended.
    pub(crate) fn resign(&mut self, id: ProcessId) {
        if self.election.leader == Some(id) {
            self.election.leader = None;
        }
        let within = self.millis(0, 4_000);
        self.plan_election(within);
    }
}
