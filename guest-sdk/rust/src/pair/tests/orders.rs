//! What needs an order of keys.

use std::cell::Cell;

use crate::host::fake::with;
use crate::{Context, Order, Partitioner, Rdd};

/// What Spark 4.3 gives, but for the order of equal keys, which it does not promise.
#[test]
fn partitions_are_sorted_as_they_are_moved() {
    let letters = [
        (3u64, 'a'),
        (1, 'b'),
        (2, 'c'),
        (1, 'd'),
        (4, 'e'),
        (3, 'f'),
    ];
    let parity = Partitioner::custom(2, |key: &u64| (key % 2) as u32);
    let sorted = Context::new()
        .parallelize_in(letters, 3)
        .repartition_and_sort_within_partitions(&parity);
    let parts = sorted.map_partitions(|records| [records.collect::<Vec<_>>()]);
    let even = vec![(2, 'c'), (4, 'e')];
    let odd = vec![(1, 'b'), (1, 'd'), (3, 'a'), (3, 'f')];
    assert_eq!(parts.collect().unwrap(), [even, odd]);
    let by_hash = sorted.repartition_and_sort_within_partitions(1).keys();
    assert_eq!(by_hash.collect().unwrap(), [1, 1, 2, 3, 3, 4]);
}

#[test]
fn equal_keys_keep_their_order_whatever_their_partition() {
    let pairs = Context::new().range_in(0..100, 5).map(|n| (n % 3, n));
    let sorted = pairs
        .repartition_and_sort_within_partitions(2)
        .collect()
        .unwrap();
    for key in 0..3 {
        let values: Vec<u64> = sorted
            .iter()
            .filter(|pair| pair.0 == key)
            .map(|pair| pair.1)
            .collect();
        assert!(values.len() > 30 && values.is_sorted());
    }
}

/// Finding the ranges reads all records, and makes those of the sample.
#[test]
fn what_is_not_in_the_sample_is_not_made_for_it() {
    let made = Cell::new(0u64);
    let pairs = Context::new().range_in(0..60_000, 3).map(|n| {
        made.set(made.get() + 1);
        (n * 7919 % 60_000, n)
    });
    let sorted = pairs.sort_by_key_in(Order::Ascending, 4);
    let keys = sorted.keys().collect().unwrap();
    assert!(keys.into_iter().eq(0..60_000));
    let for_the_sample = made.get() - 60_000;
    assert!((240..6_000).contains(&for_the_sample), "{for_the_sample}");
}

/// Says how many partitions were computed.
fn computed<'a>(sorted: &Rdd<'a, (u64, u64)>, count: &'a Cell<u32>) -> Rdd<'a, (u64, u64)> {
    let placed = sorted.partitioning();
    sorted.partitions_mapped(
        "computed",
        std::panic::Location::caller(),
        placed,
        move |_, records| {
            count.set(count.get() + 1);
            records
        },
    )
}

#[test]
fn a_range_is_read_from_the_partitions_that_can_hold_it() {
    let squares = Context::new()
        .range_in(0..1000, 3)
        .map(|n| (n * n % 1009, n));
    let plain = |from: u64, to: u64| {
        let mut keys: Vec<u64> = (0..1000).map(|n| n * n % 1009).collect();
        keys.retain(|key| (from..=to).contains(key));
        keys.sort_unstable();
        keys
    };
    for order in [Order::Ascending, Order::Descending] {
        let count = Cell::new(0);
        let sorted = squares.sort_by_key_in(order, 20);
        let sorted = computed(&sorted, &count);
        for (from, to, most) in [
            (100, 120, 3),
            (0, 5, 2),
            (1008, 5000, 2),
            (500, 400, 5),
            (0, 2000, 20),
        ] {
            count.set(0);
            let range = sorted.filter_by_range(from..=to);
            let mut keys = range.keys().collect().unwrap();
            if order == Order::Descending {
                keys.reverse();
            }
            assert_eq!(keys, plain(from, to), "{from} to {to}, in order");
            assert!(
                count.get() <= most,
                "{from} to {to}: {} computed",
                count.get()
            );
            assert_eq!(range.partitions(), 20);
        }
    }
    let anywhere = squares.filter_by_range(100..=120).keys().collect().unwrap();
    assert_eq!(anywhere.len(), plain(100, 120).len());
    let hashed = squares.partition_by(4).filter_by_range(7..=7);
    assert_eq!(hashed.count().unwrap(), plain(7, 7).len() as u64);
}

#[test]
fn a_range_keeps_the_places_of_its_keys() {
    let sorted = Context::new()
        .range_in(0..100, 3)
        .map(|n| (n, n))
        .sort_by_key_in(Order::Ascending, 4);
    let range = sorted.filter_by_range(10..=90);
    let _ = range.count();
    let before = with(|host| host.maps.len());
    assert_eq!(range.reduce_by_key(|a, _| a).count().unwrap(), 81);
    assert_eq!(range.lookup(&50).unwrap(), [50]);
    assert!(range.lookup(&5).unwrap().is_empty());
    assert_eq!(with(|host| host.maps.len()), before, "nothing has moved");
}
