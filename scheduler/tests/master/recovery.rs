//! Spark's `RecoverySuite`: a new leader finds out what runs.

use std::time::Duration;

use scheduler::cluster::{Change, EventKind, Input, State, WorkerState};
use scheduler::message::{
    ApplicationSpec, ApplicationState, DriverState, ExecutorState, ToApplication, ToMaster,
    ToSubmitter, ToWorker, WorkerInfo,
};
use scheduler::{Address, Message, WorkerId};

use crate::world::{GIB, World, address, application, driver, report};

/// A leader, two workers of eight cores, an application with one core on each, a driver.
fn running() -> World {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    world.add_worker(2, 8, 8 * GIB);
    world.submit(driver(1, true)).unwrap();
    world.run(small(1));
    world
}

fn small(number: u64) -> ApplicationSpec {
    ApplicationSpec {
        executor_cores: Some(1),
        executors: Some(2),
        ..application(number, GIB)
    }
}

/// The leader dies and another one is elected.
fn fail_over(world: &mut World) {
    world.kill_leader();
    let number = world.epoch.0 + 1;
    world.add_master(number);
    world.elect(number);
}

/// SPARK-46664: nothing but a driver was written down, and nobody has to be waited for.
#[test]
fn a_leader_recovers_at_once_without_workers_and_applications() {
    let mut world = World::new(&[]);
    world.submit(driver(1, false)).unwrap();
    fail_over(&mut world);
    assert_eq!(world.state(), State::Alive);
    assert_eq!(world.living().count(), 0);
}

#[test]
fn a_leader_with_nothing_written_down_is_alive_at_once() {
    let world = World::new(&[]);
    assert_eq!(world.state(), State::Alive);
    assert_eq!(
        world.happened(|kind| matches!(kind, EventKind::RecoveryCompleted { .. })),
        1
    );
}

#[test]
fn the_application_is_recovered() {
    let mut world = World::new(&[]);
    let worker = world.add_worker(1, 16, 8 * GIB);
    let supervised = world.submit(driver(1, true)).unwrap();
    let spec = ApplicationSpec {
        executor_cores: Some(8),
        ..application(1, GIB)
    };
    let id = world.run(spec);
    let driver_at = address("driver", 1);
    world.mute.insert(worker.clone());
    world.mute.insert(driver_at.clone());
    fail_over(&mut world);
    assert_eq!(world.state(), State::Recovering);
    assert_eq!(world.view(id).state, ApplicationState::Unknown);
    assert_eq!(world.driver(supervised).status.state, DriverState::Unknown);
    let view = world.living().next().unwrap();
    assert_eq!((view.state, view.cores_used), (WorkerState::Unknown, 0));

    let acknowledged = ToMaster::MasterChangeAcknowledged {
        application: id,
        next_executor: scheduler::ExecutorId(2),
    };
    world.say(&driver_at, acknowledged);
    assert_eq!(world.view(id).state, ApplicationState::Waiting);
    let response = ToMaster::WorkerSchedulerStateResponse {
        worker: WorkerId(1),
        executors: vec![report(id, 0, 8, GIB), report(id, 1, 7, GIB)],
        drivers: vec![supervised],
    };
    world.say(&worker, response);
    assert_eq!(world.state(), State::Alive);
    let view = world.living().next().unwrap();
    assert_eq!((view.state, view.cores_used), (WorkerState::Alive, 16));
    assert_eq!(world.view(id).state, ApplicationState::Running);
    assert_eq!(world.driver(supervised).status.state, DriverState::Running);
}

#[test]
fn everything_goes_on_after_a_change_of_leaders() {
    let mut world = running();
    let before: Vec<_> = world.living().collect();
    let id = world.master().applications().next().unwrap().id;
    fail_over(&mut world);
    assert_eq!(world.state(), State::Alive);
    let after: Vec<_> = world.living().collect();
    assert_eq!(before, after);
    assert_eq!(world.executors(id), [0, 1]);
    assert_eq!(
        world.happened(|kind| matches!(kind, EventKind::ExecutorEnded { .. })),
        0
    );
}

#[test]
fn numbers_of_executors_are_not_used_again_by_a_new_leader() {
    let mut world = running();
    let id = world.master().applications().next().unwrap().id;
    world.request(id, 1);
    world.kill(id, &[1]);
    assert_eq!(world.executors(id), [0]);
    fail_over(&mut world);
    world.request(id, 2);
    assert_eq!(world.executors(id), [0, 2]);
}

