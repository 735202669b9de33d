//! Each sample prints what its README says, on one core and on two, compiled anew and from the cache.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
mod support {
    pub(crate) mod command;
    pub(crate) mod guests;
    pub(crate) mod samples;
}

use std::fs;
use std::path::Path;

use support::command::{Shell, start};
use support::samples::{Sample, samples};

#[test]
fn each_prints_what_is_expected() {
    for sample in samples() {
        let job = sample.job();
        for master in ["local[1]", "local[2]"] {
            prints_what_is_expected(&sample, &job, master);
        }
    }
}

#[track_caller]
fn prints_what_is_expected(sample: &Sample, job: &Path, master: &str) {
    let shell = Shell::new();
    // An empty cache first, then the same cache.
    let cache = shell.path().join("cache");
    for state in ["cold", "warm"] {
        let what = format!("{}, {master}, {state}", sample.name);
        let mut command = shell.tinderbox();
        command
            .args(["run", "--quiet", "--master", master])
            .env("XDG_CACHE_HOME", &cache);
        let written = shell.path().join(state);
        let ended = start(sample.add_to(&mut command, job, &written)).end();
        assert_eq!(ended.stderr, "", "{what}");
        let output = sample.output(ended.done(), &written);
        assert_eq!(output, sample.expected, "{what}");
    }
    assert_eq!(compiled(&cache), 1, "compiled once: {}", sample.name);
}

/// How many programs a cache has.
fn compiled(cache: &Path) -> usize {
    let files = fs::read_dir(cache.join("tinderbox/compiled")).unwrap();
    files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "artefact"))
        .count()
}
