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

use std::fs::{self, File};
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;

use support::command::Shell;
use support::samples::{Sample, sample, samples};

const FAILED: i32 = 1;

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
        let begin = || {
            let mut command = shell.tinderbox();
            command
                .args(["run", "--quiet", "--master", master])
                .env("XDG_CACHE_HOME", &cache);
            command
        };
        let output = sample.run(begin, job, &shell.path().join(state));
        assert_eq!(told(&output.stderr), sample.told, "{what}");
        assert_eq!(output.text, sample.expected, "{what}");
    }
    assert_eq!(compiled(&cache), 1, "compiled once: {}", sample.name);
}

/// What the driver said: the lines of tasks begin with their names.
fn told(stderr: &str) -> String {
    let lines = stderr.split_inclusive('\n');
    lines.filter(|line| !line.starts_with('[')).collect()
}

/// How many programs a cache has.
fn compiled(cache: &Path) -> usize {
    let files = fs::read_dir(cache.join("tinderbox/compiled")).unwrap();
    files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "artefact"))
        .count()
}

/// Makes input with a sample itself, in the folder `made`.
fn generate(shell: &Shell, job: &Path, count: &str) {
    let options = ["--allow-write", "made"];
    shell
        .run(&options, job, &["--generate", count, "made"])
        .done();
}

#[test]
fn an_index_is_in_order() {
    let (shell, job) = (Shell::new(), sample("inverted_index").job());
    generate(&shell, &job, "7");
    let options = ["--master", "local[2]", "--allow-write", "index"];
    shell.run(&options, &job, &["made", "index"]).done();
    let rows: Vec<(String, String)> = ["part-00000.parquet", "part-00001.parquet"]
        .iter()
        .flat_map(|part| words_and_documents(&shell.path().join("index").join(part)))
        .collect();
    assert!(rows.is_sorted_by(|a, b| a < b));
    let documents = rows.iter().filter(|(word, _)| word == "the");
    assert_eq!(documents.count(), 7, "one that all have");
}

fn words_and_documents(file: &Path) -> Vec<(String, String)> {
    let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| {
        let row = row.unwrap();
        let text = |column: usize| row.get_string(column).unwrap().clone();
        (text(0), text(1))
    })
    .collect()
}

/// Expects that a program refuses these words, and says this of it.
#[track_caller]
fn refuses(shell: &Shell, job: &Path, arguments: &[&str], why: &str) {
    let ended = shell.run(&["--allow-write", "made"], job, arguments);
    let error = ended.failed(FAILED);
    assert!(error.contains(why), "{arguments:?} lacks {why:?}: {error}");
}

#[test]
fn logs_that_cannot_be_read_are_named() {
    let (shell, job) = (Shell::new(), sample("logs").job());
    shell.file("hosts.csv", "host,team,region\na,x,eu\na,x,us\n");
    shell.file("log.csv", "time,host,status,latency_ms,bytes\n");
    let hosts = ["--hosts", "hosts.csv"];
    for (arguments, why) in [
        (vec![], "which files?\nusage: logs PATH"),
        (vec!["log.csv"], "which table of hosts?\nusage: "),
        (vec!["log.csv", "--hosts"], "the '--hosts' option"),
        (
            vec!["log.csv", "--hosts", "none.csv"],
            "`none.csv` is not granted to this application, if it exists; check the path",
        ),
        (
            vec!["log.csv", "--hosts", "hosts.csv"],
            "`hosts.csv` has the host `a` twice\n",
        ),
        (
            vec!["--top", "3"],
            "`--top` is unknown, or stands twice\nusage: ",
        ),
        (
            vec!["--min-status", "bad"],
            "--min-status needs a number: failed to parse 'bad'",
        ),
        (
            vec!["--since", "noon"],
            "failed to parse 'noon': a time is written 2026-03-01T12:30:00Z",
        ),
        (
            vec!["--generate", "9"],
            "--generate needs a folder, and nothing else\nusage: ",
        ),
    ] {
        refuses(&shell, &job, &arguments, why);
    }
    shell.file("hosts.csv", "host,team,region\na,x,eu\n");
    refuses(
        &shell,
        &job,
        &[&["none.jsonl"], &hosts[..]].concat(),
        "`none.jsonl` is not granted to this application, if it exists",
    );
    refuses(
        &shell,
        &job,
        &[&["hosts"], &hosts[..]].concat(),
        "the format of `hosts` is not known: a name ends with `.csv` or `.jsonl`",
    );
    generate(&shell, &job, "9");
    refuses(
        &shell,
        &job,
        &["--generate", "9", "made"],
        "`made/hosts.csv` exists already",
    );
}

#[test]
fn an_index_is_never_written_over() {
    let (shell, job) = (Shell::new(), sample("inverted_index").job());
    generate(&shell, &job, "1");
    for (arguments, why) in [
        (
            &["made"][..],
            "which files, and which folder for the index?\nusage: inverted_index PATH",
        ),
        (
            &["made", "index", "--words"],
            "`--words` is unknown, or stands twice\nusage: ",
        ),
        (
            &["none", "made/index"],
            "`none` is not granted to this application, if it exists",
        ),
        (&["made", "made"], "`made` exists already"),
        (&["--generate", "1", "made"], "`made` exists already"),
        (
            &["--look-up", "water", "none"],
            "`none` is not granted to this application, if it exists",
        ),
        (
            &["--look-up", "water", "made"],
            "made/part-00000` cannot be read as Parquet",
        ),
    ] {
        refuses(&shell, &job, arguments, why);
    }
    shell
        .run(&["--allow-write", "index"], &job, &["made", "index"])
        .done();
    let nothing = shell.run(&[], &job, &["--look-up", "Tinderbox", "index"]);
    assert_eq!(nothing.stderr, "no document has the word `tinderbox`\n");
    assert_eq!(nothing.done(), "");
}
