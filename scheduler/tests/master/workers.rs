//! Workers come, speak, fall silent and go.

use std::time::Duration;

use scheduler::cluster::{Change, EventKind, WorkerState};
use scheduler::message::{
    ApplicationSpec, ExecutorState, ToApplication, ToMaster, ToWorker, WorkerInfo,
};
use scheduler::{Address, WorkerId};

use crate::world::{FakeWorker, GIB, World, address, application};

fn info(number: u64, at: &Address) -> WorkerInfo {
    WorkerInfo {
        id: WorkerId(number),
        address: at.clone(),
        host: "host".into(),
        rack: None,
        cores: 10,
        memory: 4 * GIB,
    }
}

fn registered(duplicate: bool) -> ToWorker {
    ToWorker::RegisteredWorker {
        master: address("master", 1),
        duplicate,
    }
}

#[test]
fn a_worker_that_registers_again_is_told_that_it_is_known() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 10, 4 * GIB);
    let again = world.workers[&at].info.clone();
    world.say(&at, ToMaster::RegisterWorker(again));
    assert_eq!(world.told_worker(1), [registered(false), registered(true)]);
    assert_eq!(world.living().count(), 1);
}

#[test]
fn a_second_worker_at_the_same_address_is_refused() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 10, 4 * GIB);
    world.say(&at, ToMaster::RegisterWorker(info(2, &at)));
    let told = world.told_worker(1);
    let [_, ToWorker::RegisterWorkerFailed { reason }] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(
        &**reason,
        "worker-0000000000000001 is registered at worker-1:1 already"
    );
    assert_eq!(world.living().count(), 1);
}

#[test]
fn a_worker_that_takes_anothers_name_is_refused() {
    let mut world = World::new(&[]);
    world.add_worker(1, 10, 4 * GIB);
    let other = address("worker", 2);
    world.say(&other, ToMaster::RegisterWorker(info(1, &other)));
    let told = world.told_worker(2);
    assert!(
        matches!(told[..], [ToWorker::RegisterWorkerFailed { .. }]),
        "{told:?}"
    );
}

#[test]
fn a_worker_that_claims_the_absurd_is_refused() {
    let mut world = World::new(&[]);
    let at = address("worker", 1);
    let claims = [(0, GIB), (u32::MAX, GIB), (4, 0), (4, u64::MAX)];
    for (cores, memory) in claims {
        let claim = WorkerInfo {
            cores,
            memory,
            ..info(1, &at)
        };
        world.say(&at, ToMaster::RegisterWorker(claim));
    }
    let told = world.told_worker(1);
    assert_eq!(told.len(), claims.len());
    for message in told {
        let ToWorker::RegisterWorkerFailed { reason } = message else {
            panic!("{message:?}");
        };
        assert!(reason.starts_with("it claims "), "{reason}");
    }
    assert_eq!(
        world.happened(|kind| matches!(kind, EventKind::WorkerRefused { .. })),
        4
    );
}

#[test]
fn a_heartbeat_of_an_unknown_worker_is_answered_with_reconnect() {
    let mut world = World::new(&[]);
    world.say(&address("worker", 9), ToMaster::Heartbeat(WorkerId(9)));
    let master = address("master", 1);
    assert_eq!(world.told_worker(9), [ToWorker::ReconnectWorker { master }]);
}

#[test]
fn a_worker_that_beats_is_kept() {
    let mut world = World::new(&[]);
    world.add_worker(1, 10, 4 * GIB);
    world.sleep(Duration::from_secs(3600));
    assert_eq!(world.living().count(), 1);
}

#[test]
fn a_silent_worker_is_lost_after_the_timeout_and_shown_for_a_while() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 10, 4 * GIB);
    world.mute.insert(at);
    world.sleep(Duration::from_secs(59));
    assert_eq!(world.living().count(), 1);
    world.sleep(Duration::from_secs(2));
    let all: Vec<_> = world.master().workers().collect();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].state, WorkerState::Dead);
    assert_eq!(
        all[0].reason.as_deref(),
        Some("it was not heard for `worker.timeout`")
    );
    assert_eq!(
        world.changes.last(),
        Some(&Change::RemoveWorker(WorkerId(1)))
    );
    world.sleep(Duration::from_secs(15 * 60 - 5));
    assert_eq!(world.master().workers().count(), 1);
    world.sleep(Duration::from_secs(10));
    assert_eq!(world.master().workers().count(), 0);
}

#[test]
fn a_lost_worker_that_comes_back_starts_anew() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 2, 4 * GIB);
    let id = world.run(ApplicationSpec {
        executor_cores: Some(2),
        ..application(1, GIB)
    });
    world.mute.insert(at.clone());
    world.sleep(Duration::from_secs(61));
    assert!(world.executors(id).is_empty());
    world.mute.clear();
    // Its heartbeat is answered with ReconnectWorker; what it still runs was given up and is killed.
    world.say(&at, ToMaster::Heartbeat(WorkerId(1)));
    assert_eq!(world.living().count(), 1);
    assert_eq!(world.executors(id), [1]);
    let running: Vec<_> = world.workers[&at]
        .executors
        .keys()
        .map(|e| e.executor.0)
        .collect();
    assert_eq!(running, [1]);
    assert!(
        world
            .master()
            .workers()
            .all(|worker| worker.state == WorkerState::Alive)
    );
}

