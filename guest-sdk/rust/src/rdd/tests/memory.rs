//! Operations and actions that stream hold no partition.

use crate::memory::{allocated, take_peak};
use crate::{Context, Rdd};

/// A partition of these takes some 7 MiB.
const RECORDS: u64 = 100_000;
const HELD_MAX: usize = 512 << 10;

fn words(cx: &Context) -> Rdd<'static, String> {
    cx.range_in(0..RECORDS, 1).map(|n| format!("{n:040}"))
}

#[track_caller]
fn expect_little<R>(what: &str, act: impl FnOnce() -> crate::Result<R>) {
    take_peak();
    let before = allocated();
    act().unwrap();
    let held = take_peak() - before;
    assert!(held < HELD_MAX, "{what} held {held} bytes");
}

#[test]
fn what_streams_holds_no_partition() {
    let cx = Context::new();
    let (words, few) = (words(&cx), cx.range_in(0..20, 1));
    expect_little("zip", || words.zip(&words).count());
    expect_little("a zip that is pulled", || {
        words.zip(&words).zip(&words).count()
    });
    expect_little("zip_partitions", || {
        words.zip_partitions(&words, Iterator::zip).count()
    });
    expect_little("zip_with_index", || words.zip_with_index().count());
    expect_little("cartesian", || few.cartesian(&words).count());
    expect_little("cartesian, turned round", || words.cartesian(&few).count());
    expect_little("coalesce", || {
        cx.union([&words, &words]).coalesce(1).count()
    });
    expect_little("random_split", || {
        words.random_split(&[1.0, 1.0], 3)?[1].count()
    });
}

#[test]
fn what_takes_few_holds_few() {
    let cx = Context::new();
    let words = words(&cx);
    expect_little("top", || words.top(100));
    expect_little("take_ordered", || words.take_ordered(100));
    expect_little("max", || words.max());
    expect_little("take_sample", || words.take_sample(100, 1));
    expect_little("with replacement", || {
        words.take_sample_with_replacement(100, 1)
    });
    expect_little("take", || words.take(100));
    expect_little("count_approx_distinct", || {
        words.count_approx_distinct(0.02)
    });
    expect_little("tree_reduce", || words.tree_reduce(|a, b| a.max(b), 2));
}
