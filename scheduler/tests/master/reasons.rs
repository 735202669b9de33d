//! Why somebody waits, in words.

use std::time::Duration;

use scheduler::cluster::{Input, Quota, Tenants};
use scheduler::message::{ApplicationSpec, ToApplication, ToMaster};

use crate::world::{GIB, World, application, driver};

fn wants(number: u64, cores: u32, memory: u64, executors: u32) -> ApplicationSpec {
    ApplicationSpec {
        executor_cores: Some(cores),
        executors: Some(executors),
        ..application(number, memory)
    }
}

fn reason(workers: &[(u32, u64)], spec: ApplicationSpec) -> Option<String> {
    let mut world = World::new(&[]);
    for (number, (cores, memory)) in (1..).zip(workers) {
        world.add_worker(number, *cores, *memory);
    }
    world.run(spec);
    world.waits_because(1)
}

#[test]
fn it_is_told_that_no_worker_has_registered() {
    let because = reason(&[], wants(1, 1, GIB, 1));
    assert_eq!(because.as_deref(), Some("no worker has registered"));
}

#[test]
fn it_is_told_that_no_worker_is_large_enough() {
    let workers = [(4, 2 * GIB), (2, 4 * GIB)];
    assert_eq!(
        reason(&workers, wants(1, 1, 8 * GIB, 1)).as_deref(),
        Some("needs 8 GiB for an executor, the largest worker has 4 GiB")
    );
    assert_eq!(
        reason(&workers, wants(1, 8, GIB, 1)).as_deref(),
        Some("needs 8 cores for an executor, the largest worker has 4")
    );
    assert_eq!(
        reason(&workers, wants(1, 4, 4 * GIB, 1)).as_deref(),
        Some("needs 4 cores and 4 GiB for an executor, no worker has both")
    );
    assert_eq!(
        reason(&workers, wants(1, 2_000_000_000, u64::MAX, u32::MAX)).as_deref(),
        Some("needs 2000000000 cores for an executor, the largest worker has 4")
    );
}

#[test]
fn it_is_told_that_all_is_in_use() {
    let mut world = World::new(&[]);
    world.add_worker(1, 16, 64 * GIB);
    world.run(application(1, GIB));
    world.run(wants(2, 1, GIB, 1));
    assert_eq!(
        world.waits_because(2).as_deref(),
        Some("all 16 cores are in use")
    );
    assert_eq!(world.waits_because(1), None);
}

#[test]
fn it_is_told_that_what_is_free_is_in_pieces() {
    let mut world = World::new(&[]);
    world.add_worker(1, 4, 64 * GIB);
    world.add_worker(2, 4, 64 * GIB);
    world.run(wants(1, 3, GIB, 2));
    world.run(wants(2, 2, GIB, 1));
    assert_eq!(
        world.waits_because(2).as_deref(),
        Some("needs 2 cores and 1 GiB for an executor, no worker has that free")
    );
}

#[test]
fn it_is_told_of_its_own_limits() {
    let spec = ApplicationSpec {
        cores_max: Some(4),
        ..wants(1, 2, GIB, 3)
    };
    assert_eq!(
        reason(&[(16, 64 * GIB)], spec).as_deref(),
        Some("it has 4 of the 4 cores that its `cores.max` allows")
    );
    let spec = ApplicationSpec {
        cores_max: Some(1),
        ..wants(1, 2, GIB, 1)
    };
    assert_eq!(
        reason(&[(16, 64 * GIB)], spec).as_deref(),
        Some("needs 2 cores for an executor, its `cores.max` allows 1 core")
    );
}

#[test]
fn it_is_told_of_its_tenants_limits() {
    let mut world = World::new(&[]);
    let quota = Quota {
        cores: Some(8),
        memory: Some(16 * GIB),
        ..Quota::default()
    };
    let named = [("default".into(), quota)].into();
    world.input(Input::TenantsChanged(Tenants {
        named,
        ..Tenants::default()
    }));
    world.add_worker(1, 64, 256 * GIB);
    world.run(wants(1, 16, GIB, 1));
    world.run(wants(2, 1, 32 * GIB, 1));
    assert_eq!(
        world.waits_because(1).as_deref(),
        Some("needs 16 cores for an executor, tenant `default` may have 8")
    );
    assert_eq!(
        world.waits_because(2).as_deref(),
        Some("needs 32 GiB for an executor, tenant `default` may have 16 GiB")
    );
}

fn news(world: &World, number: u64) -> usize {
    let told = world.told_driver(number);
    told.iter()
        .filter(|message| matches!(message, ToApplication::Waiting { .. }))
        .count()
}

#[test]
fn the_reason_is_told_when_it_changes_and_no_more() {
    let mut world = World::new(&[]);
    world.run(wants(1, 1, GIB, 2));
    assert_eq!(
        world.waits_because(1).as_deref(),
        Some("no worker has registered")
    );
    world.sleep(Duration::from_secs(30));
    assert_eq!(news(&world, 1), 1);
    world.add_worker(1, 1, 8 * GIB);
    assert_eq!(
        world.waits_because(1).as_deref(),
        Some("all 1 core are in use")
    );
    world.sleep(Duration::from_secs(30));
    assert_eq!(news(&world, 1), 2);
    world.add_worker(2, 1, 8 * GIB);
    assert_eq!(world.waits_because(1), None);
    assert_eq!(news(&world, 1), 3);
    world.sleep(Duration::from_secs(30));
    assert_eq!(news(&world, 1), 3);
}

#[test]
fn an_application_that_loses_what_it_had_is_told_why_it_waits_again() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 1, 8 * GIB);
    world.run(wants(1, 1, GIB, 1));
    assert_eq!(news(&world, 1), 0);
    world.workers.remove(&at);
    world.disconnect(&at);
    world.sleep(Duration::from_secs(2));
    assert_eq!(
        world.waits_because(1).as_deref(),
        Some("no worker has registered")
    );
}

#[test]
fn drivers_are_told_why_they_wait() {
    let mut world = World::new(&[]);
    let mut spec = driver(1, false);
    spec.memory = 8 * GIB;
    let id = world.submit(spec).unwrap();
    let reason = |world: &World| world.driver(id).status.reason.unwrap().to_string();
    assert_eq!(reason(&world), "no worker has registered");
    world.add_worker(1, 4, 4 * GIB);
    assert_eq!(
        reason(&world),
        "needs 8 GiB for the driver, the largest worker has 4 GiB"
    );
}

#[test]
fn absurd_requests_are_refused_with_a_reason() {
    let mut world = World::new(&[]);
    let mut nothing = driver(1, false);
    nothing.cores = 0;
    let refused = world.submit(nothing).unwrap_err();
    assert_eq!(&*refused, "`driver.cores` is 0; a driver needs at least 1");
    let spec = wants(1, 0, GIB, 1);
    assert_eq!(world.add_application(spec), None);
    let reason = "`executor.cores` is 0; an executor needs at least 1".into();
    assert_eq!(
        world.told_driver(1),
        [ToApplication::RegisterApplicationFailed { reason }]
    );
    world.say(
        &crate::world::address("elsewhere", 1),
        ToMaster::RegisterApplication(wants(2, 1, GIB, 1)),
    );
    assert_eq!(world.master().applications().count(), 0);
}
