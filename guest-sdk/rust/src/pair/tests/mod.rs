//! Pairs, as the fake host runs them. What Spark 4.3 answers is expected wherever its name stands.

mod joins;
mod orders;
mod placing;
mod samples;
mod spilling;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::host::fake::with;
use crate::{Context, Partitioner, Rdd};

fn sorted<T: Ord>(records: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut records: Vec<T> = records.into_iter().collect();
    records.sort();
    records
}

type Named = (&'static str, u64);

fn letters(items: &[Named], partitions: u32) -> Rdd<'static, (String, u64)> {
    let items = items.iter().map(|(key, value)| ((*key).to_owned(), *value));
    Context::new().parallelize_in(items.collect::<Vec<_>>(), partitions)
}

const FOUR: [Named; 4] = [("a", 1), ("a", 2), ("b", 3), ("a", 4)];

fn told(pairs: Rdd<'_, (String, u64)>) -> Vec<(String, u64)> {
    sorted(pairs.collect().unwrap())
}

fn expected(pairs: &[Named]) -> Vec<(String, u64)> {
    let owned = pairs.iter().map(|(key, value)| ((*key).to_owned(), *value));
    owned.collect()
}

#[test]
fn a_fold_uses_its_zero_once_for_each_partition_that_has_the_key() {
    let folded = letters(&FOUR, 2).fold_by_key(10, |a, b| a + b);
    assert_eq!(told(folded), expected(&[("a", 27), ("b", 13)]), "as Spark");
    let folded = letters(&[("a", 1); 4], 4).fold_by_key_in(10, |a, b| a + b, 7);
    assert_eq!(folded.partitions(), 7);
    assert_eq!(told(folded), expected(&[("a", 44)]), "as Spark");
    // Where the keys lie already each is folded once.
    let placed = letters(&[("a", 1); 4], 4).partition_by(2);
    assert_eq!(
        told(placed.fold_by_key(10, |a, b| a + b)),
        expected(&[("a", 14)])
    );
}

#[test]
fn an_aggregate_adds_within_partitions_and_merges_across_them() {
    let four = letters(&FOUR, 2);
    let folded = four.aggregate_by_key(10, |sum, value| sum + value, |a, b| a * b);
    assert_eq!(told(folded), expected(&[("a", 182), ("b", 13)]), "as Spark");
    let lists = four.combine_by_key_in(
        |value| vec![value],
        |mut list, value| {
            list.push(value);
            list
        },
        |mut list, more| {
            list.extend(more);
            list
        },
        3,
    );
    let lists: BTreeMap<String, Vec<u64>> = lists.collect().unwrap().into_iter().collect();
    assert_eq!(
        (&lists["a"][..], &lists["b"][..]),
        (&[1, 2, 4][..], &[3][..])
    );
}

#[test]
fn values_become_none_one_or_several() {
    let some = letters(&FOUR, 2).partition_by(3);
    let flat = some.flat_map_values(|value| (0..value % 3).map(move |more| value * 10 + more));
    assert_eq!(
        told(flat.clone()),
        expected(&[("a", 10), ("a", 20), ("a", 21), ("a", 40)])
    );
    let before = with(|host| host.maps.len());
    assert_eq!(
        told(flat.reduce_by_key(|a, b| a + b)),
        expected(&[("a", 91)])
    );
    let shuffles = with(|host| host.maps.len()) - before;
    assert_eq!(shuffles, 0, "the keys have stayed where they were");
}

#[test]
fn values_are_looked_up() {
    let four = letters(&FOUR, 3);
    let key = |key: &str| key.to_owned();
    let jobs = || with(|host| host.jobs.last().unwrap().1.len());
    assert_eq!(four.lookup(&key("a")).unwrap(), [1, 2, 4]);
    assert_eq!(jobs(), 3, "it could be anywhere");
    assert!(four.lookup(&key("z")).unwrap().is_empty());
    let by_length = Partitioner::custom(5, |key: &String| u32::from(key == "b"));
    let range = Partitioner::range(&four, 4);
    for placed in [
        four.partition_by(5),
        four.partition_by(&by_length),
        four.partition_by(&range),
        four.reduce_by_key_in(|a, _| a, &by_length).union_nothing(),
    ] {
        let found = placed.map_values(|value| value).lookup(&key("b")).unwrap();
        assert_eq!((found, jobs()), (vec![3], 1), "{placed:?}");
    }
    let nothing = letters(&[], 4).partition_by(3);
    assert!(nothing.lookup(&key("a")).unwrap().is_empty());
}

impl<'a> Rdd<'a, (String, u64)> {
    /// Another dataset of the same records at the same places.
    fn union_nothing(&self) -> Self {
        self.filter(|_| true)
    }
}

#[test]
fn pairs_are_reduced_and_counted_in_the_driver() {
    let four = letters(&FOUR, 3);
    let before = with(|host| host.maps.len());
    let sums = four.reduce_by_key_locally(|a, b| a * 10 + b).unwrap();
    assert_eq!((sums["a"], sums["b"], sums.len()), (124, 3, 2));
    assert_eq!(with(|host| host.maps.len()), before, "nothing is shuffled");
    assert_eq!(four.count_by_key().unwrap()["a"], 3);
    let nothing = letters(&[], 2).reduce_by_key_locally(|a, _| a);
    assert!(nothing.unwrap().is_empty());
    let pairs = four.collect_as_map().unwrap();
    assert_eq!(
        (pairs["a"], pairs.len()),
        (4, 2),
        "of two the last stays, as in Spark"
    );
}

#[test]
fn keys_are_counted_as_far_as_time_lets() {
    let soon = Duration::from_secs(30);
    let keys = Context::new().range_in(0..400, 4).map(|n| (n % 3, ()));
    let all = keys.count_by_key_approx(soon, 0.95).unwrap();
    assert!(all.is_initial_value_final());
    assert_eq!(all.initial_value()[&0].mean, 134.0);
    with(|host| host.in_time = Some(2));
    let some = keys.count_by_key_approx(soon, 0.95).unwrap();
    for bounded in some.initial_value().values() {
        assert!(bounded.low <= 134.0 && 133.0 <= bounded.high, "{bounded:?}");
        assert_eq!(bounded.confidence, 0.95);
    }
    assert_eq!(some.final_value().unwrap()[&1].high, 133.0);
    with(|host| host.in_time = Some(0));
    let none = keys.count_by_key_approx(soon, 0.95).unwrap();
    assert!(none.initial_value().is_empty());
}

#[test]
fn different_values_are_counted_by_key() {
    let pairs = Context::new()
        .range_in(0..60_000, 4)
        .map(|n| (n % 2, if n % 2 == 0 { n % 20 } else { n % 30_000 }));
    let counts = pairs.count_approx_distinct_by_key(0.02).unwrap();
    let counts: BTreeMap<u64, u64> = counts.collect().unwrap().into_iter().collect();
    assert_eq!(counts[&0], 10);
    assert!(counts[&1].abs_diff(15_000) < 15_000 * 6 / 100, "{counts:?}");
    let placed = pairs.count_approx_distinct_by_key_in(0.02, 3).unwrap();
    assert_eq!(placed.partitions(), 3);
    assert!(pairs.count_approx_distinct_by_key(0.0).is_err());
}
