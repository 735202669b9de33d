//! Datasets that are kept, and what becomes of them.
//!
//! Records carry the round in which they were computed: a fork has the driver's counter as it was then.

use std::cell::Cell;

use tinderbox::{Context, Error, Rdd, Result, StorageLevel};

use crate::holding::{DRIVER, wait_at};
use crate::{Behaviour, argument, number};

pub const ALL: &[(&str, Behaviour)] = &[
    ("keeps", keeps),
    ("pushes-out", pushes_out),
    ("keeps-on-disk", keeps_on_disk),
    ("keeps-twice", keeps_twice),
    ("iterates", iterates),
    ("checkpoints-rounds", checkpoints_rounds),
];

type Kept<'a> = Rdd<'a, (String, u64)>;

/// So many records of some 100 bytes, in 4 partitions, each with the round.
fn records<'a>(cx: &Context, count: u64, round: &'a Cell<u64>) -> Kept<'a> {
    cx.range_in(0..count, 4).map(|at| {
        (
            format!("{:080}", at.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            round.get(),
        )
    })
}

fn level(name: &str) -> Result<StorageLevel> {
    match name {
        "memory" => Ok(StorageLevel::MemoryOnly),
        "memory-and-disk" => Ok(StorageLevel::MemoryAndDisk),
        "disk" => Ok(StorageLevel::DiskOnly),
        "memory-2" => Ok(StorageLevel::MemoryOnly2),
        "disk-2" => Ok(StorageLevel::DiskOnly2),
        other => Err(Error::new(format!("there is no level `{other}`"))),
    }
}

/// How many records there are, and how many of them were computed since the first round.
fn tell(kept: &Kept<'_>) -> Result<()> {
    let later = kept.filter(|(_, round)| *round > 1).count()?;
    println!("{} records, {later} computed again", kept.count()?);
    Ok(())
}

/// Keeps so many records at a level.
fn keeps(cx: &Context, args: &[String]) -> Result<()> {
    let round = Cell::new(1);
    let kept = records(cx, number(args, 1)?, &round).persist(level(argument(args, 0)?)?);
    println!("{} records", kept.count()?);
    round.set(2);
    tell(&kept)
}

/// Keeps so many records at a level, and then as many others in memory.
fn pushes_out(cx: &Context, args: &[String]) -> Result<()> {
    let (round, count) = (Cell::new(1), number(args, 1)?);
    let kept = records(cx, count, &round).persist(level(argument(args, 0)?)?);
    kept.count()?;
    let others = records(cx, count, &round).cache();
    others.count()?;
    round.set(2);
    tell(&others)?;
    tell(&kept)
}

/// Keeps so many records on disk, and reads them again when a gate opens.
fn keeps_on_disk(cx: &Context, args: &[String]) -> Result<()> {
    let round = Cell::new(1);
    let kept = records(cx, number(args, 0)?, &round).persist(StorageLevel::DiskOnly);
    kept.count()?;
    let gates = argument(args, 1)?;
    cx.range_in(0..1, 1)
        .for_each(|_| wait_at(gates, "go", DRIVER))?;
    round.set(2);
    let (all, later) = kept.aggregate(
        (0u64, 0u64),
        |(all, later), (_, round)| (all + 1, later + u64::from(round > 1)),
        |a, b| (a.0 + b.0, a.1 + b.1),
    )?;
    println!("{all} records, {later} computed again");
    kept.unpersist();
    println!("{} records", kept.count()?);
    cx.range_in(0..1, 1)
        .for_each(|_| wait_at(gates, "end", DRIVER))
}

/// Keeps so many numbers at a level and counts them, and again when a gate opens.
fn keeps_twice(cx: &Context, args: &[String]) -> Result<()> {
    let (level, count, gates) = (
        level(argument(args, 0)?)?,
        number(args, 1)?,
        argument(args, 2)?,
    );
    let computed = cx.long_accumulator("computed");
    let kept = cx.range_in(0..count, 4).map(|n| {
        computed.add(1);
        n
    });
    let kept = kept.persist(level);
    println!("{} records, {} computed", kept.count()?, computed.value()?);
    cx.range_in(0..1, 1)
        .for_each(|_| wait_at(gates, "go", DRIVER))?;
    println!("{} records, {} computed", kept.count()?, computed.value()?);
    Ok(())
}

/// So many rounds, each of which shuffles what the round before kept, and keeps that.
fn iterates(cx: &Context, args: &[String]) -> Result<()> {
    let (rounds, mut grown, mut sum) = (number(args, 0)?, 0, 0);
    for round in 0..rounds {
        if round == 100 {
            grown = memory_pages();
        }
        let sums = cx
            .range_in(0..20, 2)
            .map(|n| (n % 3, n + round))
            .reduce_by_key_in(|a, b| a + b, 2)
            .persist(StorageLevel::MemoryAndDisk);
        sum += sums.map(|(_, sum)| sum).reduce(|a, b| a + b)?;
        sum += sums.count()?;
    }
    let grown = memory_pages() - grown;
    println!("{sum}, and the driver grew by {grown} pages");
    Ok(())
}

/// So many rounds, each made from what the round before left as a checkpoint: locally, or in a folder.
fn checkpoints_rounds(cx: &Context, args: &[String]) -> Result<()> {
    let folder = args.get(1).map(|_| argument(args, 1)).transpose()?;
    folder
        .into_iter()
        .for_each(|folder| cx.set_checkpoint_dir(folder));
    let mut sums = cx.range_in(0..1000, 4).map(|n| (n % 10, n));
    for _ in 0..number(args, 0)? {
        let next = sums
            .map(|(key, n)| (key, n + 1))
            .reduce_by_key_in(|a, b| a + b, 4);
        sums = match folder {
            Some(_) => next.checkpoint()?,
            None => next.local_checkpoint()?,
        };
    }
    let mut all = sums.collect()?;
    all.sort_unstable();
    println!("{all:?}");
    println!("{} line", sums.to_debug_string().lines().count());
    Ok(())
}

fn memory_pages() -> usize {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size(0);
    #[cfg(not(target_arch = "wasm32"))]
    0
}
