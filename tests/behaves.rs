//! Programs that capture, grow, forge and hoard: what they may do works, what they may not does no harm.
//!
//! What a behaviour of `guests/behaves` prints is a snapshot, the same on one core and on two.
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

use support::command::Shell;
use support::guests::behaves;

/// What behaviours print, one after the other, each with its arguments as a heading.
#[track_caller]
fn told(behaviours: &[&[&str]]) -> String {
    let shell = Shell::new();
    shell.file("in.txt", "six by");
    let run = |arguments: &&[&str]| {
        let printed = shell.run(&[], behaves(), arguments).done();
        let again = shell.run(&["--master", "local[2]"], behaves(), arguments);
        assert_eq!(printed, again.done(), "on two cores: {arguments:?}");
        format!("$ {}\n{printed}", arguments.join(" "))
    };
    behaviours.iter().map(run).collect()
}

#[test]
fn closures_capture_whatever_a_driver_has() {
    let names = [
        "captures-string",
        "captures-vec",
        "captures-map",
        "captures-stack",
        "captures-loop-variable",
        "captures-thread-local",
        "captures-trait-objects",
        "captures-shared",
    ];
    insta::assert_snapshot!(told(&names.each_ref().map(std::slice::from_ref)));
}

#[test]
fn a_fork_has_the_drivers_memory_and_keeps_its_own_to_itself() {
    insta::assert_snapshot!(told(&[
        &["mutates"],
        &["grown", "48"],
        &["task-uses", "20"],
        &["map-order"],
        &["deep"],
        &["changes-a-little", "4"],
        &["changes-much", "3"],
    ]));
}

#[test]
fn a_task_knows_its_clock_its_partition_and_no_surroundings() {
    insta::assert_snapshot!(told(&[
        &["clock"],
        &["sleeps", "20"],
        &["task-context"],
        &["surroundings"],
        &["conf"],
    ]));
}

#[test]
fn calls_that_make_no_sense_are_answered() {
    insta::assert_snapshot!(told(&[
        &["wrong-role"],
        &["unopened-readers"],
        &["absent-buckets"],
        &["absent-numbers"],
        &["nonsense-lineage"],
        &["nonsense-jobs"],
        &["lies-about-its-task"],
        &["forged-splits", "in.txt"],
    ]));
}

#[test]
fn images_for_nothing_do_no_harm() {
    insta::assert_snapshot!(told(&[&["checkpoints", "500"]]));
}

#[test]
fn a_task_has_so_many_readers_and_no_more() {
    insta::assert_snapshot!(told(&[
        &["opens-readers", "in.txt", "256"],
        &["opens-readers", "in.txt", "257"],
    ]));
}

/// What a task offers to the cache is bounded by the cache, not by how much the task writes.
#[test]
fn a_block_larger_than_the_cache_is_not_held_on_the_way() {
    let shell = Shell::new();
    let options = ["--conf", "executor.memory=100m"];
    let kept = |mib| {
        shell
            .run(&options, behaves(), &["hoards-blocks", mib])
            .done()
    };
    assert_eq!(kept("20"), "[\"kept: true\"]\n");
    assert_eq!(kept("40"), "[\"kept: false\"]\n");
    let peak = peak_memory_mib(&shell, &options, &["hoards-blocks", "2000"]);
    assert!(peak < 500, "{peak} MiB were resident");
}

/// Sorts, sums and groups many times the memory of a task. Nothing is left of what was put aside: `Shell::run` looks.
#[test]
fn what_does_not_fit_in_memory_is_put_aside() {
    let shell = Shell::new();
    let cases = [
        (
            ["sorts", "300000"],
            "300000 records, sound: true, in order: true\n",
        ),
        (
            ["reduces", "300000"],
            "300000 keys, 300000 with the right sum\n",
        ),
        (
            ["groups", "300000"],
            "251 groups of 300000 records, the largest Some(225000), sound: true\n",
        ),
    ];
    for (arguments, expected) in cases {
        for master in ["local[1]", "local[3]"] {
            let options = ["--conf", "executor.memory=32m", "--master", master];
            let printed = shell.run(&options, behaves(), &arguments).done();
            assert_eq!(printed, expected, "{master}");
        }
        let mut loud = shell.tinderbox();
        loud.args([
            "run",
            "--master",
            "local[3]",
            "--conf",
            "executor.memory=32m",
        ]);
        let ended = support::command::start(loud.arg(behaves()).args(arguments)).end();
        assert!(ended.stderr.contains(", spilled "), "{}", ended.stderr);
    }
}

#[test]
fn runs_are_an_attempts_own() {
    insta::assert_snapshot!(told(&[&["puts-aside", "30"]]));
}

/// The most resident memory of a run, as the kernel counted it.
fn peak_memory_mib(shell: &Shell, options: &[&str], arguments: &[&str]) -> u64 {
    let run = shell.command(options, behaves(), arguments);
    let script = "\"$@\" & while kill -0 $! 2> /dev/null; do grep VmHWM /proc/$!/status; done 2> /dev/null > peak; wait $!";
    let mut command = std::process::Command::new("bash");
    command.args(["-c", script, "bash"]).arg(run.get_program());
    command.args(run.get_args()).current_dir(shell.path());
    support::command::start(&mut command).end().done();
    let peaks = fs::read_to_string(shell.path().join("peak")).unwrap();
    let kib = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    peaks.lines().filter_map(kib).max().unwrap() >> 10
}
