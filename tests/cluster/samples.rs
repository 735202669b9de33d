//! Each sample prints the same wherever it runs.

use crate::fixture::Cluster;
use crate::support::samples::samples;

/// Runs all samples with these words before the job.
#[track_caller]
fn print_what_is_expected(words: &[&str]) {
    let cluster = Cluster::shared();
    for sample in samples() {
        let folder = tempfile::tempdir().unwrap();
        let written = folder.path().join("written");
        let output = sample.run(|| cluster.tinderbox(words), &sample.job(), &written);
        assert_eq!(output.text, sample.expected, "{}, {words:?}", sample.name);
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
