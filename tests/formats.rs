//! CSV, JSON lines and Parquet by a real program, on one machine and on a cluster: what is written in one format is read as
//! it was, and what is wrong with a file is said with its place.
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
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use support::command::Shell;
use support::guests::build;

fn formats() -> &'static Path {
    static FORMATS: OnceLock<PathBuf> = OnceLock::new();
    FORMATS.get_or_init(|| build("tests/guests/formats"))
}

const FAILED: i32 = 1;

const TRIPS: &str = "paid,city,id,fare\n\
    true,Oslo,1,12.5\n\
    false,\"Bergen, \"\"north\"\"\",2,\n\
    true,Tromsø,3,7\n";

const READ: &str = "{\"id\":1,\"city\":\"Oslo\",\"fare\":12.5,\"paid\":true}\n\
    {\"id\":2,\"city\":\"Bergen, \\\"north\\\"\",\"fare\":null,\"paid\":false}\n\
    {\"id\":3,\"city\":\"Tromsø\",\"fare\":7.0,\"paid\":true}\n";

const CLUSTER: [&str; 2] = ["--master", "local-cluster[2,1,512m]"];

/// Runs the program with this folder granted.
#[track_caller]
fn run(shell: &Shell, options: &[&str], arguments: &[&str]) -> support::command::Ended {
    let options = [options, &["--allow-read", ".", "--allow-write", "."]].concat();
    shell.run(&options, formats(), arguments)
}

/// From CSV through every format and back.
#[track_caller]
fn round_trip(options: &[&str]) {
    let shell = Shell::new();
    shell.file("trips.csv", TRIPS);
    for step in [
        ["csv", "trips.csv", "parquet", "columns"],
        ["parquet", "columns", "json", "lines"],
        ["json", "lines", "csv", "rows"],
    ] {
        run(&shell, options, &step).done();
        assert!(
            shell.path().join(step[3]).join("_SUCCESS").exists(),
            "{step:?}"
        );
    }
    for (format, input) in [
        ("csv", "trips.csv"),
        ("parquet", "columns"),
        ("json", "lines"),
        ("csv", "rows"),
    ] {
        assert_eq!(
            run(&shell, options, &["print", format, input]).done(),
            READ,
            "{input}"
        );
    }
}

#[test]
fn every_format_holds_what_was_written() {
    round_trip(&[]);
}

#[test]
fn every_format_holds_what_was_written_on_a_cluster() {
    round_trip(&CLUSTER);
}

#[test]
fn parquet_has_a_type_for_every_number() {
    let shell = Shell::new();
    let printed = run(&shell, &[], &["types", "typed"]).done();
    let numbers = 0..20_000u64;
    let texts = numbers.clone().filter(|number| number % 3 > 0);
    let moments = numbers.clone().filter(|number| number % 7 > 0);
    let sum: u64 = numbers.clone().sum();
    let small: i64 = numbers.map(|number| (number % 100) as i64 - 50).sum();
    let expected = (
        small,
        sum,
        sum as f64 / 2.0,
        texts
            .map(|number| format!("número {number}").len() as u64)
            .sum::<u64>(),
        sum,
        moments.sum::<u64>() as i64,
    );
    assert_eq!(printed, format!("20000 rows: {expected:?}\n"));
}

/// Expects that a program fails, and that this is said.
#[track_caller]
fn expect_failure(shell: &Shell, arguments: &[&str], said: &[&str]) {
    let ended = run(shell, &[], arguments);
    let error = ended.failed(FAILED);
    for words in said {
        assert!(
            error.contains(words),
            "{arguments:?} lacks {words:?}: {error}"
        );
    }
}

#[test]
fn rows_that_are_not_as_they_should_be() {
    let shell = Shell::new();
    let ragged = "id,city,fare,paid\n1,Oslo,1,true\n2,Bergen\n3,Bodø,cheap,true\n4,Moss,4,true\n";
    shell.file("ragged.csv", ragged);
    let cheap = ragged.replace("2,Bergen\n", "");
    shell.file("cheap.csv", cheap);
    shell.file("latin.csv", b"id,city,fare,paid\n1,Troms\xf8,1,true\n");
    shell.file("town.csv", "id,town,fare,paid\n1,Oslo,1,true\n");
    shell.file("cut.csv", "id,city,fare,paid\n1,\"Oslo\n2,Bergen,1,true\n");
    shell.file(
        "lines.jsonl",
        "{\"id\":1,\"city\":\"Oslo\",\"paid\":true}\n{\"id\":2,\n",
    );
    let csv = |file: &str, said: &[&str]| expect_failure(&shell, &["print", "csv", file], said);
    csv(
        "ragged.csv",
        &[
            "ragged.csv`",
            "expected 4 fields, found 2 fields",
            "BadRows::Skip",
        ],
    );
    csv(
        "cheap.csv",
        &["cheap.csv`", "column `fare`: expected f64, found `cheap`"],
    );
    csv(
        "latin.csv",
        &["line 2 of `", "latin.csv` is not UTF-8: convert the file"],
    );
    csv(
        "town.csv",
        &["there is no column `city`; the columns are `id`, `town`, `fare`, `paid`"],
    );
    csv(
        "cut.csv",
        &[
            "line 2 of `",
            "has a quoted field that does not end",
            "`multi_line`",
        ],
    );
    let json = ["print", "json", "lines.jsonl"];
    expect_failure(
        &shell,
        &json,
        &["lines.jsonl`, column", "EOF while parsing"],
    );
    let kept = run(&shell, &[], &["print", "csv", "ragged.csv", "skip"]);
    assert!(
        kept.stderr.contains(" left out; the first: line"),
        "{}",
        kept.stderr
    );
    let kept = kept.done();
    let ids: Vec<&str> = kept.lines().map(|line| &line[..7]).collect();
    assert_eq!(ids, ["{\"id\":1", "{\"id\":4"]);
}

#[test]
fn parquet_that_is_not_as_it_should_be() {
    let shell = Shell::new();
    shell.file("trips.csv", TRIPS);
    run(
        &shell,
        &["--master", "local[1]"],
        &["csv", "trips.csv", "parquet", "whole"],
    )
    .done();
    let whole = fs::read(shell.path().join("whole/part-00000.parquet")).unwrap();
    shell.file("cut.parquet", &whole[..whole.len() - 10]);
    shell.file("text.parquet", "id,city\n1,Oslo\n");
    shell.file("empty.parquet", "");
    // The footer is whole, and the pages are not.
    let mut damaged = whole.clone();
    damaged[4..60].fill(0xff);
    shell.file("damaged.parquet", damaged);
    for file in [
        "cut.parquet",
        "text.parquet",
        "empty.parquet",
        "damaged.parquet",
    ] {
        let said = [
            &format!("{file}` cannot be read as Parquet"),
            "make it anew",
        ];
        expect_failure(&shell, &["print", "parquet", file], &said);
    }
    shell.file("wide.csv", "id,city,fare,paid\n300,Oslo,1,true\n");
    run(&shell, &[], &["csv", "wide.csv", "parquet", "wide"]).done();
    let said = "part-00000.parquet`: expected u8, found integer `300`";
    expect_failure(&shell, &["small", "wide"], &["column `id` of `", said]);
}