#[test]
fn names_of_a_new_leader_differ_from_its_predecessors() {
    let mut world = running();
    let first = world.master().applications().next().unwrap().id;
    fail_over(&mut world);
    let second = world.run(small(2));
    assert_ne!(first, second);
    assert_eq!(second.epoch, world.epoch);
}

#[test]
fn a_wish_said_again_to_a_new_leader_is_the_same_wish() {
    let mut world = running();
    let known = world.master().applications().next().unwrap().id;
    let submitted = world.master().drivers().next().unwrap().id;
    fail_over(&mut world);
    assert_eq!(world.add_application(small(1)), Some(known));
    assert_eq!(world.submit(driver(1, true)), Ok(submitted));
    assert_eq!(world.master().applications().count(), 1);
    assert_eq!(world.master().drivers().count(), 1);
}

#[test]
fn whoever_does_not_answer_a_new_leader_is_dropped_after_the_timeout() {
    let mut world = running();
    let quiet = world.run(small(2));
    world.mute.insert(address("worker", 2));
    world.mute.insert(address("driver", 2));
    fail_over(&mut world);
    assert_eq!(world.state(), State::Recovering);
    world.sleep(Duration::from_secs(59));
    assert_eq!(world.state(), State::Recovering);
    world.sleep(Duration::from_secs(1));
    assert_eq!(world.state(), State::Alive);
    assert_eq!(world.living().count(), 1);
    assert_eq!(world.master().application(quiet), None);
    let ended = world.master().applications().last().unwrap();
    assert_eq!(ended.state, ApplicationState::Failed);
    assert_eq!(
        ended.reason.as_deref(),
        Some("it did not answer the new leader")
    );
    // Nobody else knows whose files the silent worker had.
    let removed = |message: &ToApplication| matches!(message, ToApplication::WorkerRemoved { .. });
    assert!(world.told_driver(1).iter().any(removed));
    let lost = EventKind::RecoveryCompleted {
        workers_lost: 1,
        applications_lost: 1,
    };
    assert_eq!(world.happened(|kind| *kind == lost), 1);
}

#[test]
fn the_recovery_timeout_can_be_set() {
    let mut world = World::new(&[("deploy.recoveryTimeout", "2s")]);
    let at = world.add_worker(1, 8, 8 * GIB);
    world.mute.insert(at);
    fail_over(&mut world);
    world.sleep(Duration::from_secs(1));
    assert_eq!(world.state(), State::Recovering);
    world.sleep(Duration::from_secs(1));
    assert_eq!(world.state(), State::Alive);
}

#[test]
fn a_worker_that_vanishes_during_recovery_is_not_waited_for() {
    let mut world = running();
    let at = address("worker", 2);
    world.mute.insert(at.clone());
    fail_over(&mut world);
    assert_eq!(world.state(), State::Recovering);
    world.disconnect(&at);
    assert_eq!(world.state(), State::Alive);
    let id = world.master().applications().next().unwrap().id;
    assert_eq!(world.cores(id), [2]);
}

#[test]
fn drivers_that_no_worker_tells_of_are_started_again_if_supervised() {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    let plain = world.submit(driver(1, false)).unwrap();
    let supervised = world.submit(driver(2, true)).unwrap();
    world
        .workers
        .get_mut(&address("worker", 1))
        .unwrap()
        .drivers
        .clear();
    fail_over(&mut world);
    assert_eq!(world.driver(plain).status.state, DriverState::Error);
    assert_eq!(
        world.driver(supervised).status.state,
        DriverState::Relaunching
    );
    let again = world.master().drivers().next().unwrap();
    assert_eq!(again.status.state, DriverState::Running);
    assert_ne!(again.id, supervised);
}

#[test]
fn a_driver_whose_end_was_asked_for_during_recovery_is_not_started_again() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 8, 8 * GIB);
    let running = world.submit(driver(1, true)).unwrap();
    let lost = world.submit(driver(2, true)).unwrap();
    world.workers.get_mut(&at).unwrap().drivers.remove(&lost);
    world.mute.insert(at.clone());
    fail_over(&mut world);
    for driver in [running, lost] {
        let answer = world.ask(ToMaster::RequestKillDriver(driver));
        assert_eq!(
            answer,
            ToSubmitter::KillDriverResponse {
                driver,
                refused: None
            }
        );
    }
    world.mute.clear();
    let response = ToMaster::WorkerSchedulerStateResponse {
        worker: WorkerId(1),
        executors: Vec::new(),
        drivers: vec![running],
    };
    world.say(&at, response);
    assert_eq!(world.state(), State::Alive);
    assert_eq!(world.driver(running).status.state, DriverState::Killed);
    assert_eq!(world.driver(lost).status.state, DriverState::Killed);
}

