//! Calls that the SDK would never make, through the raw contract.

use tinderbox::bindings::tinderbox::job::driver::{
    self, Dependency, JobSpec, NarrowDependency, PartitionMap, PartitionSpan, RddNode,
    ShuffleDependency, StorageLevel,
};
use tinderbox::bindings::tinderbox::job::{task, types};
use tinderbox::{Context, Result};

use crate::{Behaviour, argument};

pub const ALL: &[(&str, Behaviour)] = &[
    ("wrong-role", wrong_role),
    ("unopened-readers", unopened_readers),
    ("absent-buckets", absent_buckets),
    ("absent-numbers", absent_numbers),
    ("nonsense-lineage", nonsense_lineage),
    ("nonsense-jobs", nonsense_jobs),
    ("lies-about-its-task", lies_about_its_task),
    ("forged-splits", forged_splits),
];

fn tell<T: std::fmt::Debug>(what: &str, answer: Result<T, types::Error>) -> String {
    match answer {
        Ok(value) => format!("{what}: {value:?}"),
        Err(error) => format!("{what}: {:?}, {}", error.kind, error.message),
    }
}

fn print(answers: Vec<Vec<String>>) {
    for answer in answers.iter().flatten() {
        println!("{answer}");
    }
}

/// A driver that acts as a task, and a task that acts as the driver.
fn wrong_role(cx: &Context, _: &[String]) -> Result<()> {
    println!(
        "{}",
        tell("driver reads a shuffle", task::open_shuffle(0, 0))
    );
    println!(
        "{}",
        tell("driver writes a block", task::write_block(0, 0, b"x"))
    );
    let answers = cx
        .range_in(0..1, 1)
        .map(|_| {
            vec![
                tell(
                    "task sets a setting",
                    driver::set_conf("task.maxFailures", "1"),
                ),
                tell("task defines", driver::define(&[node(99, 1, Vec::new())])),
                tell("task submits", driver::submit_job(&job(0, vec![0]))),
                tell("task cancels", driver::cancel_job(0)),
                tell("task begins an output", driver::create_output("out")),
                format!(
                    "task asks a setting: {:?}",
                    driver::conf("task.maxFailures")
                ),
            ]
        })
        .collect()?;
    print(answers);
    Ok(())
}

fn unopened_readers(cx: &Context, _: &[String]) -> Result<()> {
    let answers = cx
        .range_in(0..1, 1)
        .map(|_| {
            task::close_reader(5);
            vec![
                tell("lines", task::read_lines(5)),
                tell("bytes", task::read_bytes(u32::MAX)),
            ]
        })
        .collect()?;
    print(answers);
    Ok(())
}

/// A bucket beyond the shuffle's, and a shuffle where there is none to write.
fn absent_buckets(cx: &Context, _: &[String]) -> Result<()> {
    let answers = cx
        .range_in(0..1, 1)
        .map(|_| {
            vec![tell(
                "action writes a shuffle",
                task::write_shuffle(0, b"x"),
            )]
        })
        .collect()?;
    print(answers);
    cx.range_in(0..1, 1)
        .map(|n| {
            let answer = task::write_shuffle(1_000_000, b"x");
            println!("{}", tell("bucket 1000000", answer));
            (n, n)
        })
        .reduce_by_key_in(|a, b| a + b, 2)
        .collect()?;
    Ok(())
}

fn absent_numbers(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..1, 1).count()?;
    println!("{}", tell("job", driver::await_job(77, 10)));
    println!("{}", tell("commit", driver::commit_output(77)));
    println!("{}", tell("abort", driver::abort_output(77)));
    driver::release(&[77]);
    let answers = cx
        .range_in(0..1, 1)
        .map(|_| {
            vec![
                tell("output", task::write_output(77, "part", b"x")),
                tell("block", task::open_block(77, 77)),
                tell(
                    "shuffle",
                    task::open_shuffle(77, 77).and_then(task::read_bytes),
                ),
                tell("commit nothing", task::commit_block(77, 77)),
            ]
        })
        .collect()?;
    print(answers);
    Ok(())
}

fn node(id: u32, partitions: u32, dependencies: Vec<Dependency>) -> RddNode {
    RddNode {
        id,
        name: "forged".into(),
        call_site: "forging.rs:1".into(),
        partitions,
        dependencies,
        storage: StorageLevel::None,
    }
}

fn job(rdd: u32, partitions: Vec<u32>) -> JobSpec {
    JobSpec {
        rdd,
        partitions,
        name: "forged".into(),
        call_site: "forging.rs:2".into(),
    }
}

fn narrow(parent: u32, partitions: PartitionMap) -> Dependency {
    Dependency::Narrow(NarrowDependency { parent, partitions })
}

