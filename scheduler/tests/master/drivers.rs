//! Drivers that the cluster runs.

use scheduler::DriverId;
use scheduler::WorkerId;
use scheduler::cluster::Change;
use scheduler::message::{
    ApplicationSpec, ApplicationState, DriverState, ToMaster, ToSubmitter, ToWorker,
};

use crate::world::{GIB, World, address, application, driver};

fn state_changed(driver: DriverId, state: DriverState) -> ToMaster {
    ToMaster::DriverStateChanged {
        worker: WorkerId(1),
        driver,
        state,
        reason: Some("so it was".into()),
    }
}

fn killed(driver: DriverId) -> ToSubmitter {
    let refused = None;
    ToSubmitter::KillDriverResponse { driver, refused }
}

#[test]
fn a_driver_submitted_twice_runs_once() {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    let first = world.submit(driver(1, false)).unwrap();
    assert_eq!(world.submit(driver(1, false)), Ok(first));
    let launched = world.told_worker(1);
    let launched = launched
        .iter()
        .filter(|m| matches!(m, ToWorker::LaunchDriver { .. }));
    assert_eq!(launched.count(), 1);
    // It is the same wish when it has been fulfilled, too.
    world.say(
        &address("worker", 1),
        state_changed(first, DriverState::Finished),
    );
    assert_eq!(world.submit(driver(1, false)), Ok(first));
    let other = world.submit(driver(2, false)).unwrap();
    assert_ne!(first, other);
}

#[test]
fn a_waiting_driver_is_killed_at_once() {
    let mut world = World::new(&[]);
    let id = world.submit(driver(1, true)).unwrap();
    assert_eq!(world.ask(ToMaster::RequestKillDriver(id)), killed(id));
    assert_eq!(world.driver(id).status.state, DriverState::Killed);
    let at = world.add_worker(1, 8, 8 * GIB);
    assert!(world.workers[&at].drivers.is_empty());
    assert_eq!(world.disk.drivers.len(), 0);
}

#[test]
fn a_running_driver_is_killed_by_its_worker_and_not_started_again() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 8, 8 * GIB);
    let id = world.submit(driver(1, true)).unwrap();
    assert_eq!(world.ask(ToMaster::RequestKillDriver(id)), killed(id));
    assert!(world.workers[&at].drivers.is_empty());
    assert_eq!(world.driver(id).status.state, DriverState::Killed);
    assert_eq!(world.master().drivers().count(), 1);
}

#[test]
fn a_driver_that_ended_or_never_was_can_not_be_killed() {
    let mut world = World::new(&[]);
    let id = world.submit(driver(1, true)).unwrap();
    world.ask(ToMaster::RequestKillDriver(id));
    let again = world.ask(ToMaster::RequestKillDriver(id));
    let refused = Some("driver-1-0000 has ended already".into());
    assert_eq!(
        again,
        ToSubmitter::KillDriverResponse {
            driver: id,
            refused
        }
    );
    let unknown = DriverId { number: 77, ..id };
    let refused = Some("there is no driver-1-0077".into());
    let driver = unknown;
    assert_eq!(
        world.ask(ToMaster::RequestKillDriver(unknown)),
        ToSubmitter::KillDriverResponse { driver, refused }
    );
    let status = None;
    assert_eq!(
        world.ask(ToMaster::RequestDriverStatus(unknown)),
        ToSubmitter::DriverStatusResponse { driver, status }
    );
}

#[test]
fn a_driver_killed_by_nobodys_wish_is_started_again_if_supervised() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 8, 8 * GIB);
    let plain = world.submit(driver(1, false)).unwrap();
    let supervised = world.submit(driver(2, true)).unwrap();
    world.say(&at, state_changed(plain, DriverState::Killed));
    world.say(&at, state_changed(supervised, DriverState::Killed));
    assert_eq!(world.driver(plain).status.state, DriverState::Killed);
    let status = world.driver(supervised).status;
    assert_eq!(status.state, DriverState::Relaunching);
    assert_eq!(
        status.reason.as_deref(),
        Some("so it was; it is started again as driver-1-0002")
    );
    let again = world.master().drivers().next().unwrap();
    assert_eq!(again.status.state, DriverState::Running);
    let spec = world.disk.drivers[&again.id].clone();
    let (old, driver) = (supervised, again.id);
    assert!(
        world
            .changes
            .contains(&Change::ReplaceDriver { old, driver, spec })
    );
    // The key goes along.
    assert_eq!(world.submit(crate::world::driver(2, true)), Ok(driver));
}