#[test]
fn executors_that_a_new_leader_does_not_know_are_killed() {
    let mut world = running();
    let gone = world.run(small(2));
    world.slow_kills = true;
    world.say_for(gone, ToMaster::UnregisterApplication(gone));
    world.slow_kills = false;
    fail_over(&mut world);
    assert_eq!(world.state(), State::Alive);
    let left: Vec<_> = world
        .workers
        .values()
        .flat_map(|worker| worker.executors.keys())
        .collect();
    assert!(left.iter().all(|name| name.application != gone));
    assert_eq!(left.len(), 2);
}

/// A report that claims more than the worker has is not believed.
#[test]
fn executors_that_do_not_fit_in_their_worker_are_killed() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 4, 4 * GIB);
    let id = world.run(small(1));
    world.mute.insert(at.clone());
    fail_over(&mut world);
    let absurd = [
        report(id, 5, u32::MAX, GIB),
        report(id, 6, 1, u64::MAX),
        report(id, u32::MAX, 1, GIB),
    ];
    let response = ToMaster::WorkerSchedulerStateResponse {
        worker: WorkerId(1),
        executors: absurd.to_vec(),
        drivers: Vec::new(),
    };
    world.say(&at, response);
    let told = world.told_worker(1);
    assert!(told.contains(&ToWorker::KillExecutor(absurd[0].name)));
    assert!(told.contains(&ToWorker::KillExecutor(absurd[1].name)));
    assert_eq!(world.state(), State::Alive);
    // The last number there is was used; no other can be given.
    assert_eq!(world.executors(id), [u32::MAX]);
}

/// SPARK-20529.
#[test]
fn a_worker_is_told_the_address_of_the_master_that_took_it_in() {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    let registered = ToWorker::RegisteredWorker {
        master: address("master", 1),
        duplicate: false,
    };
    assert_eq!(world.told_worker(1), [registered]);
}

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

/// SPARK-46353: handleRegisterWorker in STANDBY mode.
#[test]
fn a_standby_sends_a_worker_away() {
    let mut world = World::leaderless(&[]);
    world.add_master(1);
    let (master, at) = (address("master", 1), address("worker", 1));
    let message = ToMaster::RegisterWorker(info(1, &at));
    world.input_to(&master, Input::Received { from: at, message });
    assert_eq!(world.told_worker(1), [ToWorker::MasterInStandby]);
    assert_eq!(world.masters[&master].workers().count(), 0);
    assert_eq!(world.masters[&master].state(), State::Standby);
}

/// A standby is asked for everything, and answers what is asked.
#[test]
fn a_standby_answers_that_it_is_one() {
    let mut world = World::leaderless(&[]);
    world.add_master(1);
    world.leader = Some(address("master", 1));
    let driver_at = address("driver", 1);
    world.say(
        &driver_at,
        ToMaster::RegisterApplication(application(1, GIB)),
    );
    assert_eq!(world.told_driver(1), [ToApplication::MasterInStandby]);
    let id = scheduler::DriverId {
        epoch: world.epoch,
        number: 0,
    };
    for question in [
        ToMaster::RequestSubmitDriver(driver(1, false)),
        ToMaster::RequestKillDriver(id),
        ToMaster::RequestDriverStatus(id),
        ToMaster::DecommissionWorkersOnHosts(Vec::new()),
    ] {
        assert_eq!(world.ask(question), ToSubmitter::MasterInStandby);
    }
    assert_eq!(world.changes, []);
}

fn recovering() -> World {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 10, 4 * GIB);
    world.mute.insert(at);
    fail_over(&mut world);
    assert_eq!(world.state(), State::Recovering);
    world
}

/// SPARK-46353: handleRegisterWorker in RECOVERING mode without workers.
#[test]
fn a_new_worker_is_taken_in_during_recovery() {
    let mut world = recovering();
    let at = address("worker", 2);
    world.add_worker_as(info(2, &at));
    let told = world.told_worker(2);
    assert!(matches!(
        told[..],
        [ToWorker::RegisteredWorker {
            duplicate: false,
            ..
        }]
    ));
    assert_eq!(world.living().count(), 2);
    assert_eq!(world.state(), State::Recovering);
}

