//! What a worker leaves on disk. Some scenarios are those of Spark's `WorkerSuite`.

use std::time::Duration;

use scheduler::message::ToWorker;
use scheduler::worker::{Folder, Input};

use crate::host::{Machine, app, executor};

const DAY: Duration = Duration::from_secs(86_400);

fn ended(machine: &mut Machine) -> Vec<String> {
    machine.launch(0, 1);
    machine.started(executor(0));
    machine.ended(executor(0), Some(0)).split_off(1)
}

#[test]
fn cleanup_non_shuffle_files_after_executor_exits() {
    let mut machine = Machine::registered(&[("storage.cleanupFilesAfterExecutorExit", "true")]);
    assert_eq!(ended(&mut machine), ["remove scratch of app-1-0000/0"]);
}

#[test]
fn do_not_cleanup_non_shuffle_files_after_executor_exits() {
    let mut machine = Machine::registered(&[("storage.cleanupFilesAfterExecutorExit", "false")]);
    assert!(ended(&mut machine).is_empty());
}

#[test]
fn work_dir_cleanup_removes_old_folders_of_applications_that_run_nothing_here() {
    let mut machine = Machine::registered(&[("worker.cleanup.interval", "7s")]);
    machine.launch(0, 1);
    let lines = machine.run(Duration::from_secs(14));
    assert_eq!(lines, ["find folders", "find folders"]);
    let folder = |number, age| Folder {
        application: app(number),
        age,
    };
    let found = vec![
        folder(0, 8 * DAY),
        folder(1, 8 * DAY),
        folder(2, 7 * DAY),
        folder(3, Duration::ZERO),
    ];
    assert_eq!(
        machine.give(Input::FoldersFound(found)),
        ["remove folder of app-1-0001"]
    );
}

#[test]
fn no_folders_are_looked_for_where_cleanup_is_off() {
    let mut machine = Machine::registered(&[("worker.cleanup.enabled", "false")]);
    let lines = machine.run(Duration::from_secs(4_000));
    assert!(lines.iter().all(|line| line.contains("heartbeat")));
}

#[test]
fn the_files_of_an_application_go_with_its_last_executor() {
    let mut machine = Machine::registered(&[]);
    machine.launch(0, 1);
    machine.launch(1, 1);
    let finished = ToWorker::ApplicationFinished(app(0));
    assert!(machine.hear(1, finished.clone()).is_empty());
    let lines = machine.ended(executor(1), Some(0));
    assert_eq!(lines.len(), 2);
    assert_eq!(
        machine.ended(executor(0), Some(0))[2],
        "remove files of app-1-0000"
    );
    assert!(machine.hear(1, finished).is_empty());
}

#[test]
fn the_files_of_an_application_without_executors_go_at_once() {
    let mut machine = Machine::registered(&[]);
    assert_eq!(
        machine.hear(1, ToWorker::ApplicationFinished(app(0))),
        ["remove files of app-1-0000"]
    );
}

#[test]
fn nothing_is_launched_for_an_application_that_is_over() {
    let mut machine = Machine::registered(&[]);
    machine.hear(1, ToWorker::ApplicationFinished(app(0)));
    assert_eq!(
        machine.launch(0, 1),
        ["a:7077 < app-1-0000/0 Failed: its application is over"]
    );
}
