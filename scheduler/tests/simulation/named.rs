//! Spark's scenarios with whole clusters, by name: `FaultToleranceTest`, `DecommissionWorkerSuite`, and the node failures
//! of `DistributedSuite`. Each is played with several seeds.

use std::time::Duration;

use scheduler::worker;

use crate::network::HostId;
use crate::process::{Going, Machine, ProcessId};
use crate::program::{PlannedJob, Program};
use crate::scenario::{GIB, Plan, Scenario};
use crate::shape::{Node, rdds};
use crate::site::Role;
use crate::trace::Trace;
use crate::world::{Told, World};

/// Map tasks of the program, and reduce tasks.
const TASKS: u64 = 8;

const SECOND: Duration = Duration::from_secs(1);

/// Plays a scenario with several seeds: masters, workers of two cores, and a program that shuffles.
fn play(masters: usize, workers: usize, act: fn(&mut World)) {
    for seed in 0..20 {
        let mut world = cluster(seed, masters, workers);
        act(&mut world);
        world.finish();
        assert_eq!(world.stats.jobs, 1, "with seed {seed}");
        assert_eq!(world.stats.applications, 1, "with seed {seed}");
    }
}

fn cluster(seed: u64, masters: usize, workers: usize) -> World {
    let mut scenario = Scenario {
        name: "named",
        masters,
        workers: vec![(2, 4 * GIB); workers],
        clients: 1,
        trouble: 300 * SECOND,
        ..Scenario::empty()
    };
    scenario.set("stage.maxConsecutiveAttempts", "100");
    scenario.set("worker.maxRegistrationRetries", "100");
    let mut world = World::new(seed, scenario, Trace::default());
    world.add_program(&plan(), program());
    world.begin();
    world
}

fn program() -> Program {
    let tasks = u32::try_from(TASKS).unwrap();
    let rdds = rdds(&[
        (Node::Source(tasks), false),
        (Node::Shuffled(0, tasks), false),
    ]);
    let last = rdds.last().unwrap();
    let job = PlannedJob {
        rdd: last.id,
        partitions: (0..last.partitions).collect(),
        writes: true,
        poison: None,
        cancelled_after: None,
        pool: None,
    };
    Program::new(rdds, vec![job], 1, 4 * SECOND, SECOND)
}

fn plan() -> Plan {
    Plan {
        at: 5 * SECOND,
        tenant: "default",
        style: crate::families::style(&mut scheduler::Random::new(0)),
        cluster: false,
        supervise: false,
        cores_max: None,
        executor_cores: Some(1),
        executor_memory: GIB,
        executors: None,
    }
}

impl World {
    fn wait_for(&mut self, what: impl Fn(&Self) -> bool) {
        let end = self.now + 120 * SECOND;
        while !what(self) {
            assert!(self.now < end, "it never happens");
            self.run_until(self.now + Duration::from_millis(100));
        }
    }

    /// Waits until so many map outputs are there.
    fn wait_for_outputs(&mut self, count: usize) {
        self.wait_for(|world| world.data.files.len() >= count);
    }

    fn wait_for_tasks(&mut self) {
        self.wait_for(|world| world.stats.tasks > 0);
    }

    /// A machine goes, and does not come back by itself.
    fn halt(&mut self, host: HostId) {
        let Some(daemon) = self.sites[host.0].daemon else {
            return;
        };
        match self.processes[&daemon].machine {
            Machine::Master(_) => self.end_master(daemon, Going::Silent),
            _ => self.end_worker(daemon, Going::Silent),
        }
        self.sites[host.0].down = true;
    }

    fn halt_leader(&mut self) {
        let leader = self.election.leader().unwrap();
        self.halt(self.processes[&leader].host);
    }

    fn halt_all(&mut self, role: Role) {
        for host in self.sites_of(role) {
            self.halt(host);
        }
    }

    fn restart_all(&mut self) {
        for number in 0..self.sites.len() {
            self.sites[number].down = false;
            self.start_daemon(HostId(number));
        }
    }

    fn wait_for_leader(&mut self) {
        self.wait_for(|world| world.election.leader().is_some());
    }

    fn workers(&self) -> Vec<ProcessId> {
        let hosts = self.sites_of(Role::Worker);
        let daemons = hosts.iter().map(|host| self.sites[host.0].daemon);
        daemons.flatten().collect()
    }

    /// Workers with map outputs, all but one of all, are told that they will be gone.
    fn decommission_most(&mut self) -> Vec<ProcessId> {
        let most = self.workers()[1..].to_vec();
        for id in &most {
            if let Some(worker) = self.worker(*id) {
                worker.decommissioned = true;
            }
            self.tell(*id, Told::Worker(worker::Input::DecommissionAsked));
        }
        most
    }

