//! The pure part of Spark's `PersistenceEngineSuite`: what changes do to what is written down.

use std::sync::Arc;

use scheduler::cluster::{Change, Event, Persisted};
use scheduler::message::ToMaster;
use scheduler::{ApplicationId, DriverId, Epoch, WorkerId};

use crate::world::{GIB, World, address, application, driver};

fn changes() -> Vec<Change> {
    let epoch = Epoch(1);
    let application_id = |number| ApplicationId { epoch, number };
    let driver_id = |number| DriverId { epoch, number };
    let spec = Arc::new(application(1, GIB));
    let driver_spec = Arc::new(driver(1, true));
    let info = scheduler::message::WorkerInfo {
        id: WorkerId(1),
        address: address("worker", 1),
        host: "host".into(),
        rack: Some("rack".into()),
        cores: 4,
        memory: GIB,
    };
    vec![
        Change::AddWorker(info),
        Change::AddApplication {
            application: application_id(0),
            spec,
        },
        Change::AddDriver {
            driver: driver_id(0),
            spec: Arc::clone(&driver_spec),
        },
        Change::ReplaceDriver {
            old: driver_id(0),
            driver: driver_id(1),
            spec: driver_spec,
        },
        Change::RemoveApplication(application_id(0)),
        Change::RemoveDriver(driver_id(1)),
        Change::RemoveWorker(WorkerId(1)),
    ]
}

#[test]
fn what_is_added_is_read_and_what_is_removed_is_not() {
    let mut persisted = Persisted::default();
    let sizes = |persisted: &Persisted| {
        let Persisted {
            applications,
            drivers,
            workers,
        } = persisted;
        (applications.len(), drivers.len(), workers.len())
    };
    let expected = [
        (0, 0, 1),
        (1, 0, 1),
        (1, 1, 1),
        (1, 1, 1),
        (0, 1, 1),
        (0, 0, 1),
        (0, 0, 0),
    ];
    for (change, expected) in changes().iter().zip(expected) {
        persisted.apply(change);
        assert_eq!(sizes(&persisted), expected, "{change:?}");
        let before = persisted.clone();
        persisted.apply(change);
        assert_eq!(persisted, before, "the same again changes nothing");
    }
    assert_eq!(persisted, Persisted::default());
}

#[test]
fn changes_survive_being_written_and_read() {
    for change in changes() {
        let written = serde_json::to_string(&change).unwrap();
        let read: Change = serde_json::from_str(&written).unwrap();
        assert_eq!(read, change);
    }
}

#[test]
fn events_survive_being_written_and_read() {
    let mut world = World::new(&[]);
    let at = world.add_worker(1, 4, 8 * GIB);
    world.submit(driver(1, true)).unwrap();
    let id = world.run(application(1, GIB));
    world.run(application(2, GIB));
    world.say_for(id, ToMaster::UnregisterApplication(id));
    world.disconnect(&at);
    assert!(world.events.len() > 10);
    for event in &world.events {
        let written = serde_json::to_string(event).unwrap();
        let read: Event = serde_json::from_str(&written).unwrap();
        assert_eq!(read, *event);
    }
}

/// Whatever a leader has ordered to be written is what it would read.
#[test]
fn what_is_written_is_what_the_leader_knows() {
    let mut world = World::new(&[]);
    let first = world.add_worker(1, 4, 8 * GIB);
    world.add_worker(2, 4, 8 * GIB);
    world.submit(driver(1, true)).unwrap();
    world.submit(driver(2, false)).unwrap();
    let id = world.run(application(1, GIB));
    let other = world.run(application(2, GIB));
    world.say_for(id, ToMaster::UnregisterApplication(id));
    world.disconnect(&first);
    let master = world.master();
    let workers: Vec<_> = world.living().map(|worker| worker.info.id).collect();
    assert_eq!(
        world.disk.workers.keys().copied().collect::<Vec<_>>(),
        workers
    );
    assert_eq!(
        world.disk.applications.keys().copied().collect::<Vec<_>>(),
        [other]
    );
    let live = master
        .drivers()
        .filter(|driver| world.disk.drivers.contains_key(&driver.id));
    assert_eq!(live.count(), world.disk.drivers.len());
}
