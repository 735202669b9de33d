//! Records in other partitions, as sets and in order.

use std::cmp::Ordering;

use super::{refused, sorted};
use crate::host::fake::with;
use crate::{Context, ErrorKind, Order, Record, Values};

#[test]
fn neighbours_are_coalesced_as_sparks() {
    let cx = Context::new();
    let sizes = |from, to| {
        let coalesced = cx
            .range_in(0..from, u32::try_from(from).unwrap())
            .coalesce(to);
        let sizes = coalesced.glom().map(|records| records.len()).collect();
        assert_eq!(coalesced.collect().unwrap(), (0..from).collect::<Vec<_>>());
        sizes.unwrap()
    };
    assert_eq!(sizes(10, 3), [3, 3, 4]);
    assert_eq!(sizes(7, 4), [1, 2, 2, 2]);
    assert_eq!(sizes(3, 5), [1, 1, 1]);
    assert_eq!(with(|host| host.maps.len()), 0, "nothing was moved");
    assert_eq!(
        refused(cx.range(0..3).coalesce(0).count()),
        ErrorKind::InvalidArgument
    );
    assert_eq!(cx.empty_rdd::<u8>().coalesce(3).partitions(), 0);
}

#[test]
fn partitions_are_coalesced_into_groups_of_ones_own() {
    let cx = Context::new();
    let numbers = cx.range_in(0..4, 4);
    let grouped = numbers.coalesce_into(vec![vec![3, 0], vec![], vec![1, 2]]);
    let expected: [&[u64]; 3] = [&[3, 0], &[], &[1, 2]];
    assert_eq!(grouped.glom().collect().unwrap(), expected);
    for groups in [
        vec![vec![0, 1, 2]],
        vec![vec![0, 1, 2, 3, 3]],
        vec![vec![0, 1, 2, 3, 4]],
    ] {
        let error = numbers.coalesce_into(groups).count().unwrap_err();
        assert!(error.message().contains("0 to 3 once"), "{error}");
    }
}

#[test]
fn a_repartition_makes_partitions_equally_large() {
    let cx = Context::new();
    let skewed = cx
        .range_in(0..1000, 4)
        .map_partitions_with_index(|at, records| records.filter(move |_| at == 2));
    let dealt = skewed.repartition(7);
    let sizes = dealt.glom().map(|records| records.len()).collect().unwrap();
    assert!(
        sizes.iter().all(|size| (35..=36).contains(size)),
        "{sizes:?}"
    );
    assert_eq!(
        sorted(dealt.collect().unwrap()),
        (500..750).collect::<Vec<_>>()
    );
    let single = cx.range_in(0..200, 200).repartition(4).glom();
    let sizes = single.map(|records| records.len()).collect().unwrap();
    assert!(
        sizes.iter().all(|size| (25..75).contains(size)),
        "not all begin with the same: {sizes:?}"
    );
    assert_eq!(
        refused(skewed.repartition(0).count()),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        cx.empty_rdd::<u8>().repartition(2).glom().count().unwrap(),
        2
    );
}

#[test]
fn sets_are_sparks() {
    let cx = Context::new();
    let left = cx.parallelize_in([1, 1, 2, 3, 3, 3], 3);
    let right = cx.parallelize_in([2, 4, 4], 2);
    assert_eq!(
        sorted(left.subtract(&right).collect().unwrap()),
        [1, 1, 3, 3, 3]
    );
    assert_eq!(
        sorted(left.subtract_in(&left, 2).collect().unwrap()),
        [0; 0]
    );
    let common = left.intersection(&cx.parallelize_in([1, 3, 3, 5], 4));
    assert_eq!(
        (common.partitions(), sorted(common.collect().unwrap())),
        (4, vec![1, 3])
    );
    assert_eq!(left.intersection_in(&right, 7).collect().unwrap(), [2]);
    assert_eq!(left.intersection_in(&right, 7).partitions(), 7);
    assert_eq!(
        left.subtract(&right).partitions(),
        3,
        "as many as on the left"
    );
    let once = left.distinct_in(5);
    assert_eq!(
        (once.partitions(), sorted(once.collect().unwrap())),
        (5, vec![1, 2, 3])
    );
    let none = cx.empty_rdd();
    assert_eq!(
        sorted(left.subtract(&none).collect().unwrap()),
        [1, 1, 2, 3, 3, 3]
    );
    assert_eq!(none.subtract(&left).count().unwrap(), 0);
    assert_eq!(left.intersection(&none).count().unwrap(), 0);
}

#[test]
fn records_are_grouped_by_what_is_made_of_them() {
    let cx = Context::new();
    let groups = cx.range_in(0..6, 4).group_by_in(|n| n % 2, 3);
    assert_eq!(groups.partitions(), 3);
    let groups = groups.map_values(Values::into_vec).collect().unwrap();
    assert_eq!(sorted(groups), [(0, vec![0, 2, 4]), (1, vec![1, 3, 5])]);
    let usual = cx.range_in(0..6, 4).group_by(|n| n % 2);
    assert_eq!((usual.partitions(), usual.count().unwrap()), (4, 2));
}

#[test]
fn records_are_sorted_by_what_is_made_of_them_and_stay_in_order_beside_it() {
    let cx = Context::new();
    let words = ["pear", "fig", "plum", "kiwi", "date", "yam"].map(str::to_owned);
    let words = cx.parallelize_in(words, 3);
    let by_length = words.sort_by(String::len, Order::Ascending);
    assert_eq!(
        by_length.collect().unwrap(),
        ["fig", "yam", "pear", "plum", "kiwi", "date"]
    );
    let longest = words.sort_by_in(|word| word.len(), Order::Descending, 2);
    assert_eq!(
        longest.collect().unwrap(),
        ["pear", "plum", "kiwi", "date", "fig", "yam"]
    );
    assert_eq!(longest.partitions(), 2);
    let few = cx
        .range_in(0..2, 2)
        .sort_by_in(|n| *n, Order::Descending, 9);
    assert_eq!((few.partitions(), few.collect().unwrap()), (9, vec![1, 0]));
}

/// What the documentation of `sort_by` shows.
#[derive(Clone, Record)]
struct Number(f64);

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[test]
fn nan_and_negative_zero_are_keys_by_their_bits() {
    let cx = Context::new();
    let numbers = [0.0, f64::NAN, -0.0, 1.0, f64::NAN, f64::NEG_INFINITY];
    let numbers = cx.parallelize_in(numbers, 3);
    let groups = numbers
        .group_by(|number| number.to_bits())
        .map_values(|group| group.len());
    let of = |number: f64| {
        groups
            .filter(move |(bits, _)| *bits == number.to_bits())
            .first()
    };
    assert_eq!(
        groups.count().unwrap(),
        5,
        "Spark tells -0.0 from 0.0, and has one NaN"
    );
    assert_eq!(of(f64::NAN).unwrap().1, 2);
    let ascending = numbers.sort_by(|number| Number(*number), Order::Ascending);
    let shown: Vec<String> = ascending
        .collect()
        .unwrap()
        .iter()
        .map(f64::to_string)
        .collect();
    assert_eq!(shown, ["-inf", "-0", "0", "1", "NaN", "NaN"], "as Spark");
}
