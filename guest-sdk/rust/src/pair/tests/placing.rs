//! Partitioners: which are equal, what they save, and what is chosen where none is named.

use super::{letters, sorted};
use crate::host::fake::with;
use crate::{Context, Order, Partitioner, Rdd};

fn numbers(partitions: u32) -> Rdd<'static, (u64, u64)> {
    Context::new()
        .range_in(0..60, partitions)
        .map(|n| (n % 10, n))
}

/// How many shuffles an action runs.
fn shuffles<R>(action: impl FnOnce() -> R) -> usize {
    let before = with(|host| host.maps.len());
    action();
    let maps = with(|host| host.maps[before..].to_vec());
    let mut numbers: Vec<u32> = maps.into_iter().map(|(shuffle, _)| shuffle).collect();
    numbers.dedup();
    numbers.len()
}

#[test]
fn partitioners_are_equal_by_number_or_as_clones() {
    let parity = || Partitioner::custom(2, |key: &u64| (key % 2) as u32);
    let (one, other) = (parity(), parity());
    assert!(
        one == one.clone() && one != other,
        "as Spark's that have no `equals`"
    );
    assert!(Partitioner::<u64>::hash(3) == 3.into());
    assert!(Partitioner::<u64>::hash(3) != 4.into());
    let range = Partitioner::range(&numbers(3), 2);
    assert!(range == range.clone() && range != Partitioner::range(&numbers(3), 2));
    assert_eq!(one.partitions(), 2);
}

#[test]
fn records_go_where_a_partitioner_says() {
    let parity = Partitioner::custom(2, |key: &u64| (key % 2) as u32);
    let range = Partitioner::range(&numbers(3), 4);
    for partitioner in [parity, range, Partitioner::hash(5)] {
        let placed = numbers(3).partition_by(&partitioner);
        assert_eq!(placed.partitions(), partitioner.partitions());
        let found =
            placed.map_partitions_with_index(|at, records| records.map(move |(key, _)| (key, at)));
        for (key, at) in found.collect().unwrap() {
            assert_eq!(partitioner.partition(&key).unwrap(), at, "{partitioner:?}");
        }
    }
}

#[test]
fn an_equal_partitioner_saves_a_shuffle_and_another_does_not() {
    let third = Partitioner::custom(3, |key: &u64| (key % 3) as u32);
    let range = Partitioner::range(&numbers(2), 3);
    for partitioner in [third, range, Partitioner::hash(3)] {
        let placed = numbers(2).partition_by(&partitioner);
        let _ = placed.count();
        let more = numbers(4).partition_by(&partitioner);
        let _ = more.count();
        assert_eq!(shuffles(|| placed.partition_by(&partitioner).count()), 0);
        assert_eq!(shuffles(|| placed.reduce_by_key(|a, b| a + b).count()), 0);
        assert_eq!(shuffles(|| placed.group_by_key().count()), 0);
        assert_eq!(shuffles(|| placed.join(&more).count()), 0);
        assert_eq!(shuffles(|| placed.cogroup(&more).count()), 0);
        assert_eq!(
            shuffles(|| placed.full_outer_join_in(&more, &partitioner).count()),
            0
        );
        let stayed = placed.map_values(|value| value + 1).filter(|_| true);
        assert_eq!(shuffles(|| stayed.join(&more).count()), 0);
        let other = Partitioner::custom(3, |key: &u64| (key % 3) as u32);
        assert_eq!(shuffles(|| placed.partition_by(&other).count()), 1);
        assert_eq!(
            shuffles(|| placed.map(|pair| pair).join_in(&more, &partitioner).count()),
            1
        );
    }
    let sums = |placed: &Rdd<'_, (u64, u64)>| {
        sorted(placed.reduce_by_key(|a, b| a + b).collect().unwrap())
    };
    let by_range = numbers(2).sort_by_key(Order::Descending);
    assert_eq!(sums(&by_range), sums(&numbers(2)));
}

