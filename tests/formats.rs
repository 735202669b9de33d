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
    assert!(!error.contains("#version="), "what nobody typed: {error}");
}

const RAGGED: &str = "id,city,paid,fare\n\
    1,Oslo,true,1\n\
    2,Bergen,true\n\
    3,Bodø,true,3,more\n\
    4,Moss,true,4\n";

#[test]
fn ragged_rows_fail_are_left_out_or_filled_up() {
    let shell = Shell::new();
    shell.file("ragged.csv", RAGGED);
    let read = |options: &[&str]| {
        let arguments = [&["print", "csv", "ragged.csv"], options].concat();
        run(&shell, &[], &arguments)
    };
    let failed = read(&[]);
    let error = failed.failed(FAILED);
    assert!(
        error.contains("/ragged.csv`: expected 4 fields, found 3 fields; mend the row, leave such rows out (`BadRows::Skip`) or fill"),
        "{error}"
    );
    assert!(error.contains("line 3 of `"), "{error}");
    let skipped = read(&["skip"]);
    assert!(
        skipped
            .stderr
            .contains("2 rows were left out; the first: line 3 of `"),
        "{}",
        skipped.stderr
    );
    let ids = |printed: String| -> Vec<String> {
        printed.lines().map(|line| line[..7].to_owned()).collect()
    };
    assert_eq!(ids(skipped.done()), ["{\"id\":1", "{\"id\":4"]);
    let padded = read(&["pad"]).done();
    assert!(
        padded.contains("{\"id\":2,\"city\":\"Bergen\",\"fare\":null,\"paid\":true}\n"),
        "{padded}"
    );
    assert!(padded.contains("\"Bodø\",\"fare\":3.0,"), "{padded}");
    assert_eq!(padded.lines().count(), 4);
}

#[test]
fn csv_that_is_not_as_it_should_be() {
    let shell = Shell::new();
    shell.file(
        "cheap.csv",
        "id,city,fare,paid\n1,Oslo,1,true\n3,Bodø,cheap,true\n",
    );
    shell.file("latin.csv", b"id,city,fare,paid\n1,Troms\xf8,1,true\n");
    shell.file("town.csv", "id,ciyt,fare,paid\n1,Oslo,1,true\n");
    shell.file("cut.csv", "id,city,fare,paid\n1,\"Oslo\n2,Bergen,1,true\n");
    shell.file("twice.csv", "id,id,city,fare,paid\n1,1,Oslo,1,true\n");
    shell.file("wide.csv", "id,fare\n1,1\n300,\n");
    let expect = |file: &str, said: &[&str]| expect_failure(&shell, &["print", "csv", file], said);
    expect(
        "cheap.csv",
        &[
            "line 3 of `",
            "/cheap.csv`, column `fare`: expected f64, found `cheap`",
        ],
    );
    expect(
        "latin.csv",
        &["line 2 of `", "/latin.csv` is not UTF-8: convert the file"],
    );
    let near = [
        "/town.csv`: there is no column `city`: did you mean `ciyt`? It has `id`, `ciyt`, `fare`, `paid`; rename",
    ];
    expect("town.csv", &near);
    expect_failure(&shell, &["print", "csv", "town.csv", "skip"], &near);
    expect(
        "cut.csv",
        &[
            "line 2 of `",
            "/cut.csv` has a quoted field that does not end",
            "`multi_line`",
        ],
    );
    expect("twice.csv", &["/twice.csv`: two columns are called `id`"]);
    let field = |name: &str, said: &str| {
        expect_failure(
            &shell,
            &["field", name, "csv", "wide.csv"],
            &["line 3 of `", said],
        );
    };
    field(
        "id",
        "/wide.csv`, column `id`: expected u8, found integer `300`",
    );
    field(
        "fare",
        "/wide.csv`, column `fare`: expected f64, found nothing: an `Option` would be `None`",
    );
}

#[test]
fn lines_of_json_that_are_not_as_they_should_be() {
    let shell = Shell::new();
    let whole = "{\"id\":1,\"city\":\"Oslo\",\"fare\":null,\"paid\":true}\n";
    shell.file("cut.jsonl", format!("{whole}{{\"id\":2,\n"));
    shell.file("types.jsonl", whole);
    expect_failure(
        &shell,
        &["print", "json", "cut.jsonl"],
        &[
            "line 2 of `",
            "/cut.jsonl`, column 8: EOF while parsing a value; mend the line",
        ],
    );
    let field = |name: &str, said: &str| {
        expect_failure(
            &shell,
            &["field", name, "json", "types.jsonl"],
            &["line 1 of `", said],
        );
    };
    field(
        "city",
        "/types.jsonl`, column 21: invalid type: string \"Oslo\", expected u32",
    );
    field(
        "fare",
        "/types.jsonl`, column 33: invalid type: null, expected f64",
    );
    field(
        "piad",
        "there is no member `piad`: did you mean `paid`? It has `city`, `fare`, `id`, `paid`; rename",
    );
}

#[test]
fn parquet_that_is_damaged() {
    let shell = Shell::new();
    shell.file("trips.csv", TRIPS);
    let one = ["--master", "local[1]"];
    run(&shell, &one, &["csv", "trips.csv", "parquet", "whole"]).done();
    let whole = fs::read(shell.path().join("whole/part-00000.parquet")).unwrap();
    shell.file("cut.parquet", &whole[..whole.len() - 10]);
    shell.file("text.parquet", "id,city\n1,Oslo\n");
    shell.file("empty.parquet", "");
    // Its last eight bytes are the footer's length and the mark of the format.
    let mut footer = whole.clone();
    let end = footer.len() - 8;
    footer[end - 60..end].fill(0xff);
    shell.file("footer.parquet", footer);
    // The footer is whole, and the pages are not.
    let mut pages = whole.clone();
    pages[4..60].fill(0xff);
    shell.file("pages.parquet", pages);
    for (file, place) in [
        ("cut.parquet", ""),
        ("text.parquet", ""),
        ("empty.parquet", ""),
        ("footer.parquet", ""),
        ("pages.parquet", "(behind 0 rows from row group 0 on)"),
    ] {
        let said = [
            &*format!("/{file}` cannot be read as Parquet: "),
            place,
            "it is another format, or was cut or damaged: make it anew",
        ];
        expect_failure(&shell, &["print", "parquet", file], &said);
    }
}

#[test]
fn parquet_that_does_not_fit_the_record() {
    let shell = Shell::new();
    let rows = "id,city,fare,paid\n1,Oslo,1,true\n300,Oslo,,true\n";
    shell.file("wide.csv", rows);
    let one = ["--master", "local[1]"];
    run(&shell, &one, &["csv", "wide.csv", "parquet", "wide"]).done();
    let field = |name: &str, said: &[&str]| {
        expect_failure(&shell, &["field", name, "parquet", "wide"], said);
    };
    let file = "/wide/part-00000.parquet`";
    for (name, row, why) in [
        ("id", 2, "expected u8, found integer `300`"),
        ("fare", 2, "expected f64, found null"),
        ("city", 1, "expected u32, found string \"Oslo\""),
    ] {
        let why = format!("{file}, column `{name}`: {why}; change the record's type");
        field(name, &[&format!("row {row} of `"), &why]);
    }
    let near =
        format!("{file}: there is no column `piad`: did you mean `paid`? It has `id`, `city`");
    field("piad", &[&near]);
}