fn shuffle(parent: u32, shuffle: u32, partitions: u32) -> Dependency {
    Dependency::Shuffle(ShuffleDependency {
        parent,
        shuffle,
        partitions,
    })
}

/// Shapes that no program has. Each must be refused, or do no harm.
fn nonsense_lineage(cx: &Context, _: &[String]) -> Result<()> {
    let span = |in_start, out_start, length| {
        PartitionMap::Span(PartitionSpan {
            in_start,
            out_start,
            length,
        })
    };
    let shapes = [
        (
            "own parent",
            node(1000, 1, vec![narrow(1000, PartitionMap::OneToOne)]),
        ),
        (
            "absent parent",
            node(1001, 1, vec![narrow(4000, PartitionMap::OneToOne)]),
        ),
        (
            "more than the parent",
            node(1002, 9, vec![narrow(999, PartitionMap::OneToOne)]),
        ),
        (
            "span beyond the parent",
            node(1003, 3, vec![narrow(999, span(u32::MAX, 0, 3))]),
        ),
        (
            "span beyond itself",
            node(1004, 3, vec![narrow(999, span(0, u32::MAX, u32::MAX))]),
        ),
        (
            "list beyond the parent",
            node(
                1005,
                1,
                vec![narrow(999, PartitionMap::Lists(vec![vec![77]]))],
            ),
        ),
        (
            "fewer lists than partitions",
            node(
                1006,
                5,
                vec![narrow(999, PartitionMap::Lists(vec![vec![0]]))],
            ),
        ),
        (
            "shuffle to other buckets",
            node(1007, 5, vec![shuffle(999, 900, 2)]),
        ),
        (
            "shuffle to no buckets",
            node(1008, 0, vec![shuffle(999, 901, 0)]),
        ),
        (
            "absent shuffled parent",
            node(1009, 2, vec![shuffle(4001, 902, 2)]),
        ),
    ];
    println!(
        "{}",
        tell("sound", driver::define(&[node(999, 3, Vec::new())]))
    );
    for (what, shape) in shapes {
        println!("{}", tell(what, driver::define(&[shape])));
    }
    println!(
        "{}",
        tell("changed", driver::define(&[node(999, 4, Vec::new())]))
    );
    println!("{}", cx.range_in(0..10, 2).count()?);
    Ok(())
}

fn nonsense_jobs(cx: &Context, _: &[String]) -> Result<()> {
    println!("{}", tell("no image", driver::submit_job(&job(0, vec![0]))));
    cx.range_in(0..4, 2).count()?;
    let run = |what: &str, spec: JobSpec| {
        let ended = driver::submit_job(&spec).and_then(|job| driver::await_job(job, 60_000));
        println!("{}", tell(what, ended.map(|progress| progress.finished)));
    };
    run("absent dataset", job(4000, vec![0]));
    run("absent partition", job(0, vec![5]));
    run("the same partition twice", job(0, vec![1, 1]));
    run("no partition", job(0, Vec::new()));
    println!("{}", cx.range_in(0..10, 2).count()?);
    Ok(())
}

/// A job over a forged dataset: its tasks find in their image an action that is none of theirs, or none.
fn lies_about_its_task(cx: &Context, _: &[String]) -> Result<()> {
    driver::define(&[node(5000, 2, Vec::new())])
        .map_err(|error| tinderbox::Error::new(error.message))?;
    driver::checkpoint(&[], (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    let ended =
        driver::submit_job(&job(5000, vec![1])).and_then(|job| driver::await_job(job, 60_000));
    println!(
        "{}",
        tell("forged", ended.map(|progress| progress.finished))
    );
    println!("{}", cx.range_in(0..10, 2).count()?);
    Ok(())
}

/// Ranges of a granted file that it does not have.
fn forged_splits(cx: &Context, args: &[String]) -> Result<()> {
    let uri = argument(args, 0)?;
    let ranges = [
        (0, 0),
        (3, u64::MAX),
        (u64::MAX, 0),
        (u64::MAX, 1),
        (u64::MAX, u64::MAX),
        (1 << 62, 1 << 62),
    ];
    let answers = cx
        .range_in(0..1, 1)
        .map(|_| {
            let answers = ranges.map(|(start, length)| {
                let split = types::Split {
                    uri: uri.to_owned(),
                    start,
                    length,
                };
                [
                    tell("lines", task::open_lines(&split).and_then(task::read_lines)),
                    tell(
                        "bytes",
                        task::open_bytes(&split)
                            .and_then(task::read_bytes)
                            .map(|bytes| bytes.len()),
                    ),
                ]
            });
            answers.concat()
        })
        .collect()?;
    // The system's words name the file's real place.
    for answer in answers.iter().flatten() {
        println!(
            "{}",
            answer
                .split('`')
                .step_by(2)
                .collect::<Vec<_>>()
                .join("PATH")
        );
    }
    Ok(())
}