    fn lose(&mut self, workers: Vec<ProcessId>) {
        for id in workers {
            let host = self.processes[&id].host;
            self.end_worker(id, Going::Silent);
            self.data.lose_disk(host);
        }
    }

    /// A machine that computes loses power and its disk.
    fn lose_a_busy_one(&mut self) {
        self.wait_for(|world| world.busy_worker().is_some());
        let worker = self.busy_worker();
        self.lose(worker.into_iter().collect());
    }

    fn busy_worker(&self) -> Option<ProcessId> {
        let mut processes = self.processes.values();
        let busy = processes.find(|process| match &process.machine {
            Machine::Executor(executor) => !executor.running.is_empty(),
            _ => false,
        });
        self.sites[busy?.host.0].daemon
    }

    fn ran_again(&self) {
        let tasks = self.stats.tasks;
        assert!(tasks > 2 * TASKS, "{tasks} tasks ran: none of them twice");
    }
}

#[test]
fn simulated_sanity_basic() {
    play(1, 1, |_| {});
}

#[test]
fn simulated_sanity_many_masters() {
    play(3, 2, |_| {});
}

#[test]
fn simulated_single_master_halt() {
    play(3, 2, |world| {
        world.wait_for_tasks();
        world.halt_leader();
    });
}

#[test]
fn simulated_single_master_restart() {
    play(1, 2, |world| {
        world.wait_for_tasks();
        world.halt_leader();
        world.run_until(world.now + 5 * SECOND);
        world.restart_all();
    });
}

#[test]
fn simulated_cluster_failure() {
    play(2, 2, |world| {
        world.wait_for_tasks();
        world.halt_all(Role::Worker);
        world.halt_all(Role::Master);
        world.run_until(world.now + 30 * SECOND);
        world.restart_all();
    });
}

#[test]
fn simulated_all_but_standby_failure() {
    play(2, 2, |world| {
        world.wait_for_tasks();
        world.halt_leader();
        world.halt_all(Role::Worker);
        world.run_until(world.now + 30 * SECOND);
        world.restart_all();
    });
}

#[test]
fn simulated_rolling_outage() {
    play(2, 2, |world| {
        world.wait_for_tasks();
        for _ in 0..3 {
            world.wait_for_leader();
            world.halt_leader();
            world.run_until(world.now + 10 * SECOND);
            world.restart_all();
        }
    });
}

#[test]
fn simulated_decommissioned_workers_fail_no_job() {
    play(1, 3, |world| {
        world.wait_for_outputs(3);
        let gone = world.decommission_most();
        world.run_until(world.now + 10 * SECOND);
        world.lose(gone);
    });
}

#[test]
fn simulated_outputs_of_decommissioned_workers_are_made_again() {
    play(1, 3, |world| {
        world.wait_for_outputs(usize::try_from(TASKS).unwrap());
        let gone = world.decommission_most();
        world.lose(gone);
        world.wait_for(|world| world.stats.tasks > 2 * TASKS);
    });
}

#[test]
fn simulated_stalled_decommissioned_workers_lead_to_a_rerun() {
    play(1, 3, |world| {
        world.wait_for_outputs(usize::try_from(TASKS).unwrap());
        for id in world.decommission_most() {
            world.stop(id);
        }
        world.wait_for(|world| world.stats.tasks > 2 * TASKS);
    });
}

#[test]
fn simulated_eager_decommissioned_workers_lead_to_a_rerun() {
    play(1, 3, |world| {
        world.wait_for_outputs(usize::try_from(TASKS).unwrap() - 1);
        let gone = world.decommission_most();
        world.lose(gone);
        world.finish();
        world.ran_again();
    });
}

#[test]
fn simulated_recovery_from_node_failures() {
    play(1, 4, |world| {
        world.wait_for_tasks();
        world.lose_a_busy_one();
        world.finish();
        world.ran_again();
    });
}

#[test]
fn simulated_recovery_from_repeated_node_failures_during_shuffle_map() {
    play(1, 4, |world| {
        for outputs in [0, 2, 4] {
            world.wait_for_outputs(outputs);
            world.lose_a_busy_one();
        }
        world.finish();
        world.ran_again();
    });
}

#[test]
fn simulated_recovery_from_repeated_node_failures_during_shuffle_reduce() {
    play(1, 4, |world| {
        for _ in 0..3 {
            world.wait_for_outputs(usize::try_from(TASKS).unwrap());
            world.lose_a_busy_one();
        }
        world.finish();
        world.ran_again();
    });
}