/// SPARK-46353: handleRegisterWorker in RECOVERING mode with a unknown worker. What it runs is adopted from what it
/// says next.
#[test]
fn a_worker_that_registers_again_during_recovery_keeps_what_it_runs() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 10, 4 * GIB);
    let id = world.run(small(1));
    world.mute.insert(at.clone());
    fail_over(&mut world);
    world.mute.clear();
    let again = world.workers[&at].info.clone();
    world.say(&at, ToMaster::RegisterWorker(again));
    let told = world.told_worker(1);
    let answer = told.last().unwrap();
    assert!(matches!(
        answer,
        ToWorker::RegisteredWorker {
            duplicate: true,
            ..
        }
    ));
    assert_eq!(world.state(), State::Alive);
    assert_eq!(world.executors(id), [0, 1]);
}

/// A restarted worker at the address of one that the leader waits for.
#[test]
fn a_worker_that_was_started_again_during_recovery_replaces_the_one_before() {
    let mut world = recovering();
    let at = address("worker", 1);
    world.mute.clear();
    world.add_worker_as(info(7, &at));
    assert_eq!(world.state(), State::Alive);
    let ids: Vec<_> = world.living().map(|worker| worker.info.id).collect();
    assert_eq!(ids, [WorkerId(7)]);
}

#[test]
fn nothing_is_given_out_during_recovery() {
    let mut world = recovering();
    world.add_worker(2, 10, 4 * GIB);
    let id = world.run(small(3));
    assert!(world.executors(id).is_empty());
    assert_eq!(
        world.waits_because(3),
        None,
        "it is told when the leader knows what runs"
    );
    world.sleep(Duration::from_secs(60));
    assert_eq!(world.executors(id).len(), 2);
}

#[test]
fn nobody_is_told_before_it_is_on_disk() {
    let mut world = World::new(&[]);
    world.slow_disk = true;
    world.add_worker(1, 8, 8 * GIB);
    world.add_application(small(1));
    let operator = address("operator", 1);
    world.say(&operator, ToMaster::RequestSubmitDriver(driver(1, false)));
    assert!(world.mail.is_empty(), "{:?}", world.mail);
    // Said again, because no answer came.
    world.add_application(small(1));
    world.say(&operator, ToMaster::RequestSubmitDriver(driver(1, false)));
    assert_eq!(world.changes.len(), 3);
    world.write();
    world.slow_disk = false;
    assert!(matches!(
        world.told_worker(1)[0],
        ToWorker::RegisteredWorker { .. }
    ));
    assert!(matches!(
        world.told_driver(1)[0],
        ToApplication::RegisteredApplication { .. }
    ));
    assert_eq!(world.mail[&operator].len(), 1);
}

#[test]
fn what_was_not_written_is_asked_for_again() {
    let mut world = World::new(&[]);
    world.slow_disk = true;
    world.add_application(small(1));
    world.kill_leader();
    world.slow_disk = false;
    world.add_master(2);
    world.elect(2);
    let id = world.run(small(1));
    assert_eq!(id.epoch, world.epoch);
}

#[test]
fn a_deposed_leader_orders_nothing_more() {
    let mut world = running();
    let at = world.leader.clone().unwrap();
    world.input_to(&at, Input::LeadershipLost);
    let before = world.mail.clone();
    let id = world.masters[&at].applications().next().unwrap().id;
    world.say(
        &address("driver", 1),
        ToMaster::RequestExecutors {
            application: id,
            total: 9,
        },
    );
    world.disconnect(&address("worker", 1));
    world.sleep(Duration::from_secs(300));
    assert_eq!(world.mail, before);
    assert_eq!(world.masters[&at].state(), State::Deposed);
    assert_eq!(world.masters[&at].next_deadline(), None);
}

#[test]
fn every_order_carries_the_leaders_epoch() {
    let mut world = running();
    fail_over(&mut world);
    let id = world.master().applications().next().unwrap().id;
    world.mail.clear();
    world.request(id, 3);
    let epochs = world
        .mail
        .values()
        .flatten()
        .filter_map(|message| match message {
            Message::ToWorker(epoch, _) | Message::ToApplication(epoch, _) => Some(*epoch),
            _ => None,
        });
    let epochs: Vec<_> = epochs.collect();
    assert!(!epochs.is_empty() && epochs.iter().all(|epoch| *epoch == world.epoch));
}

