//! Ctrl-C and SIGTERM at each kind of process, and death: nobody survives who started it, and what was stopped can be
//! started again.

use std::fs;
use std::path::Path;

use crate::fixture::{Cluster, DONE, INTERRUPTED, Site, master, url_in};
use crate::support::command::{Running, signal, start};
use crate::support::guests::behaves;

const POLITE: [&str; 2] = ["INT", "TERM"];

/// Runs a program that waits on a cluster, and returns its submitter and its executors' processes.
#[track_caller]
fn begin(cluster: &Cluster, gates: &Path, name: &str) -> (Running, Vec<u32>) {
    let path = gates.to_str().unwrap();
    let options = [
        "--name",
        name,
        "--allow-read",
        path,
        "--executor-cores",
        "1",
    ];
    let options = [&options[..], &["--total-executor-cores", "2"]].concat();
    let submitter = start(&mut cluster.submit(&options, &["waits", path]));
    let application = cluster.application(name, 2);
    let executors = application.executors.iter();
    let processes = executors.map(|one| cluster.process_of(&one.id)).collect();
    (submitter, processes)
}

#[test]
fn a_submitter_that_is_told_to_stop_ends_its_executors() {
    let cluster = Cluster::shared();
    let gates = cluster.gates("submitter");
    for name in POLITE {
        let (submitter, executors) = begin(&cluster, &gates, name);
        submitter.signal(name);
        let ended = submitter.end();
        assert_eq!(ended.code, Some(INTERRUPTED), "{name}: {}", ended.stderr);
        assert_eq!(ended.error(), "error: interrupted\n");
        for executor in executors {
            cluster.site.until_ended(executor);
        }
    }
}

#[test]
fn an_executor_that_is_told_to_stop_is_replaced() {
    let cluster = Cluster::shared();
    let gates = cluster.gates("executor");
    let (submitter, executors) = begin(&cluster, &gates, "executor-stopped");
    for (name, executor) in POLITE.into_iter().zip(executors) {
        signal(executor, name);
        cluster.site.until_ended(executor);
    }
    cluster.application("executor-stopped", 2);
    cluster.open(&gates, "go");
    assert_eq!(submitter.end().done(), "1 went on\n");
}

#[test]
fn a_driver_that_is_told_to_stop_ends_its_executors() {
    let cluster = Cluster::start(1, 2);
    let gates = cluster.gates("driver");
    let path = gates.to_str().unwrap();
    for name in POLITE {
        let options = [
            "--deploy-mode",
            "cluster",
            "--name",
            name,
            "--allow-read",
            path,
        ];
        let options = [&options[..], &["--total-executor-cores", "1"]].concat();
        let driver = start(&mut cluster.submit(&options, &["waits", path]))
            .end()
            .done();
        let executors = cluster.application(name, 1).executors;
        let executor = cluster.process_of(&executors[0].id);
        signal(cluster.site.processes_of("driver")[0], name);
        let failed = cluster.driver(driver.trim_end(), "FAILED");
        assert_eq!(
            failed.reason.as_deref(),
            Some("it ended with exit code 130"),
            "{name}"
        );
        cluster.site.until_ended(executor);
    }
}

#[test]
fn no_child_survives_a_worker_and_its_folder_serves_again() {
    let mut cluster = Cluster::start(1, 4);
    let gates = cluster.gates("worker");
    for name in ["INT", "TERM", "KILL"] {
        let (submitter, executors) = begin(&cluster, &gates, &format!("worker-{name}"));
        let worker = cluster.workers.remove(0);
        worker.signal(name);
        let code = (name != "KILL").then_some(DONE);
        assert_eq!(worker.end().code, code, "{name}");
        for executor in executors {
            cluster.site.until_ended(executor);
        }
        submitter.signal("INT");
        assert_eq!(submitter.end().code, Some(INTERRUPTED));
        cluster.workers.push(start(&mut cluster.worker(1, 4, &[])));
        cluster.until_workers(1);
    }
    let (submitter, _) = begin(&cluster, &gates, "again");
    cluster.open(&gates, "go");
    assert_eq!(submitter.end().done(), "1 went on\n");
}

#[test]
fn what_runs_outlives_the_master_and_its_folder_serves_again() {
    let mut cluster = Cluster::start(2, 2);
    let gates = cluster.gates("master");
    let port = cluster.url.rsplit_once(':').unwrap().1.to_owned();
    let (submitter, executors) = begin(&cluster, &gates, "outlives");
    for name in ["INT", "TERM", "KILL"] {
        let gone = cluster.master.take().unwrap();
        gone.signal(name);
        let code = (name != "KILL").then_some(DONE);
        assert_eq!(gone.end().code, code, "{name}");
        let again = start(&mut master(&cluster.site, &port, &[]));
        cluster.master = Some(again);
        cluster.until_workers(2);
    }
    let application = cluster.application("outlives", 2);
    let same = application.executors.iter();
    let same: Vec<_> = same.map(|one| cluster.process_of(&one.id)).collect();
    assert_eq!(same, executors);
    cluster.open(&gates, "go");
    assert_eq!(submitter.end().done(), "1 went on\n");
}

/// Starts `tinderbox cluster` at any port.
#[track_caller]
fn trial_cluster(site: &Site) -> (Running, String) {
    let mut running = start(&mut site.tinderbox(&["cluster", "--port", "0"]));
    let url = url_in(&running.line("A cluster runs at"));
    (running, url)
}

#[test]
fn a_cluster_for_trying_out_goes_with_all_that_it_has_started() {
    for name in ["INT", "TERM", "KILL"] {
        let site = Site::new();
        let gates = site.path("gates");
        fs::create_dir(&gates).unwrap();
        let (cluster, url) = trial_cluster(&site);
        let mut submit = site.tinderbox(&["submit", "--master", &url, "--allow-read"]);
        submit.arg(&gates).arg(behaves()).arg("waits").arg(&gates);
        let submitter = start(&mut submit);
        site.until_begun("executor", 2);
        cluster.signal(name);
        let code = (name != "KILL").then_some(DONE);
        assert_eq!(cluster.end().code, code, "{name}");
        site.until_gone("executor");
        submitter.signal("INT");
        assert_eq!(submitter.end().code, Some(INTERRUPTED), "{name}");
        if name == "KILL" {
            // Nobody was left to tidy up; another one is not in its way.
            let (again, _) = trial_cluster(&site);
            again.signal("INT");
            again.end().done();
        } else {
            site.expect_nothing_left();
        }
    }
}

#[test]
fn a_cluster_of_a_runs_own_goes_with_the_run() {
    for name in ["INT", "TERM", "KILL"] {
        let site = Site::new();
        let gates = site.path("gates");
        fs::create_dir(&gates).unwrap();
        let mut run =
            site.tinderbox(&["run", "--master", "local-cluster[2,1,512m]", "--allow-read"]);
        run.arg(&gates).arg(behaves()).arg("waits").arg(&gates);
        let running = start(&mut run);
        site.until_begun("executor", 2);
        running.signal(name);
        let code = (name != "KILL").then_some(INTERRUPTED);
        let ended = running.end();
        assert_eq!(ended.code, code, "{name}: {}", ended.stderr);
        site.until_gone("executor");
        if name != "KILL" {
            site.expect_nothing_left();
        }
    }
}
