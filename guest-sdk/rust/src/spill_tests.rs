//! Whole jobs whose records do not fit in a task's memory.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};

use crate::bindings::tinderbox::job::types;
use crate::hash::hash_of;
use crate::host::fake::with;
use crate::{Context, ErrorKind, Order, Rdd, Record, Result, Values, memory};

const KIB: u64 = 1 << 10;
const SMALL: u64 = 512 * KIB;
const ROOMY: u64 = 1 << 30;

fn context() -> Context {
    with(|host| {
        host.settings
            .insert("default.parallelism".into(), "2".into())
    });
    Context::new()
}

/// What an action gives where each task has so much memory, and how many runs its tasks put aside.
fn within<R>(memory: u64, act: impl FnOnce() -> Result<R>) -> (R, u32) {
    let spilled = with(|host| {
        host.task_memory = Some(memory);
        host.spilled
    });
    let done = act().unwrap();
    (done, with(|host| host.spilled) - spilled)
}

/// The records where there is room, and where there is not; there is no other difference.
#[track_caller]
fn in_both<T: Record + Debug>(make: impl Fn() -> Rdd<'static, T>) -> (Vec<T>, Vec<T>) {
    let (roomy, none) = within(ROOMY, || make().collect());
    assert_eq!(none, 0, "there is room");
    let (small, some) = within(SMALL, || make().collect());
    assert!(some > 1, "{some} runs");
    let (again, _) = within(SMALL, || make().collect());
    assert_eq!(
        format!("{small:?}"),
        format!("{again:?}"),
        "two attempts give the same"
    );
    (roomy, small)
}

fn sorted<T: Ord>(mut records: Vec<T>) -> Vec<T> {
    records.sort();
    records
}

/// So many pairs of a key below `keys` and a number that counts up, with a text beside it.
fn pairs(cx: &Context, count: u64, keys: u64) -> Rdd<'static, (u64, (u64, String))> {
    cx.range_in(0..count, 2).map(move |number| {
        let key = hash_of(&(number, keys)) % keys;
        (key, (number, format!("value {number}")))
    })
}

#[test]
fn a_sort_that_does_not_fit_is_total_and_stable() {
    let cx = context();
    for order in [Order::Ascending, Order::Descending] {
        let (roomy, small) = in_both(|| pairs(&cx, 40_000, 500).sort_by_key_in(order, 2));
        assert_eq!(small, roomy);
    }
}

#[test]
fn runs_are_merged_few_at_a_time() {
    let cx = context();
    let sort = || pairs(&cx, 60_000, 60_000).sort_by_key_in(Order::Ascending, 1);
    let (expected, _) = within(ROOMY, || sort().collect());
    let ((), runs) = within(128 * KIB, || {
        with(|host| host.readers_max = 0);
        assert_eq!(sort().collect()?, expected);
        Ok(())
    });
    let readers = with(|host| host.readers_max);
    assert!(
        runs > 30 && readers <= 10,
        "{runs} runs, {readers} readers at a time"
    );
}

#[test]
fn many_keys_are_combined_as_few_are() {
    let cx = context();
    let longest = |a: (u64, String), b: (u64, String)| (a.0 + b.0, a.1.max(b.1));
    let reduce = || pairs(&cx, 60_000, 20_000).reduce_by_key(longest);
    let (roomy, small) = in_both(reduce);
    assert_eq!(sorted(small), sorted(roomy));
    // Where the keys are in place already.
    let (roomy, small) = in_both(|| {
        let placed = pairs(&cx, 60_000, 20_000).partition_by(2);
        placed.aggregate_by_key(0, |sum, value| sum + value.0, |a, b| a + b)
    });
    assert_eq!(sorted(small), sorted(roomy));
    let (roomy, small) = in_both(|| {
        let words = pairs(&cx, 40_000, 20_000).map(|(key, _)| format!("the word {key}"));
        words.distinct()
    });
    assert_eq!(sorted(small), sorted(roomy));
}

#[test]
fn the_values_of_a_key_keep_their_order() {
    let cx = context();
    let groups = || pairs(&cx, 40_000, 3_000).group_by_key();
    let lists = || groups().map_values(|values| values.collect::<Vec<_>>());
    let (roomy, small) = in_both(lists);
    assert_eq!(sorted(small), sorted(roomy.clone()));
    assert!(roomy.iter().all(|(_, values)| values.is_sorted()));
    let (counts, _) = within(SMALL, || {
        groups().map_values(|values| values.len()).collect()
    });
    let expected = roomy.into_iter().map(|(key, values)| (key, values.len()));
    assert_eq!(sorted(counts), sorted(expected.collect()));
}

/// One key has nine of ten records, several times the memory of a task.
fn lopsided(cx: &Context) -> Rdd<'static, (u64, (u64, String))> {
    pairs(cx, 60_000, 10_000).map(|(key, value)| (key.saturating_sub(9_000), value))
}

