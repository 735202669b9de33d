//! Time, randomness and the surroundings, as a task sees them.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tinderbox::{Context, Result};

use crate::{Behaviour, number};

pub const ALL: &[(&str, Behaviour)] = &[
    ("tells", tells),
    ("clock", clock),
    ("sleeps", sleeps),
    ("surroundings", surroundings),
    ("task-context", task_context),
    ("conf", conf),
];

/// Everything that could differ between two attempts, as the result: the test compares bytes.
fn tells(cx: &Context, _: &[String]) -> Result<()> {
    let started = Instant::now();
    cx.range_in(0..3, 3)
        .map(|n| {
            let random = RandomState::new().hash_one(n);
            let wall = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            let map: std::collections::HashMap<u64, u64> = (0..50).map(|n| (n, n)).collect();
            let order: Vec<u64> = map.into_keys().collect();
            (
                random,
                wall.as_nanos() as u64,
                started.elapsed().as_nanos() as u64,
                order,
            )
        })
        .collect()?;
    Ok(())
}

/// A task's clock goes on from the driver's, and moves when it is read.
fn clock(cx: &Context, _: &[String]) -> Result<()> {
    let (wall, monotonic) = (SystemTime::now(), Instant::now());
    let seen = cx
        .range_in(0..2, 2)
        .map(|_| {
            let start = Instant::now();
            let later = SystemTime::now() >= wall && start >= monotonic;
            let mut reads = 0u64;
            while start.elapsed() < Duration::from_micros(100) {
                reads += 1;
            }
            (later, reads > 0)
        })
        .collect()?;
    println!("{seen:?}");
    Ok(())
}

/// A task that sleeps for so many milliseconds, and finds that its clock has moved by them.
fn sleeps(cx: &Context, args: &[String]) -> Result<()> {
    let nap = Duration::from_millis(number(args, 0)?);
    let seen = cx
        .range_in(0..1, 1)
        .map(|_| {
            let start = Instant::now();
            std::thread::sleep(nap);
            start.elapsed() >= nap
        })
        .collect()?;
    println!("{seen:?}");
    Ok(())
}

/// No environment, no arguments, no files.
fn surroundings(cx: &Context, _: &[String]) -> Result<()> {
    fn look() -> (u64, u64, bool) {
        (
            std::env::vars().count() as u64,
            std::env::args().count() as u64,
            std::fs::read("/etc/passwd").is_ok() || std::fs::read_dir("/").is_ok(),
        )
    }
    println!("driver {:?}", look());
    for seen in cx.range_in(0..1, 1).map(|_| look()).collect()? {
        println!("task {seen:?}");
    }
    Ok(())
}

fn task_context(cx: &Context, _: &[String]) -> Result<()> {
    println!("{}", tinderbox::task().is_none());
    let partitions = cx
        .range_in(0..3, 3)
        .map(|_| tinderbox::task().map(|task| task.partition))
        .collect()?;
    println!("{partitions:?}");
    Ok(())
}

/// Settings: read, set before the first job, refused after it, refused where they make no sense.
fn conf(cx: &Context, _: &[String]) -> Result<()> {
    println!("{:?}", cx.conf("task.maxFailures"));
    cx.set_conf("spark.task.maxFailures", "3")?;
    println!("{:?} {:?}", cx.conf("task.maxFailures"), cx.conf("no.such"));
    for (key, value) in [("task.maxFailure", "3"), ("task.maxFailures", "many")] {
        println!("{:?}", cx.set_conf(key, value).err());
    }
    cx.range_in(0..1, 1).count()?;
    println!("{:?}", cx.set_conf("task.maxFailures", "9").err());
    Ok(())
}
