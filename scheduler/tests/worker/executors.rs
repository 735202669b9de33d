//! A worker's executors. Some scenarios are those of Spark's `WorkerSuite`.

use std::time::Duration;

use scheduler::message::{ExecutorState, ToWorker};

use crate::host::{Machine, executor, launch, registered_worker};

#[test]
fn an_executor_is_started_told_of_and_its_end_reported() {
    let mut machine = Machine::registered(&[]);
    assert_eq!(machine.launch(0, 2), ["start app-1-0000/0 with 2"]);
    assert_eq!(machine.worker.used(), (2, 1 << 30));
    assert_eq!(
        machine.started(executor(0)),
        ["a:7077 < app-1-0000/0 Running"]
    );
    assert!(machine.started(executor(0)).is_empty());
    assert_eq!(
        machine.ended(executor(0), Some(3)),
        [
            "a:7077 < app-1-0000/0 Exited with 3: it ended",
            "remove scratch of app-1-0000/0"
        ]
    );
    assert!(machine.ended(executor(0), Some(3)).is_empty());
    assert_eq!(machine.worker.used(), (0, 0));
}

#[test]
fn an_executor_that_can_not_be_started_has_failed() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 2);
    assert_eq!(
        machine.ended(executor(0), None)[0],
        "a:7077 < app-1-0000/0 Failed: it ended"
    );
    assert_eq!(machine.worker.used(), (0, 0));
}

#[test]
fn a_repeated_launch_starts_no_second_process() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 2);
    assert!(machine.launch(0, 2).is_empty());
    machine.started(executor(0));
    assert_eq!(machine.launch(0, 2), ["a:7077 < app-1-0000/0 Running"]);
    machine.ended(executor(0), Some(0));
    assert_eq!(
        machine.launch(0, 2),
        ["a:7077 < app-1-0000/0 Exited with 0: it ended"]
    );
}

#[test]
fn a_launch_repeated_after_its_end_is_forgotten_starts_nothing_either() {
    let mut machine = Machine::registered(&[("worker.ui.retainedExecutors", "0")]);
    machine.launch(5, 2);
    machine.ended(executor(5), Some(0));
    assert_eq!(
        machine.launch(5, 2),
        ["a:7077 < app-1-0000/5 Failed: it was launched before, and has ended"]
    );
}

#[test]
fn a_launch_beyond_what_is_free_fails_with_the_reason() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 6);
    assert_eq!(
        machine.launch(1, 3),
        [
            "a:7077 < app-1-0000/1 Failed: it asks for 3 cores and 1 GiB, \
          2 cores and 7 GiB of 8 cores and 8 GiB are free"
        ]
    );
    assert_eq!(
        machine.launch(2, u32::MAX),
        [
            "a:7077 < app-1-0000/2 Failed: it asks for 4294967295 cores and 1 GiB, \
          the worker has 8 cores and 8 GiB"
        ]
    );
    assert_eq!(
        machine.launch(3, 0),
        ["a:7077 < app-1-0000/3 Failed: an executor without cores can't do anything"]
    );
    assert_eq!(machine.worker.used(), (6, 1 << 30));
}

#[test]
fn memory_is_counted_as_cores_are() {
    let mut machine = Machine::registered(&[]);
    let mut order = launch(executor(0), 1);
    if let ToWorker::LaunchExecutor { memory, .. } = &mut order {
        *memory = u64::MAX;
    }
    let lines = machine.hear(1, order);
    assert!(
        lines[0].contains("Failed: it asks for 1 core and 16777215.9 TiB"),
        "{lines:?}"
    );
}

#[test]
fn an_executor_is_asked_to_stop_and_then_made_to() {
    let mut machine = Machine::registered(&[("worker.timeout", "1000s")]);
    machine.launch(0, 2);
    machine.started(executor(0));
    let kill = ToWorker::KillExecutor(executor(0));
    assert_eq!(machine.hear(1, kill.clone()), ["stop app-1-0000/0"]);
    assert!(machine.hear(1, kill).is_empty());
    let (waited, lines) = machine.wait();
    assert_eq!(waited, Duration::from_secs(10));
    assert_eq!(lines, ["force app-1-0000/0"]);
    assert_eq!(
        machine.ended(executor(0), Some(137))[0],
        "a:7077 < app-1-0000/0 Killed with 137: the master ordered it"
    );
}

