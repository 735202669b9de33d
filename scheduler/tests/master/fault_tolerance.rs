//! Spark's `FaultToleranceTest`, without containers: masters and workers die and come, and an application runs.

use std::time::Duration;

use scheduler::ApplicationId;
use scheduler::cluster::{State, WorkerState};
use scheduler::message::ApplicationSpec;

use crate::world::{GIB, World, address, application};

fn cluster(masters: u64, workers: u64) -> World {
    let mut world = World::leaderless(&[]);
    for number in 1..=masters {
        world.add_master(number);
    }
    world.elect(1);
    for number in 1..=workers {
        world.add_worker(number, 4, 4 * GIB);
    }
    world
}

fn client(world: &mut World, number: u64) -> ApplicationId {
    world.run(ApplicationSpec {
        executor_cores: Some(1),
        ..application(number, GIB)
    })
}

/// One leader, the others in standby, all workers alive, and an executor on each for the application.
fn assert_valid(world: &World, application: ApplicationId, workers: usize) {
    assert_eq!(world.state(), State::Alive);
    let standby = world
        .masters
        .values()
        .filter(|m| m.state() == State::Standby);
    assert_eq!(standby.count(), world.masters.len() - 1);
    let alive = world
        .living()
        .filter(|worker| worker.state == WorkerState::Alive);
    assert_eq!(alive.count(), workers);
    assert!(world.cores(application).iter().all(|cores| *cores > 0));
}

/// The workers' processes die.
fn kill_workers(world: &mut World) {
    let all: Vec<_> = world.workers.keys().cloned().collect();
    world.workers.clear();
    for at in all {
        world.mute.insert(at.clone());
        if world.leader.is_some() {
            world.disconnect(&at);
        }
    }
}

#[test]
fn sanity_basic() {
    let mut world = cluster(1, 1);
    let id = client(&mut world, 1);
    assert_valid(&world, id, 1);
}

#[test]
fn sanity_many_masters() {
    let mut world = cluster(3, 3);
    let id = client(&mut world, 1);
    assert_valid(&world, id, 3);
}

#[test]
fn single_master_halt() {
    let mut world = cluster(3, 3);
    let id = client(&mut world, 1);
    world.kill_leader();
    world.elect(2);
    assert_valid(&world, id, 3);
    assert_eq!(world.executors(id).len(), 12);
}

#[test]
fn single_master_restart() {
    let mut world = cluster(1, 3);
    let id = client(&mut world, 1);
    world.kill_leader();
    world.add_master(2);
    world.elect(2);
    assert_valid(&world, id, 3);
    // And one more that finds nothing changed.
    world.kill_leader();
    world.add_master(3);
    world.elect(3);
    assert_valid(&world, id, 3);
}

#[test]
fn cluster_failure() {
    let mut world = cluster(2, 2);
    let id = client(&mut world, 1);
    world.kill_leader();
    world.masters.clear();
    kill_workers(&mut world);
    world.add_master(3);
    world.elect(3);
    for number in 11..=12 {
        world.add_worker(number, 4, 4 * GIB);
    }
    // Workers that were written down do not answer; the driver does.
    world.sleep(Duration::from_secs(61));
    assert_valid(&world, id, 2);
}

#[test]
fn all_but_standby_failure() {
    let mut world = cluster(2, 2);
    let id = client(&mut world, 1);
    kill_workers(&mut world);
    world.kill_leader();
    world.elect(2);
    assert!(world.executors(id).is_empty());
    for number in 11..=12 {
        world.add_worker(number, 4, 4 * GIB);
    }
    assert_valid(&world, id, 2);
}

#[test]
fn rolling_outage() {
    let mut world = cluster(1, 2);
    let id = client(&mut world, 1);
    for number in 2..=6 {
        world.add_master(number);
        world.kill_leader();
        world.elect(number);
        assert_valid(&world, id, 2);
        let lost = address("worker", number - 1);
        world.workers.remove(&lost);
        world.disconnect(&lost);
        world.add_worker(number + 1, 4, 4 * GIB);
        assert_valid(&world, id, 2);
    }
}
