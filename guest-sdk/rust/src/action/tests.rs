//! What actions give. Where Spark's documentation leaves it open, the answers are those of Spark 4.3 in local mode.

use std::cell::Cell;
use std::time::Duration;

use crate::host::fake::with;
use crate::{Context, ErrorKind, Rdd};

/// Records with a place each, so that those of equal keys can be told from each other.
fn ties<'a>(cx: &Context) -> Rdd<'a, (u32, char)> {
    let records = [(1, 'a'), (0, 'b'), (1, 'c'), (0, 'd'), (1, 'e')];
    cx.parallelize_in(records, 3)
}

#[test]
fn of_equal_records_the_first_is_found() {
    let cx = Context::new();
    let order = |a: &(u32, char), b: &(u32, char)| a.0.cmp(&b.0);
    assert_eq!(ties(&cx).max_by(order).unwrap(), (1, 'a'));
    assert_eq!(ties(&cx).min_by(order).unwrap(), (0, 'b'));
    assert_eq!(
        ties(&cx).top_by(2, order).unwrap(),
        [(1, 'a'), (1, 'c')],
        "as Spark"
    );
    assert_eq!(
        ties(&cx).take_ordered_by(3, order).unwrap(),
        [(0, 'b'), (0, 'd'), (1, 'a')]
    );
    assert_eq!(
        (ties(&cx).max().unwrap(), ties(&cx).min().unwrap()),
        ((1, 'e'), (0, 'b'))
    );
    let numbers = cx.parallelize_in([1.5, -0.0, 0.0, -2.0], 7);
    assert_eq!(numbers.max_by(f64::total_cmp).unwrap(), 1.5);
    assert_eq!(
        numbers.take_ordered_by(2, f64::total_cmp).unwrap()[1].to_bits(),
        (-0.0f64).to_bits()
    );
}

#[test]
fn an_empty_dataset_has_no_largest_record() {
    let cx = Context::new();
    let empty = cx.parallelize_in(Vec::<u8>::new(), 2);
    let none = [
        empty.max(),
        empty.min(),
        empty.max_by(u8::cmp),
        empty.min_by(u8::cmp),
        empty.tree_reduce(|a, _| a, 2),
        cx.empty_rdd().tree_reduce(|a, _| a, 2),
    ];
    for error in none.map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    assert_eq!(empty.top(3).unwrap(), [0; 0]);
    assert_eq!(cx.empty_rdd::<u8>().take_ordered(3).unwrap(), [0; 0]);
    assert_eq!(empty.take_sample(3, 1).unwrap(), [0; 0]);
    assert_eq!(empty.take_sample_with_replacement(3, 1).unwrap(), [0; 0]);
    assert!(empty.count_by_value().unwrap().is_empty());
}

#[test]
fn a_tree_gives_what_one_level_gives_in_the_same_order() {
    let cx = Context::new();
    for partitions in [1, 2, 9, 30] {
        let words = cx.range_in(0..50, partitions).map(|n| n.to_string());
        let whole: String = (0..50).map(|n| n.to_string()).collect();
        for depth in 1..5 {
            let joined = words.tree_reduce(|a, b| a + &b, depth).unwrap();
            assert_eq!(joined, whole, "{partitions} partitions, depth {depth}");
            let added = |text: String, word: String| text + &word;
            let joined = words.tree_aggregate(String::new(), added, |a, b| a + &b, depth);
            assert_eq!(
                joined.unwrap(),
                whole,
                "{partitions} partitions, depth {depth}"
            );
        }
    }
}

