//! What users type: a clear error each, the right exit code, data alone on stdout, and nothing left behind.
//!
//! The words of an error are snapshots in `snapshots/`; after a change that you mean, run with `INSTA_UPDATE=always`.
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
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use support::command::{Ended, Shell, start};
use support::guests::behaves;

/// Exit codes, as `tinderbox --help` lists them.
const FAILED: i32 = 1;
const USAGE: i32 = 2;
const REFUSED: i32 = 4;
const INTERRUPTED: i32 = 130;

/// The text without the names that differ from run to run.
fn neutral(shell: &Shell, text: &str) -> String {
    let real = shell.path().canonicalize().unwrap();
    text.replace(behaves().to_str().unwrap(), "JOB")
        .replace(real.to_str().unwrap(), "FOLDER")
        .replace(shell.path().to_str().unwrap(), "FOLDER")
}

/// Runs a behaviour that must fail, and returns what is said.
#[track_caller]
fn failure(options: &[&str], arguments: &[&str]) -> String {
    let shell = Shell::new();
    let ended = shell.run(options, behaves(), arguments);
    neutral(&shell, ended.failed(FAILED))
}

/// Runs a behaviour that must go well, and returns what it printed.
#[track_caller]
fn output(options: &[&str], arguments: &[&str]) -> String {
    Shell::new().run(options, behaves(), arguments).done()
}

// The job.

#[track_caller]
fn refusal(bytes: &[u8], code: i32) -> String {
    let shell = Shell::new();
    let job = shell.file("job.wasm", bytes);
    neutral(&shell, shell.run(&[], &job, &[]).failed(code))
}

#[test]
fn no_such_job() {
    let shell = Shell::new();
    shell.file("wordcount.wasm", "");
    let ended = shell.run(&[], Path::new("wordcont.wasm"), &[]);
    insta::assert_snapshot!(ended.failed(USAGE));
}

#[test]
fn a_folder_that_is_no_job() {
    let shell = Shell::new();
    let ended = shell.run(&[], shell.path(), &[]);
    insta::assert_snapshot!(neutral(&shell, ended.failed(USAGE)));
}

#[test]
fn files_that_are_no_component() {
    let component = fs::read(support::guests::root().join("tests/compat/job-0.1.0.wasm")).unwrap();
    let core_module = wat::parse_str("(module (memory 1))").unwrap();
    let files: [(&str, &[u8]); 7] = [
        ("an empty file", b""),
        ("text", b"fn main() {}\n"),
        (
            "a native program",
            &fs::read(env!("CARGO_BIN_EXE_tinderbox")).unwrap()[..4096],
        ),
        (
            "compiled code",
            b"\x7fELF\x02\x01\x01\0 .wasmtime.engine and so on",
        ),
        ("a core module", &core_module),
        (
            "a component that is cut off",
            &component[..component.len() / 2],
        ),
        ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ];
    let told: String = files
        .map(|(what, bytes)| format!("{what}\n{}", refusal(bytes, REFUSED)))
        .concat();
    insta::assert_snapshot!(told);
}