/// SPARK-19900: the worker of a supervised driver is lost; the driver runs elsewhere under another name, and what
/// the old one's worker says when it comes back is not taken for the new one's.
#[test]
fn a_relaunched_driver_has_its_application() {
    let mut world = World::new(&[("worker.timeout", "1s")]);
    let first = world.add_worker(1, 10, 2 * GIB);
    let old = world.submit(driver(1, true)).unwrap();
    let cluster_mode = |number, id| ApplicationSpec {
        driver_id: Some(id),
        ..small(number)
    };
    let old_application = world.run(cluster_mode(1, old));
    world.mute.insert(first.clone());
    world.sleep(Duration::from_secs(3));
    assert_eq!(world.living().count(), 0);
    assert_eq!(world.master().application(old_application), None);

    world.mute.remove(&first);
    let second = world.add_worker(2, 10, 2 * GIB);
    let new = world.master().drivers().next().unwrap();
    assert_ne!(new.id, old);
    assert_eq!(new.status.state, DriverState::Running);
    assert!(world.workers[&second].drivers.contains(&new.id));
    let application = world.run(cluster_mode(2, new.id));

    let again = world.workers[&first].info.clone();
    world.say(&first, ToMaster::RegisterWorker(again));
    assert!(world.workers[&first].drivers.is_empty());
    assert!(
        world.workers[&first]
            .executors
            .keys()
            .all(|e| e.application == application)
    );
    assert_eq!(world.driver(new.id).status.state, DriverState::Running);
    let live: Vec<_> = world
        .master()
        .drivers()
        .filter(|d| !d.status.state.is_finished())
        .collect();
    let relaunching = live
        .iter()
        .filter(|d| d.status.state == DriverState::Relaunching);
    assert_eq!(live.len() - relaunching.count(), 1);
    assert_eq!(world.executors(application).len(), 2);
}

/// The old driver still lives where nobody can see it, and brings its application anew.
#[test]
fn an_application_of_a_driver_that_was_given_up_is_refused() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 10, 2 * GIB);
    let old = world.submit(driver(1, true)).unwrap();
    world.disconnect(&at);
    let spec = ApplicationSpec {
        driver_id: Some(old),
        ..small(1)
    };
    assert_eq!(world.add_application(spec), None);
    let told = world.told_driver(1);
    let [ToApplication::RegisterApplicationFailed { reason }] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(reason.contains("none that the cluster runs"), "{reason}");
}

#[test]
fn resources_are_assigned_to_and_taken_back_from_a_driver() {
    let mut world = World::new(&[]);
    let id = world.submit(driver(1, false)).unwrap();
    assert_eq!(world.driver(id).status.state, DriverState::Submitted);
    let at = world.add_worker(1, 10, GIB);
    assert_eq!(world.driver(id).status.state, DriverState::Running);
    let used = |world: &World| {
        let worker = world.living().next().unwrap();
        (worker.cores_used, worker.memory_used)
    };
    assert_eq!(used(&world), (1, GIB / 2));
    let finished = ToMaster::DriverStateChanged {
        worker: WorkerId(1),
        driver: id,
        state: DriverState::Finished,
        reason: None,
    };
    world.say(&at, finished);
    assert_eq!(used(&world), (0, 0));
    assert_eq!(world.changes.last(), Some(&Change::RemoveDriver(id)));
}

#[test]
fn resources_are_assigned_to_and_taken_back_from_an_executor() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 10, 2 * GIB);
    world.slow_kills = true;
    let id = world.run(ApplicationSpec {
        executor_cores: Some(3),
        ..application(1, GIB)
    });
    let used = |world: &World| {
        let worker = world.living().next().unwrap();
        (worker.cores_used, worker.memory_used)
    };
    assert_eq!(used(&world), (6, 2 * GIB));
    world.say_for(id, ToMaster::UnregisterApplication(id));
    // They are told to stop; what they have is theirs until they have stopped.
    assert_eq!(used(&world), (6, 2 * GIB));
    for executor in 0..2 {
        let name = report(id, executor, 3, GIB).name;
        let killed = ToMaster::ExecutorStateChanged {
            worker: WorkerId(1),
            name,
            state: ExecutorState::Killed,
            reason: None,
            exit_code: None,
        };
        world.say(&at, killed);
    }
    assert_eq!(used(&world), (0, 0));
    assert!(
        world
            .told_worker(1)
            .contains(&ToWorker::ApplicationFinished(id))
    );
}
