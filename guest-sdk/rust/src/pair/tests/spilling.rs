//! What does not fit in a task's memory gives the same.

use super::sorted;
use crate::host::fake::with;
use crate::{Context, Rdd, Record};

/// The records where each task has so much memory, and how many runs its tasks put aside.
fn within<T: Record + Ord>(memory: u64, records: &Rdd<'_, T>) -> (Vec<T>, u32) {
    let spilled = with(|host| {
        host.task_memory = Some(memory);
        host.spilled
    });
    let all = sorted(records.collect().unwrap());
    (all, with(|host| host.spilled) - spilled)
}

#[track_caller]
fn same_in_both<T: Record + Ord + std::fmt::Debug>(make: impl Fn() -> Rdd<'static, T>) {
    let (roomy, none) = within(1 << 30, &make());
    let (small, some) = within(512 << 10, &make());
    assert!(none == 0 && some > 1, "{none} and {some} runs");
    assert!(
        small == roomy,
        "{} and {} records",
        small.len(),
        roomy.len()
    );
}

/// Keys that are multiples of `step`, with a text each.
fn texts(count: u64, step: u64) -> Rdd<'static, (u64, String)> {
    let numbers = Context::new().range_in(0..count, 2);
    numbers.map(move |n| (n % (count / 2) * step, format!("value {n}")))
}

#[test]
fn outer_joins_whose_sides_do_not_fit() {
    let (left, right) = (|| texts(20_000, 2), || texts(20_000, 3));
    same_in_both(|| left().full_outer_join_in(&right(), 2));
    same_in_both(|| left().left_outer_join_in(&right(), 2));
    same_in_both(|| left().right_outer_join_in(&right(), 2));
}

#[test]
fn groups_of_three_and_four_whose_sides_do_not_fit() {
    let make = |step| texts(16_000, step);
    let lists = |values: crate::Values<String>| values.collect::<Vec<_>>();
    same_in_both(|| {
        let grouped = make(2).cogroup3_in(&make(3), &make(5), 2);
        grouped.map_values(move |(a, b, c)| (lists(a), lists(b), lists(c)))
    });
    same_in_both(|| {
        let grouped = make(2).cogroup4_in(&make(3), &make(5), &make(1), 2);
        grouped.map_values(move |(a, b, c, d)| (lists(a), lists(b), lists(c), lists(d)))
    });
}

#[test]
fn a_subtraction_whose_keys_do_not_fit() {
    same_in_both(|| texts(40_000, 2).subtract_by_key_in(&texts(60_000, 3), 2));
}

/// One key has most of the records of either side: neither is ever in memory.
#[test]
fn a_lone_group_may_be_larger_than_the_memory() {
    let lopsided = || texts(40_000, 1).map(|(_, text)| (0u64, text));
    let none = || texts(20, 1).map(|(key, text)| (key + 1, text));
    same_in_both(|| lopsided().left_outer_join_in(&none(), 1));
    same_in_both(|| {
        none()
            .full_outer_join_in(&lopsided(), 1)
            .filter(|pair| pair.0 < 5)
            .union(&lopsided().full_outer_join_in(&none(), 1))
    });
}