#[test]
fn drivers_of_a_lost_worker_are_started_elsewhere_if_supervised() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 8, 8 * GIB);
    let plain = world.submit(driver(1, false)).unwrap();
    let supervised = world.submit(driver(2, true)).unwrap();
    let second = world.add_worker(2, 8, 8 * GIB);
    world.disconnect(&at);
    assert_eq!(world.driver(plain).status.state, DriverState::Error);
    assert_eq!(
        world.driver(supervised).status.state,
        DriverState::Relaunching
    );
    let again = world.master().drivers().next().unwrap();
    assert!(world.workers[&second].drivers.contains(&again.id));
    assert_eq!(again.status.worker, Some(WorkerId(2)));
}

#[test]
fn a_drivers_worker_may_start_it_again_itself() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 8, 8 * GIB);
    let id = world.submit(driver(1, true)).unwrap();
    world.say(&at, state_changed(id, DriverState::Relaunching));
    let status = world.driver(id).status;
    assert_eq!(status.state, DriverState::Relaunching);
    assert_eq!(status.reason.as_deref(), Some("so it was"));
    world.say(&at, state_changed(id, DriverState::Running));
    assert_eq!(world.driver(id).status.state, DriverState::Running);
}

#[test]
fn the_application_of_a_driver_ends_with_it() {
    for (state, expected) in [
        (DriverState::Finished, ApplicationState::Finished),
        (DriverState::Killed, ApplicationState::Killed),
        (DriverState::Failed, ApplicationState::Failed),
    ] {
        let mut world = World::new(&[]);
        let at = world.add_worker(1, 8, 8 * GIB);
        let id = world.submit(driver(1, false)).unwrap();
        world.run(ApplicationSpec {
            driver_id: Some(id),
            ..application(1, GIB)
        });
        world.say(&at, state_changed(id, state));
        let ended = world.master().applications().next().unwrap();
        assert_eq!(ended.state, expected);
        assert_eq!(
            ended.reason.as_deref(),
            Some("its driver, driver-1-0000, has ended")
        );
        assert!(world.workers[&at].executors.is_empty());
    }
}

/// Its worker has started the process again; nobody has noticed yet that the old one is gone.
#[test]
fn a_driver_that_was_started_again_in_its_place_brings_its_application_anew() {
    let mut world = World::new(&[]);
    world.add_worker(1, 8, 8 * GIB);
    let id = world.submit(driver(1, true)).unwrap();
    let spec = |number| ApplicationSpec {
        driver_id: Some(id),
        ..application(number, GIB)
    };
    let first = world.run(spec(1));
    let second = world.run(spec(2));
    assert_eq!(world.master().application(first), None);
    assert_eq!(world.cores(second), [7]);
}

#[test]
fn drivers_go_before_executors() {
    let mut world = World::new(&[]);
    let app = world.run(application(1, GIB));
    let id = world.submit(driver(1, false)).unwrap();
    world.add_worker(1, 4, 8 * GIB);
    assert_eq!(world.driver(id).status.state, DriverState::Running);
    assert_eq!(world.cores(app), [3]);
}

#[test]
fn ended_drivers_are_remembered_up_to_a_bound() {
    let mut world = World::new(&[("deploy.retainedDrivers", "3")]);
    for number in 1..=5 {
        let id = world.submit(driver(number, false)).unwrap();
        world.ask(ToMaster::RequestKillDriver(id));
    }
    let numbers: Vec<_> = world
        .master()
        .drivers()
        .map(|view| view.id.number)
        .collect();
    assert_eq!(numbers, [2, 3, 4]);
}

#[test]
fn a_driver_killed_before_it_is_on_disk_never_runs() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 4, 8 * GIB);
    world.slow_disk = true;
    let operator = address("operator", 1);
    world.say(&operator, ToMaster::RequestSubmitDriver(driver(1, true)));
    let id = world.master().drivers().next().unwrap().id;
    assert_eq!(world.ask(ToMaster::RequestKillDriver(id)), killed(id));
    world.write();
    assert_eq!(world.driver(id).status.state, DriverState::Killed);
    assert!(world.workers[&at].drivers.is_empty());
    assert!(world.disk.drivers.is_empty());
}
