//! Processes that are killed without a word: what they were doing is done by others, once.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::counting::Counting;
use crate::fixture::{Cluster, kill};
use crate::support::command::start;
use crate::support::damage::{flip_bits, shuffle_files};

#[test]
fn an_executor_that_is_killed_costs_no_word() {
    let cluster = Cluster::shared();
    for gate in ["map", "reduce"] {
        let counting = Counting::begin(&cluster, &format!("executor-killed-at-{gate}"));
        if gate == "reduce" {
            counting.open("map");
        }
        counting.until_waiting(gate);
        let killed = &counting.application.executors[0].id;
        kill(cluster.process_of(killed));
        counting.until_replaced(killed);
        counting.counts_right();
    }
}

/// Also what the killed ones had added, which waited with them.
#[test]
fn an_executor_that_is_killed_adds_nothing() {
    let cluster = Cluster::shared();
    let name = "adding-executor-killed";
    let gates = cluster.gates(name);
    let folder = gates.to_str().unwrap();
    let submit = |options: &[&str]| {
        let options = [&["--name", name, "--allow-read", folder], options].concat();
        start(&mut cluster.submit(&options, &["adds-and-waits", "10000", folder]))
    };
    let running = submit(&["--executor-cores", "1", "--total-executor-cores", "2"]);
    let application = cluster.application(name, 2);
    for executor in &application.executors {
        cluster.until_logged(&executor.id, "waiting at go");
    }
    kill(cluster.process_of(&application.executors[0].id));
    cluster.open(&gates, "go");
    let ended = running.end();
    assert!(
        ended.stderr.contains("lost its executor"),
        "{}",
        ended.stderr
    );
    let told = ended.done();
    assert!(told.starts_with("10000 records, "), "{told}");
    // The same digits, too, where nothing went wrong.
    assert_eq!(submit(&[]).end().done(), told);
}

/// While maps run, and when its shuffle files are gone that others are about to read.
#[test]
fn a_worker_that_is_killed_costs_no_word() {
    // Side by side: most of the time the others wait until they have heard nothing of it for long enough.
    thread::scope(|scope| {
        for gate in ["map", "reduce"] {
            scope.spawn(move || a_worker_is_killed_at(gate));
        }
    });
}

/// Kills the second worker, whose machine goes with all its files.
#[track_caller]
fn a_worker_is_killed_at(gate: &str) {
    let mut cluster = Cluster::start(2, 1);
    let worker = cluster.worker_on(2);
    let lost = cluster.workers.remove(1);
    let counting = Counting::begin(&cluster, "worker-killed");
    if gate == "reduce" {
        counting.open("map");
    }
    counting.until_waiting(gate);
    let executor = counting.executor_on(&worker);
    lost.signal("KILL");
    assert_eq!(lost.end().code, None);
    cluster.site.until_ended(executor);
    fs::remove_dir_all(cluster.site.path("worker-2")).unwrap();
    counting.counts_right();
}

/// Of files that each executor reads, some from its disk and some from the other machine.
#[test]
fn bits_that_turn_over_in_shuffle_files_cost_no_word() {
    let cluster = Cluster::start(2, 1);
    let gates = cluster.gates("gates");
    let text = gates.join("text");
    fs::write(&text, "six by six\n".repeat(1000)).unwrap();
    let (folder, text) = (gates.to_str().unwrap(), text.to_str().unwrap());
    let mut submit = cluster.submit(
        &["--allow-read", folder],
        &["counts-words-again", text, folder],
    );
    let mut running = start(&mut submit);
    running.wait_for("2 words\n");
    let files = shuffle_files(&cluster.site.path(""));
    assert_eq!(files.len(), 8);
    // Whichever machine has how many of them.
    let damaged = [0, 4, 7].map(|number| files[number].clone());
    flip_bits(&damaged);
    cluster.open(&gates, "read");
    let ended = running.end();
    assert!(ended.stderr.contains("(attempt 2)"), "{}", ended.stderr);
    assert_eq!(ended.done(), "by\t1000\nsix\t2000\n");
}

#[test]
fn executors_go_with_a_submitter_that_is_killed() {
    let cluster = Cluster::start(2, 1);
    let gates = cluster.gates("gates");
    let folder = gates.to_str().unwrap();
    let mut submit = cluster.submit(
        &["--name", "lonely", "--allow-read", folder],
        &["waits", folder],
    );
    let submitter = start(&mut submit);
    let application = cluster.application("lonely", 2);
    let at_work: Vec<_> = application
        .executors
        .iter()
        .map(|one| cluster.process_of(&one.id))
        .collect();
    submitter.signal("KILL");
    let since = Instant::now();
    assert_eq!(submitter.end().code, None);
    cluster.until("free cores", |status| {
        status
            .workers
            .iter()
            .all(|worker| worker.cores_used == 0)
            .then_some(())
    });
    for process in at_work {
        cluster.site.until_ended(process);
    }
    let took = since.elapsed();
    println!("free {took:?} after the kill");
    assert!(took < Duration::from_secs(10), "{took:?}");
}
