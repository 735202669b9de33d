//! The end of a worker's life: taken out of service, stopped.

use std::time::Duration;

use scheduler::message::ToWorker;
use scheduler::worker::{EventKind, Input};

use crate::host::{Machine, driver, executor, launch, registered_worker};

const ENABLED: &[(&str, &str)] = &[("decommission.enabled", "true")];

#[test]
fn a_decommissioned_worker_takes_no_more_and_keeps_what_runs() {
    let mut machine = Machine::registered(ENABLED);
    machine.launch(0, 1);
    assert_eq!(
        machine.give(Input::DecommissionAsked),
        ["a:7077 < decommissioning"]
    );
    assert_eq!(
        machine.launch(1, 1),
        ["a:7077 < app-1-0000/1 Failed: the worker is being taken out of service"]
    );
    assert_eq!(
        machine.launch_driver(0, 1, false),
        ["a:7077 < driver-1-0000 Killed: the worker is being taken out of service"]
    );
    assert_eq!(machine.worker.executors().count(), 1);
}

#[test]
fn a_new_leader_hears_that_a_worker_is_decommissioned() {
    let mut machine = Machine::registered(ENABLED);
    assert_eq!(
        machine.hear(1, ToWorker::DecommissionWorker),
        ["a:7077 < decommissioning"]
    );
    let master = "b:7077".into();
    assert_eq!(
        machine.hear(2, ToWorker::MasterChanged { master }),
        [
            "b:7077 < state for the new leader []",
            "b:7077 < decommissioning"
        ]
    );
}

#[test]
fn decommissioning_is_refused_where_it_is_off() {
    let mut machine = Machine::registered(&[]);
    assert!(machine.give(Input::DecommissionAsked).is_empty());
    assert_eq!(
        machine.refusals(),
        ["to be taken out of service: `decommission.enabled` is false"]
    );
    assert_eq!(machine.launch(0, 1), ["start app-1-0000/0 with 1"]);
}

#[test]
fn a_worker_without_children_stops_at_once() {
    let mut machine = Machine::registered(&[]);
    assert_eq!(
        machine.give(Input::StopAsked),
        ["exit: it was asked to stop"]
    );
    assert_eq!(machine.worker.next_deadline(), None);
}

#[test]
fn a_worker_that_stops_ends_its_children_first() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 1);
    machine.launch_driver(0, 1, true);
    assert_eq!(
        machine.give(Input::StopAsked),
        ["stop app-1-0000/0", "stop driver-1-0000"]
    );
    assert!(machine.give(Input::StopAsked).is_empty());
    assert_eq!(
        machine.launch(1, 1),
        ["a:7077 < app-1-0000/1 Failed: the worker is being stopped"]
    );
    let lines = machine.run(Duration::from_secs(10));
    assert_eq!(lines, ["force app-1-0000/0", "force driver-1-0000"]);
    assert_eq!(
        machine.ended(executor(0), Some(143))[0],
        "a:7077 < app-1-0000/0 Killed with 143: its worker is being stopped"
    );
    assert_eq!(
        machine.driver_ended(0, Some(143)),
        [
            "a:7077 < driver-1-0000 Killed: its worker is being stopped",
            "exit: it was asked to stop"
        ]
    );
    assert!(machine.hear(1, launch(executor(2), 1)).is_empty());
}

#[test]
fn a_driver_killed_before_its_worker_was_stopped_is_reported_as_killed() {
    let mut machine = Machine::registered(&[]);
    machine.launch_driver(0, 1, true);
    machine.hear(1, ToWorker::KillDriver(driver(0)));
    assert!(machine.give(Input::StopAsked).is_empty());
    assert_eq!(
        machine.driver_ended(0, Some(143)),
        [
            "a:7077 < driver-1-0000 Killed: it was killed on request",
            "exit: it was asked to stop"
        ]
    );
}

#[test]
fn a_worker_that_gives_up_on_the_masters_ends_its_children_first() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 1);
    machine.lose("a:7077");
    let lines = machine.run(Duration::from_secs(3_600));
    assert_eq!(
        lines[lines.len() - 2..],
        ["stop app-1-0000/0", "force app-1-0000/0"]
    );
    // Too late: it has given up.
    machine.hear(1, registered_worker());
    let lines = machine.ended(executor(0), Some(0));
    assert!(
        lines.last().unwrap().starts_with("exit: no master at"),
        "{lines:?}"
    );
}

#[test]
fn events_can_be_written_down_and_read_again() {
    let mut machine = Machine::registered(ENABLED);
    machine.launch(0, 1);
    machine.launch(1, 99);
    machine.launch_driver(0, 1, true);
    machine.driver_ended(0, Some(1));
    machine.give(Input::DecommissionAsked);
    machine.lose("a:7077");
    machine.give(Input::StopAsked);
    machine.ended(executor(0), Some(0));
    assert!(machine.events.len() > 8);
    for event in machine.events {
        let written = serde_json::to_string(&event).unwrap();
        let read: EventKind = serde_json::from_str(&written).unwrap();
        assert_eq!(read, event);
    }
}
