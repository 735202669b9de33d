//! Each sample prints the same wherever it runs.

use std::process::Command;

use crate::fixture::Cluster;
use crate::support::command::start;
use crate::support::samples::{Sample, samples};

#[track_caller]
fn prints_what_is_expected(command: &mut Command, sample: &Sample, mode: &str) {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("written");
    let printed = start(sample.add_to(command, &sample.job(), &written))
        .end()
        .done();
    let output = sample.output(printed, &written);
    assert_eq!(output, sample.expected, "{}, {mode}", sample.name);
}

/// Runs all samples with these words before the job.
#[track_caller]
fn print_what_is_expected(words: &[&str]) {
    let cluster = Cluster::shared();
    for sample in samples() {
        let mut command = cluster.tinderbox(words);
        prints_what_is_expected(&mut command, &sample, &words.join(" "));
    }
}

#[test]
fn on_one_machine() {
    print_what_is_expected(&["run", "--master", "local[2]"]);
}

#[test]
fn on_a_cluster_of_their_own() {
    print_what_is_expected(&["run", "--master", "local-cluster[2,1,512m]"]);
}

#[test]
fn in_client_mode() {
    print_what_is_expected(&["submit"]);
}

#[test]
fn in_cluster_mode() {
    print_what_is_expected(&["submit", "--deploy-mode", "cluster", "--wait"]);
}
