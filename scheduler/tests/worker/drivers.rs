//! A worker's drivers: the scenarios of Spark's `DriverRunnerTest`, and a few of our own.

use std::time::Duration;

use scheduler::message::{DriverState, ToWorker};
use scheduler::worker::EventKind;

use crate::host::{Machine, driver, executor};

const QUIET: &[(&str, &str)] = &[
    ("worker.timeout", "1000000s"),
    ("worker.cleanup.enabled", "false"),
];

/// Runs the driver for so long, until it ends with that code.
fn run(machine: &mut Machine, time: Duration, exit_code: i32) -> Vec<String> {
    machine.driver_started(0);
    machine.pass(time);
    machine.driver_ended(0, Some(exit_code))
}

/// Returns the back-offs so far.
fn waits(machine: &Machine) -> Vec<u64> {
    let waits = machine.events.iter().filter_map(|event| match event {
        EventKind::DriverRelaunching { wait, .. } => Some(wait.as_secs()),
        _ => None,
    });
    waits.collect()
}

#[test]
fn process_succeeds_instantly() {
    let mut machine = Machine::registered(QUIET);
    assert_eq!(machine.launch_driver(0, 1, true), ["start driver-1-0000"]);
    assert_eq!(
        machine.driver_started(0),
        ["a:7077 < driver-1-0000 Running"]
    );
    assert_eq!(
        machine.driver_ended(0, Some(0)),
        ["a:7077 < driver-1-0000 Finished: it ended"]
    );
    assert!(waits(&machine).is_empty());
    assert_eq!(machine.worker.used(), (0, 0));
}

#[test]
fn process_failing_several_times_and_then_succeeding() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 1, true);
    for wait in [1, 2, 4] {
        assert_eq!(
            run(&mut machine, Duration::ZERO, -1),
            [format!(
                "a:7077 < driver-1-0000 Relaunching: it ended; it is started again after {wait} s"
            )]
        );
        let (waited, lines) = machine.wait();
        assert_eq!(waited, Duration::from_secs(wait));
        assert_eq!(lines, ["start driver-1-0000"]);
    }
    let lines = run(&mut machine, Duration::ZERO, 0);
    assert_eq!(lines, ["a:7077 < driver-1-0000 Finished: it ended"]);
    assert_eq!(waits(&machine), [1, 2, 4]);
}

#[test]
fn process_does_not_restart_if_not_supervised() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 1, false);
    let lines = run(&mut machine, Duration::ZERO, -1);
    assert_eq!(lines, ["a:7077 < driver-1-0000 Failed: it ended"]);
}

#[test]
fn process_does_not_restart_if_killed() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 1, true);
    machine.driver_started(0);
    let kill = ToWorker::KillDriver(driver(0));
    assert_eq!(machine.hear(1, kill), ["stop driver-1-0000"]);
    assert_eq!(
        machine.driver_ended(0, Some(-1)),
        ["a:7077 < driver-1-0000 Killed: it was killed on request"]
    );
    assert!(waits(&machine).is_empty());
}

#[test]
fn reset_of_backoff_counter() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 1, true);
    for seconds in [1, 1, 8, 1] {
        run(&mut machine, Duration::from_secs(seconds), -1);
        machine.wait();
    }
    let lines = run(&mut machine, Duration::from_secs(10), 0);
    assert_eq!(lines, ["a:7077 < driver-1-0000 Finished: it ended"]);
    assert_eq!(waits(&machine), [1, 2, 1, 2]);
}

#[test]
fn a_run_of_just_five_seconds_does_not_reset_the_backoff() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 1, true);
    for _ in 0..2 {
        run(&mut machine, Duration::from_secs(5), -1);
        machine.wait();
    }
    assert_eq!(waits(&machine), [1, 2]);
}

#[test]
fn kill_process_finalized_with_state_killed() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 1, false);
    machine.hear(1, ToWorker::KillDriver(driver(0)));
    machine.driver_ended(0, Some(-1));
    let finished = machine.worker.finished_drivers().next().unwrap();
    assert_eq!(finished.state, DriverState::Killed);
}

#[test]
fn finalized_with_state_finished() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 1, false);
    // Also when it was told to stop: it did what it was there for.
    machine.hear(1, ToWorker::KillDriver(driver(0)));
    machine.driver_ended(0, Some(0));
    let finished = machine.worker.finished_drivers().next().unwrap();
    assert_eq!(finished.state, DriverState::Finished);
}

#[test]
fn finalized_with_state_failed() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 1, false);
    machine.driver_ended(0, Some(1));
    let finished = machine.worker.finished_drivers().next().unwrap();
    assert_eq!(finished.state, DriverState::Failed);
}

#[test]
fn handle_exception_starting_process() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 1, true);
    assert_eq!(
        machine.driver_ended(0, None),
        ["a:7077 < driver-1-0000 Error: it ended"]
    );
}

