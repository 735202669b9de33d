//! Every operation on datasets of any type, run for real: each answer is compared with what the documentation promises.

use std::fmt::Debug;
use std::time::Duration;

use tinderbox::{Context, Dependency, Error, Order, Rdd, Result, Values, task};

use crate::{Behaviour, argument};

pub const ALL: &[(&str, Behaviour)] = &[
    ("transforms", transforms),
    ("repartitions", repartitions),
    ("acts", acts),
    ("acts-beside", acts_beside),
    ("acts-in-time", acts_in_time),
    ("tells-of-itself", tells_of_itself),
];

/// Compares an answer with what was promised.
fn expect<T: PartialEq + Debug>(what: &str, answer: T, promised: T) -> Result<()> {
    if answer == promised {
        println!("{what}");
        return Ok(());
    }
    Err(Error::new(format!(
        "{what} gave {answer:?}, not {promised:?}"
    )))
}

fn in_order<T: Ord>(mut records: Vec<T>) -> Vec<T> {
    records.sort();
    records
}

fn transforms(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.range_in(0..10, 4);
    let slices = vec![vec![0, 1], vec![2, 3, 4], vec![5, 6], vec![7, 8, 9]];
    expect("glom", numbers.glom().collect()?, slices)?;
    let even = numbers.filter_map(|n| (n % 2 == 0).then_some(n / 2));
    expect("filter_map", even.collect()?, vec![0, 1, 2, 3, 4])?;
    let squares = numbers.zip(&numbers.map(|n| n * n));
    expect("zip", squares.top(1)?, vec![(9, 81)])?;
    let uneven = numbers.zip(&cx.range_in(0..11, 4)).count();
    expect("zip of uneven sides", uneven.is_err(), true)?;
    let letters = cx.parallelize_in("abcd".chars(), 4);
    let two = numbers.zip_partitions(&letters, |n, l| [(n.sum::<u64>(), l.count())]);
    expect(
        "zip_partitions",
        two.collect()?,
        vec![(1, 1), (9, 1), (11, 1), (24, 1)],
    )?;
    let three = letters.zip_partitions3(&numbers, &numbers, |l, a, b| {
        [l.count() + a.chain(b).count()]
    });
    expect("zip_partitions3", three.collect()?, vec![5, 7, 5, 7])?;
    let four = numbers.zip_partitions4(&numbers, &numbers, &letters, |a, b, c, d| {
        [a.chain(b).chain(c).count() - d.count()]
    });
    expect("zip_partitions4", four.collect()?, vec![5, 8, 5, 8])?;
    let indexed = letters.zip_with_index().collect()?;
    expect("zip_with_index", indexed, "abcd".chars().zip(0..).collect())?;
    let numbered = cx.parallelize_in("abcde".chars(), 3).zip_with_unique_id();
    let unique = vec![('a', 0), ('b', 1), ('c', 4), ('d', 2), ('e', 5)];
    expect("zip_with_unique_id", numbered.collect()?, unique)?;
    let product = cx.range_in(1..4, 2).cartesian(&letters.coalesce(2).cache());
    expect(
        "cartesian",
        (product.partitions(), product.count()?),
        (4, 12),
    )?;
    let all = cx.union([&numbers, &cx.empty_rdd(), &numbers]);
    expect("union", (all.partitions(), all.count()?), (8, 20))?;
    let parts = numbers.random_split(&[3.0, 1.0], 7)?;
    let split = in_order([parts[0].collect()?, parts[1].collect()?].concat());
    expect("random_split", split, (0..10).collect())?;
    let names = cx.broadcast(vec!["even", "odd"]);
    let named = numbers.map(|n| names.value()[usize::from(n % 2 == 1)].to_owned());
    expect("broadcast", named.count_by_value()?["odd"], 5)
}