#[test]
fn a_group_may_be_larger_than_the_memory() {
    let cx = context();
    let measure = |values: Values<(u64, String)>| {
        let (count, mut read, mut last) = (values.len(), 0, None);
        for (number, text) in values {
            assert!(last < Some(number) && text.ends_with(&number.to_string()));
            (read, last) = (read + 1, Some(number));
        }
        (count, read)
    };
    let sizes = || lopsided(&cx).group_by_key_in(1).map_values(measure);
    let (expected, _) = within(ROOMY, || sizes().collect());
    let largest = expected.iter().map(|(_, sizes)| *sizes).max();
    assert!(largest.is_some_and(|(count, read)| count > 50_000 && count == read));
    memory::take_peak();
    let before = memory::allocated();
    let (small, runs) = within(SMALL, || sizes().map(|all| all).collect());
    assert!(runs > 10, "{runs}");
    let peak = memory::take_peak() - before;
    assert!(
        peak < usize::try_from(SMALL).unwrap(),
        "a task held {peak} bytes"
    );
    assert_eq!(sorted(small), sorted(expected));
}

#[test]
fn values_can_be_left_cloned_and_kept() {
    let cx = context();
    let look = |mut values: Values<(u64, String)>| {
        let first = values.next();
        let second = values.clone().next();
        let sum: u64 = values.clone().map(|value| value.0).sum();
        let (rest, listed) = (values.clone().count(), values.clone().into_vec().len());
        let all = values.by_ref().take(5).chain(first).chain(second).count();
        (all, sum, rest, listed, values.len())
    };
    let looked = || lopsided(&cx).group_by_key_in(2).map_values(look);
    let (roomy, small) = in_both(looked);
    assert_eq!(sorted(small), sorted(roomy));
    // All groups of a partition at the same time.
    let kept = || {
        lopsided(&cx).group_by_key_in(2).map_partitions(|groups| {
            let groups: Vec<_> = groups.collect();
            groups.into_iter().map(|(key, values)| (key, values.len()))
        })
    };
    let (roomy, small) = in_both(kept);
    assert_eq!(sorted(small), sorted(roomy));
}

#[test]
fn groups_are_records_like_lists() {
    let cx = context();
    with(|host| host.room = true);
    let moved = || {
        let groups = pairs(&cx, 20_000, 2_000).group_by_key().cache();
        let moved = groups.map(|(key, values)| (key % 7, values));
        moved.partition_by(3).map_values(|values| values.len())
    };
    let (roomy, small) = in_both(moved);
    assert_eq!(sorted(small), sorted(roomy));
    let few: Rdd<'_, (u64, Values<u64>)> = cx.range(0..6).map(|n| (n % 2, n)).group_by_key_in(1);
    let collected = few.collect().unwrap();
    assert_eq!(format!("{collected:?}"), "[(0, [0, 2, 4]), (1, [1, 3, 5])]");
    let by = cx.range_in(0..6, 1).group_by(|n| n % 3);
    let by: Vec<_> = by.map_values(Values::into_vec).collect().unwrap();
    assert_eq!(
        sorted(by),
        [(0, vec![0, 3]), (1, vec![1, 4]), (2, vec![2, 5])]
    );
}

#[test]
fn cogroups_and_joins_have_the_same_pairs() {
    let cx = context();
    let left = || pairs(&cx, 30_000, 8_000);
    let right = || pairs(&cx, 20_000, 9_000).map_values(|value| value.0);
    let cogroup = || {
        let both = left().cogroup(&right());
        both.map_values(|(a, b)| (a.into_vec(), b.into_vec()))
    };
    let (roomy, small) = in_both(cogroup);
    let (roomy, small) = (sorted(roomy), sorted(small));
    assert_eq!(small, roomy);
    let sizes: Vec<_> = roomy.iter().map(|(_, (a, b))| (a.len(), b.len())).collect();
    assert!(sizes.iter().any(|(left, _)| *left == 0));
    assert!(sizes.iter().any(|(_, right)| *right == 0));
    assert!(sizes.iter().any(|(left, right)| left.min(right) > &2));
    let (roomy, small) = in_both(|| left().join(&right()));
    assert_eq!(sorted(small), sorted(roomy));
    // Only the right side does not fit: it streams by.
    let few = || cx.range_in(0..500, 2).map(|number| (number, number));
    let (joined, _) = within(ROOMY, || few().join(&left()).collect());
    let (small, runs) = within(SMALL, || few().join(&left()).collect());
    assert_eq!((sorted(small), runs), (sorted(joined), 0));
    let (roomy, small) = in_both(|| few().cogroup(&left()).mapped_lengths());
    assert_eq!(sorted(small), sorted(roomy));
}

trait Lengths<K> {
    fn mapped_lengths(&self) -> Rdd<'static, (K, (usize, usize))>;
}

impl<K: 'static, V: 'static, W: 'static> Lengths<K> for Rdd<'static, (K, (Values<V>, Values<W>))> {
    fn mapped_lengths(&self) -> Rdd<'static, (K, (usize, usize))> {
        self.map_values(|(left, right)| (left.len(), right.len()))
    }
}

