//! What is typed wrong, and who may not: each gets a clear answer, and the right exit code.

use std::process::Command;

use crate::fixture::{
    Cluster, FAILED, INTERRUPTED, REFUSED, Site, UNREACHABLE, USAGE, host, master,
};
use crate::support::command::{Ended, start};

/// What is said of a failure, without the names that differ from run to run.
#[track_caller]
fn said(cluster: &Cluster, ended: &Ended, code: i32) -> String {
    let error = ended.failed(code);
    error
        .replace(cluster.site.shell.path().to_str().unwrap(), "FOLDER")
        .replace(&cluster.url, "MASTER")
        .replace(cluster.url.trim_start_matches("tinderbox://"), "ADDRESS")
}

/// Runs a command that must be refused.
#[track_caller]
fn refused(cluster: &Cluster, words: &[&str]) -> String {
    let told = said(cluster, &cluster.run(words), USAGE);
    format!("$ tinderbox {}\n{told}", words.join(" "))
}

#[test]
fn names_that_nobody_has() {
    let cluster = Cluster::shared();
    let lines: [&[&str]; 4] = [
        &["kill", "driver-9-9999"],
        &["kill", "app-9-9999"],
        &["logs", "driver-9-9999"],
        &["logs", "app-9-9999/0"],
    ];
    insta::assert_snapshot!(lines.map(|words| refused(&cluster, words)).concat());
}

#[test]
fn jobs_that_are_none() {
    let cluster = Cluster::shared();
    cluster.site.shell.file("text.wasm", "fn main() {}\n");
    let mut told = String::new();
    for mode in ["client", "cluster"] {
        let words = ["submit", "--deploy-mode", mode, "text.wasm"];
        told += &said(&cluster, &cluster.run(&words), REFUSED);
        let words = ["submit", "--deploy-mode", mode, "no-such.wasm"];
        told += &said(&cluster, &cluster.run(&words), USAGE);
    }
    insta::assert_snapshot!(told);
}

#[test]
fn places_that_are_taken() {
    let cluster = Cluster::shared();
    let port = cluster.url.rsplit_once(':').unwrap().1;
    let mut port_taken = master(&cluster.site, port, &[]);
    port_taken.args(["--folder", "another"]);
    let mut folder_taken = master(&cluster.site, "0", &[]);
    let mut worker_taken = cluster.worker(1, 1, &[]);
    let told = |command: &mut Command| said(&cluster, &start(command).end(), USAGE);
    insta::assert_snapshot!(
        [
            told(&mut port_taken),
            told(&mut folder_taken),
            told(&mut worker_taken),
        ]
        .concat()
    );
}

#[test]
fn a_cluster_that_is_not_there() {
    let site = Site::new();
    // It lets nobody in, but there must be a token to try with.
    let cluster = Cluster::shared();
    let token = cluster.site.path("state/tinderbox/master/submitter.token");
    let asking = [&["status"][..], &["kill", "driver-1-0000"]].map(|words| {
        let mut command = site.tinderbox(words);
        command
            .args(["--master", "tinderbox://127.0.0.1:1", "--token-file"])
            .arg(&token)
            .env("TINDERBOX_CONF_DEPLOY_CLIENT_SUBMISSIONTIMEOUT", "3s");
        start(&mut command)
    });
    for asked in asking {
        let ended = asked.end();
        let error = ended.failed(UNREACHABLE);
        let start = "error: no master answers at tinderbox://127.0.0.1:1 (tried ";
        assert!(error.starts_with(start), "{error}");
        assert!(
            error.contains("hint: `tinderbox master` runs one"),
            "{error}"
        );
        let notice = "no master answers at tinderbox://127.0.0.1:1 yet; trying for 3 s\n";
        assert!(ended.stderr.starts_with(notice), "{}", ended.stderr);
    }
}