/// The component with some names changed into others of the same length.
fn renamed(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = fs::read(behaves()).unwrap();
    for (from, to) in changes {
        assert_eq!(from.len(), to.len());
        let places: Vec<_> = bytes
            .windows(from.len())
            .enumerate()
            .filter(|(_, window)| *window == from.as_bytes())
            .map(|(at, _)| at)
            .collect();
        assert!(!places.is_empty(), "{from} is not there");
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    bytes
}

#[test]
fn components_of_another_contract() {
    let told = [
        (
            "another world",
            renamed(&[(
                "tinderbox:job/application@0.1.0",
                "tinderbox:job/entertainer@0.1.0",
            )]),
        ),
        (
            "another version",
            renamed(&[("tinderbox:job/driver@0.1.0", "tinderbox:job/driver@0.2.0")]),
        ),
        (
            "an unknown import",
            renamed(&[("tinderbox:job/task@0.1.0", "strangers:job/task@0.1.0")]),
        ),
    ];
    insta::assert_snapshot!(
        told.map(|(what, bytes)| format!("{what}\n{}", refusal(&bytes, REFUSED)))
            .concat()
    );
}

#[test]
fn a_component_that_cannot_be_forked() {
    let program =
        fs::read_to_string(support::guests::root().join("host/sandbox/tests/link/program.wat"))
            .unwrap();
    let memory = "(memory (export \"memory\") 1)";
    let two_memories = program.replace(memory, &format!("{memory} (memory 1)"));
    assert_ne!(program, two_memories);
    insta::assert_snapshot!(refusal(&wat::parse_str(two_memories).unwrap(), REFUSED));
}

// The command line.

#[test]
fn an_unknown_setting_brings_the_nearest() {
    let shell = Shell::new();
    let ended = shell.run(
        &["--conf", "task.maxFailure=2"],
        behaves(),
        &["captures-string"],
    );
    insta::assert_snapshot!(ended.failed(USAGE));
}

#[test]
fn a_setting_of_a_wrong_value() {
    let shell = Shell::new();
    let ended = shell.run(
        &["--conf", "executor.memory=lots"],
        behaves(),
        &["captures-string"],
    );
    insta::assert_snapshot!(ended.failed(USAGE));
}

#[test]
fn a_setting_of_the_environment_and_the_settings_file() {
    let shell = Shell::new();
    shell.file("tinderbox.toml", "task.maxFailures = 7\n");
    let from_file = shell.run(&[], behaves(), &["conf"]).done();
    assert!(from_file.starts_with("Some(\"7\")\n"), "{from_file}");
    let mut command = shell.command(&[], behaves(), &["conf"]);
    let from_environment = start(command.env("TINDERBOX_CONF_TASK_MAXFAILURES", "8"))
        .end()
        .done();
    assert!(
        from_environment.starts_with("Some(\"8\")\n"),
        "{from_environment}"
    );
}

// What is read.

#[test]
fn no_such_input() {
    let shell = Shell::new();
    let folder = shell.path().to_str().unwrap();
    let ended = shell.run(
        &["--allow-read", folder],
        behaves(),
        &["lines", "absent.txt"],
    );
    insta::assert_snapshot!(neutral(&shell, ended.failed(FAILED)));
}

#[test]
fn a_path_that_was_not_granted() {
    let shell = Shell::new();
    fs::create_dir(shell.path().join("granted")).unwrap();
    let outside = shell.file("outside.txt", "secret\n");
    symlink(&outside, shell.path().join("granted/link.txt")).unwrap();
    let paths = [
        "@/etc/passwd",
        "@outside.txt",
        "@granted/../outside.txt",
        "@granted/link.txt",
        "@absent.txt",
        "@../",
    ];
    let mut told = String::new();
    for path in paths {
        let ended = shell.run(&["--allow-read", "granted"], behaves(), &["lines", path]);
        told += &format!("{path}\n{}", neutral(&shell, ended.failed(FAILED)));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_task_that_forges_a_split_reads_what_was_granted_and_no_more() {
    let shell = Shell::new();
    shell.file("granted.txt", "six by");
    shell.file("outside.txt", "secret");
    let granted = shell
        .run(&[], behaves(), &["reads-in-a-task", "granted.txt"])
        .done();
    assert!(granted.starts_with("6 bytes\n"), "{granted}");
    for path in [
        "@outside.txt",
        "@/etc/passwd",
        "@granted.txt/../outside.txt",
        "@",
    ] {
        let denied = shell.run(&[], behaves(), &["reads-in-a-task", path]).done();
        assert_eq!(
            denied.matches("is not granted to this application").count(),
            2,
            "{path}: {denied}"
        );
    }
}

#[test]
fn a_directory_without_permission() {
    let shell = Shell::new();
    let closed = shell.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&closed).is_ok() {
        eprintln!(
            "SKIPPED: root (uid {}) may read everything",
            fs::metadata("/proc/self").unwrap().uid()
        );
        return;
    }
    let ended = shell.run(&[], behaves(), &["lines", "closed"]);
    insta::assert_snapshot!(neutral(&shell, ended.failed(FAILED)));
}

#[track_caller]
fn lines(bytes: impl AsRef<[u8]>) -> String {
    let shell = Shell::new();
    shell.file("in.txt", bytes);
    shell.run(&[], behaves(), &["lines", "in.txt"]).done()
}

#[test]
fn an_empty_file_has_no_lines() {
    assert_eq!(lines(""), "");
}

#[test]
fn a_last_line_without_an_end_is_a_line() {
    assert_eq!(lines("a\n\nb"), "\"a\"\n\"\"\n\"b\"\n");
    assert_eq!(lines("a\n\nb\n"), "\"a\"\n\"\"\n\"b\"\n");
}

#[test]
fn a_carriage_return_before_the_line_end_is_part_of_the_end() {
    assert_eq!(lines("a\r\nb\rc\r\n"), "\"a\"\n\"b\\rc\"\n");
}

#[test]
fn what_is_not_utf8_is_replaced() {
    assert_eq!(
        lines(b"a\xff\xfeb\n\xc3\n"),
        "\"a\u{fffd}\u{fffd}b\"\n\"\u{fffd}\"\n"
    );
}

const MIB: usize = 1 << 20;

/// Two short lines, and between them one of so many MiB.
fn long_line(shell: &Shell, mib: usize) {
    let mut text = b"short\n".to_vec();
    text.resize(text.len() + mib * MIB, b'x');
    text.extend(b"\nshort\n");
    shell.file("in.txt", text);
}

#[test]
fn a_line_of_100_mb_is_a_line() {
    let shell = Shell::new();
    long_line(&shell, 100);
    let told = shell
        .run(&[], behaves(), &["longest-line", "in.txt"])
        .done();
    assert_eq!(told, format!("({}, 3)\n", 100 * MIB));
}

#[test]
fn a_line_that_a_task_cannot_hold() {
    let shell = Shell::new();
    long_line(&shell, 40);
    let ended = shell.run(
        &["--conf", "executor.memory=32m"],
        behaves(),
        &["longest-line", "in.txt"],
    );
    insta::assert_snapshot!(neutral(&shell, ended.failed(FAILED)));
}

#[test]
fn zero_partitions_are_no_error() {
    insta::assert_snapshot!(output(&[], &["zero-partitions"]));
}

#[test]
fn a_shuffle_into_zero_partitions() {
    insta::assert_snapshot!(failure(&[], &["zero-buckets"]));
}

// What is written.

#[test]
fn an_output_is_whole() {
    let shell = Shell::new();
    shell.file("in.txt", "a\nb\n");
    shell
        .run(
            &["--allow-write", "out"],
            behaves(),
            &["copies", "in.txt", "out"],
        )
        .done();
    let (mark, parts) = entries(&shell.path().join("out"))
        .split_first()
        .map(|(mark, parts)| (mark.clone(), parts.to_vec()))
        .unwrap();
    assert_eq!(mark, "_SUCCESS");
    assert!(
        parts.iter().all(|part| part.starts_with("part-0000")),
        "{parts:?}"
    );
    let parts = parts
        .iter()
        .map(|part| fs::read_to_string(shell.path().join("out").join(part)).unwrap());
    assert_eq!(parts.collect::<String>(), "a\nb\n");
}

#[test]
fn an_output_folder_that_exists() {
    let shell = Shell::new();
    shell.file("in.txt", "a\n");
    fs::create_dir(shell.path().join("out")).unwrap();
    fs::write(shell.path().join("out/mine"), "kept").unwrap();
    let ended = shell.run(
        &["--allow-write", "out"],
        behaves(),
        &["copies", "in.txt", "out"],
    );
    insta::assert_snapshot!(neutral(&shell, ended.failed(FAILED)));
    assert_eq!(
        fs::read_to_string(shell.path().join("out/mine")).unwrap(),
        "kept"
    );
}

#[test]
fn an_output_that_was_not_granted() {
    let shell = Shell::new();
    shell.file("in.txt", "a\n");
    let mut told = String::new();
    for path in ["@out", "in.txt", "@granted/../out"] {
        let ended = shell.run(
            &["--allow-write", "granted"],
            behaves(),
            &["copies", "in.txt", path],
        );
        told += &format!("{path}\n{}", neutral(&shell, ended.failed(FAILED)));
    }
    insta::assert_snapshot!(told);
    assert!(!shell.path().join("out").exists());
    assert_eq!(
        fs::read_to_string(shell.path().join("in.txt")).unwrap(),
        "a\n"
    );
}

#[test]
fn output_files_stay_in_their_folder() {
    let shell = Shell::new();
    let names = [
        "plain",
        "../above",
        "/tmp/elsewhere",
        "a/b",
        "_SUCCESS",
        ".hidden",
        "",
        "..",
        ".",
    ];
    let arguments: Vec<_> = ["writes-files-named", "out"]
        .into_iter()
        .chain(names)
        .collect();
    let told = shell
        .run(&["--allow-write", "out"], behaves(), &arguments)
        .done();
    insta::assert_snapshot!(told);
    assert_eq!(entries(shell.path()), ["work"]);
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_disk_that_is_full() {
    // A small disk for this command alone, where the machine lets us mount one.
    const SMALL: &str = "mkdir small && mount -t tmpfs -o size=1m tmpfs small && \"$@\"; code=$?; ls -A small; exit $code";
    let shell = Shell::new();
    let on_small_disk = |run: &Command| {
        let mut command = Command::new("unshare");
        command.args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            SMALL,
            "sh",
        ]);
        command
            .arg(run.get_program())
            .args(run.get_args())
            .current_dir(shell.path());
        command
    };
    if !on_small_disk(&Command::new("true"))
        .output()
        .is_ok_and(|output| output.status.success())
    {
        eprintln!("SKIPPED: nothing can be mounted here, so there is no small disk");
        return;
    }
    fs::remove_dir(shell.path().join("small")).unwrap();
    let run = shell.command(
        // Retries at once: the name of the last attempt is the same each time.
        &["--allow-write", "small", "--conf", "task.retryWait=0"],
        behaves(),
        &["writes-much", "small/out", "3"],
    );
    let ended = start(&mut on_small_disk(&run)).end();
    // `ls` found nothing to print: no half of an output is left.
    insta::assert_snapshot!(neutral(&shell, ended.failed(FAILED)));
    shell.expect_no_leftovers();
}

// Programs that fail.

#[test]
fn a_partition_that_fails_for_good() {
    insta::assert_snapshot!(failure(&[], &["task-panics"]));
}

#[test]
fn a_map_task_that_fails_for_good() {
    insta::assert_snapshot!(failure(&[], &["map-task-panics"]));
}

#[test]
fn a_failure_that_goes_away_is_tried_again() {
    let ended = Shell::new().run(&[], behaves(), &["fails-once"]);
    assert_eq!(
        ended
            .stderr
            .matches("trying again (failure 1 of 4)")
            .count(),
        2,
        "{}",
        ended.stderr
    );
    assert_eq!(ended.done(), "6\n");
}

#[test]
fn a_task_that_takes_too_long_is_tried_as_often_as_allowed() {
    let options = [
        "--conf",
        "task.timeout=100ms",
        "--conf",
        "task.maxFailures=2",
    ];
    insta::assert_snapshot!(failure(&options, &["task-spins"]));
}

#[test]
fn tasks_that_end_badly() {
    let endings = ["task-traps", "task-exits", "task-aborts"];
    insta::assert_snapshot!(endings.map(|ending| failure(&[], &[ending])).concat());
}

#[test]
fn drivers_that_end_badly() {
    let endings = [
        "driver-panics",
        "driver-returns-an-error",
        "driver-traps",
        "driver-exits",
        "driver-aborts",
    ];
    insta::assert_snapshot!(endings.map(|ending| failure(&[], &[ending])).concat());
}

#[test]
fn recursion_without_end() {
    insta::assert_snapshot!(
        ["driver-recurses", "task-recurses"]
            .map(|behaviour| failure(&[], &[behaviour]))
            .concat()
    );
}

#[test]
fn memory_without_end() {
    let options = [
        "--conf",
        "driver.memory=64m",
        "--conf",
        "executor.memory=64m",
    ];
    insta::assert_snapshot!(
        ["driver-allocates", "task-allocates"]
            .map(|behaviour| failure(&options, &[behaviour]))
            .concat()
    );
}

#[test]
fn an_image_over_the_cap() {
    let shell = Shell::new();
    let ended = shell.run(
        &["--conf", "image.maxSize=1m"],
        behaves(),
        &["large-image", "2"],
    );
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(FAILED), "before\n")
    );
    insta::assert_snapshot!(ended.error());
}