#[test]
fn an_executor_that_is_only_being_started_is_killed_too() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 2);
    let kill = ToWorker::KillExecutor(executor(0));
    assert_eq!(machine.hear(1, kill), ["stop app-1-0000/0"]);
    // It still comes up, which is nobody's business any more.
    assert!(machine.started(executor(0)).is_empty());
    assert_eq!(
        machine.ended(executor(0), None)[0],
        "a:7077 < app-1-0000/0 Killed: the master ordered it"
    );
}

#[test]
fn a_kill_before_the_launch_cancels_it() {
    let mut machine = Machine::registered(&[]);
    let killed = "a:7077 < app-1-0000/0 Killed: it was killed before it was launched here";
    let kill = ToWorker::KillExecutor(executor(0));
    assert_eq!(machine.hear(1, kill.clone()), [killed]);
    assert_eq!(machine.hear(1, kill), [killed]);
    assert_eq!(machine.launch(0, 2), [killed]);
}

/// The master takes a killed executor for gone at once; its process does not end as fast.
#[test]
fn a_launch_waits_for_what_is_being_stopped() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 6);
    machine.started(executor(0));
    machine.hear(1, ToWorker::KillExecutor(executor(0)));
    assert!(machine.launch(1, 8).is_empty());
    let state = machine.hear(1, registered_worker());
    assert_eq!(
        state,
        ["a:7077 < state [app-1-0000/0 with 6, app-1-0000/1 with 8]"]
    );
    // What waits has its word on the rest: a later one does not overtake it.
    let late = machine.launch(2, 1);
    assert!(
        late[0].contains("executor-2 Failed: it asks for 1 core"),
        "{late:?}"
    );
    let lines = machine.ended(executor(0), Some(0));
    assert_eq!(lines.last().unwrap(), "start app-1-0000/1 with 8");
    assert_eq!(machine.worker.used().0, 8);
}

#[test]
fn a_launch_that_waits_is_cancelled_by_a_kill() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 6);
    machine.hear(1, ToWorker::KillExecutor(executor(0)));
    machine.launch(1, 8);
    assert_eq!(
        machine.hear(1, ToWorker::KillExecutor(executor(1))),
        ["a:7077 < app-1-0000/1 Killed: the master ordered it"]
    );
    let lines = machine.ended(executor(0), Some(0));
    assert!(
        lines.iter().all(|line| !line.starts_with("start")),
        "{lines:?}"
    );
}

fn finish(machine: &mut Machine, number: u32) {
    machine.launch(number, 1);
    machine.ended(executor(number), Some(0));
}

fn finished(machine: &Machine) -> Vec<u32> {
    let finished = machine.worker.finished_executors();
    finished.map(|finished| finished.name.executor.0).collect()
}

#[test]
fn clearing_of_finished_executors_small_number_of_executors() {
    let mut machine = Machine::registered(&[("worker.ui.retainedExecutors", "2")]);
    for number in 0..5 {
        finish(&mut machine, number);
        let first = number.saturating_sub(1);
        assert_eq!(finished(&machine), (first..=number).collect::<Vec<_>>());
    }
    let last = machine.worker.finished_executors().last().unwrap();
    assert_eq!(
        (last.state, last.exit_code),
        (ExecutorState::Exited, Some(0))
    );
}

#[test]
fn clearing_of_finished_executors_more_executors() {
    let mut machine = Machine::registered(&[("worker.ui.retainedExecutors", "30")]);
    for number in 0..50 {
        finish(&mut machine, number);
        let first = (number + 1).saturating_sub(30);
        assert_eq!(finished(&machine), (first..=number).collect::<Vec<_>>());
    }
}
