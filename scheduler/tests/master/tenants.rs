//! Fair shares and quotas across tenants.

use std::time::Duration;

use scheduler::ApplicationId;
use scheduler::cluster::{EventKind, Input, Quota, Tenants};
use scheduler::message::{ApplicationSpec, DriverState};

use crate::world::{GIB, MIB, World, application, driver};

/// An application of a tenant with executors of one core.
fn of(tenant: &str, number: u64) -> ApplicationSpec {
    ApplicationSpec {
        tenant: tenant.into(),
        executor_cores: Some(1),
        ..application(number, 64 * MIB)
    }
}

fn greedy(tenant: &str, number: u64) -> ApplicationSpec {
    ApplicationSpec {
        executor_cores: None,
        ..of(tenant, number)
    }
}

fn tenants(named: &[(&str, Quota)]) -> Tenants {
    let named = named.iter().map(|(name, quota)| ((*name).into(), *quota));
    Tenants {
        named: named.collect(),
        ..Tenants::default()
    }
}

fn world(named: &[(&str, Quota)], workers: u64, cores: u32) -> World {
    let mut world = World::new(&[]);
    world.tenants = tenants(named);
    let quotas = world.tenants.clone();
    world.input(Input::TenantsChanged(quotas));
    for number in 1..=workers {
        world.add_worker(number, cores, 64 * GIB);
    }
    world
}

fn weight(weight: u32) -> Quota {
    Quota {
        weight,
        ..Quota::default()
    }
}

fn cores(world: &World, application: ApplicationId) -> u32 {
    world.cores(application).iter().sum()
}

/// Applications that wait together for the first worker.
fn waiting(named: &[(&str, Quota)], specs: Vec<ApplicationSpec>) -> (World, Vec<ApplicationId>) {
    let mut world = world(named, 0, 0);
    let ids = specs.into_iter().map(|spec| world.run(spec)).collect();
    (world, ids)
}

#[test]
fn tenants_that_wait_together_get_cores_by_weight() {
    let specs = vec![of("a", 1), of("b", 2)];
    let (mut world, ids) = waiting(&[("b", weight(3))], specs);
    world.add_worker(1, 16, 64 * GIB);
    assert_eq!((cores(&world, ids[0]), cores(&world, ids[1])), (4, 12));
}

#[test]
fn executors_that_take_all_cores_are_shared_by_weight_too() {
    let specs = vec![greedy("a", 1), greedy("b", 2)];
    let (mut world, ids) = waiting(&[("b", weight(3))], specs);
    world.add_worker(1, 16, 64 * GIB);
    assert_eq!((cores(&world, ids[0]), cores(&world, ids[1])), (4, 12));
    // One executor each, not one for each core.
    assert_eq!(
        world.executors(ids[0]).len() + world.executors(ids[1]).len(),
        2
    );
}

#[test]
fn within_a_tenant_the_earliest_application_is_first() {
    let specs = vec![of("a", 1), of("a", 2), of("b", 3)];
    let (mut world, ids) = waiting(&[], specs);
    world.add_worker(1, 8, 64 * GIB);
    let all: Vec<_> = ids.iter().map(|id| cores(&world, *id)).collect();
    assert_eq!(all, [4, 0, 4]);
}

#[test]
fn what_nobody_else_wants_may_be_used_beyond_the_share() {
    let mut world = world(&[], 2, 8);
    let first = world.run(of("a", 1));
    assert_eq!(cores(&world, first), 16);
}

#[test]
fn what_ends_goes_to_the_tenant_that_has_least() {
    let mut world = world(&[], 1, 8);
    let first = world.run(of("a", 1));
    let second = world.run(of("b", 2));
    assert_eq!((cores(&world, first), cores(&world, second)), (8, 0));
    for executor in 0..4 {
        world.kill(first, &[executor]);
    }
    assert_eq!((cores(&world, first), cores(&world, second)), (4, 4));
    // Both have their share; of what ends now the tenant that has less gets it: the one that gave it up.
    world.kill(first, &[4]);
    assert_eq!((cores(&world, first), cores(&world, second)), (4, 4));
}

