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

use support::command::{Shell, start};
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

/// Each of them fails where an answer is not what the documentation promises.
#[test]
fn every_operation_gives_what_it_promises() {
    let shell = Shell::new();
    let behaviours: [&[&str]; 6] = [
        &["transforms"],
        &["repartitions"],
        &["acts"],
        &["acts-beside"],
        &["acts-in-time"],
        &["tells-of-itself", "checks"],
    ];
    for master in ["local[1]", "local[2]", "local-cluster[2,1,512m]"] {
        let options = ["--master", master, "--allow-write", "checks"];
        for behaviour in behaviours {
            shell.run(&options, behaves(), behaviour).done();
        }
    }
}

#[test]
fn accumulators_hold_what_tasks_added_and_no_more() {
    insta::assert_snapshot!(told(&[&["adds"], &["adds-past-the-sdk"]]));
    let shell = Shell::new();
    let run = |arguments: &[&str]| shell.run(&["--master", "local[1]"], behaves(), arguments);
    assert_eq!(
        run(&["adds-and-fails"]).done(),
        "failed: true, counted 30\n"
    );
    assert_eq!(run(&["adds-much", "1000"]).done(), "2000 lines\n");
    let refused = run(&["adds-much", "1100"]);
    assert!(
        refused.stderr.contains("added to accumulators takes"),
        "{}",
        refused.stderr
    );
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

/// What each pool of an executor had at most ends with the run, wherever it ran.
#[test]
fn the_end_says_how_much_memory_was_needed() {
    let shell = Shell::new();
    for (master, pools) in [
        ("local[1]", ["cached blocks 20.0 MiB", "prepared images"]),
        (
            "local-cluster[1,1,200m]",
            ["cached blocks 20.0 MiB", "transfers"],
        ),
    ] {
        let mut loud = shell.tinderbox();
        loud.args(["run", "--master", master, "--conf", "executor.memory=100m"]);
        let ended = start(loud.arg(behaves()).args(["hoards-blocks", "20"])).end();
        let line = ended.stderr.lines().last().unwrap_or_default();
        for part in ["memory at most: a task ", "; an executor's "]
            .iter()
            .chain(&pools)
        {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
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
        let ended = start(loud.arg(behaves()).args(arguments)).end();
        assert!(ended.stderr.contains(", spilled "), "{}", ended.stderr);
    }
}

#[test]
fn runs_are_an_attempts_own() {
    insta::assert_snapshot!(told(&[&["puts-aside", "30"]]));
}

/// Partitions larger than the memory of their task, and all together larger than that of the cache.
#[test]
fn what_is_kept_passes_through_a_task_and_is_computed_again_only_where_it_had_to_go() {
    let shell = Shell::new();
    let all = "500000 records\n500000 records, 0 computed again\n";
    for level in ["disk", "memory-and-disk"] {
        let cluster = ["--master", "local-cluster[1,2,64m]"];
        let printed = shell.run(&cluster, behaves(), &["keeps", level, "500000"]);
        assert_eq!(printed.done(), all, "{level}");
    }
    let options = ["--conf", "executor.memory=32m", "--master", "local[2]"];
    let run = |arguments: &[&str]| shell.run(&options, behaves(), arguments).done();
    for level in ["disk", "memory-and-disk"] {
        assert_eq!(run(&["keeps", level, "500000"]), all, "{level}");
    }
    assert_eq!(
        run(&["keeps", "memory", "700000"]),
        "700000 records\n700000 records, 700000 computed again\n",
        "no partition fits"
    );
    let all = "76000 records, 0 computed again\n";
    // Seven of eight partitions fit: one went.
    let gone = "76000 records, 19000 computed again\n";
    assert_eq!(
        run(&["pushes-out", "memory-and-disk", "76000"]),
        format!("{all}{all}")
    );
    assert_eq!(
        run(&["pushes-out", "memory", "76000"]),
        format!("{all}{gone}")
    );
}

/// The files of kept partitions of the one run that there is.
fn block_files(shell: &Shell) -> Vec<std::path::PathBuf> {
    let runs = fs::read_dir(shell.path().join("work")).unwrap();
    let folders = runs.map(|run| run.unwrap().path().join("blocks"));
    let mut files: Vec<_> = folders
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn a_damaged_and_a_missing_partition_on_disk_are_computed_again() {
    let shell = Shell::new();
    fs::create_dir(shell.path().join("gates")).unwrap();
    let arguments = ["keeps-on-disk", "40000", "gates"];
    let mut run = start(&mut shell.command(&[], behaves(), &arguments));
    run.wait_for("waiting at go");
    let files = block_files(&shell);
    assert_eq!(files.len(), 4);
    fs::remove_file(&files[0]).unwrap();
    for (file, middle) in [(&files[1], false), (&files[2], true)] {
        let mut bytes = fs::read(file).unwrap();
        let at = if middle { bytes.len() / 2 } else { 20 };
        bytes[at] ^= 4;
        fs::write(file, bytes).unwrap();
    }
    shell.file("gates/go", "");
    run.wait_for("waiting at end");
    assert_eq!(block_files(&shell).len(), 0, "nobody needs them any more");
    shell.file("gates/end", "");
    let printed = run.end().done();
    assert_eq!(
        printed,
        "40000 records, 30000 computed again\n40000 records\n"
    );
    shell.expect_no_leftovers();
}

#[test]
fn a_checkpoint_is_all_that_is_left_of_its_lineage() {
    let shell = Shell::new();
    // The first round adds one to each of a key's hundred numbers, the others one to their sum.
    let sums: Vec<_> = (0..10u64)
        .map(|key| (key, 49_500 + 100 * key + 100 + 19))
        .collect();
    let expected = format!("{sums:?}\n1 line\n");
    for master in ["local[2]", "local-cluster[2,1,512m]"] {
        let options = ["--master", master, "--allow-write", "checks"];
        for arguments in [
            &["checkpoints-rounds", "20"][..],
            &["checkpoints-rounds", "20", "checks"],
        ] {
            let printed = shell.run(&options, behaves(), arguments).done();
            assert_eq!(printed, expected, "{master}, {arguments:?}");
        }
    }
    assert_eq!(
        fs::read_dir(shell.path().join("checks")).unwrap().count(),
        40
    );
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next() {
    let shell = Shell::new();
    fs::create_dir(shell.path().join("gates")).unwrap();
    let arguments = ["keeps-on-disk", "1000", "gates"];
    let mut run = start(&mut shell.command(&[], behaves(), &arguments));
    run.wait_for("waiting at go");
    assert_eq!(block_files(&shell).len(), 4);
    run.signal("KILL");
    assert_eq!(run.end().code, None);
    assert_eq!(block_files(&shell).len(), 4);
    shell.run(&[], behaves(), &["keeps", "disk", "1000"]).done();
}

/// What a driver drops goes from disks and memory, so that it may go on for ever.
#[test]
fn a_driver_of_two_thousand_rounds_fills_neither_disk_nor_memory() {
    let shell = Shell::new();
    let options = ["--master", "local[2]"];
    let run = |rounds| shell.command(&options, behaves(), &["iterates", rounds]);
    let mut started = start(&mut run("2000"));
    let (ended, over) = std::sync::mpsc::channel();
    let work = shell.path().join("work");
    let most = std::thread::scope(|scope| {
        let watched = scope.spawn(move || {
            let mut most = 0;
            while over.try_recv().is_err() {
                most = most.max(files_below(&work));
            }
            most
        });
        started.wait_for("driver grew by");
        ended.send(()).unwrap();
        watched.join().unwrap()
    });
    assert!(most < 100, "{most} files");
    let sum: u64 = (0..2000).map(|round| 190 + 20 * round + 3).sum();
    let printed = started.end().done();
    assert_eq!(printed, format!("{sum}, and the driver grew by 0 pages\n"));
    let [few, many] =
        ["300", "3000"].map(|rounds| peak_memory_mib(&shell, &options, &["iterates", rounds]));
    assert!(many < few + 20, "{few} MiB, then {many} MiB");
}

/// How many files are in a folder and those below.
fn files_below(folder: &std::path::Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            _ => 1,
        })
        .sum()
}

/// The most resident memory of a run, as the kernel counted it.
fn peak_memory_mib(shell: &Shell, options: &[&str], arguments: &[&str]) -> u64 {
    let run = shell.command(options, behaves(), arguments);
    let script = "\"$@\" & while kill -0 $! 2> /dev/null; do grep VmHWM /proc/$!/status; done 2> /dev/null > peak; wait $!";
    let mut command = std::process::Command::new("bash");
    command.args(["-c", script, "bash"]).arg(run.get_program());
    command.args(run.get_args()).current_dir(shell.path());
    start(&mut command).end().done();
    let peaks = fs::read_to_string(shell.path().join("peak")).unwrap();
    let kib = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    peaks.lines().filter_map(kib).max().unwrap() >> 10
}
