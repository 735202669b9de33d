//! Shuffle files of a run on one machine: what is damaged is computed again, and many partitions are no flood of files. What they do
//! on a cluster is in `cluster/`.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
mod support {
    pub(crate) mod command;
    pub(crate) mod damage;
    pub(crate) mod guests;
}

use std::process::Command;

use support::command::{Shell, start};
use support::damage::{flip_bits, shuffle_files};
use support::guests::behaves;

/// Between two jobs that read the same shuffle: what is damaged is computed again.
#[test]
fn bits_that_turn_over_in_shuffle_files_cost_no_word() {
    for codec in ["none", "lz4", "zstd"] {
        let shell = Shell::new();
        shell.file("in.txt", "six by six\n".repeat(1000));
        let mut command = shell.tinderbox();
        command
            .args(["run", "--master", "local[1]", "--allow-read", "."])
            .args(["--conf", "local.dir=work", "--conf"])
            .arg(format!("io.compression.codec={codec}"))
            .arg(behaves())
            .args(["counts-words-again", "in.txt", "."]);
        let mut running = start(&mut command);
        running.wait_for("2 words\n");
        let files = shuffle_files(&shell.path().join("work"));
        assert_eq!(files.len(), 8);
        flip_bits(&files[..3]);
        shell.file("read", "x");
        let ended = running.end();
        assert!(ended.stderr.contains("(attempt 2)"), "{}", ended.stderr);
        assert_eq!(ended.done(), "by\t1000\nsix\t2000\n", "{codec}");
        shell.expect_no_leftovers();
    }
}

/// A thousand partitions move to a thousand: that is a thousand files, of which few are open at a time. A bit turns over in each of
/// them, and each is written anew.
#[test]
fn a_thousand_files_are_read_and_mended_a_few_at_a_time() {
    let shell = Shell::new();
    let command = shell.command(
        &["--master", "local[2]", "--allow-read", "."],
        behaves(),
        &["spreads", "1000", "."],
    );
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(shell.path());
    let mut running = start(&mut limited);
    running.wait_for("499500000\n");
    let files = shuffle_files(&shell.path().join("work"));
    assert_eq!(files.len(), 1000);
    flip_bits(&files);
    shell.file("go", "x");
    let ended = running.end();
    assert!(
        ended.stderr.contains("could not read map output"),
        "{}",
        ended.stderr
    );
    assert!(ended.done().ends_with("\n499500000\n"));
}

/// A program may leave partitioning and sorting to the host, also of more than a task has memory for.
#[test]
fn the_host_partitions_and_sorts_framed_records() {
    for (memory, spills) in [("512m", false), ("64m", true)] {
        let shell = Shell::new();
        let mut command = shell.tinderbox();
        command
            .args(["run", "--master", "local[2]", "--conf"])
            .arg(format!("executor.memory={memory}"))
            .arg(behaves())
            .args(["sorts-frames", "2000000", "1009"]);
        let ended = start(&mut command).end();
        assert_eq!(ended.stderr.contains("spilled"), spills, "{}", ended.stderr);
        assert_eq!(ended.done(), "2000000 of 2000000 numbers in order, twice\n");
    }
}

#[test]
fn what_is_no_frame_is_refused() {
    let shell = Shell::new();
    let ended = shell.run(&["--master", "local[1]"], behaves(), &["no-frames"]);
    assert_eq!(
        ended.done(),
        "a batch of frames begins with its count, 1, its flags and 0\n\
         the driver may not read or write a task's data; use an action\n"
    );
}