#[test]
fn results_over_the_bound() {
    let bound = ["--conf", "driver.maxResultSize=3m"];
    insta::assert_snapshot!(
        [&["large-result", "4"], &["many-results", "4"]]
            .map(|behaviour| failure(&bound, behaviour))
            .concat()
    );
    assert_eq!(
        output(&bound, &["large-result", "2"]),
        format!("{}\n", 2 * MIB)
    );
}

#[test]
fn a_log_is_cut_where_it_is_full() {
    let ended = Shell::new().run(
        &["--conf", "task.maxLogSize=100k"],
        behaves(),
        &["floods-log", "2"],
    );
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 101, "{:?}", lines.last());
    assert_eq!(
        *lines.last().unwrap(),
        "[stage-0.0/task-0.0] [the log of this task is full; the rest is left out]"
    );
    assert_eq!(ended.done(), "done\n");
}

#[test]
fn an_action_inside_a_task() {
    insta::assert_snapshot!(output(&[], &["nested-action"]));
}

#[test]
fn a_program_goes_on_after_a_job_that_failed() {
    assert_eq!(output(&[], &["survives-a-failed-job"]), "true\n4\n");
}

// What is printed, and where.

#[test]
fn stdout_is_the_programs_alone() {
    let shell = Shell::new();
    let mut command = shell.tinderbox();
    command
        .args(["run", "--master", "local[2]"])
        .arg(behaves())
        .arg("prints");
    let ended = start(&mut command).end();
    for line in [
        "[stage-0.0/task-1.0] task 1 to stdout\n",
        "[stage-0.0/task-0.0] task 0 to stderr\n",
        "driver to stderr\n",
        "1 job, 1 stage, 2 tasks in 2 attempts\n",
    ] {
        assert!(ended.stderr.contains(line), "{}", ended.stderr);
    }
    assert_eq!(
        ended.done(),
        "driver before\nhalf a line, and its end\nno line end"
    );
}