#[test]
fn a_tenant_that_waits_gets_its_share_back_after_the_wait() {
    let mut world = world(&[], 1, 8);
    let first = world.run(of("a", 1));
    let second = world.run(of("b", 2));
    world.sleep(Duration::from_secs(29));
    assert_eq!(cores(&world, second), 0);
    world.sleep(Duration::from_secs(2));
    assert!(cores(&world, second) > 0);
    world.sleep(Duration::from_secs(300));
    // No more than its share.
    assert_eq!((cores(&world, first), cores(&world, second)), (4, 4));
    // The newest were killed.
    let killed: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::ExecutorKilled { executor, reason } => {
                assert_eq!(&**reason, "tenant `b` has waited 30 s for its share");
                Some(executor.executor.0)
            }
            _ => None,
        })
        .collect();
    assert_eq!(killed, [7, 6, 5, 4]);
}

#[test]
fn shares_given_back_are_by_weight() {
    let mut world = world(&[("b", weight(3))], 4, 4);
    let first = world.run(of("a", 1));
    let second = world.run(of("b", 2));
    world.sleep(Duration::from_secs(400));
    assert_eq!((cores(&world, first), cores(&world, second)), (4, 12));
}

#[test]
fn nobody_falls_below_its_share() {
    // Executors of three cores: b's share of 8 is 4, and a keeps 2 of its 3 executors of 3 cores, 6 of 9.
    let mut world = world(&[], 3, 3);
    let large = |tenant, number| ApplicationSpec {
        executor_cores: Some(3),
        ..of(tenant, number)
    };
    let first = world.run(large("a", 1));
    let second = world.run(large("b", 2));
    world.sleep(Duration::from_secs(400));
    assert_eq!((cores(&world, first), cores(&world, second)), (6, 3));
}

#[test]
fn one_executor_that_fills_the_cluster_gives_way_to_two() {
    let mut world = world(&[], 1, 16);
    let first = world.run(greedy("a", 1));
    let second = world.run(greedy("b", 2));
    assert_eq!((cores(&world, first), cores(&world, second)), (16, 0));
    world.sleep(Duration::from_secs(31));
    assert_eq!((cores(&world, first), cores(&world, second)), (8, 8));
    // And there it stays.
    let kills = |kind: &EventKind| matches!(kind, EventKind::ExecutorKilled { .. });
    let before = world.happened(kills);
    world.sleep(Duration::from_secs(300));
    assert_eq!(world.happened(kills), before);
}

#[test]
fn room_is_made_on_one_worker_for_a_large_executor() {
    let mut world = world(&[], 4, 4);
    let first = world.run(of("a", 1));
    let second = world.run(ApplicationSpec {
        executor_cores: Some(4),
        executors: Some(1),
        ..of("b", 2)
    });
    world.sleep(Duration::from_secs(31));
    assert_eq!(cores(&world, second), 4);
    assert_eq!(cores(&world, first), 12);
}

#[test]
fn room_that_is_being_made_is_not_given_to_others() {
    let mut world = world(&[], 1, 4);
    world.slow_kills = true;
    let first = world.run(of("a", 1));
    let second = world.run(ApplicationSpec {
        executor_cores: Some(2),
        executors: Some(1),
        ..of("b", 2)
    });
    world.sleep(Duration::from_secs(31));
    let dying: Vec<_> = [3, 2]
        .map(|n| crate::world::report(first, n, 1, 0).name)
        .to_vec();
    let at = crate::world::address("worker", 1);
    for (ended, name) in (1..).zip(dying) {
        let killed = scheduler::message::ToMaster::ExecutorStateChanged {
            worker: scheduler::WorkerId(1),
            name,
            state: scheduler::message::ExecutorState::Killed,
            reason: None,
            exit_code: None,
        };
        world.say(&at, killed);
        // One core is free, and neither that of the first tenant nor enough for the second.
        let expected = if ended == 2 { 2 } else { 0 };
        assert_eq!(cores(&world, second), expected);
    }
}