fn repartitions(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.range_in(0..1000, 10);
    let sizes = |rdd: Rdd<'_, u64>| rdd.glom().map(|records| records.len()).collect();
    expect("coalesce", sizes(numbers.coalesce(3))?, vec![300, 300, 400])?;
    let groups = vec![vec![9, 0], (1..9).collect()];
    expect(
        "coalesce_into",
        sizes(numbers.coalesce_into(groups))?,
        vec![200, 800],
    )?;
    let dealt = numbers.filter(|n| *n < 70).repartition(7);
    expect("repartition", sizes(dealt.clone())?, vec![10; 7])?;
    expect(
        "repartition's records",
        in_order(dealt.collect()?),
        (0..70).collect(),
    )?;
    let few = numbers.map(|n| n % 7);
    expect(
        "distinct_in",
        (
            in_order(few.distinct_in(3).collect()?),
            few.distinct_in(3).partitions(),
        ),
        ((0..7).collect(), 3),
    )?;
    let small = cx.parallelize_in([1u64, 1, 8], 2);
    expect("intersection", few.intersection(&small).collect()?, vec![1])?;
    expect(
        "intersection_in",
        few.intersection_in(&small, 2).collect()?,
        vec![1],
    )?;
    expect(
        "subtract",
        in_order(small.subtract(&few).collect()?),
        vec![8],
    )?;
    expect("subtract_in", few.subtract_in(&small, 2).count()?, 857)?;
    let groups = few
        .group_by_in(|n| n % 2, 2)
        .map_values(|group| group.len());
    expect(
        "group_by_in",
        in_order(groups.collect()?),
        vec![(0, 571), (1, 429)],
    )?;
    let lists = small.group_by(|n| *n).map_values(Values::into_vec);
    expect(
        "group_by",
        in_order(lists.collect()?),
        vec![(1, vec![1, 1]), (8, vec![8])],
    )?;
    let sorted = numbers.sort_by(|n| (n % 10, *n), Order::Descending);
    expect("sort_by", sorted.take(3)?, vec![999, 989, 979])?;
    let stable = numbers.sort_by_in(|n| n % 10, Order::Ascending, 3);
    expect(
        "sort_by_in",
        (stable.take(3)?, stable.partitions()),
        (vec![0, 10, 20], 3),
    )?;
    let placed = few.key_by(|n| *n).partition_by(4);
    let placed = placed.map_partitions_in_place(|records| records.map(|(key, _)| (key, 1u64)));
    let union = placed.union(&placed.filter(|(key, _)| *key == 3));
    let counts = union.reduce_by_key(|a, b| a + b);
    expect(
        "map_partitions_in_place and union",
        (counts.partitions(), counts.max()?),
        (4, (6, 142)),
    )
}

fn acts(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.range_in(0..1000, 30).map(|n| n * 7 % 1000);
    expect("max", numbers.max()?, 999)?;
    expect("min", numbers.min()?, 0)?;
    let floats = numbers.map(|n| n as f64 - 500.0);
    expect("max_by", floats.max_by(f64::total_cmp)?, 499.0)?;
    expect("min_by", floats.min_by(f64::total_cmp)?, -500.0)?;
    let words = cx.range_in(0..200, 30).map(|n| n.to_string());
    let joined: String = (0..200).map(|n| n.to_string()).collect();
    expect("tree_reduce", words.tree_reduce(|a, b| a + &b, 3)?, joined)?;
    let sum = numbers.tree_aggregate(0, |sum, n| sum + n, |a, b| a + b, 2)?;
    expect("tree_aggregate", sum, 499_500)?;
    let sorted = numbers.sort_by(|n| *n, Order::Ascending);
    let local: Result<Vec<u64>> = sorted.to_local_iterator().skip(400).take(3).collect();
    expect("to_local_iterator", local?, vec![400, 401, 402])?;
    let sample = in_order(numbers.take_sample(100, 7)?);
    let mut once = sample.clone();
    once.dedup();
    expect("take_sample", (sample.len(), once.len()), (100, 100))?;
    let again = in_order(numbers.take_sample(100, 7)?);
    expect("take_sample again", again, sample)?;
    let repeated = numbers.take_sample_with_replacement(2000, 7)?;
    expect("take_sample_with_replacement", repeated.len(), 2000)?;
    let sums = cx.run_job(&cx.range_in(0..10, 4), [3, 1, 1], |records| {
        records.sum::<u64>()
    })?;
    expect("run_job", sums, vec![24, 9, 9])?;
    let places = cx.run_job(&numbers, [29, 3], |_| task().map(|task| task.partition))?;
    expect("run_job's task", places, vec![Some(29), Some(3)])
}

