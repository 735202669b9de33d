//! A program that was compiled against a released version of the contract runs for ever after.
//!
//! `job-VERSION.wasm` is `guests/compat`, compiled when the version was released. It is never built again.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support/command.rs"]
mod command;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support/guests.rs"]
mod guests;

use std::fs;

use command::Shell;
use guests::{build, root};

const RELEASED: [&str; 1] = ["0.1.0"];
const BYTES_MAX: u64 = 150_000;

/// What `guests/compat` prints of four lines.
#[track_caller]
fn runs(job: &std::path::Path) {
    let shell = Shell::new();
    shell.file("in.txt", "one\ntwo\nthree\nfour\n");
    let printed = shell
        .run(&["--master", "local[2]"], job, &["in.txt"])
        .done();
    // The order within a partition is the SDK's own affair.
    let mut lines: Vec<_> = printed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["0: 3", "1: 9", "4 lines"], "{}", job.display());
}

#[test]
fn a_program_of_each_released_version_runs() {
    for version in RELEASED {
        let job = root().join(format!("tests/compat/job-{version}.wasm"));
        assert!(
            fs::metadata(&job).unwrap().len() < BYTES_MAX,
            "a kept program is small"
        );
        runs(&job);
    }
}

#[test]
fn the_program_of_the_current_version_runs() {
    runs(&build("tests/guests/compat"));
}

#[test]
fn each_version_of_the_contract_has_its_program() {
    let folders = fs::read_dir(root().join("wit"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut versions: Vec<_> = folders
        .filter_map(|name| Some(name.strip_prefix("job-")?.to_owned()))
        .collect();
    versions.sort();
    assert_eq!(versions, RELEASED);
}

#[test]
fn the_sdk_has_the_contract_word_by_word() {
    let contract = fs::read_to_string(root().join("wit/job-0.1.0/job.wit")).unwrap();
    let sdks = fs::read_to_string(root().join("guest-sdk/rust/wit/job.wit")).unwrap();
    assert!(
        contract == sdks,
        "guest-sdk/rust/wit/job.wit is a copy of wit/job-0.1.0/job.wit: copy it again"
    );
}
