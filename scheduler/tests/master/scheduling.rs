//! Spark's `MasterSuite`: three workers of 10 cores and 4 GiB, one application.

use scheduler::cluster::EventKind;
use scheduler::message::{ApplicationSpec, ApplicationState, DriverState, ExecutorState, ToWorker};

use crate::world::{GIB, MIB, World, application, driver, report};

fn three_workers(spread_out: bool) -> World {
    let spread_out = spread_out.to_string();
    let mut world = World::new(&[("deploy.spreadOutApps", &spread_out)]);
    for number in 1..=3 {
        world.add_worker(number, 10, 4 * GIB);
    }
    world
}

/// Cores of the application on each worker.
fn scheduled(spread_out: bool, spec: ApplicationSpec) -> Vec<u32> {
    let mut world = three_workers(spread_out);
    let id = world.run(spec);
    world.cores(id)
}

fn with(
    memory: u64,
    executor_cores: Option<u32>,
    cores_max: Option<u32>,
    executors: Option<u32>,
) -> ApplicationSpec {
    ApplicationSpec {
        executor_cores,
        cores_max,
        executors,
        ..application(1, memory * MIB)
    }
}

#[test]
fn basic_scheduling_spread_out() {
    assert_eq!(scheduled(true, with(1024, None, None, None)), [10, 10, 10]);
}

#[test]
fn basic_scheduling_no_spread_out() {
    assert_eq!(scheduled(false, with(1024, None, None, None)), [10, 10, 10]);
}

#[test]
fn basic_scheduling_with_more_memory_spread_out() {
    assert_eq!(scheduled(true, with(3072, None, None, None)), [10, 10, 10]);
}

#[test]
fn basic_scheduling_with_more_memory_no_spread_out() {
    assert_eq!(scheduled(false, with(3072, None, None, None)), [10, 10, 10]);
}

#[test]
fn scheduling_with_max_cores_spread_out() {
    assert_eq!(scheduled(true, with(1024, None, Some(8), None)), [3, 3, 2]);
    assert_eq!(scheduled(true, with(1024, None, Some(16), None)), [6, 5, 5]);
}

#[test]
fn scheduling_with_max_cores_no_spread_out() {
    assert_eq!(scheduled(false, with(1024, None, Some(8), None)), [8, 0, 0]);
    assert_eq!(
        scheduled(false, with(1024, None, Some(16), None)),
        [10, 6, 0]
    );
}

fn cores_per_executor(spread_out: bool) {
    // Memory is for four executors a worker, then for sixteen.
    assert_eq!(
        scheduled(spread_out, with(1024, Some(2), None, None)),
        [8, 8, 8]
    );
    assert_eq!(
        scheduled(spread_out, with(256, Some(2), None, None)),
        [10, 10, 10]
    );
    assert_eq!(
        scheduled(spread_out, with(256, Some(3), None, None)),
        [9, 9, 9]
    );
}

#[test]
fn scheduling_with_cores_per_executor_spread_out() {
    cores_per_executor(true);
}

#[test]
fn scheduling_with_cores_per_executor_no_spread_out() {
    cores_per_executor(false);
}

#[test]
fn scheduling_with_cores_per_executor_and_max_cores_spread_out() {
    assert_eq!(
        scheduled(true, with(256, Some(2), Some(4), None)),
        [2, 2, 0]
    );
    assert_eq!(
        scheduled(true, with(256, Some(2), Some(20), None)),
        [8, 6, 6]
    );
    assert_eq!(
        scheduled(true, with(256, Some(3), Some(20), None)),
        [6, 6, 6]
    );
}

#[test]
fn scheduling_with_cores_per_executor_and_max_cores_no_spread_out() {
    assert_eq!(
        scheduled(false, with(256, Some(2), Some(4), None)),
        [4, 0, 0]
    );
    assert_eq!(
        scheduled(false, with(256, Some(2), Some(20), None)),
        [10, 10, 0]
    );
    assert_eq!(
        scheduled(false, with(256, Some(3), Some(20), None)),
        [9, 9, 0]
    );
}

fn executor_limit(spread_out: bool) {
    assert_eq!(
        scheduled(spread_out, with(256, None, None, Some(0))),
        [0, 0, 0]
    );
    assert_eq!(
        scheduled(spread_out, with(256, None, None, Some(2))),
        [10, 10, 0]
    );
    assert_eq!(
        scheduled(spread_out, with(256, None, None, Some(5))),
        [10, 10, 10]
    );
}

#[test]
fn scheduling_with_executor_limit_spread_out() {
    executor_limit(true);
}

