//! Samples with a fraction for each key.

use std::collections::BTreeMap;

use crate::{Context, ErrorKind, Rdd};

fn numbers(count: u64, partitions: u32) -> Rdd<'static, (u64, u64)> {
    Context::new()
        .range_in(0..count, partitions)
        .map(|n| (n % 3, n))
}

/// A fraction for each of the keys 0, 1 and 2.
fn of(fractions: [f64; 3]) -> impl Fn(&u64) -> f64 {
    move |key| {
        let found = (0..).zip(fractions).find(|(known, _)| known == key);
        found.map_or(f64::NAN, |(_, fraction)| fraction)
    }
}

fn counts(sample: &Rdd<'_, (u64, u64)>) -> BTreeMap<u64, u64> {
    sample.count_by_key().unwrap().into_iter().collect()
}

fn exact(fractions: [f64; 3], partitions: u32, seed: u64) -> BTreeMap<u64, u64> {
    let sample = numbers(100, partitions).sample_by_key_exact(of(fractions), seed);
    counts(&sample)
}

/// Spark 4.3 takes as many.
#[test]
fn exact_samples_have_sparks_sizes() {
    for (partitions, seed) in [(1, 1), (4, 7), (200, 3)] {
        let taken = |fractions| exact(fractions, partitions, seed);
        assert_eq!(taken([0.1, 0.5, 0.0]), BTreeMap::from([(0, 4), (1, 17)]));
        assert_eq!(
            taken([1.0, 0.001, 0.333]),
            BTreeMap::from([(0, 34), (1, 1), (2, 11)])
        );
        assert_eq!(
            taken([1.5, 0.1, 0.1]),
            BTreeMap::from([(0, 34), (1, 4), (2, 4)])
        );
    }
    assert_eq!(exact([0.0; 3], 4, 7), BTreeMap::new());
}

#[test]
fn exact_samples_are_the_same_each_time_and_uniform() {
    let records = numbers(30_000, 4);
    let sample = records.sample_by_key_exact(|_| 0.1, 42);
    let first = sample.collect().unwrap();
    assert_eq!(first, sample.collect().unwrap());
    assert_eq!(
        first,
        records.sample_by_key_exact(|_| 0.1, 42).collect().unwrap()
    );
    assert_ne!(
        first,
        records.sample_by_key_exact(|_| 0.1, 43).collect().unwrap()
    );
    assert!(first.is_sorted_by_key(|pair| pair.1), "in their order");
    assert_eq!(
        counts(&sample),
        BTreeMap::from([(0, 1000), (1, 1000), (2, 1000)])
    );
    for part in 0..10 {
        let range = part * 3000..(part + 1) * 3000;
        let here = first.iter().filter(|pair| range.contains(&pair.1)).count();
        assert!(here.abs_diff(300) < 80, "{here} of {range:?}");
    }
}

#[test]
fn samples_have_each_keys_fraction() {
    let records = numbers(60_000, 3);
    let fractions = [0.5, 0.01, 0.0];
    let sample = records.sample_by_key(of(fractions), 7);
    let taken = counts(&sample);
    assert!(
        taken[&0].abs_diff(10_000) < 400 && taken[&1].abs_diff(200) < 60,
        "{taken:?}"
    );
    assert_eq!(taken.get(&2), None);
    assert_eq!(sample.collect().unwrap(), sample.collect().unwrap());
    let all = records.sample_by_key(|_| 1.0, 7).count().unwrap();
    assert_eq!(all, 60_000);
    let means = [2.0, 0.1, 0.0];
    let repeated = records.sample_by_key_with_replacement(of(means), 7);
    let taken = counts(&repeated);
    assert!(
        taken[&0].abs_diff(40_000) < 900 && taken[&1].abs_diff(2_000) < 200,
        "{taken:?}"
    );
}

#[test]
fn a_fraction_that_is_none_is_refused() {
    let records = numbers(10, 2);
    let message = "a fraction of -0.5 cannot be sampled: it must be 0 or more";
    for sample in [
        records.sample_by_key(|_| -0.5, 7),
        records.sample_by_key_with_replacement(|_| -0.5, 7),
        records.sample_by_key_exact(|_| -0.5, 7),
    ] {
        let error = sample.count().unwrap_err();
        assert!(error.message().contains(message), "{error}");
    }
    let error = records
        .sample_by_key_exact(|_| f64::NAN, 7)
        .count()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

/// Spark 4.3 takes as many.
#[test]
fn exact_draws_have_sparks_sizes_and_may_repeat() {
    for (partitions, seed) in [(1, 1), (4, 7), (200, 3)] {
        let taken = |fractions| {
            let records = numbers(100, partitions);
            counts(&records.sample_by_key_exact_with_replacement(of(fractions), seed))
        };
        assert_eq!(taken([0.1, 0.5, 0.0]), BTreeMap::from([(0, 4), (1, 17)]));
        assert_eq!(
            taken([3.0, 1.0, 0.001]),
            BTreeMap::from([(0, 102), (1, 33), (2, 1)])
        );
    }
    let drawn = numbers(3000, 4).sample_by_key_exact_with_replacement(|_| 1.0, 7);
    assert_eq!(drawn.collect().unwrap(), drawn.collect().unwrap());
    // Each of n records is missed by n draws with a probability of 1/e.
    let different = drawn.distinct().count().unwrap();
    assert!(different.abs_diff(1896) < 100, "{different} different ones");
}
