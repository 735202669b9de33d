//! Accumulators: what tasks add and the driver reads.

use tinderbox::bindings::tinderbox::job::{driver, task};
use tinderbox::{Accumulate, Context, Result};

use crate::holding::wait_at;
use crate::{Behaviour, argument, number};

pub const ALL: &[(&str, Behaviour)] = &[
    ("adds", adds),
    ("adds-and-waits", adds_and_waits),
    ("adds-and-fails", adds_and_fails),
    ("adds-much", adds_much),
    ("adds-past-the-sdk", adds_past_the_sdk),
];

/// The shortest and the longest of words.
struct Lengths;

impl Accumulate for Lengths {
    type Item = u64;
    type Value = Option<(u64, u64)>;

    fn zero(&self) -> Self::Value {
        None
    }

    fn add(&self, value: &mut Self::Value, item: u64) {
        self.merge(value, Some((item, item)));
    }

    fn merge(&self, value: &mut Self::Value, other: Self::Value) {
        *value = match (*value, other) {
            (Some((least, most)), Some((low, high))) => Some((least.min(low), most.max(high))),
            (one, other) => one.or(other),
        };
    }
}

/// Of every kind, in every kind of closure.
fn adds(cx: &Context, _: &[String]) -> Result<()> {
    let mapped = cx.long_accumulator("mapped");
    let halves = cx.double_accumulator("halves");
    let seen = cx.collection_accumulator::<String>("seen");
    let lengths = cx.accumulator(Lengths, None);
    mapped.add(1000);
    let pairs = cx.range_in(0..100, 8).map(|n| {
        mapped.add(1);
        (n % 3, n)
    });
    pairs
        .reduce_by_key_in(|a, b| a + b, 2)
        .for_each(|(key, sum)| {
            halves.add(sum as f64 / 2.0);
            seen.add(format!("{key}: {sum}"));
            lengths.add(sum);
        })?;
    let mut all = seen.value()?;
    let again = all.clone();
    all.sort();
    println!("{} {} {all:?}", mapped.value()?, halves.value()?);
    println!("{:?} {mapped:?}", lengths.value()?);
    seen.reset()?;
    pairs
        .reduce_by_key_in(|a, b| a + b, 2)
        .for_each(|(key, sum)| seen.add(format!("{key}: {sum}")))?;
    println!(
        "{}, the same order: {}",
        mapped.value()?,
        seen.value()? == again
    );
    Ok(())
}

/// Counts so many records in a job of which half of the tasks wait at the gate `go`, when they have added theirs.
fn adds_and_waits(cx: &Context, args: &[String]) -> Result<()> {
    let (records, gates) = (number(args, 0)?, argument(args, 1)?);
    let (counted, sum) = (cx.long_accumulator("counted"), cx.double_accumulator("sum"));
    cx.range_in(0..records, 8).for_each_partition(|numbers| {
        numbers.for_each(|n| {
            counted.add(1);
            sum.add(n as f64 * 0.1);
        });
        wait_at(
            gates,
            "go",
            tinderbox::task().map_or(0, |task| task.partition),
        );
    })?;
    println!("{} records, {:?}", counted.value()?, sum.value()?);
    Ok(())
}

/// A job that fails in one partition: what others added counts.
fn adds_and_fails(cx: &Context, _: &[String]) -> Result<()> {
    let counted = cx.long_accumulator("counted");
    let failed = cx.range_in(0..40, 4).for_each(|n| {
        counted.add(1);
        assert!(n != 39, "the last record");
    });
    println!("failed: {}, counted {}", failed.is_err(), counted.value()?);
    Ok(())
}

/// Adds so many KiB in each of two tasks.
fn adds_much(cx: &Context, args: &[String]) -> Result<()> {
    let kib = number(args, 0)?;
    let lines = cx.collection_accumulator::<String>("lines");
    cx.range_in(0..2 * kib, 2)
        .for_each(|_| lines.add("x".repeat(1022)))?;
    println!("{} lines", lines.value()?.len());
    Ok(())
}

/// Twice, in the wrong role, for one that is not there.
fn adds_past_the_sdk(cx: &Context, _: &[String]) -> Result<()> {
    let kind = |answer: Result<(), tinderbox::bindings::tinderbox::job::types::Error>| {
        answer.map_err(|error| format!("{:?}, {}", error.kind, error.message))
    };
    println!("driver adds: {:?}", kind(task::add_accumulator(0, b"x")));
    let answers = cx
        .range_in(0..1, 1)
        .map(|_| {
            let takes = driver::take_accumulators(0).map(|_| ());
            vec![
                format!("task takes: {:?}", kind(takes)),
                format!("first: {:?}", kind(task::add_accumulator(77, b"x"))),
                format!("again: {:?}", kind(task::add_accumulator(77, b"x"))),
            ]
        })
        .collect()?;
    for answer in answers.iter().flatten() {
        println!("{answer}");
    }
    println!(
        "no such job: {:?}",
        kind(driver::take_accumulators(77).map(|_| ()))
    );
    Ok(())
}
