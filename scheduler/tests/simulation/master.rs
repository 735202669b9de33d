//! The process around a master.

use scheduler::cluster::{self, Action, Input};

use crate::faults::Kind;
use crate::network::HostId;
use crate::process::{Going, Machine, ProcessId};
use crate::world::{Mend, Told, What, World};

impl World {
    pub(crate) fn start_master(&mut self, host: HostId) {
        let address = self.master_addresses[host.0].clone();
        let tenants = self.scenario.tenants();
        let master = cluster::Master::new(address.clone(), &self.scenario.settings, tenants);
        let id = self.spawn(&address, host, Machine::Master(Box::new(master)));
        self.sites[host.0].daemon = Some(id);
        let within = self.millis(0, 1_000);
        self.plan_election(within);
    }

    pub(crate) fn tell_master(&mut self, id: ProcessId, input: Input) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let now = process.clock.read(self.now);
        let Machine::Master(master) = &mut process.machine else {
            return;
        };
        let mut out = cluster::Outbox::default();
        master.handle(now, input, &mut out);
        self.stats.decisions += out.actions.len() as u64;
        for event in out.events {
            self.note(|| format!("  it says: {:?}", event.kind));
        }
        for action in out.actions {
            self.do_for_master(id, action);
        }
        self.plan_wake(id);
    }

    fn do_for_master(&mut self, id: ProcessId, action: Action) {
        match action {
            Action::Send { to, message } => self.say(id, &to, message),
            Action::Persist { ticket, change } => {
                self.store.write(id, ticket, change);
                let wait = self.millis(1, 50);
                self.plan(wait, What::Settle);
                if std::mem::take(&mut self.store.trap) {
                    let wait = self.millis(0, 50);
                    self.plan(wait, What::Mend(Mend::Trap(id)));
                }
            }
            Action::Exit { reason } => {
                self.note(|| format!("  a master ends: {reason}"));
                self.end_master(id, Going::Refusing);
            }
        }
    }

    /// Makes the oldest write durable, unless the disk is full: then it is tried again.
    pub(crate) fn settle(&mut self) {
        if self.store.full && self.store.has_pending() {
            self.counts.add(Kind::DiskFull);
            let wait = self.millis(500, 1_000);
            return self.plan(wait, What::Settle);
        }
        if let Some((master, ticket)) = self.store.settle() {
            self.plan_told(master, Told::Master(Input::Persisted { ticket }));
        }
    }

    /// A master ends; a supervisor starts it again after a while.
    pub(crate) fn end_master(&mut self, id: ProcessId, going: Going) {
        let Some(host) = self.processes.get(&id).map(|process| process.host) else {
            return;
        };
        let (durable, lost) = self.store.crash(id, &mut self.random);
        if durable > 0 {
            self.counts.add(Kind::CrashedAfterDurable);
        }
        if lost > 0 {
            self.counts.add(Kind::CrashedBeforeDurable);
        }
        self.end(id, going);
        self.sites[host.0].daemon = None;
        self.resign(id);
        let wait = self.millis(1_000, 20_000);
        self.plan(wait, What::Start(host));
    }
}
