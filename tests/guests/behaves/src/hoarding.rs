//! More than is allowed: of memory, stack, log, results, readers.

use std::hint::black_box;

use tinderbox::bindings::tinderbox::job::{driver, task, types::Split};
use tinderbox::{Context, Error, Result};

use crate::{Behaviour, argument, number};

pub const ALL: &[(&str, Behaviour)] = &[
    ("driver-allocates", driver_allocates),
    ("driver-recurses", driver_recurses),
    ("task-allocates", task_allocates),
    ("task-recurses", task_recurses),
    ("floods-log", floods_log),
    ("large-result", large_result),
    ("many-results", many_results),
    ("large-image", large_image),
    ("opens-readers", opens_readers),
    ("checkpoints", checkpoints),
    ("hoards-blocks", hoards_blocks),
];

const MIB: usize = 1 << 20;

fn allocate() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1u8; MIB]));
    }
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    recurse(depth + 1) + black_box(&frame)[3]
}

fn driver_allocates(_: &Context, _: &[String]) -> Result<()> {
    allocate();
    Ok(())
}

fn driver_recurses(_: &Context, _: &[String]) -> Result<()> {
    println!("{}", recurse(0));
    Ok(())
}

fn task_allocates(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..2, 2)
        .filter(|n| *n == 1)
        .for_each(|_| allocate())
}

fn task_recurses(cx: &Context, _: &[String]) -> Result<()> {
    println!("{}", cx.range_in(0..1, 1).map(recurse).count()?);
    Ok(())
}

/// So many MiB of log, in long and in short pieces.
fn floods_log(cx: &Context, args: &[String]) -> Result<()> {
    let line = "x".repeat(1023);
    let lines = number(args, 0)? * 1024;
    cx.range_in(0..1, 1)
        .for_each(|_| (0..lines).for_each(|_| println!("{line}")))?;
    println!("done");
    Ok(())
}

/// One partition whose result has so many MiB.
fn large_result(cx: &Context, args: &[String]) -> Result<()> {
    let bytes = number(args, 0)? as usize * MIB;
    let results = cx.range_in(0..1, 1).map(|_| "x".repeat(bytes)).collect()?;
    println!("{}", results[0].len());
    Ok(())
}

/// So many partitions of 1 MiB each.
fn many_results(cx: &Context, args: &[String]) -> Result<()> {
    let count = number(args, 0)?;
    let results = cx
        .range_in(0..count, u32::try_from(count)?)
        .map(|_| "x".repeat(MIB))
        .collect()?;
    println!("{}", results.len());
    Ok(())
}

/// A driver's heap of so many MiB, all of it in the image.
fn large_image(cx: &Context, args: &[String]) -> Result<()> {
    let data = vec![1u8; number(args, 0)? as usize * MIB];
    println!("before");
    println!(
        "{}",
        cx.range_in(0..1, 1)
            .map(|n| n + u64::from(data[7]))
            .reduce(|a, b| a + b)?
    );
    Ok(())
}

/// Opens a file that many times without closing it.
fn opens_readers(cx: &Context, args: &[String]) -> Result<()> {
    let (uri, count) = (argument(args, 0)?, number(args, 1)?);
    let answers = cx
        .range_in(0..1, 1)
        .map(|_| {
            let split = Split {
                uri: uri.to_owned(),
                start: 0,
                length: 1,
            };
            let first = (0..count).find_map(|_| task::open_lines(&split).err());
            first.map(|error| error.message)
        })
        .collect()?;
    println!("{answers:?}");
    Ok(())
}

/// Takes images for nothing, in the driver and in a task.
fn checkpoints(cx: &Context, args: &[String]) -> Result<()> {
    let count = number(args, 0)?;
    let take = move || {
        (0..count).for_each(|_| driver::checkpoint(&[], (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
    };
    take();
    let counted = cx
        .range_in(0..2, 2)
        .map(|n| {
            take();
            n
        })
        .count()?;
    println!("{counted}");
    Ok(())
}

/// Writes MiB after MiB to a cached partition that it never commits.
fn hoards_blocks(cx: &Context, args: &[String]) -> Result<()> {
    let count = number(args, 0)?;
    let batch = vec![1u8; MIB];
    let kept = cx
        .range_in(0..1, 1)
        .map(|_| {
            for _ in 0..count {
                if let Err(error) = task::write_block(7, 0, &batch) {
                    return error.message;
                }
            }
            match task::commit_block(7, 0) {
                Ok(kept) => format!("kept: {kept}"),
                Err(error) => error.message,
            }
        })
        .collect()
        .map_err(|error: Error| error)?;
    println!("{kept:?}");
    Ok(())
}
