//! Joins, cogroups and subtraction.

use super::{letters, sorted};
use crate::{Context, Rdd};

const LEFT: [(&str, u64); 3] = [("a", 1), ("a", 2), ("b", 3)];
const RIGHT: [(&str, u64); 3] = [("a", 7), ("a", 8), ("c", 9)];

/// One record of each key and pair, as few letters.
fn shown<V: std::fmt::Debug + crate::Record>(joined: &Rdd<'_, (String, V)>) -> Vec<String> {
    let records = joined.collect().unwrap().into_iter();
    sorted(records.map(|(key, value)| format!("{key} {value:?}")))
}

#[test]
fn outer_joins_of_duplicates_are_sparks() {
    for (left, right) in [(1, 1), (2, 3), (7, 2)] {
        let (left, right) = (letters(&LEFT, left), letters(&RIGHT, right));
        let pairs = ["a (1, 7)", "a (1, 8)", "a (2, 7)", "a (2, 8)"];
        assert_eq!(shown(&left.join(&right)), pairs);
        assert_eq!(
            shown(&left.left_outer_join(&right)),
            [
                "a (1, Some(7))",
                "a (1, Some(8))",
                "a (2, Some(7))",
                "a (2, Some(8))",
                "b (3, None)"
            ]
        );
        assert_eq!(
            shown(&left.right_outer_join(&right)),
            [
                "a (Some(1), 7)",
                "a (Some(1), 8)",
                "a (Some(2), 7)",
                "a (Some(2), 8)",
                "c (None, 9)"
            ]
        );
        assert_eq!(
            shown(&left.full_outer_join(&right)),
            [
                "a (Some(1), Some(7))",
                "a (Some(1), Some(8))",
                "a (Some(2), Some(7))",
                "a (Some(2), Some(8))",
                "b (Some(3), None)",
                "c (None, Some(9))"
            ]
        );
    }
}

#[test]
fn joins_with_nothing_keep_what_is_alone() {
    let (left, none) = (letters(&LEFT, 2), letters(&[], 3));
    assert_eq!(left.join(&none).count().unwrap(), 0);
    assert_eq!(left.right_outer_join(&none).count().unwrap(), 0);
    assert_eq!(left.left_outer_join(&none).count().unwrap(), 3);
    assert_eq!(none.left_outer_join(&left).count().unwrap(), 0);
    assert_eq!(none.full_outer_join(&left).count().unwrap(), 3);
    assert_eq!(none.full_outer_join(&none).count().unwrap(), 0);
}

#[test]
fn joins_go_where_they_are_told() {
    let (left, right) = (letters(&LEFT, 2), letters(&RIGHT, 2));
    let full = left.full_outer_join_in(&right, 5);
    assert_eq!((full.partitions(), full.count().unwrap()), (5, 6));
    assert_eq!(left.left_outer_join_in(&right, 1).partitions(), 1);
    assert_eq!(left.right_outer_join_in(&right, 4).partitions(), 4);
}

#[test]
fn three_and_four_datasets_are_grouped_together() {
    let (one, two) = (letters(&LEFT, 2), letters(&RIGHT, 3));
    let three = letters(&[("a", 5), ("d", 6)], 1);
    let grouped = one.cogroup3(&two, &three);
    assert_eq!(grouped.partitions(), 3);
    assert_eq!(
        shown(&grouped),
        [
            "a ([1, 2], [7, 8], [5])",
            "b ([3], [], [])",
            "c ([], [9], [])",
            "d ([], [], [6])"
        ],
        "as Spark's groupWith"
    );
    let four = three.cogroup4_in(&one, &two, &three, 2);
    assert_eq!(four.partitions(), 2);
    assert_eq!(
        shown(&four),
        [
            "a ([5], [1, 2], [7, 8], [5])",
            "b ([], [3], [], [])",
            "c ([], [], [9], [])",
            "d ([6], [], [], [6])"
        ]
    );
    assert_eq!(shown(&one.cogroup3_in(&two, &three, 4)), shown(&grouped));
    assert_eq!(three.cogroup4(&one, &two, &three).count().unwrap(), 4);
}

#[test]
fn keys_come_in_order_of_first_appearance_those_of_the_first_first() {
    let (one, two) = (
        letters(&[("z", 1), ("y", 2)], 1),
        letters(&[("x", 3), ("y", 4)], 1),
    );
    let keys = one.cogroup3(&two, &letters(&[("w", 5)], 1)).keys();
    assert_eq!(keys.collect().unwrap(), ["z", "y", "x", "w"]);
}

#[test]
fn subtraction_keeps_order_and_duplicates_and_its_own_number_of_partitions() {
    let numbers = Context::new().range_in(0..20, 1).map(|n| (n % 5, n));
    let others = Context::new().range_in(0..300, 7).map(|n| (n % 3, ()));
    let left = numbers.subtract_by_key(&others);
    assert_eq!(left.partitions(), 1, "as in Spark");
    let expected: Vec<(u64, u64)> = (0..20)
        .map(|n| (n % 5, n))
        .filter(|pair| pair.0 > 2)
        .collect();
    assert_eq!(left.collect().unwrap(), expected);
    assert_eq!(numbers.subtract_by_key_in(&others, 4).partitions(), 4);
    assert_eq!(
        numbers
            .subtract_by_key(&others.filter(|_| false))
            .count()
            .unwrap(),
        20
    );
    assert_eq!(numbers.subtract_by_key(&numbers).count().unwrap(), 0);
}
