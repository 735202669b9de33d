//! Programs that read and write what people have: compressed text, whole files, object files, S3.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
mod support {
    pub(crate) mod command;
    pub(crate) mod guests;
    pub(crate) mod objects;
}

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use support::command::{Ended, Shell, start};
use support::guests::behaves;
use support::objects::{KEY, ObjectServer};

const FAILED: i32 = 1;
const USAGE: i32 = 2;
const INTERRUPTED: i32 = 130;

/// What no guest, no log and no error may show.
const SECRET: &str = "the-secret-that-nobody-sees";

const LOCAL: [&str; 2] = ["--master", "local[2]"];
const CLUSTER: [&str; 2] = ["--master", "local-cluster[2,1,512m]"];

/// The names of the files in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Compresses with the machine's own gzip: what others write must be read, too.
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    gzip.stdin.take().unwrap().write_all(text).unwrap();
    gzip.wait_with_output().unwrap().stdout
}

#[test]
fn text_is_saved_compressed_and_read_back() {
    let shell = Shell::new();
    shell.file("in.txt", "one\ntwo\nthree\n");
    let write = ["--allow-write", "out"];
    shell
        .run(&write, behaves(), &["copies-compressed", "in.txt", "out"])
        .done();
    for (folder, ending) in [("out/gzip", "gz"), ("out/zstd", "zst")] {
        let found = names(&shell.path().join(folder));
        let parts = found
            .iter()
            .filter(|name| name.ends_with(&format!(".{ending}")));
        assert_eq!(parts.count() + 1, found.len(), "{found:?}");
        assert!(found.contains(&format!("part-00000.{ending}")), "{found:?}");
        let read = shell.run(&[], behaves(), &["lines", folder]);
        assert_eq!(read.done(), "\"one\"\n\"two\"\n\"three\"\n", "{folder}");
    }
    let first = shell.path().join("out/gzip/part-00000.gz");
    let tested = Command::new("gzip").arg("-t").arg(first).status();
    assert!(tested.unwrap().success(), "others read it, too");
}

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
fn whole_files_share_partitions() {
    let shell = Shell::new();
    fs::create_dir(shell.path().join("in")).unwrap();
    shell.file("in/a.txt", "one\n");
    shell.file("in/b.txt", "");
    shell.file("in/c.txt.gz", gzip(b"three\n"));
    shell.file("in/_hidden", "x");
    let printed = shell
        .run(&LOCAL, behaves(), &["whole-files", "in", "1"])
        .done();
    let length = fs::metadata(shell.path().join("in/c.txt.gz"))
        .unwrap()
        .len();
    let expected = format!(
        "1 partitions\na.txt: \"one\\n\", 4 bytes\nb.txt: \"\", 0 bytes\nc.txt.gz: \"three\\n\", {length} bytes\n"
    );
    assert_eq!(printed, expected);
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
fn objects_are_saved_and_read_back_as_what_they_are() {
    let shell = Shell::new();
    shell.file("in.txt", "one\nthree\n");
    for mode in [LOCAL, CLUSTER] {
        let _ = fs::remove_dir_all(shell.path().join("out"));
        let save = [&mode[..], &["--allow-write", "out"]].concat();
        shell
            .run(&save, behaves(), &["saves-objects", "in.txt", "out"])
            .done();
        let read = shell.run(&mode, behaves(), &["reads-objects", "out"]);
        assert_eq!(read.done(), "(\"one\", 3)\n(\"three\", 5)\n");
        let other = shell.run(&mode, behaves(), &["reads-objects-as-numbers", "out"]);
        let words = other.failed(FAILED);
        assert!(
            words.contains("`(String, u64)`") && words.contains("`u64`"),
            "{words}"
        );
    }
}

/// Runs a behaviour with keys for the server.
fn with_keys(shell: &Shell, server: &ObjectServer, options: &[&str], arguments: &[&str]) -> Ended {
    let ended = start(&mut keyed(shell, server, options, arguments)).end();
    let seen = [&ended.stdout, &ended.stderr].map(|words| words.contains(SECRET));
    assert_eq!(seen, [false; 2], "a secret is seen");
    ended
}

fn keyed(shell: &Shell, server: &ObjectServer, options: &[&str], arguments: &[&str]) -> Command {
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
