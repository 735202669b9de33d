//! Drivers that the cluster runs: handed over, followed, read, killed and started again.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::fixture::{Cluster, FAILED, INTERRUPTED, USAGE, eventually, kill};
use crate::support::command::{Running, start};

/// Submits a behaviour whose driver a worker runs, and returns its id.
#[track_caller]
fn hand_over(cluster: &Cluster, options: &[&str], arguments: &[&str]) -> String {
    let options = [&["--deploy-mode", "cluster"], options].concat();
    let printed = start(&mut cluster.submit(&options, arguments)).end().done();
    let id = printed.trim_end();
    assert!(id.starts_with("driver-"), "{printed}");
    id.to_owned()
}

/// Submits one that waits at a gate, and returns its id once it has begun.
#[track_caller]
fn hand_over_waiting(cluster: &Cluster, gates: &Path, options: &[&str]) -> String {
    let gates = gates.to_str().unwrap();
    let options = [
        options,
        &["--allow-read", gates, "--total-executor-cores", "1"],
    ]
    .concat();
    let id = hand_over(cluster, &options, &["waits", gates, "hello"]);
    cluster.until_logged(&id, "hello");
    id
}

/// The application of a driver, once one of its tasks waits.
#[track_caller]
fn application_of(cluster: &Cluster, driver: &str) -> String {
    let id = cluster.until("its executor", |status| {
        let mut all = status.applications.iter();
        let of_driver = |id: &Option<String>| id.as_deref() == Some(driver);
        let found = all.find(|one| of_driver(&one.driver_id) && one.state == "RUNNING")?;
        let executor = found.executors.iter().find(|one| one.state == "RUNNING")?;
        Some(executor.id.clone())
    });
    cluster.until_logged(&id, "waiting at go");
    id.split_once('/').unwrap().0.to_owned()
}

#[test]
fn a_drivers_output_is_its_log() {
    let cluster = Cluster::shared();
    let gates = cluster.gates("logs");
    let driver = hand_over_waiting(&cluster, &gates, &[]);
    assert_eq!(cluster.run(&["logs", &driver]).done(), "hello\n");
    let mut following = start(&mut cluster.tinderbox(&["logs", "-f", &driver]));
    following.wait_for("hello");
    cluster.open(&gates, "go");
    assert_eq!(following.end().done(), "hello\n1 went on\n");
    let errors = cluster.run(&["logs", "--stderr", &driver]).done();
    assert!(errors.starts_with("aside: hello\n"), "{errors}");
    assert!(errors.contains("1 job, 1 stage, 1 task"), "{errors}");
    let finished = cluster.driver(&driver, "FINISHED");
    assert_eq!(
        finished.reason.as_deref(),
        Some("it ended by itself, with exit code 0")
    );
}

/// Follows a log before there is one, and ends when its reader has had enough, though nothing more is printed.
#[test]
fn a_log_is_followed_from_before_its_beginning_until_its_reader_leaves() {
    let cluster = Cluster::shared();
    let gates = cluster.gates("followed");
    let path = gates.to_str().unwrap();
    let options = ["--allow-read", path, "--total-executor-cores", "1"];
    let driver = hand_over(&cluster, &options, &["waits", path, "hello"]);
    let mut command = cluster.tinderbox(&["logs", "-f", &driver]);
    let mut following = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(following.stdout.take().unwrap());
    let mut line = String::new();
    printed.read_line(&mut line).unwrap();
    assert_eq!(line, "hello\n");
    drop(printed);
    assert!(following.wait().unwrap().success());
    cluster.open(&gates, "go");
    cluster.driver(&driver, "FINISHED");
}

#[test]
fn who_waits_sees_all_that_the_driver_prints() {
    let cluster = Cluster::shared();
    let gates = cluster.gates("wait");
    let path = gates.to_str().unwrap();
    let options = ["--deploy-mode", "cluster", "--wait", "--allow-read", path];
    let mut waiting = start(&mut cluster.submit(&options, &["waits", path, "hello"]));
    waiting.wait_for("hello\n");
    cluster.open(&gates, "go");
    let ended = waiting.end();
    assert_eq!(
        ended.stderr.matches("aside: hello").count(),
        1,
        "{}",
        ended.stderr
    );
    assert_eq!(ended.done(), "hello\n1 went on\n");
}

#[test]
fn who_waits_ends_as_the_driver_does() {
    let cluster = Cluster::shared();
    for (behaviour, words) in [
        ("driver-returns-an-error", "the driver: no luck today"),
        ("driver-panics", "the driver gives up"),
        ("task-panics", "deterministic, not retried"),
    ] {
        let options = ["--deploy-mode", "cluster", "--wait"];
        let ended = start(&mut cluster.submit(&options, &[behaviour])).end();
        assert_eq!(ended.code, Some(FAILED), "{behaviour}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{behaviour}");
        assert!(
            ended.stderr.contains(words),
            "{behaviour}: {}",
            ended.stderr
        );
    }
}

