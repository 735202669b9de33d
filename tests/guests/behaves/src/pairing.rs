//! Every operation on pairs, on numbers and on keys in order, and the answers that are bounded in time.

use std::fmt::Debug;
use std::thread::sleep;
use std::time::Duration;

use tinderbox::{Context, Order, Partitioner, Rdd, Record, Result};

use crate::Behaviour;

pub const ALL: &[(&str, Behaviour)] = &[
    ("combines", combines),
    ("joins", joins),
    ("places", places),
    ("samples", samples),
    ("measures", measures),
    ("sketches", sketches),
    ("guesses", guesses),
    ("guesses-too-long", guesses_too_long),
    ("misplaces", misplaces),
];

type Pairs<'a, V> = Rdd<'a, (String, V)>;

fn pairs(cx: &Context) -> Pairs<'static, u64> {
    let words = ["to", "be", "or", "not", "to", "be"].map(String::from);
    cx.parallelize_in(words.into_iter().zip(1..), 3)
}

fn others(cx: &Context) -> Pairs<'static, char> {
    let words = ["be", "not", "be", "there"].map(String::from);
    cx.parallelize_in(words.into_iter().zip('a'..), 2)
}

fn show<K: Record + Debug, V: Record + Debug>(name: &str, records: &Rdd<'_, (K, V)>) -> Result<()> {
    let all = records.collect()?;
    let mut lines: Vec<String> = all
        .iter()
        .map(|(key, value)| format!("{key:?} {value:?}"))
        .collect();
    lines.sort();
    println!("{name}: {}", lines.join(", "));
    Ok(())
}

fn combines(cx: &Context, _: &[String]) -> Result<()> {
    let pairs = pairs(cx);
    show("reduce_by_key", &pairs.reduce_by_key(|a, b| a + b))?;
    show("reduce_by_key_in", &pairs.reduce_by_key_in(|a, b| a + b, 2))?;
    show("fold_by_key", &pairs.fold_by_key(0, |a, b| a.max(b)))?;
    let longest =
        pairs.aggregate_by_key(String::new(), |all, n| format!("{all}{n}"), |a, b| a + &b);
    show("aggregate_by_key", &longest)?;
    let lists = pairs.combine_by_key(
        |n| vec![n],
        |mut all, n| {
            all.push(n);
            all
        },
        |mut all, more| {
            all.extend(more);
            all
        },
    );
    show("combine_by_key", &lists)?;
    show("group_by_key", &pairs.group_by_key())?;
    show("map_values", &pairs.map_values(|n| n * n))?;
    show("flat_map_values", &pairs.flat_map_values(|n| 0..n % 3))?;
    println!("keys: {:?}", pairs.keys().collect()?);
    println!("values: {:?}", pairs.values().collect()?);
    println!("lookup: {:?}", pairs.lookup(&"be".to_owned())?);
    let placed = pairs.partition_by(4);
    println!(
        "lookup in its place: {:?}",
        placed.lookup(&"to".to_owned())?
    );
    let mut local: Vec<_> = pairs
        .reduce_by_key_locally(|a, b| a * 10 + b)?
        .into_iter()
        .collect();
    local.sort();
    println!("reduce_by_key_locally: {local:?}");
    let mut counts: Vec<_> = pairs.count_by_key()?.into_iter().collect();
    counts.sort();
    println!("count_by_key: {counts:?}");
    println!("collect_as_map: {}", pairs.collect_as_map()?["be"]);
    Ok(())
}

fn joins(cx: &Context, _: &[String]) -> Result<()> {
    let (left, right) = (pairs(cx), others(cx));
    show("join", &left.join(&right))?;
    show("left_outer_join", &left.left_outer_join(&right))?;
    show("right_outer_join", &left.right_outer_join(&right))?;
    show("full_outer_join", &left.full_outer_join_in(&right, 2))?;
    show("cogroup", &left.cogroup(&right))?;
    let third = left.filter(|(_, n)| *n < 3);
    show("cogroup3", &left.cogroup3(&right, &third))?;
    show("cogroup4", &third.cogroup4(&left, &right, &left))?;
    show("subtract_by_key", &left.subtract_by_key(&right))
}

