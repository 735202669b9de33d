//! Programs that read and write objects of S3.

use std::process::Command;

use crate::support::command::{Ended, Shell, start};
use crate::support::guests::behaves;
use crate::support::objects::{KEY, ObjectServer};
use crate::{CLUSTER, FAILED, LOCAL, gzip};

const INTERRUPTED: i32 = 130;

/// What no guest, no log and no error may show.
const SECRET: &str = "the-secret-that-nobody-sees";

/// Runs a behaviour with keys for the server.
pub(crate) fn with_keys(
    shell: &Shell,
    server: &ObjectServer,
    options: &[&str],
    arguments: &[&str],
) -> Ended {
    let ended = start(&mut keyed(shell, server, options, arguments)).end();
    let seen = [&ended.stdout, &ended.stderr].map(|words| words.contains(SECRET));
    assert_eq!(seen, [false; 2], "a secret is seen");
    ended
}

pub(crate) fn keyed(
    shell: &Shell,
    server: &ObjectServer,
    options: &[&str],
    arguments: &[&str],
) -> Command {
    let endpoint = format!("hadoop.fs.s3a.endpoint={}", server.endpoint);
    let options = [&["--conf", &endpoint], options].concat();
    let mut command = shell.command(&options, behaves(), arguments);
    command
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_REGION", "us-east-1");
    command
}

#[test]
fn objects_in_s3_are_read_and_written_wherever_tasks_run() {
    let shell = Shell::new();
    for mode in [LOCAL, CLUSTER] {
        let server = ObjectServer::start();
        server.put("data/in/a.txt", b"one\ntwo\n");
        server.put("data/in/b.txt.gz", &gzip(b"three\n"));
        server.put("data/in/_hidden", b"x\n");
        let run = |options: &[&str], arguments: &[&str]| {
            with_keys(&shell, &server, &[&mode, options].concat(), arguments)
        };
        let write = ["--allow-write", "s3://data/out"];
        run(&write, &["copies", "s3://data/in", "s3://data/out/copy"]).done();
        let stored = server.stored();
        let parts: Vec<_> = stored
            .iter()
            .filter(|(name, _)| name.contains("out/"))
            .collect();
        let (mark, parts) = parts.split_first().unwrap();
        assert_eq!(
            (mark.0.as_str(), mark.1.len()),
            ("data/out/copy/_SUCCESS", 0)
        );
        let text: Vec<u8> = parts
            .iter()
            .flat_map(|(_, bytes)| bytes.iter().copied())
            .collect();
        assert_eq!(text, b"one\ntwo\nthree\n", "{mode:?}");
        let again = run(&write, &["copies", "s3://data/in", "s3://data/out/copy"]);
        let words = again.failed(FAILED);
        assert!(
            words.contains("s3://data/out/copy") && words.contains("exists already"),
            "{words}"
        );
    }
}

#[test]
fn only_what_was_granted_of_a_bucket_is_touched() {
    let (shell, server) = (Shell::new(), ObjectServer::start());
    server.put("data/in/a.txt", b"one\n");
    server.put("data/secret/s.txt", b"s\n");
    let read = ["--allow-read", "s3://data/in"];
    let lines = |uri| with_keys(&shell, &server, &read, &["lines", uri]);
    assert_eq!(lines("@s3a://data/in/*.txt").done(), "\"one\"\n");
    for uri in ["@s3://data/secret/s.txt", "@s3://data/*/s.txt"] {
        let denied = lines(uri);
        let words = denied.failed(FAILED);
        assert!(words.contains("--allow-read s3://data"), "{words}");
    }
    assert!(
        lines("@s3://data/in/../secret/s.txt")
            .failed(FAILED)
            .contains("`..`")
    );
    let told = with_keys(
        &shell,
        &server,
        &read,
        &["reads-in-a-task", "@s3://data/secret/s.txt"],
    );
    assert_eq!(told.done().matches("not granted").count(), 2);
}

#[test]
fn a_task_that_waits_for_a_silent_store_can_be_killed() {
    let (shell, server) = (Shell::new(), ObjectServer::start());
    server.put("data/in/a-silent-GET", b"one\n");
    let mut options = vec!["--allow-read", "s3://data/in"];
    for setting in [
        "objects.timeout=1h",
        "task.timeout=1s",
        "task.maxFailures=1",
    ] {
        options.extend(["--conf", setting]);
    }
    let ended = with_keys(&shell, &server, &options, &["lines", "@s3://data/in"]);
    let words = ended.failed(FAILED);
    assert!(words.contains("task.timeout"), "{words}");
}

#[test]
fn a_driver_that_waits_for_a_silent_store_can_be_interrupted() {
    let (shell, server) = (Shell::new(), ObjectServer::start());
    let endpoint = format!("hadoop.fs.s3a.endpoint={}", server.endpoint);
    let options = ["--conf", &endpoint, "--conf", "objects.timeout=1h"];
    let uri = "s3://data/a-silent-HEAD";
    let mut command = shell.command(&options, behaves(), &["lines", uri]);
    command
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET);
    let running = start(&mut command);
    server.until_asked("HEAD");
    running.signal("INT");
    assert_eq!(running.end().code, Some(INTERRUPTED));
}

#[test]
fn a_program_cannot_choose_whom_its_host_talks_to() {
    let shell = Shell::new();
    let key = "hadoop.fs.s3a.endpoint";
    let ended = shell.run(&[], behaves(), &["sets", key, "http://127.0.0.1:1"]);
    let words = ended.failed(FAILED);
    assert!(words.contains(key) && words.contains("--conf"), "{words}");
    let ended = shell.run(&[], behaves(), &["sets", "task.maxFailures", "2"]);
    assert_eq!(ended.done(), "Some(\"2\")\n");
}
