//! Datasets beside each other.

use std::cell::Cell;

use super::refused;
use crate::host::fake::with;
use crate::{Context, ErrorKind};

#[test]
fn zipped_records_are_those_of_one_place() {
    let cx = Context::new();
    let (numbers, letters) = (cx.range_in(0..5, 3), cx.parallelize_in("abcde".chars(), 3));
    let pairs = numbers.zip(&letters);
    let expected: Vec<(u64, char)> = (0..5).zip("abcde".chars()).collect();
    assert_eq!(pairs.collect().unwrap(), expected, "pushed");
    assert_eq!(pairs.take(5).unwrap(), expected, "pulled");
    assert!(
        cx.empty_rdd::<u8>()
            .zip(&cx.empty_rdd::<u8>())
            .is_empty()
            .unwrap()
    );
}

#[test]
fn sides_that_do_not_fit_are_refused() {
    let cx = Context::new();
    let three = cx.range_in(0..3, 1);
    for (left, right) in [(2, 3), (3, 2), (0, 1), (1, 0)] {
        let pairs = cx.range_in(0..left, 1).zip(&cx.range_in(0..right, 1));
        let error = pairs.collect().unwrap_err();
        assert!(error.message().contains("in partition 0"), "{error}");
        assert!(pairs.take(5).is_err(), "pulled");
    }
    assert_eq!(
        three.zip(&cx.range_in(5..9, 1)).take(2).unwrap(),
        [(0, 5), (1, 6)]
    );
    let error = three.zip(&cx.range_in(0..3, 2)).collect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.message().contains("[1, 2] partitions"), "{error}");
    let beside = three.zip_partitions(&cx.range_in(0..3, 2), |a, _| a);
    assert_eq!(refused(beside.count()), ErrorKind::InvalidArgument);
}

#[test]
fn partitions_are_zipped_whatever_they_hold() {
    let cx = Context::new();
    let [a, b, c, d] = [6, 2, 0, 4].map(|length| cx.range_in(0..length, 2));
    let two = a.zip_partitions(&b, |a, b| [(a.count(), b.count())]);
    assert_eq!(two.collect().unwrap(), [(3, 1), (3, 1)]);
    let three = a.zip_partitions3(&b, &c, |a, b, c| a.chain(b).chain(c));
    assert_eq!(three.collect().unwrap(), [0, 1, 2, 0, 3, 4, 5, 1]);
    let four = a.zip_partitions4(&b, &c, &d, |a, b, c, d| {
        [a.sum::<u64>(), b.sum(), c.sum(), d.sum()]
    });
    assert_eq!(four.collect().unwrap(), [3, 0, 0, 1, 12, 1, 0, 5]);
}

#[test]
fn places_count_through_the_partitions() {
    let cx = Context::new();
    let letters = cx.parallelize_in("abcde".chars(), 3);
    let indexed = letters.zip_with_index();
    let expected: Vec<(char, u64)> = "abcde".chars().zip(0..).collect();
    assert_eq!(indexed.collect().unwrap(), expected);
    assert_eq!(indexed.collect().unwrap(), expected);
    let jobs: Vec<(String, Vec<u32>)> = with(|host| host.jobs.drain(..).collect());
    assert_eq!(jobs[0], ("zip_with_index: count".to_owned(), vec![0, 1]));
    assert_eq!(jobs.len(), 3, "counted once");
    let one = cx.parallelize_in([7], 1).zip_with_index();
    assert_eq!(one.collect().unwrap(), [(7, 0)]);
    assert_eq!(with(|host| host.jobs.len()), 1, "nothing to count");
    assert!(cx.empty_rdd::<u8>().zip_with_index().is_empty().unwrap());
    let sparse = cx.parallelize_in([1, 2], 5).zip_with_index();
    assert_eq!(sparse.collect().unwrap(), [(1, 0), (2, 1)]);
}

#[test]
fn unique_numbers_are_sparks() {
    let cx = Context::new();
    let numbered = cx.parallelize_in("abcde".chars(), 3).zip_with_unique_id();
    let expected = [('a', 0), ('b', 1), ('c', 4), ('d', 2), ('e', 5)];
    assert_eq!(numbered.collect().unwrap(), expected);
    assert_eq!(with(|host| host.jobs.len()), 1);
}

#[test]
fn a_product_is_in_sparks_order() {
    let cx = Context::new();
    let computed = Cell::new(0);
    let letters = cx.parallelize_in(['a', 'b'], 2).map(|letter| {
        computed.set(computed.get() + 1);
        letter
    });
    let product = cx.parallelize_in([1, 2, 3], 2).cartesian(&letters);
    assert_eq!(product.partitions(), 4);
    let expected = [(1, 'a'), (1, 'b'), (2, 'a'), (3, 'a'), (2, 'b'), (3, 'b')];
    assert_eq!(product.collect().unwrap(), expected);
    assert_eq!(computed.get(), 6, "computed again for each record");
    assert_eq!(product.take(2).unwrap(), expected[..2]);
    let none = product.cartesian(&cx.empty_rdd::<u8>());
    assert_eq!((none.partitions(), none.count().unwrap()), (0, 0));
}

#[test]
fn a_product_of_too_many_partitions_is_refused() {
    let cx = Context::new();
    let many = cx.range_in(0..1, 1 << 16);
    let error = many.cartesian(&many).count().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
}