/// Where the records of each partition are, and what is computed.
fn places(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.range_in(0..20, 3).map(|n| (n * 7 % 20, n));
    let thirds = Partitioner::custom(3, |key: &u64| (key % 3) as u32);
    let placed = numbers.partition_by(&thirds);
    let lies = |placed: &Rdd<'_, (u64, u64)>| {
        let parts =
            placed.map_partitions(|records| [records.map(|(key, _)| key).collect::<Vec<_>>()]);
        parts.collect()
    };
    println!("custom: {:?}", lies(&placed)?);
    println!("equal: {}", thirds == thirds.clone());
    println!(
        "{}",
        placed
            .reduce_by_key(|a, b| a + b)
            .to_debug_string()
            .lines()
            .count()
    );
    println!(
        "joined: {}",
        placed.join(&numbers.partition_by(&thirds)).count()?
    );
    let ranges = Partitioner::range(&numbers, 4);
    println!("range: {:?}", lies(&numbers.partition_by(&ranges))?);
    let sorted = numbers.repartition_and_sort_within_partitions(&thirds);
    println!("sorted within: {:?}", lies(&sorted)?);
    let ordered = numbers.sort_by_key_in(Order::Descending, 4);
    show("filter_by_range", &ordered.filter_by_range(5..=9))?;
    println!("lookup in a range: {:?}", ordered.lookup(&14)?);
    println!("chosen: {}", numbers.join(&placed).partitions());
    Ok(())
}

fn counts(sample: &Rdd<'_, (u64, u64)>) -> Result<Vec<(u64, u64)>> {
    let mut counts: Vec<_> = sample.count_by_key()?.into_iter().collect();
    counts.sort();
    Ok(counts)
}

fn samples(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.range_in(0..3000, 4).map(|n| (n % 3, n));
    let fractions = [0.5, 0.01, 0.0];
    let fraction = move |key: &u64| fractions[*key as usize];
    let exact = numbers.sample_by_key_exact(fraction, 7);
    println!("exact: {:?}", counts(&exact)?);
    let drawn = numbers.sample_by_key_exact_with_replacement(fraction, 7);
    println!("drawn: {:?}", counts(&drawn)?);
    let about = numbers.sample_by_key(fraction, 7);
    println!("about: {:?}", counts(&about)?);
    let repeated = numbers.sample_by_key_with_replacement(fraction, 7);
    println!("repeated: {:?}", counts(&repeated)?);
    Ok(())
}

fn measures(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.parallelize_in((0..1000).map(|n| f64::from(n % 37)), 4);
    println!("{}", numbers.stats()?);
    println!("{} {}", numbers.sum()?, numbers.mean()?);
    println!("{} {}", numbers.variance()?, numbers.sample_stdev()?);
    println!("{:?}", numbers.histogram(4)?);
    println!("{:?}", numbers.histogram_in(&[0.0, 1.0, 30.0, 36.0])?);
    println!("{}", cx.parallelize(Vec::<f64>::new()).stats()?);
    match cx.parallelize([1.0, f64::NAN]).histogram(2) {
        Ok(counts) => println!("{counts:?}"),
        Err(error) => println!("{error}"),
    }
    Ok(())
}

fn sketches(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.range_in(0..200_000, 4).map(|n| n % 50_000);
    println!("{}", numbers.count_approx_distinct(0.01)?);
    let by_key = numbers
        .map(|n| (n % 2, n / 10))
        .count_approx_distinct_by_key(0.05)?;
    show("by key", &by_key)
}

/// Numbers of which the last partition takes its time.
fn slow(cx: &Context, time: Duration) -> Rdd<'static, f64> {
    let numbers = cx.range_in(0..400, 4);
    numbers.map_partitions_with_index(move |partition, records| {
        if partition == 3 {
            sleep(time);
        }
        records.map(|n| n as f64)
    })
}

const AT_ONCE: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(60);

/// What was not in time is there in the end; another job may run meanwhile.
fn guesses(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = slow(cx, Duration::from_millis(700));
    let sum = numbers.sum_approx(AT_ONCE, 0.95)?;
    println!("final at once: {}", sum.is_initial_value_final());
    println!("meanwhile: {}", cx.range_in(0..10, 2).count()?);
    println!("sum: {}", sum.final_value()?);
    let mean = numbers.mean_approx(LONG, 0.95)?;
    println!(
        "mean: {:?} {}",
        mean.initial_value(),
        mean.is_initial_value_final()
    );
    let keys = numbers.map(|n| (n as u64 % 3, n));
    let counts = keys.count_by_key_approx(LONG, 0.95)?.into_initial_value();
    println!("keys: {} {}", counts[&0], counts[&1]);
    Ok(())
}

/// A job of which nobody wants to know any more is gone, and its cores are free.
fn guesses_too_long(cx: &Context, _: &[String]) -> Result<()> {
    for _ in 0..4 {
        let guess = slow(cx, LONG * 60).sum_approx(AT_ONCE, 0.95)?;
        println!("final: {}", guess.is_initial_value_final());
    }
    println!("and then: {}", cx.range_in(0..10, 4).count()?);
    Ok(())
}

fn misplaces(cx: &Context, _: &[String]) -> Result<()> {
    let wrong = Partitioner::custom(3, |key: &u64| *key as u32);
    let numbers = cx.range_in(0..5, 1).map(|n| (n, ()));
    numbers.partition_by(&wrong).count().map(|_| ())
}