#[test]
fn room_that_nobody_waits_for_any_more_is_given_to_others() {
    let mut world = world(&[], 1, 4);
    world.slow_kills = true;
    let first = world.run(of("a", 1));
    let second = world.run(ApplicationSpec {
        executors: Some(1),
        ..of("b", 2)
    });
    world.sleep(Duration::from_secs(31));
    world.request(second, 0);
    let name = crate::world::report(first, 3, 1, 0).name;
    world.slow_kills = false;
    world.say(
        &crate::world::address("worker", 1),
        scheduler::message::ToMaster::ExecutorStateChanged {
            worker: scheduler::WorkerId(1),
            name,
            state: scheduler::message::ExecutorState::Killed,
            reason: None,
            exit_code: None,
        },
    );
    assert_eq!(cores(&world, first), 4);
}

#[test]
fn where_there_are_fewer_executors_than_tenants_they_take_turns() {
    let mut world = world(&[], 1, 1);
    let ids: Vec<_> = (1..=3)
        .map(|n| world.run(of(&format!("t{n}"), n)))
        .collect();
    let mut served = [false; 3];
    for _ in 0..20 {
        for (at, id) in ids.iter().enumerate() {
            served[at] |= cores(&world, *id) > 0;
        }
        world.sleep(Duration::from_secs(31));
    }
    assert_eq!(served, [true; 3]);
}

#[test]
fn a_tenant_starved_of_memory_gets_an_executor() {
    let mut world = World::new(&[]);
    world.add_worker(1, 16, GIB);
    let hog = ApplicationSpec {
        executor_memory: GIB,
        ..of("a", 1)
    };
    world.run(hog);
    let second = world.run(ApplicationSpec {
        executor_memory: GIB / 2,
        executors: Some(1),
        ..of("b", 2)
    });
    world.sleep(Duration::from_secs(31));
    assert_eq!(world.executors(second).len(), 1);
}

#[test]
fn a_tenant_has_no_more_cores_than_its_cap() {
    let cap = Quota {
        cores: Some(3),
        ..Quota::default()
    };
    let mut world = world(&[("a", cap)], 1, 8);
    let first = world.run(of("a", 1));
    let second = world.run(greedy("a", 2));
    assert_eq!((cores(&world, first), cores(&world, second)), (3, 0));
    assert_eq!(
        world.waits_because(2).as_deref(),
        Some("tenant `a` is at its cap of 3 cores")
    );
    world.request(first, 1);
    world.kill(first, &[1, 2]);
    assert_eq!((cores(&world, first), cores(&world, second)), (1, 2));
}

#[test]
fn a_tenant_has_no_more_memory_than_its_cap() {
    let cap = Quota {
        memory: Some(GIB),
        ..Quota::default()
    };
    let mut world = world(&[("a", cap)], 1, 8);
    let first = world.run(ApplicationSpec {
        executor_memory: GIB / 2,
        ..of("a", 1)
    });
    assert_eq!(cores(&world, first), 2);
    let second = world.run(of("a", 2));
    assert_eq!(cores(&world, second), 0);
    assert_eq!(
        world.waits_because(2).as_deref(),
        Some("tenant `a` is at its cap of 1 GiB")
    );
}

