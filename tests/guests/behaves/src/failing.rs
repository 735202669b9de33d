//! Programs that fail, each in its own way.

use std::cell::Cell;
use std::process;

use tinderbox::{Context, Error, Result};

use crate::Behaviour;

pub const ALL: &[(&str, Behaviour)] = &[
    ("driver-panics", driver_panics),
    ("driver-returns-an-error", driver_returns_an_error),
    ("driver-traps", driver_traps),
    ("driver-exits", driver_exits),
    ("driver-aborts", driver_aborts),
    ("task-panics", task_panics),
    ("task-traps", task_traps),
    ("task-exits", task_exits),
    ("task-aborts", task_aborts),
    ("map-task-panics", map_task_panics),
    ("nested-action", nested_action),
    ("fails-once", fails_once),
    ("survives-a-failed-job", survives_a_failed_job),
    ("prints-then-fails", prints_then_fails),
    ("zero-partitions", zero_partitions),
    ("zero-buckets", zero_buckets),
];

fn driver_panics(_: &Context, _: &[String]) -> Result<()> {
    panic!("the driver gives up");
}

fn driver_returns_an_error(_: &Context, _: &[String]) -> Result<()> {
    Err(Error::new("no luck today").context("the driver"))
}

fn driver_traps(_: &Context, _: &[String]) -> Result<()> {
    trap()
}

fn driver_exits(_: &Context, _: &[String]) -> Result<()> {
    process::exit(3)
}

fn driver_aborts(_: &Context, _: &[String]) -> Result<()> {
    process::abort()
}

fn task_panics(cx: &Context, _: &[String]) -> Result<()> {
    let words = ["one", "two", "three"];
    cx.range_in(1..5, 4)
        .map(|n| words[n as usize].to_owned())
        .collect()?;
    Ok(())
}

fn task_traps(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..1, 1).for_each(|_| trap())
}

fn task_exits(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..1, 1).for_each(|_| process::exit(0))
}

fn task_aborts(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..1, 1).for_each(|_| process::abort())
}

fn trap() -> ! {
    #[cfg(target_family = "wasm")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_family = "wasm"))]
    process::abort()
}

/// The stage before the shuffle fails.
fn map_task_panics(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..4, 2)
        .map(|n| (n, 6 / (2 - n)))
        .reduce_by_key(|a, b| a + b)
        .collect()?;
    Ok(())
}

fn nested_action(cx: &Context, _: &[String]) -> Result<()> {
    let inner = cx.range_in(0..10, 2);
    let counts = cx
        .range_in(0..1, 1)
        .map(|_| inner.count().map_err(|error| error.to_string()))
        .collect()?;
    for count in counts {
        println!("{count:?}");
    }
    Ok(())
}

/// An attempt fails if it computes its partition itself; the next one finds the partition cached.
fn fails_once(cx: &Context, _: &[String]) -> Result<()> {
    thread_local!(static COMPUTED: Cell<bool> = const { Cell::new(false) });
    let cached = cx
        .range_in(0..4, 2)
        .map(|n| {
            COMPUTED.set(true);
            n
        })
        .cache();
    let sum = cached
        .map(|n| {
            assert!(!COMPUTED.get(), "computed here and now");
            n
        })
        .reduce(|a, b| a + b)?;
    println!("{sum}");
    Ok(())
}

/// A job that failed is an error like any other: the driver may go on.
fn survives_a_failed_job(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.range_in(0..4, 2);
    let failed = numbers.map(|n| 10 / n).collect();
    println!("{}", failed.is_err());
    println!("{}", numbers.count()?);
    Ok(())
}

fn prints_then_fails(cx: &Context, _: &[String]) -> Result<()> {
    println!("{}", cx.range_in(0..4, 2).count()?);
    Err(Error::new("after the first job"))
}

/// A dataset of nothing, and all that can be asked of it.
fn zero_partitions(cx: &Context, _: &[String]) -> Result<()> {
    let none = cx.parallelize_in(Vec::<u64>::new(), 0);
    println!(
        "{} {:?} {:?}",
        none.count()?,
        none.collect()?,
        none.take(3)?
    );
    println!(
        "{:?}",
        none.reduce(|a, b| a + b).map_err(|error| error.to_string())
    );
    let grouped = none.key_by(|n| *n).reduce_by_key(|a, b| a + b);
    println!("{:?}", grouped.collect()?);
    println!(
        "{}",
        none.union(&none).union(&cx.range_in(0..3, 1)).count()?
    );
    Ok(())
}

/// A shuffle into no buckets makes no sense.
fn zero_buckets(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..4, 2)
        .key_by(|n| *n)
        .reduce_by_key_in(|a, b| a + b, 0)
        .collect()?;
    Ok(())
}