#[test]
fn what_was_printed_before_a_failure_stays() {
    let ended = Shell::new().run(&[], behaves(), &["prints-then-fails"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(FAILED), "4\n"));
    assert_eq!(ended.error(), "error: after the first job\n");
}

/// Runs a command one of whose streams is closed too early, or full.
fn redirected(command: &Command, redirection: &str) -> Ended {
    let script = format!("\"$@\" {redirection}; exit ${{PIPESTATUS[0]}}");
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &script, "bash"])
        .arg(command.get_program())
        .args(command.get_args());
    start(shell.current_dir(command.get_current_dir().unwrap())).end()
}

#[test]
fn a_reader_that_has_seen_enough_ends_nothing() {
    let shell = Shell::new();
    shell.file("in.txt", "a line\n".repeat(100_000));
    let command = shell.command(&[], behaves(), &["lines", "in.txt"]);
    assert_eq!(redirected(&command, "| head -1").done(), "\"a line\"\n");
    assert_eq!(
        redirected(&command, "2> /dev/full").done().lines().count(),
        100_000
    );
    shell.expect_no_leftovers();
}

#[test]
fn a_failure_of_which_nobody_hears_is_a_failure() {
    let shell = Shell::new();
    for behaviour in ["driver-panics", "task-panics"] {
        let command = shell.command(&[], behaves(), &[behaviour]);
        for redirection in ["2> /dev/full", "2>&1 | head -c 1"] {
            let ended = redirected(&command, redirection);
            assert_eq!(ended.code, Some(FAILED), "{behaviour} {redirection}");
        }
    }
    shell.expect_no_leftovers();
}