#[test]
fn a_tree_has_sparks_levels_and_zeros() {
    let cx = Context::new();
    let sum = |rdd: &Rdd<'_, u64>, zero| rdd.tree_aggregate(zero, |a, b| a + b, |a, b| a + b, 2);
    assert_eq!(sum(&cx.range_in(1..3, 2), 3).unwrap(), 9);
    assert_eq!(sum(&cx.range_in(0..9, 9), 3).unwrap(), 63);
    assert_eq!(sum(&cx.range_in(0..0, 2), 3).unwrap(), 6);
    assert_eq!(sum(&cx.empty_rdd(), 3).unwrap(), 3);
    with(|host| host.maps.clear());
    assert_eq!(sum(&cx.range_in(0..100, 100), 0).unwrap(), 4950);
    assert_eq!(with(|host| host.maps.len()), 100, "one level");
    let refused = cx.range(0..3).tree_reduce(|a, _| a, 0).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_local_iterator_computes_a_partition_when_it_is_asked_for() {
    let cx = Context::new();
    let numbers = cx.parallelize_in(0..3, 5);
    let mut local = numbers.to_local_iterator();
    assert_eq!(with(|host| host.jobs.len()), 0);
    assert_eq!(local.next().unwrap().unwrap(), 0);
    assert_eq!(
        with(|host| host.jobs.len()),
        2,
        "the first partition is empty"
    );
    let rest: Vec<i32> = local.map(Result::unwrap).collect();
    assert_eq!(rest, [1, 2]);
    let partitions: Vec<Vec<u32>> =
        with(|host| host.jobs.iter().map(|job| job.1.clone()).collect());
    assert_eq!(partitions, [[0], [1], [2], [3], [4]]);
    assert!(cx.empty_rdd::<u8>().to_local_iterator().next().is_none());
    let broken = cx.range_in(0..2, 2).zip(&cx.range_in(0..4, 2));
    let found: Vec<_> = broken.to_local_iterator().collect();
    assert!(
        found.len() == 1 && found[0].is_err(),
        "the error is the last"
    );
}

#[test]
fn a_sample_has_its_size_and_is_the_same_each_time() {
    let cx = Context::new();
    let numbers = cx.range_in(0..1000, 7);
    let taken = numbers.take_sample(10, 3).unwrap();
    assert_eq!(with(|host| host.jobs.len()), 1, "one pass");
    assert_eq!(numbers.take_sample(10, 3).unwrap(), taken);
    assert_ne!(numbers.take_sample(10, 4).unwrap(), taken);
    let mut all = numbers.take_sample(5000, 3).unwrap();
    assert_ne!(all[..10], (0..10).collect::<Vec<_>>(), "in random order");
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<_>>(), "each at most once");
    assert_eq!(numbers.take_sample(0, 3).unwrap(), [0; 0]);
    let few = cx.range_in(0..5, 3);
    assert_eq!(
        few.take_sample_with_replacement(20, 1).unwrap().len(),
        20,
        "as Spark"
    );
    assert_eq!(few.take_sample(20, 1).unwrap().len(), 5, "as Spark");
}

#[test]
fn what_takes_or_counts_few_reads_each_record_once() {
    let (cx, read) = (Context::new(), Cell::new(0));
    let numbers = cx.range_in(0..1000, 7).map(|n| {
        read.set(read.get() + 1);
        n
    });
    let passes: [(&str, &dyn Fn()); 5] = [
        ("top", &|| drop(numbers.top(10).unwrap())),
        ("take_ordered", &|| drop(numbers.take_ordered(10).unwrap())),
        ("take_sample", &|| drop(numbers.take_sample(10, 3).unwrap())),
        ("take_sample_with_replacement", &|| {
            drop(numbers.take_sample_with_replacement(10, 3).unwrap());
        }),
        ("count_approx_distinct", &|| {
            numbers.count_approx_distinct(0.02).unwrap();
        }),
    ];
    for (name, pass) in passes {
        read.set(0);
        with(|host| host.jobs.clear());
        pass();
        assert_eq!(read.get(), 1000, "{name}");
        assert_eq!(with(|host| host.jobs.len()), 1, "{name}");
    }
}

#[test]
fn samples_are_even_and_draws_with_replacement_independent() {
    let cx = Context::new();
    // The partitions differ in size.
    let numbers = cx.range_in(0..20, 2).filter(|n| *n < 10 || *n >= 16);
    let (mut without, mut with_repeats, mut repeats) = ([0u32; 20], [0u32; 20], 0);
    for seed in 0..2000 {
        for number in numbers.take_sample(4, seed).unwrap() {
            without[usize::try_from(number).unwrap()] += 1;
        }
        let drawn = numbers.take_sample_with_replacement(4, seed).unwrap();
        repeats += u32::from(drawn[0] == drawn[1]);
        for number in drawn {
            with_repeats[usize::try_from(number).unwrap()] += 1;
        }
    }
    for hits in [without, with_repeats] {
        let expected = 2000 * 4 / 14;
        let is_even = |at: usize| hits[at].abs_diff(expected) < 110;
        assert!((0..10).chain(16..20).all(is_even), "{hits:?}");
        assert_eq!(hits[10..16], [0; 6]);
    }
    assert!(repeats.abs_diff(2000 / 14) < 50, "{repeats}");
}