/// A driver that has said hello and waits at a gate, followed with `--wait`; and its id.
#[track_caller]
fn follow_waiting(cluster: &Cluster, gates: &Path) -> (Running, String) {
    let path = gates.to_str().unwrap();
    let options = ["--deploy-mode", "cluster", "--wait", "--allow-read", path];
    let mut waiting = start(&mut cluster.submit(&options, &["waits", path, "hello"]));
    let told = waiting.line("submitted driver-");
    let mut words = told.split([' ', ';']);
    let driver = words.find(|word| word.starts_with("driver-")).unwrap();
    waiting.wait_for("hello\n");
    (waiting, driver.to_owned())
}

#[test]
fn who_is_interrupted_leaves_the_driver_running() {
    let cluster = Cluster::shared();
    let gates = cluster.gates("left");
    let (waiting, driver) = follow_waiting(&cluster, &gates);
    let driver = &*driver;
    waiting.signal("INT");
    let ended = waiting.end();
    assert_eq!(ended.code, Some(INTERRUPTED), "{}", ended.stderr);
    let last = format!("{driver} goes on\n");
    assert!(ended.stderr.ends_with(&last), "{}", ended.stderr);
    cluster.driver(driver, "RUNNING");
    cluster.open(&gates, "go");
    cluster.driver(driver, "FINISHED");
}

#[test]
fn a_driver_that_is_killed_takes_its_application_along() {
    let cluster = Cluster::shared();
    let gates = cluster.gates("killed");
    let driver = hand_over_waiting(&cluster, &gates, &[]);
    let application = application_of(&cluster, &driver);
    let executor = cluster.process_of(&format!("{application}/0"));
    assert_eq!(cluster.run(&["kill", &driver]).done(), "");
    let killed = cluster.driver(&driver, "KILLED");
    assert_eq!(killed.reason.as_deref(), Some("it was killed on request"));
    cluster.site.until_ended(executor);
    let again = cluster.run(&["kill", &driver]);
    assert_eq!(
        again.failed(USAGE),
        format!("error: {driver} has ended already\n")
    );
}

#[test]
fn who_waits_for_a_driver_that_is_killed_is_told() {
    let cluster = Cluster::shared();
    let gates = cluster.gates("killed-and-waited-for");
    let (waiting, driver) = follow_waiting(&cluster, &gates);
    let driver = &*driver;
    cluster.run(&["kill", driver]).done();
    let ended = waiting.end();
    assert_eq!(ended.code, Some(INTERRUPTED), "{}", ended.stderr);
    let last = format!("error: {driver} was killed: it was killed on request\n");
    assert!(ended.stderr.ends_with(&last), "{}", ended.stderr);
}

#[test]
fn an_application_that_is_killed_ends_its_submitter() {
    let cluster = Cluster::shared();
    let gates = cluster.gates("application-killed");
    let path = gates.to_str().unwrap();
    let options = [
        "--name",
        "to-be-killed",
        "--allow-read",
        path,
        "--total-executor-cores",
        "1",
    ];
    let submitter = start(&mut cluster.submit(&options, &["waits", path]));
    let application = cluster.application("to-be-killed", 1);
    let executor = cluster.process_of(&application.executors[0].id);
    cluster.run(&["kill", &application.id]).done();
    let ended = submitter.end();
    assert_eq!(ended.code, Some(FAILED), "{}", ended.stderr);
    let why = "was cancelled: the master removed the application: somebody asked for it";
    assert!(ended.error().contains(why), "{}", ended.stderr);
    cluster.site.until_ended(executor);
}

#[test]
fn a_supervised_driver_is_started_again() {
    let cluster = Cluster::start(2, 2);
    let gates = cluster.gates("supervised");
    let driver = hand_over_waiting(&cluster, &gates, &["--supervise"]);
    let first = cluster.site.processes_of("driver");
    kill(first[0]);
    eventually("another process", || {
        let found = cluster.site.processes_of("driver");
        (found.len() == 1 && found != first).then_some(())
    });
    cluster.open(&gates, "go");
    cluster.driver(&driver, "FINISHED");
    let printed = cluster.run(&["logs", &driver]).done();
    assert!(printed.ends_with("hello\n1 went on\n"), "{printed}");
}

#[test]
fn a_driver_that_nobody_supervises_has_failed_when_it_is_killed() {
    let cluster = Cluster::start(1, 2);
    let gates = cluster.gates("unsupervised");
    let driver = hand_over_waiting(&cluster, &gates, &[]);
    let application = application_of(&cluster, &driver);
    let executor = cluster.process_of(&format!("{application}/0"));
    kill(cluster.site.processes_of("driver")[0]);
    let failed = cluster.driver(&driver, "FAILED");
    let why = failed.reason.unwrap();
    assert!(why.starts_with("it was ended by SIGKILL"), "{why}");
    cluster.site.until_ended(executor);
}