/// A key's pairs of values, where neither list fits in memory.
#[test]
fn two_large_groups_are_joined_without_either_in_memory() {
    let cx = context();
    let side = |count| cx.range_in(0..count, 1).map(|number| (0u8, [number; 40]));
    let (count, runs) = within(64 * KIB, || {
        let joined = side(600).join_in(&side(700), 1);
        joined
            .map(|(_, (a, b))| a[0] * 1_000 + b[0])
            .distinct()
            .count()
    });
    assert!(count == 600 * 700 && runs > 4, "{count} pairs, {runs} runs");
}

/// Whose parts contradict each other, in ways that the first number chooses.
#[derive(Clone, Debug)]
struct Broken {
    way: u8,
    number: u64,
}

impl Record for Broken {
    const MIN_WIDTH: usize = 9;

    fn encode(&self, out: &mut Vec<u8>) {
        (self.way, self.number).encode(out);
    }

    fn decode(
        input: &mut crate::record::Input<'_>,
    ) -> std::result::Result<Self, crate::record::Malformed> {
        <(u8, u64)>::decode(input).map(|(way, number)| Self { way, number })
    }
}

impl Hash for Broken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.way {
            0 => 0.hash(state),
            _ => self.number.hash(state),
        }
    }
}

impl PartialEq for Broken {
    fn eq(&self, other: &Self) -> bool {
        self.way != 1 && self.number == other.number
    }
}

impl Eq for Broken {}

impl PartialOrd for Broken {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Broken {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match self.way {
            2 => hash_of(&(self.number, other.number)).cmp(&(1 << 63)),
            _ => self.number.cmp(&other.number),
        }
    }
}

#[test]
fn broken_keys_end_in_some_result() {
    let cx = context();
    let keyed = |way| {
        let padding = || "x".repeat(100);
        cx.range_in(0..3_000, 2).map(move |number| {
            let number = number % 1_000;
            (Broken { way, number }, (number, padding()))
        })
    };
    for way in 0..3u8 {
        let (counts, _) = within(128 * KIB, || {
            let groups = keyed(way).group_by_key().map_values(|values| values.len());
            let numbers = keyed(way).map_values(|_| 1u64).reduce_by_key(|a, b| a + b);
            Ok((groups.count()?, numbers.values().reduce(|a, b| a + b)?))
        });
        assert_eq!(counts.1, 3_000, "{way}");
        let expected = if way == 1 { 3_000 } else { 1_000 };
        assert_eq!(counts.0, expected, "{way}");
        // A sort may refuse such an order by a panic, which ends the task.
        let sort = || keyed(way).sort_by_key_in(Order::Ascending, 1).count();
        let sorted =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| within(128 * KIB, sort).0));
        assert!(
            sorted.is_err() || sorted.is_ok_and(|count| count == 3_000),
            "{way}"
        );
        with(|host| host.spills.clear());
    }
}

#[test]
fn a_full_disk_fails_the_task_before_anything_is_kept() {
    let cx = context();
    with(|host| {
        host.task_memory = Some(SMALL);
        host.full_disk = Some(types::Error {
            kind: types::ErrorKind::Io,
            message: "no space is left".into(),
            retryable: true,
        });
    });
    let many = || pairs(&cx, 40_000, 40_000);
    let failures = [
        many().sort_by_key(Order::Ascending).count().unwrap_err(),
        many().group_by_key().count().unwrap_err(),
        many().reduce_by_key(|a, _| a).count().unwrap_err(),
        many().cogroup(&many()).count().unwrap_err(),
        many().join(&many()).count().unwrap_err(),
    ];
    for failure in failures {
        assert_eq!(
            (failure.kind(), failure.message()),
            (ErrorKind::JobFailed, "Io: no space is left")
        );
    }
}

/// Tasks of some operations that follow each other share one memory.
#[test]
fn operations_that_follow_each_other_fit_together() {
    let cx = context();
    let count = |memory| {
        within(memory, || {
            let sums = pairs(&cx, 40_000, 20_000).reduce_by_key_in(|a, _| a, 1);
            let again = sums.map(|(key, value)| (key / 2, value)).group_by_key_in(1);
            let flat = again.flat_map(|(key, values)| values.map(move |value| (value.0, key)));
            let in_order = flat.sort_by_key_in(Order::Descending, 1);
            in_order
                .map(|(number, key)| (key % 100, number))
                .group_by_key_in(1)
                .map_values(|v| v.len())
                .collect()
        })
    };
    let (roomy, none) = count(ROOMY);
    memory::take_peak();
    let before = memory::allocated();
    let (small, runs) = count(SMALL);
    let peak = memory::take_peak() - before;
    assert!(none == 0 && runs > 6, "{runs}");
    assert!(peak < usize::try_from(SMALL).unwrap(), "{peak}");
    let totals = |groups: Vec<(u64, usize)>| groups.into_iter().collect::<BTreeMap<_, _>>();
    assert_eq!(totals(small), totals(roomy));
}
