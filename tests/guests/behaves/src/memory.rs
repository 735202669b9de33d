//! Memory that grows, is written, and belongs to one fork alone.

use std::sync::atomic::{AtomicU64, Ordering};

use tinderbox::{Context, Result};

use crate::{Behaviour, number};

pub const ALL: &[(&str, Behaviour)] = &[
    ("grown", grown),
    ("mutates", mutates),
    ("task-uses", task_uses),
    ("changes-a-little", changes_a_little),
    ("changes-much", changes_much),
];

const MIB: usize = 1 << 20;

/// A heap of so many MiB in the driver; tasks read all of it and grow further.
fn grown(cx: &Context, args: &[String]) -> Result<()> {
    let words = number(args, 0)? as usize * MIB / 8;
    let data: Vec<u64> = (0..words as u64)
        .map(|n| n.wrapping_mul(0x9E37_79B9))
        .collect();
    let expected = data.iter().fold(0u64, |sum, n| sum.wrapping_add(*n));
    let sums = cx
        .range_in(0..4, 4)
        .map(|n| {
            let more = vec![n; MIB];
            let own: u64 = more.iter().sum();
            let all = data.iter().fold(0u64, |sum, n| sum.wrapping_add(*n));
            (all, own)
        })
        .collect()?;
    for (all, own) in sums {
        println!("{} {own}", all == expected);
    }
    Ok(())
}

/// What a fork writes, no other fork and not the driver sees.
fn mutates(cx: &Context, _: &[String]) -> Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(100);
    let seen = cx
        .range_in(0..8, 8)
        .map(|_| COUNTER.fetch_add(1, Ordering::Relaxed))
        .collect()?;
    println!("{seen:?} {}", COUNTER.load(Ordering::Relaxed));
    Ok(())
}

/// One task that uses so many MiB.
fn task_uses(cx: &Context, args: &[String]) -> Result<()> {
    let bytes = number(args, 0)? as usize * MIB;
    let sums = cx
        .range_in(0..1, 1)
        .map(|_| {
            let data = std::hint::black_box(vec![1u8; bytes]);
            data.iter().map(|byte| u64::from(*byte)).sum::<u64>()
        })
        .collect()?;
    println!("{sums:?}");
    Ok(())
}

/// So many jobs over a heap of 4 MiB, of which each changes a few words.
fn changes_a_little(cx: &Context, args: &[String]) -> Result<()> {
    let mut data = vec![1u64; 4 * MIB / 8];
    for round in 0..number(args, 0)? {
        for place in [0, data.len() / 2, data.len() - 1] {
            data[place] += round;
        }
        let sums = cx
            .range_in(0..2, 2)
            .map(|n| data.iter().sum::<u64>() + n)
            .collect()?;
        println!("{sums:?}");
    }
    Ok(())
}

/// The same, where each changes all of it.
fn changes_much(cx: &Context, args: &[String]) -> Result<()> {
    let mut data = vec![1u64; 4 * MIB / 8];
    for round in 0..number(args, 0)? {
        data.iter_mut().for_each(|word| *word += round);
        let sums = cx
            .range_in(0..2, 2)
            .map(|n| data.iter().sum::<u64>() + n)
            .collect()?;
        println!("{sums:?}");
    }
    Ok(())
}
