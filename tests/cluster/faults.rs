//! Processes that are killed without a word: what they were doing is done by others, once.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::counting::Counting;
use crate::fixture::{Cluster, kill};
use crate::support::command::start;

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