/// Several jobs at a time, of which some share a shuffle that none has written yet.
fn acts_beside(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.range_in(0..1000, 8);
    let dealt = numbers.repartition(4);
    let (mut factor, mut started) = (1, Vec::new());
    for _ in 0..5 {
        let scaled = dealt.map(move |n| n * factor);
        started.push(scaled.collect_async()?);
        factor += 1;
    }
    let count = dealt.count_async()?;
    let first = numbers.filter(|n| *n > 900).take_async(2)?;
    let each = numbers.for_each_async(|n| println!("{n}"))?;
    let parts = numbers.for_each_partition_async(|records| println!("{}", records.count()))?;
    expect("take_async", first.wait()?, vec![901, 902])?;
    expect("count_async", count.wait()?, 1000)?;
    for (factor, action) in (1..).zip(started) {
        let records = in_order(action.wait()?);
        expect(
            "collect_async",
            records,
            (0..1000).map(|n| n * factor).collect(),
        )?;
    }
    expect("for_each_async", each.wait()?, ())?;
    expect("for_each_partition_async", parts.wait()?, ())?;
    let endless = cx.range_in(0..2, 2).map(|_| {
        loop {
            std::hint::black_box(0);
        }
    });
    let mut spinning = endless.map(|()| 0u8).count_async()?;
    expect("poll", spinning.poll(), false)?;
    expect(
        "wait_for",
        spinning.wait_for(Duration::from_millis(20)),
        false,
    )?;
    spinning.cancel();
    drop(endless.map(|()| 0u8).collect_async()?);
    expect("what follows a cancelled action", numbers.count()?, 1000)
}

/// Of four partitions the last never answers.
fn acts_in_time(cx: &Context, _: &[String]) -> Result<()> {
    let numbers = cx.range_in(0..4000, 4).map(|n| {
        while n == 3999 {
            std::hint::black_box(n);
        }
        n % 4
    });
    let partial = numbers.count_approx(Duration::from_secs(1), 0.95)?;
    expect(
        "count_approx is partial",
        partial.is_initial_value_final(),
        false,
    )?;
    let count = partial.into_initial_value();
    let is_within = count.low < 4000.0 && 4000.0 < count.high;
    expect("count_approx", (count.mean, is_within), (4000.0, true))?;
    let counts = numbers
        .count_by_value_approx(Duration::from_secs(1), 0.95)?
        .into_initial_value();
    expect(
        "count_by_value_approx",
        (counts.len(), counts[&3].mean),
        (4, 1000.0),
    )?;
    let whole = numbers.coalesce_into(vec![vec![0, 1, 2, 3]]).take(5)?;
    expect("take of what never ends", whole, vec![0, 1, 2, 3, 0])
}

fn tells_of_itself(cx: &Context, args: &[String]) -> Result<()> {
    let numbers = cx.range_in(0..10, 2).set_name("ten numbers");
    expect("name", numbers.name().as_deref(), Some("ten numbers"))?;
    let dealt = numbers.repartition(3);
    let needs_a_shuffle = matches!(dealt.dependencies()[..], [Dependency::Shuffle { .. }]);
    expect("dependencies", needs_a_shuffle, true)?;
    let folder = argument(args, 0)?;
    cx.set_checkpoint_dir(folder);
    let kept = dealt.checkpoint()?;
    expect("is_checkpointed", kept.is_checkpointed(), true)?;
    let file = kept.checkpoint_file().unwrap_or_default();
    expect("checkpoint_file", file.starts_with(folder), true)?;
    let records = in_order(kept.collect()?);
    expect("what was kept", records, (0..10).collect())?;
    let local = dealt.local_checkpoint()?;
    let told = (local.is_checkpointed(), local.checkpoint_file());
    expect("local_checkpoint", told, (true, None))?;
    expect("what was kept here", local.count()?, 10)?;
    let shape = numbers.to_debug_string();
    let is_named = shape.contains("range \"ten numbers\" #");
    expect("to_debug_string", is_named, true)?;
    numbers.for_each_partition(|records| println!("{}", records.count()))
}