#[test]
fn a_driver_is_asked_to_stop_and_then_made_to() {
    let mut machine = Machine::registered(&[
        ("worker.timeout", "1000s"),
        ("worker.driverTerminateTimeout", "3s"),
    ]);
    machine.launch_driver(0, 1, false);
    let kill = ToWorker::KillDriver(driver(0));
    assert_eq!(machine.hear(1, kill.clone()), ["stop driver-1-0000"]);
    assert!(machine.hear(1, kill).is_empty());
    let (waited, lines) = machine.wait();
    assert_eq!(waited, Duration::from_secs(3));
    assert_eq!(lines, ["force driver-1-0000"]);
}

#[test]
fn a_driver_killed_during_its_back_off_ends_at_once() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 3, true);
    run(&mut machine, Duration::ZERO, 1);
    assert_eq!(machine.worker.used().0, 3);
    assert_eq!(
        machine.hear(1, ToWorker::KillDriver(driver(0))),
        ["a:7077 < driver-1-0000 Killed: it was killed on request"]
    );
    assert_eq!(machine.worker.used().0, 0);
    assert!(machine.run(Duration::from_secs(60)).is_empty());
}

#[test]
fn a_repeated_launch_starts_no_second_driver() {
    let mut machine = Machine::registered(QUIET);
    machine.launch_driver(0, 1, false);
    assert!(machine.launch_driver(0, 1, false).is_empty());
    let end = "a:7077 < driver-1-0000 Finished: it ended";
    assert_eq!(machine.driver_ended(0, Some(0)), [end]);
    assert_eq!(machine.launch_driver(0, 1, false), [end]);
}

#[test]
fn a_driver_killed_before_its_launch_does_not_run() {
    let mut machine = Machine::registered(QUIET);
    let killed = "a:7077 < driver-1-0000 Killed: it was killed before it was launched here";
    assert_eq!(machine.hear(1, ToWorker::KillDriver(driver(0))), [killed]);
    assert_eq!(machine.launch_driver(0, 1, true), [killed]);
}

#[test]
fn a_driver_that_never_fits_is_an_error() {
    let mut machine = Machine::registered(QUIET);
    assert_eq!(
        machine.launch_driver(0, 9, true),
        [
            "a:7077 < driver-1-0000 Error: it asks for 9 cores and 1 GiB, \
          the worker has 8 cores and 8 GiB"
        ]
    );
}

#[test]
fn a_driver_waits_for_room_that_the_master_believes_in() {
    let mut machine = Machine::registered(QUIET);
    machine.launch(0, 6);
    assert!(machine.launch_driver(0, 4, false).is_empty());
    assert_eq!(
        machine.ended(executor(0), Some(0)).last().unwrap(),
        "start driver-1-0000"
    );
}

#[test]
fn a_driver_is_handed_back_when_no_room_comes() {
    let mut machine = Machine::registered(QUIET);
    machine.launch(0, 6);
    machine.launch_driver(0, 4, true);
    let (waited, lines) = machine.wait();
    assert_eq!(waited, Duration::from_secs(30));
    let end = "a:7077 < driver-1-0000 Killed: 4 cores and 1 GiB have not become free in 30 s";
    assert_eq!(lines, [end]);
    machine.ended(executor(0), Some(0));
    // The master has given it another name by now.
    assert_eq!(machine.launch_driver(0, 4, true), [end]);
}

#[test]
fn drivers_that_wait_for_more_than_there_ever_was_add_up() {
    let mut machine = Machine::registered(QUIET);
    machine.launch(0, 8);
    for number in 0..100 {
        assert!(machine.launch_driver(number, 8, false).is_empty());
    }
    assert_eq!(machine.run(Duration::from_secs(30)).len(), 100);
}

fn finish(machine: &mut Machine, number: u32) {
    machine.launch_driver(number, 1, false);
    machine.driver_ended(number, Some(0));
}

fn finished(machine: &Machine) -> Vec<u32> {
    let finished = machine.worker.finished_drivers();
    finished.map(|finished| finished.driver.number).collect()
}

#[test]
fn clearing_of_finished_drivers_small_number_of_drivers() {
    let mut machine = Machine::registered(&[("worker.ui.retainedDrivers", "2")]);
    for number in 0..5 {
        finish(&mut machine, number);
        let first = number.saturating_sub(1);
        assert_eq!(finished(&machine), (first..=number).collect::<Vec<_>>());
    }
}

#[test]
fn clearing_of_finished_drivers_more_drivers() {
    let mut machine = Machine::registered(&[("worker.ui.retainedDrivers", "30")]);
    for number in 0..50 {
        finish(&mut machine, number);
        let first = (number + 1).saturating_sub(30);
        assert_eq!(finished(&machine), (first..=number).collect::<Vec<_>>());
    }
}