#[test]
fn a_disconnected_worker_is_lost_at_once() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 10, 4 * GIB);
    let id = world.run(application(1, GIB));
    world.disconnect(&at);
    assert!(world.executors(id).is_empty());
    let told = world.told_driver(1);
    let [.., updated, removed] = &told[..] else {
        panic!("{told:?}");
    };
    let lost = ToApplication::ExecutorUpdated {
        executor: scheduler::ExecutorId(0),
        state: ExecutorState::Lost,
        reason: Some("worker lost: it is disconnected".into()),
        exit_code: None,
        worker_lost: true,
    };
    assert_eq!(*updated, lost);
    let gone = ToApplication::WorkerRemoved {
        worker: WorkerId(1),
        host: "host-1".into(),
        reason: "it is disconnected".into(),
    };
    assert_eq!(*removed, gone);
}

#[test]
fn an_application_that_had_files_on_a_worker_is_told_when_it_goes() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 10, 4 * GIB);
    let id = world.run(application(1, GIB));
    let other = world.run(application(2, GIB));
    world.request(id, 0);
    world.kill(id, &[0]);
    world.disconnect(&at);
    let removed = |message: &ToApplication| matches!(message, ToApplication::WorkerRemoved { .. });
    assert!(world.told_driver(1).iter().any(removed));
    let executors = world.executors(other);
    assert!(executors.is_empty());
}

#[test]
fn what_a_worker_no_longer_runs_is_lost() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 2, 4 * GIB);
    let id = world.run(ApplicationSpec {
        executor_cores: Some(1),
        executors: Some(2),
        ..application(1, GIB)
    });
    assert_eq!(world.executors(id), [0, 1]);
    world.workers.get_mut(&at).unwrap().executors.pop_first();
    let (executors, drivers) = world.workers[&at].report();
    let worker = WorkerId(1);
    world.say(
        &at,
        ToMaster::WorkerLatestState {
            worker,
            executors,
            drivers,
        },
    );
    assert_eq!(world.executors(id), [1, 2]);
}

#[test]
fn an_executor_reported_by_another_worker_is_killed_there() {
    let mut world = World::new(&[]);
    world.add_worker(1, 2, 4 * GIB);
    let second = world.add_worker(2, 2, 4 * GIB);
    let id = world.run(ApplicationSpec {
        executor_cores: Some(1),
        executors: Some(1),
        ..application(1, GIB)
    });
    let name = world.view(id).executors[0].name;
    let on_first = world.view(id).executors[0].worker == WorkerId(1);
    assert!(on_first);
    let claimed = crate::world::report(id, name.executor.0, 1, GIB);
    world.say(
        &second,
        ToMaster::WorkerLatestState {
            worker: WorkerId(2),
            executors: vec![claimed],
            drivers: Vec::new(),
        },
    );
    assert!(world.told_worker(2).contains(&ToWorker::KillExecutor(name)));
    assert_eq!(world.executors(id), [0]);
}

#[test]
fn nobody_speaks_for_another_worker() {
    let mut world = World::new(&[]);
    world.add_worker(1, 2, 4 * GIB);
    let second = world.add_worker(2, 2, 4 * GIB);
    world.say(&second, ToMaster::WorkerDecommissioning(WorkerId(1)));
    assert!(
        world
            .living()
            .all(|worker| worker.state == WorkerState::Alive)
    );
}

/// It goes away and comes back before it is on disk.
#[test]
fn a_worker_is_answered_only_for_its_last_registration() {
    let mut world = World::new(&[]);
    world.slow_disk = true;
    let at = world.add_worker(1, 2, 4 * GIB);
    world.disconnect(&at);
    let worker: FakeWorker = world.workers[&at].clone();
    world.say(&at, ToMaster::RegisterWorker(worker.info));
    world.write();
    assert_eq!(world.told_worker(1), [registered(false)]);
    assert_eq!(world.disk.workers.len(), 1);
}

#[test]
fn a_worker_that_leaves_while_it_registers_gets_no_work() {
    let mut world = World::new(&[]);
    world.slow_disk = true;
    let at = world.add_worker(1, 2, 4 * GIB);
    world.say(&at, ToMaster::WorkerDecommissioning(WorkerId(1)));
    world.write();
    let states: Vec<_> = world.living().map(|worker| worker.state).collect();
    assert_eq!(states, [WorkerState::Decommissioned]);
    world.write();
    assert!(world.disk.workers.is_empty());
}