#[test]
fn no_color_means_no_colour() {
    let shell = Shell::new();
    for color in [None, Some("1")] {
        let mut command = shell.tinderbox();
        command
            .args(["run", "--conf", "no.such=1", "job"])
            .envs(color.map(|value| ("NO_COLOR", value)));
        let ended = start(&mut command).end();
        assert!(!ended.stderr.contains('\u{1b}'), "{:?}", ended.stderr);
        assert_eq!(ended.code, Some(USAGE));
    }
}

// Ctrl-C.

/// Interrupts a behaviour once it has begun; returns how it ended and how long that took.
fn interrupt(shell: &Shell, behaviour: &str, signal: &str) -> (Ended, Duration) {
    let mut running = start(&mut shell.command(&[], behaves(), &[behaviour]));
    running.wait_for("spinning");
    let sent = Instant::now();
    running.signal(signal);
    let ended = running.end();
    (ended, sent.elapsed())
}

#[test]
fn ctrl_c_ends_at_once_whatever_runs() {
    for behaviour in [
        "driver-spins",
        "driver-sleeps",
        "task-spins",
        "task-fills",
        "task-copies",
        "task-sleeps",
    ] {
        let shell = Shell::new();
        let (ended, took) = interrupt(&shell, behaviour, "INT");
        println!("{behaviour}: ended {took:?} after the signal");
        assert_eq!(
            ended.code,
            Some(INTERRUPTED),
            "{behaviour}: {}",
            ended.stderr
        );
        assert_eq!(ended.error(), "error: interrupted\n");
        // "At once" is some 50 ms; the rest is for a machine that has much else to do.
        assert!(took < Duration::from_secs(2), "{behaviour}: {took:?}");
        shell.expect_no_leftovers();
    }
}

#[test]
fn a_termination_signal_is_like_ctrl_c() {
    let shell = Shell::new();
    let (ended, _) = interrupt(&shell, "task-spins", "TERM");
    assert_eq!(ended.code, Some(INTERRUPTED));
    shell.expect_no_leftovers();
}

#[test]
fn a_link_to_the_job_is_the_job() {
    let shell = Shell::new();
    let link: PathBuf = shell.path().join("link.wasm");
    symlink(behaves(), &link).unwrap();
    assert_eq!(
        shell.run(&[], &link, &["captures-thread-local"]).done(),
        "[40, 41, 42]\n"
    );
}
