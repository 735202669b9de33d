//! A machine that is taken out of service in good order.

use crate::counting::Counting;
use crate::fixture::{Cluster, USAGE, host};

#[test]
fn a_job_goes_on_while_a_machine_leaves() {
    let mut cluster = Cluster::with(2, 1, &["decommission.enabled=true"]);
    let leaving = cluster.workers.remove(1);
    // A task that was sent ahead and taken back would count as an attempt.
    let alone = ["--conf", "task.aheadTime=0"];
    let counting = Counting::begin_with(&cluster, "leaving", &alone);
    counting.open("map");
    counting.until_waiting("reduce");
    let unknown = cluster.run(&["decommission", "no-such-host"]);
    assert_eq!(
        unknown.failed(USAGE),
        "error: no worker is on `no-such-host`\n"
    );
    let told = cluster.run(&["decommission", &host(2)]).done();
    assert_eq!(told, "1 worker told to go\n");
    let executor = counting.executor_on(&cluster.worker_on(2));
    cluster.until("its state", |status| {
        let mut workers = status.workers.iter();
        let found = workers.find(|worker| worker.host == host(2))?;
        (found.state == "DECOMMISSIONED").then_some(())
    });
    let ended = counting.counts_right();
    // Nothing was lost, so nothing was done twice.
    assert!(
        ended.stderr.contains("16 tasks in 16 attempts"),
        "{}",
        ended.stderr
    );
    cluster.site.until_ended(executor);
    // It is stopped when it has nothing to do.
    leaving.signal("TERM");
    leaving.end().done();
    cluster.until_workers(1);
}
