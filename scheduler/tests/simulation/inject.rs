//! Things go wrong, and are mended.

use std::time::Duration;

use scheduler::{executor, worker};

use crate::faults::Kind;
use crate::network::HostId;
use crate::process::{Going, Machine, Process, ProcessId};
use crate::site::Role;
use crate::world::{Mend, Told, What, World};

impl World {
    pub(crate) fn plan_fault(&mut self) {
        let every = self.scenario.faults.every_ms;
        if every > 0 && !self.scenario.faults.timed.is_empty() {
            let wait = self.millis(every / 4, every * 2);
            self.plan(wait, What::Fault);
        }
    }

    /// The next thing goes wrong.
    pub(crate) fn fault(&mut self) {
        if self.healed.is_some() {
            return;
        }
        let timed = self.scenario.faults.timed.clone();
        if let Some(kind) = self.pick(&timed) {
            self.note(|| format!("fault: {kind}"));
            if self.inject(kind) {
                self.counts.add(kind);
            }
        }
        self.plan_fault();
    }

    /// Makes something go wrong; returns whether there was anything for it to happen to.
    pub(crate) fn inject(&mut self, kind: Kind) -> bool {
        match kind {
            Kind::Partition => self.partition(true),
            Kind::OneWayPartition => self.partition(false),
            Kind::MasterCrashed => self.crash_master(),
            Kind::WorkerCrashed => self.crash_worker(),
            Kind::MachineCrashed => self.crash_machine(),
            Kind::DriverCrashed => self.crash(|machine| matches!(machine, Machine::Driver(_))),
            Kind::ExecutorCrashed => self.crash(|machine| matches!(machine, Machine::Executor(_))),
            Kind::Paused => self.pause(),
            Kind::SlowNode => self.slow_down(),
            Kind::WorkerFlapped => self.flap(),
            Kind::ShuffleFileLost => self.lose_file(),
            Kind::BlockDropped => self.drop_block(),
            Kind::DiskFull => self.fill_disk(),
            Kind::ClockForward | Kind::ClockBack => self.jump_clock(kind == Kind::ClockForward),
            Kind::LeaderDeposed => {
                self.change_leader();
                // It is counted where it happens: it has other causes too.
                false
            }
            Kind::WorkerDecommissioned => self.decommission(),
            _ => false,
        }
    }

    fn any_process(&mut self, wanted: impl Fn(&Process) -> bool) -> Option<ProcessId> {
        let processes = self.processes.iter().filter(|(_, process)| wanted(process));
        let processes: Vec<ProcessId> = processes.map(|(id, _)| *id).collect();
        self.pick(&processes)
    }

    fn any_site(&mut self, role: Role) -> Option<HostId> {
        let sites = self.sites_of(role);
        self.pick(&sites)
    }

    fn plan_mend(&mut self, least_ms: u64, most_ms: u64, mend: Mend) {
        let wait = self.millis(least_ms, most_ms);
        self.plan(wait, What::Mend(mend));
    }

    /// Cuts a machine off from another one, or from all.
    fn partition(&mut self, both_ways: bool) -> bool {
        let hosts: Vec<HostId> = (0..self.sites.len()).map(HostId).collect();
        let (Some(one), Some(other)) = (self.pick(&hosts), self.pick(&hosts)) else {
            return false;
        };
        let from_all = self.random.happens(500_000);
        let others = hosts
            .iter()
            .filter(|host| **host != one && (from_all || **host == other));
        let wait = self.millis(1_000, 90_000);
        let others: Vec<HostId> = others.copied().collect();
        for other in &others {
            self.cut(one, *other, wait);
            if both_ways {
                self.cut(*other, one, wait);
            }
        }
        !others.is_empty()
    }

    fn cut(&mut self, from: HostId, to: HostId, wait: Duration) {
        self.network.cut(from, to);
        self.plan(wait, What::Mend(Mend::Cut(from, to)));
    }

    fn going(&mut self) -> Going {
        if self.random.happens(700_000) {
            Going::Refusing
        } else {
            Going::Silent
        }
    }

    fn crash_master(&mut self) -> bool {
        let leader = self
            .election
            .leader()
            .filter(|_| self.random.happens(600_000));
        let any = self.any_process(|process| matches!(process.machine, Machine::Master(_)));
        let Some(master) = leader.or(any) else {
            return false;
        };
        if self.random.happens(400_000) {
            self.store.trap = true;
            return false;
        }
        let going = self.going();
        self.end_master(master, going);
        true
    }

    fn any_worker(&mut self) -> Option<ProcessId> {
        self.any_process(|process| matches!(process.machine, Machine::Worker(_)))
    }

    fn crash_worker(&mut self) -> bool {
        let Some(worker) = self.any_worker() else {
            return false;
        };
        let going = self.going();
        self.end_worker(worker, going);
        true
    }

    /// A machine loses power; its disk may not outlive that.
    fn crash_machine(&mut self) -> bool {
        let Some(host) = self.any_site(Role::Worker) else {
            return false;
        };
        if let Some(worker) = self.sites[host.0].daemon {
            self.end_worker(worker, Going::Silent);
        }
        if self.random.happens(500_000) {
            self.data.lose_disk(host);
        }
        self.sites[host.0].down = true;
        self.plan_mend(5_000, 90_000, Mend::Down(host));
        true
    }

    fn crash(&mut self, wanted: impl Fn(&Machine) -> bool) -> bool {
        let Some(id) = self.any_process(|process| wanted(&process.machine)) else {
            return false;
        };
        match self.parent(id) {
            Some((worker, child)) => self.end_child(worker, child, Some(134)),
            None => {
                let going = self.going();
                self.end_inhabitant(id, going);
            }
        }
        true
    }