#[test]
fn tokens_that_do_not_open() {
    let (cluster, other) = (Cluster::shared(), Site::new());
    let mut strangers = start(&mut master(&other, "0", &[]));
    strangers.wait_for("A master runs at");
    let own = cluster.site.path("state/tinderbox/master");
    let theirs = other.path("state/tinderbox/master");
    let visitor = Site::new();
    visitor.shell.file("nonsense", "open sesame\n");
    let mut told = String::new();
    for (what, token) in [
        ("no file", visitor.path("absent")),
        ("no token", visitor.path("nonsense")),
        ("another cluster's", theirs.join("submitter.token")),
        ("a worker's", own.join("worker.token")),
    ] {
        let mut command = visitor.tinderbox(&["status", "--master", &cluster.url, "--token-file"]);
        let ended = start(command.arg(&token)).end();
        let error = said(&cluster, &ended, USAGE);
        let error = error.replace(visitor.shell.path().to_str().unwrap(), "VISITOR");
        told += &format!("{what}\n{error}");
    }
    let mut command = visitor.tinderbox(&["status", "--master", &cluster.url]);
    let error = said(&cluster, &start(&mut command).end(), USAGE);
    told += &format!(
        "none\n{}",
        error.replace(visitor.shell.path().to_str().unwrap(), "VISITOR")
    );
    let port = cluster.url.rsplit_once(':').unwrap().1;
    insta::assert_snapshot!(told.replace(port, "PORT"));
    strangers.signal("TERM");
    strangers.end().done();
}

#[test]
fn what_no_worker_can_hold_is_told_to_the_submitter() {
    let cluster = Cluster::shared();
    let options = ["--name", "too-large", "--executor-memory", "9g"];
    let mut submitter = start(&mut cluster.submit(&options, &["captures-string"]));
    let told = submitter.line("needs 9 GiB");
    assert!(
        told.contains("needs 9 GiB for an executor, the largest worker has 8 GiB"),
        "{told}"
    );
    let status = cluster.run(&["status"]).done();
    assert!(
        status.contains("needs 9 GiB for an executor, the largest worker has 8 GiB"),
        "{status}"
    );
    submitter.signal("INT");
    assert_eq!(submitter.end().code, Some(INTERRUPTED));
}

#[test]
fn what_no_worker_can_hold_is_told_to_who_waits() {
    let cluster = Cluster::shared();
    let options = [
        "--deploy-mode",
        "cluster",
        "--wait",
        "--driver-memory",
        "9g",
    ];
    let mut waiting = start(&mut cluster.submit(&options, &["captures-string"]));
    let told = waiting.line("is SUBMITTED");
    let (driver, why) = told.split_once(' ').unwrap();
    assert_eq!(
        why,
        "is SUBMITTED: needs 9 GiB for the driver, the largest worker has 8 GiB"
    );
    cluster.run(&["kill", driver]).done();
    assert_eq!(waiting.end().code, Some(INTERRUPTED));
}

#[test]
fn a_tenant_keeps_its_own() {
    let cluster = Cluster::shared();
    let gates = cluster.gates("tenants");
    let path = gates.to_str().unwrap();
    let options = [
        "--deploy-mode",
        "cluster",
        "--tenant",
        "ours",
        "--allow-read",
        path,
    ];
    let arguments = ["waits", path, "hello"];
    let driver = start(&mut cluster.submit(&options, &arguments))
        .end()
        .done();
    let driver = driver.trim_end();
    let application = cluster.until("its executor", |status| {
        let mut all = status.applications.iter();
        let ours = all.find(|one| one.tenant == "ours")?;
        ours.executors.iter().find(|one| one.state == "RUNNING")?;
        Some(ours.id.clone())
    });
    let executor = format!("{application}/0");
    for words in [
        &["logs", driver][..],
        &["logs", &executor],
        &["kill", driver],
        &["kill", &application],
    ] {
        let ended = cluster.run(&[words, &["--tenant", "theirs"]].concat());
        let error = ended.failed(USAGE);
        assert!(
            error.contains("belongs to another tenant"),
            "{words:?}: {error}"
        );
    }
    cluster.run(&["logs", driver, "--tenant", "ours"]).done();
    cluster.open(&gates, "go");
    cluster.driver(driver, "FINISHED");
}

#[test]
fn a_machine_stays_in_service_where_that_is_not_allowed() {
    let cluster = Cluster::shared();
    let ended = cluster.run(&["decommission", &host(2)]);
    assert_eq!(
        ended.failed(USAGE),
        "error: `decommission.enabled` is false\n"
    );
    cluster.until_workers(2);
}

#[test]
fn a_failed_program_is_a_failed_command() {
    let cluster = Cluster::shared();
    let ended = start(&mut cluster.submit(&[], &["driver-returns-an-error"])).end();
    assert_eq!(ended.failed(FAILED), "error: the driver: no luck today\n");
}
