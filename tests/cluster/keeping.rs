//! Partitions that are kept on more than one executor.

use crate::fixture::{Cluster, eventually, kill};
use crate::support::command::start;

/// Two workers of a core whose executors say in their logs what they copy.
fn talkative() -> Cluster {
    let mut cluster = Cluster::start(0, 1);
    for number in 1..=2 {
        let mut worker = cluster.worker(number, 1, &[]);
        cluster
            .workers
            .push(start(worker.env("TINDERBOX_LOG", "info")));
    }
    cluster.until_workers(2);
    cluster
}

#[test]
fn what_two_executors_keep_survives_one() {
    let cluster = talkative();
    for level in ["memory-2", "disk-2"] {
        let name = &format!("keeps-{level}");
        let gates = cluster.gates(name);
        let folder = gates.to_str().unwrap();
        let options = ["--name", name, "--allow-read", folder];
        let arguments = ["keeps-twice", level, "1000", folder];
        let mut running = start(&mut cluster.submit(&options, &arguments));
        let application = cluster.application(name, 2);
        let copies = |id: &str| {
            let log = cluster.run(&["logs", "--stderr", id]).done();
            log.matches("holds a copy").count()
        };
        eventually("a copy of each of four partitions", || {
            let all = application.executors.iter().map(|one| copies(&one.id));
            (all.sum::<usize>() == 4).then_some(())
        });
        kill(cluster.process_of(&application.executors[0].id));
        running.wait_for("lost executor");
        cluster.open(&gates, "go");
        let told = "1000 records, 1000 computed\n";
        assert_eq!(running.end().done(), format!("{told}{told}"), "{level}");
    }
}