#[test]
fn a_partitioner_moves_only_what_does_not_lie_as_it_says() {
    let parity = Partitioner::custom(2, |key: &u64| (key % 2) as u32);
    let joined = numbers(3).join_in(&numbers(2).partition_by(&parity), &parity);
    assert_eq!(joined.partitions(), 2);
    assert_eq!(joined.count().unwrap(), 360);
    let sums = numbers(3).reduce_by_key_in(|a, b| a + b, &parity);
    let odd =
        sums.map_partitions_with_index(|at, records| records.map(move |pair| (at, pair.0 % 2)));
    assert!(
        odd.collect()
            .unwrap()
            .iter()
            .all(|(at, odd)| u64::from(*at) == *odd)
    );
}

#[test]
fn a_partitioner_that_answers_beyond_its_bound_fails_the_task() {
    let wrong = Partitioner::custom(3, |key: &u64| u32::from(key.to_le_bytes()[0]));
    let message = "the partitioner answered 3 for a key, but it has 3 partitions: it must answer with a number \
                   from 0 to 2";
    let failing = [
        numbers(1).partition_by(&wrong).count().map(|_| ()),
        numbers(1)
            .reduce_by_key_in(|a, _| a, &wrong)
            .count()
            .map(|_| ()),
        numbers(1).group_by_key_in(&wrong).count().map(|_| ()),
        wrong.partition(&3).map(|_| ()),
    ];
    for failed in failing {
        let error = failed.unwrap_err();
        assert!(error.message().contains(message), "{error}");
    }
    assert_eq!(wrong.partition(&2).unwrap(), 2, "the failure is told once");
    let none = numbers(1)
        .partition_by(Partitioner::custom(0, |_| 0))
        .count();
    assert!(
        none.unwrap_err()
            .message()
            .contains("0 partitions cannot hold records")
    );
}

/// What Spark 4.3's `Partitioner.defaultPartitioner` chooses for `a.join(b)`.
#[test]
fn what_is_not_named_is_chosen_as_spark_does() {
    let placed = |partitions, hashed| {
        let numbers = numbers(partitions);
        if hashed == 0 {
            numbers
        } else {
            numbers.partition_by(hashed)
        }
    };
    for (left, left_hashed, right, right_hashed, chosen) in [
        (3, 0, 7, 0, 7),
        (3, 2, 7, 0, 2),
        (3, 2, 19, 0, 2),
        (3, 2, 20, 0, 20),
        (3, 2, 21, 0, 21),
        (3, 5, 7, 3, 5),
        (3, 3, 7, 5, 5),
        (3, 1, 7, 0, 1),
        (3, 1, 9, 0, 1),
        (3, 1, 10, 0, 10),
    ] {
        let joined = placed(left, left_hashed).join(&placed(right, right_hashed));
        assert_eq!(
            joined.partitions(),
            chosen,
            "{left} {left_hashed} {right} {right_hashed}"
        );
    }
    with(|host| {
        host.settings
            .insert("default.parallelism".into(), "4".into())
    });
    let parts = |left: Rdd<'_, (u64, u64)>| left.join(&numbers(7)).partitions();
    assert_eq!(
        (parts(numbers(3)), parts(placed(3, 5)), parts(placed(3, 2))),
        (4, 5, 2)
    );
    assert_eq!(parts(placed(3, 0)), 4);
    let sums = placed(50, 2).union(&numbers(1)).reduce_by_key(|a, _| a);
    assert_eq!(sums.partitions(), 4);
}

#[test]
fn more_partitions_than_records_leave_some_empty() {
    let few = letters(&[("a", 1), ("b", 2)], 9);
    let range = Partitioner::range(&few, 20);
    for placed in [few.partition_by(40), few.partition_by(&range)] {
        assert_eq!(placed.count().unwrap(), 2);
    }
    assert_eq!(few.reduce_by_key_in(|a, _| a, 33).count().unwrap(), 2);
    let none = letters(&[], 3);
    assert_eq!(
        none.partition_by(Partitioner::range(&none, 5))
            .count()
            .unwrap(),
        0
    );
}