#[test]
fn counts_are_bounded_when_the_time_is_up() {
    let cx = Context::new();
    let numbers = cx.range_in(0..1000, 10);
    let partial = numbers.count_approx(Duration::ZERO, 0.95).unwrap();
    assert!(!partial.is_initial_value_final());
    let bounded = *partial.initial_value();
    assert!(bounded.low <= 1000.0 && 1000.0 <= bounded.high, "{bounded}");
    assert_eq!((bounded.mean, bounded.confidence), (1000.0, 0.95));
    assert_eq!(partial.final_value().unwrap().mean, 1000.0);
    let whole = numbers.count_approx(Duration::from_secs(9), 0.9).unwrap();
    assert!(whole.is_initial_value_final());
    assert_eq!(whole.initial_value().low, 1000.0);
    let values = numbers.map(|n| n % 4);
    let counts = values.count_by_value_approx(Duration::from_secs(9), 0.9);
    let counts = counts.unwrap().into_initial_value();
    assert_eq!(
        (counts.len(), counts[&3].mean, counts[&3].confidence),
        (4, 250.0, 1.0)
    );
    let some = values.count_by_value_approx(Duration::ZERO, 0.9).unwrap();
    assert_eq!(some.initial_value()[&1].mean, 250.0, "of a tenth");
    let refused = numbers.count_approx(Duration::ZERO, 1.5).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_job_runs_on_the_partitions_that_are_named() {
    let cx = Context::new();
    let numbers = cx.range_in(0..10, 4);
    let sums = cx.run_job(&numbers, [3, 1, 1], |records| records.sum::<u64>());
    assert_eq!(sums.unwrap(), [24, 9, 9], "as Spark");
    assert_eq!(with(|host| host.jobs[0].1.clone()), [1, 3]);
    let none = cx.run_job(&numbers, [], |records| records.count());
    assert_eq!(none.unwrap(), [0; 0]);
    let absent = cx
        .run_job(&numbers, [9], |records| records.count())
        .unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::InvalidArgument);
    assert!(
        absent
            .message()
            .contains("partition 9 of a dataset that has 4"),
        "{absent}"
    );
}

#[test]
fn several_actions_run_at_a_time() {
    let cx = Context::new();
    let numbers = cx.range_in(0..10, 3);
    let seen = Cell::new(0);
    let count = numbers.count_async().unwrap();
    let all = numbers.map(|n| n * 2).collect_async().unwrap();
    let each = numbers
        .for_each_async(|_| seen.set(seen.get() + 1))
        .unwrap();
    let parts = numbers.for_each_partition_async(|records| {
        seen.set(seen.get() + 10 * records.count());
    });
    let first = numbers.filter(|n| *n > 6).take_async(2).unwrap();
    assert_eq!(first.wait().unwrap(), [7, 8]);
    each.wait().unwrap();
    parts.unwrap().wait().unwrap();
    assert_eq!(seen.get(), 110);
    assert_eq!(
        all.wait().unwrap(),
        (0..10).map(|n| n * 2).collect::<Vec<_>>()
    );
    assert_eq!(count.wait().unwrap(), 10);
    let none: Rdd<'_, u8> = cx.empty_rdd();
    assert_eq!(none.count_async().unwrap().wait().unwrap(), 0);
    assert_eq!(none.take_async(3).unwrap().wait().unwrap(), [0; 0]);
}

#[test]
fn an_action_can_be_asked_whether_it_has_ended() {
    let cx = Context::new();
    let mut count = cx.range_in(0..10, 3).count_async().unwrap();
    let asked = (1..).take_while(|_| !count.poll()).count();
    assert!((2..5).contains(&asked), "{asked}: a result came at a time");
    assert!(count.poll() && count.wait_for(Duration::from_secs(9)));
    assert_eq!(count.wait().unwrap(), 10);
    let mut failing = cx
        .range_in(0..1, 1)
        .zip(&cx.range_in(0..2, 1))
        .count_async()
        .unwrap();
    assert!(
        failing.wait_for(Duration::from_secs(9)),
        "it has ended badly"
    );
    assert_eq!(failing.wait().unwrap_err().kind(), ErrorKind::JobFailed);
}

#[test]
fn an_action_that_nobody_waits_for_is_cancelled() {
    let cx = Context::new();
    let numbers = cx.range_in(0..10, 3);
    numbers.count_async().unwrap().cancel();
    drop(numbers.collect_async().unwrap());
    let mut ended = numbers.count_async().unwrap();
    assert!(ended.wait_for(Duration::from_secs(9)));
    drop(ended);
    assert_eq!(with(|host| host.cancelled.clone()), [0, 1]);
}

/// Its shuffle must not be let go by another action meanwhile.
#[test]
fn an_action_that_runs_holds_its_dataset() {
    let cx = Context::new();
    let shuffled = cx.range_in(0..10, 3).repartition(2);
    let count = shuffled.count_async().unwrap();
    drop(shuffled);
    cx.range_in(0..1, 1).count().unwrap();
    assert_eq!(with(|host| host.released.len()), 0);
    count.wait().unwrap();
    cx.range_in(0..1, 1).count().unwrap();
    assert!(with(|host| host.released.len()) >= 2);
}

#[test]
fn a_function_runs_on_each_record_or_partition() {
    let cx = Context::new();
    let (sum, parts) = (Cell::new(0), Cell::new(0));
    let numbers = cx.range_in(0..10, 3);
    numbers.for_each(|n| sum.set(sum.get() + n)).unwrap();
    let part = numbers.for_each_partition(|records| {
        parts.set(parts.get() + 1);
        sum.set(sum.get() + records.sum::<u64>());
    });
    part.unwrap();
    assert_eq!((sum.get(), parts.get()), (90, 3));
}
