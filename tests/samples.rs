//! Each sample prints what its README says, on one core and on two, compiled anew and from the cache.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
mod support {
    pub(crate) mod command;
    pub(crate) mod guests;
}

use std::fs;

use support::command::{Shell, start};
use support::guests::{build, root};

/// Runs a sample with its own input; its expected output lies beside it.
#[track_caller]
fn prints_what_is_expected(sample: &str, arguments: &[&str]) {
    let folder = root().join("samples").join(sample);
    let job = build(&format!("samples/{sample}"));
    let expected = fs::read_to_string(folder.join("expected/output.txt")).unwrap();
    let shell = Shell::new();
    for master in ["local[1]", "local[2]"] {
        // An empty cache first, then the same cache.
        let cache = shell.path().join(format!("cache-{master}"));
        for state in ["cold", "warm"] {
            let mut command = shell.tinderbox();
            command
                .args(["run", "--quiet", "--master", master])
                .arg(&job)
                .args(arguments);
            let ended = start(command.current_dir(&folder).env("XDG_CACHE_HOME", &cache)).end();
            assert_eq!(ended.stderr, "", "{sample}, {master}, {state}");
            assert_eq!(ended.done(), expected, "{sample}, {master}, {state}");
        }
        let artefacts = fs::read_dir(cache.join("tinderbox/compiled")).unwrap();
        let compiled = artefacts.filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|end| end == "artefact")
        });
        assert_eq!(compiled.count(), 1, "compiled once");
    }
}

#[test]
fn wordcount() {
    prints_what_is_expected("wordcount", &["data"]);
}

#[test]
fn pi() {
    prints_what_is_expected("pi", &[]);
}

#[test]
fn kmeans() {
    prints_what_is_expected("kmeans", &["data/points.bin"]);
}