#[test]
fn applications_beyond_the_cap_wait_for_earlier_ones_to_end() {
    let cap = Quota {
        applications: Some(1),
        ..Quota::default()
    };
    let mut world = world(&[("a", cap)], 1, 8);
    let first = world.run(ApplicationSpec {
        executors: Some(1),
        ..of("a", 1)
    });
    let second = world.run(of("a", 2));
    let other = world.run(ApplicationSpec {
        executors: Some(1),
        ..of("b", 3)
    });
    assert_eq!(
        (
            cores(&world, first),
            cores(&world, second),
            cores(&world, other)
        ),
        (1, 0, 1)
    );
    assert_eq!(
        world.waits_because(2).as_deref(),
        Some("tenant `a` is at its cap of 1 applications")
    );
    world.say_for(
        first,
        scheduler::message::ToMaster::UnregisterApplication(first),
    );
    assert_eq!(cores(&world, second), 7);
    assert_eq!(world.waits_because(2), None);
}

#[test]
fn drivers_beyond_the_cap_wait() {
    let cap = Quota {
        drivers: Some(1),
        ..Quota::default()
    };
    let mut world = world(&[("default", cap)], 1, 8);
    let first = world.submit(driver(1, false)).unwrap();
    let second = world.submit(driver(2, false)).unwrap();
    assert_eq!(world.driver(first).status.state, DriverState::Running);
    let status = world.driver(second).status;
    assert_eq!(status.state, DriverState::Submitted);
    assert_eq!(
        status.reason.as_deref(),
        Some("tenant `default` is at its cap of 1 drivers")
    );
    world.ask(scheduler::message::ToMaster::RequestKillDriver(first));
    assert_eq!(world.driver(second).status.state, DriverState::Running);
}

#[test]
fn a_driver_of_a_tenant_that_has_nothing_gets_room() {
    let mut world = world(&[], 1, 2);
    world.run(of("a", 1));
    let id = world.submit(driver(1, false)).unwrap();
    assert_eq!(
        world.driver(id).status.reason.as_deref(),
        Some("all 2 cores are in use")
    );
    world.sleep(Duration::from_secs(31));
    assert_eq!(world.driver(id).status.state, DriverState::Running);
}

#[test]
fn quotas_that_change_hold_from_then_on() {
    let mut world = world(&[], 1, 8);
    let first = world.run(of("a", 1));
    assert_eq!(cores(&world, first), 8);
    let cap = Quota {
        cores: Some(2),
        ..Quota::default()
    };
    world.input(Input::TenantsChanged(tenants(&[("a", cap)])));
    // Nothing is taken away, and nothing more given.
    assert_eq!(cores(&world, first), 8);
    world.kill(first, &[0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(cores(&world, first), 2);
    world.input(Input::TenantsChanged(Tenants::default()));
    assert_eq!(cores(&world, first), 8);
}

#[test]
fn a_weight_of_nothing_counts_as_one() {
    let specs = vec![of("a", 1), of("b", 2)];
    let (mut world, ids) = waiting(&[("a", weight(0))], specs);
    world.add_worker(1, 4, 64 * GIB);
    assert_eq!((cores(&world, ids[0]), cores(&world, ids[1])), (2, 2));
}

/// Where they take turns, a turn is as long as the wait.
#[test]
fn whoever_took_a_turn_has_it_for_a_while() {
    let mut world = world(&[], 1, 1);
    for number in 1..=4 {
        world.run(of(&format!("t{number}"), number));
        world.sleep(Duration::from_secs(3));
    }
    world.sleep(Duration::from_secs(600));
    let launches = world.events.iter().filter_map(|event| match &event.kind {
        EventKind::ExecutorLaunched { executor, .. } => Some((event.at, executor.application)),
        _ => None,
    });
    let launches: Vec<_> = launches.collect();
    for turn in launches.windows(2) {
        assert!(turn[1].0.since(turn[0].0) >= Duration::from_secs(30));
    }
    // Each in its turn.
    for round in launches.chunks_exact(4) {
        let mut owners: Vec<_> = round.iter().map(|(_, owner)| *owner).collect();
        owners.sort_unstable();
        owners.dedup();
        assert_eq!(owners.len(), 4);
    }
    assert!(launches.len() > 16);
}