    fn pause(&mut self) -> bool {
        let Some(id) = self.any_process(|process| process.stopped.is_none()) else {
            return false;
        };
        self.stop(id);
        if self.election.leader() == Some(id) {
            let within = self.millis(3_000, 10_000);
            self.plan_election(within);
        }
        self.plan_mend(500, 60_000, Mend::Stopped(id));
        true
    }

    fn slow_down(&mut self) -> bool {
        let Some(host) = self.any_site(Role::Worker) else {
            return false;
        };
        self.sites[host.0].slowness = 300 + self.random.below(1_500);
        self.plan_mend(10_000, 90_000, Mend::Slow(host));
        true
    }

    /// A worker crashes as soon as it is there again, a few times.
    fn flap(&mut self) -> bool {
        let Some(worker) = self.any_worker() else {
            return false;
        };
        let host = self.processes[&worker].host;
        self.sites[host.0].flaps = 2 + self.random.below(4);
        self.crash_flapping(host);
        true
    }

    fn crash_flapping(&mut self, host: HostId) {
        let going = self.going();
        if let Some(worker) = self.sites[host.0].daemon {
            self.end_worker(worker, going);
        }
        if self.sites[host.0].flaps > 0 {
            self.sites[host.0].flaps -= 1;
            let wait = self.millis(100, 2_000);
            self.plan(wait, What::Start(host));
            self.plan_mend(2_000, 8_000, Mend::Flap(host));
        }
    }

    fn lose_file(&mut self) -> bool {
        let files: Vec<_> = self.data.files.keys().copied().collect();
        let Some(file) = self.pick(&files) else {
            return false;
        };
        self.data.files.remove(&file);
        true
    }

    fn drop_block(&mut self) -> bool {
        let blocks = self.data.blocks.iter();
        let blocks =
            blocks.flat_map(|(block, holders)| holders.keys().map(move |holder| (*block, *holder)));
        let blocks: Vec<_> = blocks.collect();
        let Some((block, holder)) = self.pick(&blocks) else {
            return false;
        };
        if let Some(holders) = self.data.blocks.get_mut(&block) {
            holders.remove(&holder);
        }
        let (_, rdd, partition) = block;
        self.plan_told(
            holder,
            Told::Executor(executor::Input::BlockDropped { rdd, partition }),
        );
        true
    }

    /// A disk is full: a worker's, where tasks write, or the one that masters write to. It counts when a write fails.
    fn fill_disk(&mut self) -> bool {
        if self.random.happens(500_000) {
            self.store.full = true;
            self.plan_mend(1_000, 20_000, Mend::Store);
        } else if let Some(host) = self.any_site(Role::Worker) {
            self.sites[host.0].full = true;
            self.plan_mend(1_000, 20_000, Mend::Full(host));
        }
        false
    }

    fn jump_clock(&mut self, forward: bool) -> bool {
        let hosts: Vec<HostId> = (0..self.sites.len()).map(HostId).collect();
        let Some(host) = self.pick(&hosts) else {
            return false;
        };
        let by = self.millis(500, if forward { 120_000 } else { 10_000 });
        let clock = &mut self.sites[host.0].clock;
        if forward {
            clock.jump_forward(by);
        } else {
            clock.jump_back(by);
        }
        let clock = *clock;
        let there = self
            .processes
            .iter()
            .filter(|(_, process)| process.host == host);
        let there: Vec<ProcessId> = there.map(|(id, _)| *id).collect();
        for id in there {
            if let Some(process) = self.processes.get_mut(&id) {
                process.clock = clock;
            }
            self.look_at_clock(id);
        }
        true
    }

    fn decommission(&mut self) -> bool {
        let Some(id) = self.any_worker() else {
            return false;
        };
        if let Some(worker) = self.worker(id) {
            worker.decommissioned = true;
        }
        self.plan_told(id, Told::Worker(worker::Input::DecommissionAsked));
        self.plan_mend(20_000, 90_000, Mend::Leaves(id));
        true
    }

    /// Something that went wrong is over.
    pub(crate) fn mend(&mut self, mend: Mend) {
        match mend {
            Mend::Cut(from, to) => self.network.mend(from, to),
            Mend::Stopped(process) => self.go_on(process),
            Mend::Slow(host) => self.sites[host.0].slowness = 100,
            Mend::Full(host) => self.sites[host.0].full = false,
            Mend::Store => self.store.full = false,
            Mend::Flap(host) if self.healed.is_none() => self.crash_flapping(host),
            Mend::Flap(_) => {}
            Mend::Trap(master) => {
                self.counts.add(Kind::MasterCrashed);
                let going = self.going();
                self.end_master(master, going);
            }
            Mend::Leaves(worker) => self.end_worker(worker, Going::Orderly),
            Mend::Down(host) => {
                self.sites[host.0].down = false;
                self.start_daemon(host);
            }
        }
    }

    /// From now on nothing goes wrong, and what is broken is mended.
    pub(crate) fn heal(&mut self) {
        self.note(|| "everything is mended");
        self.healed = Some(self.now);
        self.network.mend_all();
        self.network.weather = Default::default();
        (self.store.full, self.store.trap) = (false, false);
        for host in 0..self.sites.len() {
            let site = &mut self.sites[host];
            (site.slowness, site.full, site.flaps) = (100, false, 0);
            self.mend(Mend::Down(HostId(host)));
        }
        let all: Vec<ProcessId> = self.processes.keys().copied().collect();
        for id in all {
            self.go_on(id);
            if self.worker(id).is_some_and(|worker| worker.decommissioned) {
                self.end_worker(id, Going::Orderly);
            }
        }
        self.elect();
    }
}