#[test]
fn scheduling_with_executor_limit_no_spread_out() {
    executor_limit(false);
}

#[test]
fn scheduling_with_executor_limit_and_max_cores_spread_out() {
    assert_eq!(
        scheduled(true, with(256, None, Some(16), Some(0))),
        [0, 0, 0]
    );
    assert_eq!(
        scheduled(true, with(256, None, Some(16), Some(2))),
        [8, 8, 0]
    );
    assert_eq!(
        scheduled(true, with(256, None, Some(16), Some(5))),
        [6, 5, 5]
    );
}

#[test]
fn scheduling_with_executor_limit_and_max_cores_no_spread_out() {
    assert_eq!(
        scheduled(false, with(256, None, Some(16), Some(0))),
        [0, 0, 0]
    );
    assert_eq!(
        scheduled(false, with(256, None, Some(16), Some(2))),
        [10, 6, 0]
    );
    assert_eq!(
        scheduled(false, with(256, None, Some(16), Some(5))),
        [10, 6, 0]
    );
}

#[test]
fn scheduling_with_executor_limit_and_cores_per_executor_spread_out() {
    assert_eq!(
        scheduled(true, with(256, Some(4), None, Some(0))),
        [0, 0, 0]
    );
    assert_eq!(
        scheduled(true, with(256, Some(4), None, Some(2))),
        [4, 4, 0]
    );
    assert_eq!(
        scheduled(true, with(256, Some(4), None, Some(5))),
        [8, 8, 4]
    );
}

#[test]
fn scheduling_with_executor_limit_and_cores_per_executor_no_spread_out() {
    assert_eq!(
        scheduled(false, with(256, Some(4), None, Some(0))),
        [0, 0, 0]
    );
    assert_eq!(
        scheduled(false, with(256, Some(4), None, Some(2))),
        [8, 0, 0]
    );
    assert_eq!(
        scheduled(false, with(256, Some(4), None, Some(5))),
        [8, 8, 4]
    );
}

#[test]
fn scheduling_with_executor_limit_and_cores_per_executor_and_max_cores_spread_out() {
    assert_eq!(
        scheduled(true, with(256, Some(4), Some(18), Some(0))),
        [0, 0, 0]
    );
    assert_eq!(
        scheduled(true, with(256, Some(4), Some(18), Some(2))),
        [4, 4, 0]
    );
    assert_eq!(
        scheduled(true, with(256, Some(4), Some(18), Some(5))),
        [8, 4, 4]
    );
}

#[test]
fn scheduling_with_executor_limit_and_cores_per_executor_and_max_cores_no_spread_out() {
    assert_eq!(
        scheduled(false, with(256, Some(4), Some(18), Some(0))),
        [0, 0, 0]
    );
    assert_eq!(
        scheduled(false, with(256, Some(4), Some(18), Some(2))),
        [8, 0, 0]
    );
    assert_eq!(
        scheduled(false, with(256, Some(4), Some(18), Some(5))),
        [8, 8, 0]
    );
}

/// SPARK-8881: four workers of 16 cores, three executors of 16. One core at a time would give each worker 12.
#[test]
fn an_executor_is_given_whole_or_not_at_all() {
    let mut world = World::new(&[]);
    for number in 1..=4 {
        world.add_worker(number, 16, 4 * GIB);
    }
    let id = world.run(with(256, Some(16), Some(48), None));
    assert_eq!(world.cores(id), [16, 16, 16, 0]);
}

#[test]
fn applications_without_a_limit_get_the_default_cores() {
    let mut world = World::new(&[("deploy.defaultCores", "4")]);
    world.add_worker(1, 10, 4 * GIB);
    let first = world.run(application(1, GIB));
    let asking = ApplicationSpec {
        cores_max: Some(5),
        ..application(2, GIB)
    };
    let second = world.run(asking);
    assert_eq!(
        (world.cores(first), world.cores(second)),
        (vec![4], vec![5])
    );
}

#[test]
fn applications_of_one_tenant_are_served_in_order_of_submission() {
    let mut world = three_workers(true);
    let first = world.run(application(1, GIB));
    let second = world.run(with(1024, Some(2), None, Some(1)).driver_number(2));
    let third = world.run(with(1024, Some(2), None, Some(1)).driver_number(3));
    assert_eq!(world.cores(first), [10, 10, 10]);
    assert!(world.executors(second).is_empty());
    world.kill(first, &[0]);
    // What ended was one executor of ten cores; the first in line wants it back, for it has no limit.
    assert_eq!(world.cores(first), [10, 10, 10]);
    world.request(first, 2);
    world.kill(first, &[1]);
    assert_eq!(world.executors(second).len(), 1);
    assert_eq!(world.executors(third).len(), 1);
}

