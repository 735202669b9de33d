//! Every operation on pairs and numbers, in a real program: alone, on two cores and in a cluster.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
mod support {
    pub(crate) mod command;
    pub(crate) mod guests;
}

use support::command::Shell;
use support::guests::behaves;

/// What a behaviour prints, the same wherever it runs.
#[track_caller]
fn told(behaviour: &str) -> String {
    let shell = Shell::new();
    let run = |master| {
        let options = ["--master", master];
        shell.run(&options, behaves(), &[behaviour]).done()
    };
    let printed = run("local[1]");
    for master in ["local[2]", "local-cluster[2,1,512m]"] {
        assert_eq!(printed, run(master), "{master}");
    }
    printed
}

#[test]
fn values_are_combined_by_key() {
    insta::assert_snapshot!(told("combines"));
}

#[test]
fn datasets_are_joined_by_key() {
    insta::assert_snapshot!(told("joins"));
}

#[test]
fn records_lie_where_partitioners_say() {
    insta::assert_snapshot!(told("places"));
}

#[test]
fn samples_have_a_fraction_for_each_key() {
    insta::assert_snapshot!(told("samples"));
}

#[test]
fn numbers_are_measured() {
    insta::assert_snapshot!(told("measures"));
}

#[test]
fn different_records_are_counted() {
    insta::assert_snapshot!(told("sketches"));
}

#[test]
fn answers_are_bounded_in_time() {
    insta::assert_snapshot!(told("guesses"));
}

#[test]
fn a_job_that_nobody_waits_for_gives_its_cores_back() {
    insta::assert_snapshot!(told("guesses-too-long"));
}

#[test]
fn a_partitioner_that_is_wrong_is_told_of() {
    let shell = Shell::new();
    let failed = shell.run(&["--master", "local[2]"], behaves(), &["misplaces"]);
    let why = "the partitioner answered 3 for a key, but it has 3 partitions: it must answer with a number from 0 to 2";
    assert!(failed.failed(1).contains(why), "{}", failed.stderr);
}
