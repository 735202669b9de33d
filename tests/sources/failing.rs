//! Sources that cannot be read as they should: what is told names the place, and what to do.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use crate::objects::{keyed, with_keys};
use crate::support::command::{Ended, Shell, start};
use crate::support::guests::behaves;
use crate::support::objects::ObjectServer;
use crate::{CLUSTER, FAILED, LOCAL, gzip};

const USAGE: i32 = 2;

#[test]
fn a_compressed_file_that_was_cut_is_named() {
    let shell = Shell::new();
    let whole = gzip(
        "some text that is long enough to be cut\n"
            .repeat(100)
            .as_bytes(),
    );
    shell.file("cut.txt.gz", &whole[..whole.len() / 2]);
    let ended = shell.run(&[], behaves(), &["longest-line", "cut.txt.gz"]);
    let words = ended.failed(FAILED);
    for expected in ["cut.txt.gz", "ends in the middle", "gzip -t"] {
        assert!(words.contains(expected), "{words}");
    }
    assert!(!words.contains("#version"), "{words}");
}

#[test]
fn names_that_name_no_file_are_told_with_what_to_do() {
    let shell = Shell::new();
    fs::create_dir_all(shell.path().join("years/2026")).unwrap();
    shell.file("years/2026/a.txt", "a\n");
    let read = ["--allow-read", "."];
    for (name, words) in [
        ("@*.csv", ["no file matches `*.csv`", "check the pattern"]),
        (
            "@years",
            ["folder without files of its own", "name `years/*`"],
        ),
        (
            "@years/2026/a.txt/b",
            ["years/2026/a.txt/b", "Not a directory"],
        ),
        ("@s4://data/in", ["`s4://` is not supported", "`s3://`"]),
        ("@s3:/data/in", ["has one `/`", "`s3://data/in`"]),
    ] {
        let ended = shell.run(&read, behaves(), &["lines", name]);
        let told = ended.failed(FAILED);
        assert!(
            words.iter().all(|word| told.contains(word)),
            "{name}: {told}"
        );
    }
    let lines = |name| shell.run(&read, behaves(), &["lines", name]).done();
    assert_eq!(lines("@years/2026/a.txt/"), "\"a\"\n");
    assert_eq!(lines("@years/**"), "\"a\"\n");
}

/// Runs a job of which half of the tasks wait until `change` was called.
fn changed_meanwhile(shell: &Shell, mut command: Command, change: impl FnOnce()) -> Ended {
    let mut running = start(&mut command);
    running.wait_for("waiting at map\n");
    change();
    shell.file("gates/map", "x");
    running.end()
}

#[test]
fn a_file_that_changes_while_it_is_read_is_named() {
    let shell = Shell::new();
    fs::create_dir(shell.path().join("gates")).unwrap();
    let path = shell.file("in.txt", "six by two\n".repeat(50));
    let command = shell.command(&LOCAL, behaves(), &["counts-words", "in.txt", "gates"]);
    let ended = changed_meanwhile(&shell, command, || {
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"more\n").unwrap();
    });
    let words = ended.failed(FAILED);
    for expected in ["in.txt` was changed or replaced", "run the job again"] {
        assert!(words.contains(expected), "{words}");
    }
}

#[test]
fn a_whole_file_that_a_task_cannot_hold_is_named() {
    let shell = Shell::new();
    shell.file("large", vec![b'x'; 40 << 20]);
    let small = ["--conf", "executor.memory=64m"];
    let ended = shell.run(&small, behaves(), &["whole-files", "large", "1"]);
    let words = ended.failed(FAILED);
    assert!(
        words.contains("large`") && words.contains("executor.memory"),
        "{words}"
    );
}

#[test]
fn a_store_that_refuses_is_busy_or_silent_is_named() {
    let (shell, server) = (Shell::new(), ObjectServer::start());
    let mut options = Vec::new();
    for setting in ["objects.timeout=100ms", "objects.maxRetries=1"] {
        options.extend(["--conf", setting]);
    }
    for how in ["403", "503", "silent"] {
        // As it is listed by the driver, and as it is read by a task.
        let (bucket, object) = (
            format!("s3://data-{how}-GET/in"),
            format!("s3://data/a-{how}-GET"),
        );
        server.put(&object["s3://".len()..], b"one\n");
        let expected = match how {
            "403" => ["answered 403", "check AWS_ACCESS_KEY_ID"],
            "503" => ["answered 503", "raise `objects.maxRetries`"],
            _ => ["timed out", "raise `objects.timeout`"],
        };
        for uri in [&bucket, &object] {
            let ended = with_keys(&shell, &server, &options, &["lines", uri]);
            let words = ended.failed(FAILED);
            let is_told = [&[uri.as_str()], &expected[..]].concat();
            assert!(is_told.iter().all(|word| words.contains(word)), "{words}");
        }
    }
}

#[test]
fn who_has_no_keys_is_told_what_to_set() {
    let (shell, server) = (Shell::new(), ObjectServer::start());
    for mode in [LOCAL, CLUSTER] {
        let mut command = keyed(&shell, &server, &mode, &["lines", "s3://data/in"]);
        // Where a machine has no role, nobody listens.
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY")
            .env("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1");
        let ended = start(&mut command).end();
        let words = ended.failed(FAILED);
        for expected in ["s3://data/in", "it has none", "set AWS_ACCESS_KEY_ID"] {
            assert!(words.contains(expected), "{words}");
        }
    }
}

#[test]
fn an_object_that_changes_or_is_cut_is_named() {
    let (shell, server) = (Shell::new(), ObjectServer::start());
    server.put("data/a.txt", &b"six by two\n".repeat(50));
    fs::create_dir(shell.path().join("gates")).unwrap();
    let arguments = ["counts-words", "s3://data/a.txt", "gates"];
    let command = keyed(&shell, &server, &LOCAL, &arguments);
    let ended = changed_meanwhile(&shell, command, || {
        server.put("data/a.txt", &b"six by six\n".repeat(50));
    });
    let words = ended.failed(FAILED);
    assert!(
        words.contains("`s3://data/a.txt` was changed or replaced"),
        "{words}"
    );
    let whole = gzip("a line that is long enough\n".repeat(100).as_bytes());
    server.put("data/cut.gz", &whole[..whole.len() - 9]);
    let ended = with_keys(&shell, &server, &LOCAL, &["lines", "s3://data/cut.gz"]);
    let words = ended.failed(FAILED);
    let place = format!("{} bytes of it were read", whole.len() - 9);
    for expected in ["s3://data/cut.gz", "ends in the middle", &place] {
        assert!(words.contains(expected), "{words}");
    }
}

#[test]
fn a_grant_that_is_no_url_is_refused_before_anything_is_built() {
    let shell = Shell::new();
    let ended = shell.run(
        &["--allow-read", "s3://me:pw@data/in"],
        behaves(),
        &["lines", "x"],
    );
    let words = ended.failed(USAGE);
    assert!(
        words.contains("credentials") && !words.contains("pw"),
        "{words}"
    );
}