trait Renumbered {
    fn driver_number(self, number: u64) -> Self;
}

impl Renumbered for ApplicationSpec {
    fn driver_number(self, number: u64) -> Self {
        let other = application(number, self.executor_memory);
        Self {
            key: other.key,
            driver: other.driver,
            ..self
        }
    }
}

/// SPARK-45174: scheduling with max drivers.
#[test]
fn no_more_drivers_run_than_the_cluster_may_have() {
    let mut world = World::new(&[("deploy.maxDrivers", "4")]);
    world.add_worker(1, 10, 8 * GIB);
    let drivers: Vec<_> = (1..=6)
        .map(|n| world.submit(driver(n, false)).unwrap())
        .collect();
    let state = |world: &World, at: usize| world.driver(drivers[at]).status.state;
    assert_eq!(state(&world, 3), DriverState::Running);
    assert_eq!(state(&world, 4), DriverState::Submitted);
    let reason = world.driver(drivers[4]).status.reason.unwrap();
    assert!(reason.contains("deploy.maxDrivers"), "{reason}");
}

/// SPARK-46800: schedule to spread out drivers; schedule not to spread out drivers.
#[test]
fn drivers_are_spread_out_or_packed() {
    for (spread_out, expected) in [("true", [1, 1, 1]), ("false", [3, 0, 0])] {
        let mut world = World::new(&[("deploy.spreadOutDrivers", spread_out)]);
        for number in 1..=3 {
            world.add_worker(number, 10, 4 * GIB);
        }
        for number in 1..=3 {
            world.submit(driver(number, false)).unwrap();
        }
        let drivers: Vec<_> = world.living().map(|worker| worker.drivers.len()).collect();
        assert_eq!(drivers, expected);
    }
}

#[test]
fn a_worker_is_asked_to_kill_unknown_executors_and_drivers() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 10, 128 * MIB);
    world.slow_kills = true;
    let unknown = |number| scheduler::ApplicationId {
        epoch: scheduler::Epoch(0),
        number,
    };
    let unknown_driver = |number| scheduler::DriverId {
        epoch: scheduler::Epoch(0),
        number,
    };
    let executors: Vec<_> = (0..3)
        .map(|n| report(unknown(n), n, 2, 128 * MIB))
        .collect();
    let drivers: Vec<_> = (0..3).map(unknown_driver).collect();
    let latest = scheduler::message::ToMaster::WorkerLatestState {
        worker: scheduler::WorkerId(1),
        executors: executors.clone(),
        drivers: drivers.clone(),
    };
    world.say(&at, latest);
    let told = world.told_worker(1);
    for executor in &executors {
        assert!(told.contains(&ToWorker::KillExecutor(executor.name)));
    }
    for driver in &drivers {
        assert!(told.contains(&ToWorker::KillDriver(*driver)));
    }
    // Until they are gone nobody knows what is free there.
    let id = world.run(with(64, Some(1), None, Some(1)));
    assert!(world.executors(id).is_empty());
    for executor in executors {
        world.say(
            &at,
            scheduler::message::ToMaster::ExecutorStateChanged {
                worker: scheduler::WorkerId(1),
                name: executor.name,
                state: ExecutorState::Killed,
                reason: None,
                exit_code: None,
            },
        );
    }
    assert!(world.executors(id).is_empty());
    for driver in drivers {
        world.say(
            &at,
            scheduler::message::ToMaster::DriverStateChanged {
                worker: scheduler::WorkerId(1),
                driver,
                state: DriverState::Killed,
                reason: None,
            },
        );
    }
    assert_eq!(world.executors(id).len(), 1);
}

/// SPARK-27510.
#[test]
fn no_dead_loop_while_launching_executors_fails() {
    let mut world = World::new(&[]);
    world.add_worker(1, 10, 4 * GIB);
    world.launches_fail = true;
    let id = world.run(with(1024, None, None, None));
    let launched = world.happened(|kind| matches!(kind, EventKind::ExecutorLaunched { .. }));
    assert_eq!(launched, 10);
    assert_eq!(world.master().application(id), None);
    let ended = world.master().applications().next().unwrap();
    assert_eq!(ended.state, ApplicationState::Failed);
    assert_eq!(
        ended.reason.as_deref(),
        Some("10 executors failed in a row and none runs")
    );
}
