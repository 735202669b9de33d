//! A program that stands still where a test wants it to, until the test lets it go on.

use std::time::Duration;

use tinderbox::bindings::tinderbox::job::{task, types::Split};
use tinderbox::{Context, Result};

use crate::{Behaviour, argument, number};

pub const ALL: &[(&str, Behaviour)] = &[
    ("counts-words", counts_words),
    ("counts-words-again", counts_words_again),
    ("spreads", spreads),
    ("waits", waits),
];

const TASKS: u32 = 8;

/// Who waits at every gate.
pub(crate) const DRIVER: u32 = TASKS;

/// How often a gate is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Counts the words of a text in a stage of maps and one of reductions. The second half of the tasks of each waits at a
/// gate: for a file `map` or `reduce` in a folder.
fn counts_words(cx: &Context, args: &[String]) -> Result<()> {
    let (text, gates) = (argument(args, 0)?, argument(args, 1)?);
    let counts = cx
        .text_file_in(text, TASKS)?
        .map_partitions_with_index(|index, lines| {
            wait_at(gates, "map", index);
            lines
        })
        .flat_map(|line| line.words())
        .map(|word| (word.to_string(), 1u64))
        .reduce_by_key_in(|a, b| a + b, TASKS)
        .map_partitions_with_index(|index, counts| {
            wait_at(gates, "reduce", index);
            counts
        });
    let mut counts = counts.collect()?;
    counts.sort();
    for (word, count) in counts {
        println!("{word}\t{count}");
    }
    Ok(())
}

/// Counts the words of a text in one job, stands still, and reads the same shuffle in another.
fn counts_words_again(cx: &Context, args: &[String]) -> Result<()> {
    let (text, gates) = (argument(args, 0)?, argument(args, 1)?);
    let counts = cx
        .text_file_in(text, TASKS)?
        .flat_map(|line| line.words())
        .map(|word| (word.to_string(), 1u64))
        .reduce_by_key_in(|a, b| a + b, TASKS);
    eprintln!("{} words", counts.count()?);
    hold(cx, gates, "read")?;
    let mut counts = counts.collect()?;
    counts.sort();
    for (word, count) in counts {
        println!("{word}\t{count}");
    }
    Ok(())
}

/// Moves a record from each of so many partitions to each of as many others, stands still while the files are there, and reads
/// them again.
fn spreads(cx: &Context, args: &[String]) -> Result<()> {
    let (partitions, gates) = (number(args, 0)?, argument(args, 1)?);
    let count = u32::try_from(partitions)?;
    let sums = cx
        .range_in(0..partitions, count)
        .flat_map(move |from| (0..partitions).map(move |to| (to, from)))
        .reduce_by_key_in(|a, b| a + b, count);
    let values = sums.values();
    println!("{}", values.reduce(|a, b| a + b)?);
    hold(cx, gates, "go")?;
    println!("{}", values.reduce(|a, b| a + b)?);
    Ok(())
}

/// The driver waits at a gate, within a task.
fn hold(cx: &Context, gates: &str, gate: &str) -> Result<()> {
    cx.range_in(0..1, 1)
        .for_each(|_| wait_at(gates, gate, TASKS))
}

/// The driver prints what it was told, on both streams, and waits at a gate within a task.
fn waits(cx: &Context, args: &[String]) -> Result<()> {
    let gates = argument(args, 0)?;
    for word in &args[1..] {
        println!("{word}");
        eprintln!("aside: {word}");
    }
    let ended = cx
        .range_in(0..1, 1)
        .map(|_| wait_at(gates, "go", TASKS))
        .count()?;
    println!("{ended} went on");
    Ok(())
}

/// Waits until there is a file of this name in a folder.
pub(crate) fn wait_at(gates: &str, gate: &str, index: u32) {
    if index < TASKS / 2 || is_open(gates, gate) {
        return;
    }
    println!("waiting at {gate}");
    while !is_open(gates, gate) {
        std::thread::sleep(LOOK_EVERY);
    }
}

fn is_open(gates: &str, gate: &str) -> bool {
    let split = Split {
        uri: format!("{gates}/{gate}"),
        start: 0,
        length: 1,
    };
    task::open_bytes(&split).is_ok()
}
