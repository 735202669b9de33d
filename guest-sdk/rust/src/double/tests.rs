//! What Spark 4.3 answers is expected wherever its name stands.

use std::time::Duration;

use super::StatCounter;
use crate::host::fake::with;
use crate::{Context, ErrorKind, Rdd};

const NAN: f64 = f64::NAN;
const INFINITY: f64 = f64::INFINITY;

fn numbers(items: impl IntoIterator<Item = f64>) -> Rdd<'static, f64> {
    Context::new().parallelize_in(items, 2)
}

#[test]
fn statistics_are_sparks() {
    let stats = numbers([1.0, 2.0, 3.0, 4.0, 10.0]).stats().unwrap();
    assert_eq!((stats.count(), stats.mean(), stats.sum()), (5, 4.0, 20.0));
    assert_eq!((stats.min(), stats.max()), (1.0, 10.0));
    assert_eq!((stats.variance(), stats.sample_variance()), (10.0, 12.5));
    assert_eq!(stats.stdev(), 3.162_277_660_168_379_5);
    assert_eq!(stats.sample_stdev(), 3.535_533_905_932_737_8);
    let stats = numbers([1.0, 2.0, 3.0]).stats().unwrap();
    assert_eq!(
        stats.to_string(),
        "(count: 3, mean: 2.000000, stdev: 0.816497, max: 3.000000, min: 1.000000)"
    );
}

#[test]
fn each_statistic_has_an_action() {
    let some = numbers([1.0, 2.0, 3.0, 4.0, 10.0]);
    assert_eq!((some.sum().unwrap(), some.mean().unwrap()), (20.0, 4.0));
    assert_eq!(some.variance().unwrap(), some.pop_variance().unwrap());
    assert_eq!(some.stdev().unwrap(), some.pop_stdev().unwrap());
    assert_eq!(some.pop_variance().unwrap(), 10.0);
    assert_eq!(some.sample_variance().unwrap(), 12.5);
    assert_eq!(some.sample_stdev().unwrap(), 12.5f64.sqrt());
    let small = Context::new().parallelize([1i32, 2, 6]);
    assert_eq!((small.sum().unwrap(), small.mean().unwrap()), (9.0, 3.0));
}

#[test]
fn statistics_of_nothing_of_one_and_of_nan_are_sparks() {
    let none = numbers([]);
    assert_eq!((none.sum().unwrap(), none.mean().unwrap()), (0.0, 0.0));
    let stats = none.stats().unwrap();
    assert_eq!(
        (stats.count(), stats.min(), stats.max()),
        (0, INFINITY, -INFINITY)
    );
    assert!(stats.variance().is_nan() && stats.sample_stdev().is_nan());
    let one = numbers([5.0]).stats().unwrap();
    assert_eq!((one.mean(), one.variance()), (5.0, 0.0));
    assert!(one.sample_variance().is_nan());
    let stats = numbers([1.0, NAN, 3.0]).stats().unwrap();
    assert_eq!(stats.count(), 3);
    let all = [stats.mean(), stats.min(), stats.max(), stats.variance()];
    assert!(all.iter().all(|number| number.is_nan()), "{stats:?}");
}

#[test]
fn large_numbers_with_small_differences_keep_their_variance() {
    let large = [4.0, 7.0, 13.0, 16.0].map(|number| number + 1e9);
    for partitions in 1..6 {
        let stats = Context::new()
            .parallelize_in(large, partitions)
            .stats()
            .unwrap();
        assert_eq!((stats.mean(), stats.variance()), (1e9 + 10.0, 22.5));
    }
    // Counters of very different size.
    let mut many: StatCounter = (0..1000).map(|n| 1e9 + f64::from(n % 2)).collect();
    let one: StatCounter = [1e9].into_iter().collect();
    let mut other = one;
    other.merge(&many);
    many.merge(&one);
    assert!((many.variance() - 0.25).abs() < 1e-5, "{many}");
    assert!((many.variance() - other.variance()).abs() < 1e-9, "{other}");
}

#[test]
fn named_buckets_are_sparks() {
    let some = [
        0.0, 1.0, 5.0, 9.99, 10.0, 10.01, -0.1, NAN, INFINITY, -INFINITY,
    ];
    let counts = |bounds: &[f64]| numbers(some).histogram_in(bounds).unwrap();
    assert_eq!(counts(&[0.0, 5.0, 10.0]), [2, 3]);
    let uneven = numbers([1.0, 2.0, 3.0, 4.0, 50.0, 100.0]);
    assert_eq!(
        uneven.histogram_in(&[1.0, 2.0, 50.0, 100.0]).unwrap(),
        [1, 3, 2]
    );
    assert_eq!(numbers([]).histogram_in(&[0.0, 1.0]).unwrap(), [0]);
    // Infinite bounds hold what there is.
    assert_eq!(counts(&[-INFINITY, 0.0, INFINITY]), [2, 7]);
    // Other than in Spark, which orders -0.0 before 0.0 and counts 2.
    assert_eq!(
        numbers([-0.0, 0.0, 1.0]).histogram_in(&[0.0, 1.0]).unwrap(),
        [3]
    );
}

#[test]
fn even_buckets_are_sparks() {
    let cut = |items: &[f64], buckets| {
        let counted = numbers(items.iter().copied()).histogram(buckets);
        counted.unwrap()
    };
    assert_eq!(
        cut(&[1.0, 2.0, 3.0, 4.0], 2),
        (vec![1.0, 2.5, 4.0], vec![2, 2])
    );
    let ten = [6.0, 1.0, 7.0, 3.0, 9.0, 2.0, 4.0, 5.0, 8.0, 10.0];
    assert_eq!(cut(&ten, 3), (vec![1.0, 4.0, 7.0, 10.0], vec![3, 3, 4]));
    assert_eq!(cut(&[3.0; 3], 4), (vec![3.0, 3.0], vec![3]));
    assert_eq!(cut(&[7.0], 10), (vec![7.0, 7.0], vec![1]));
    let tenths: Vec<f64> = (0..11).map(|n| 0.1 * f64::from(n)).collect();
    let (bounds, counts) = cut(&tenths, 10);
    assert_eq!(
        bounds,
        [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    );
    assert_eq!(counts, [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
}

#[test]
fn a_histogram_that_makes_no_sense_is_refused() {
    for items in [vec![], vec![1.0, NAN], vec![1.0, INFINITY]] {
        let error = numbers(items).histogram(2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
    let told = |bounds: &[f64]| {
        let error = numbers([1.0]).histogram_in(bounds).unwrap_err();
        error.message().to_owned()
    };
    assert_eq!(
        told(&[1.0]),
        "1 bounds enclose no bucket: at least 2 are needed"
    );
    let unsorted = "the bounds of a histogram must ascend, but 3 comes before 2";
    assert_eq!(told(&[1.0, 3.0, 2.0]), unsorted);
    assert!(told(&[1.0, 1.0]).contains("1 comes before 1"));
    assert!(told(&[1.0, NAN]).contains("1 comes before NaN"));
    assert!(numbers([1.0]).histogram(0).is_err());
}

const SOON: Duration = Duration::from_secs(30);

#[test]
fn an_answer_in_time_is_exact() {
    let some = numbers([1.0, 2.0, 6.0]);
    let sum = some.sum_approx(SOON, 0.9).unwrap();
    assert!(sum.is_initial_value_final());
    assert_eq!(
        (sum.initial_value().mean, sum.initial_value().confidence),
        (9.0, 1.0)
    );
    assert_eq!(sum.final_value().unwrap().to_string(), "[9.000, 9.000]");
    let mean = some.mean_approx(SOON, 0.9).unwrap();
    assert_eq!(mean.into_initial_value().mean, 3.0);
    assert_eq!(with(|host| host.cancelled.len()), 0);
    let none = Context::new().parallelize_in(Vec::<f64>::new(), 0);
    assert_eq!(
        none.sum_approx(SOON, 0.9)
            .unwrap()
            .final_value()
            .unwrap()
            .mean,
        0.0
    );
}

#[test]
fn an_answer_that_is_late_is_bounded_and_can_be_waited_for() {
    let some = Context::new().parallelize_in((0..100).map(f64::from), 4);
    with(|host| host.in_time = Some(2));
    let sum = some.sum_approx(SOON, 0.95).unwrap();
    assert!(!sum.is_initial_value_final());
    let early = *sum.initial_value();
    assert!(early.low < early.mean && early.mean < early.high);
    assert_eq!(early.confidence, 0.95);
    let exact = sum.final_value().unwrap();
    assert_eq!((exact.mean, exact.confidence), (4950.0, 1.0));
    assert_eq!(with(|host| host.cancelled.len()), 0, "it has ended");
}

#[test]
fn an_answer_that_nobody_waits_for_ends_its_job() {
    let some = Context::new().parallelize_in((0..100).map(f64::from), 4);
    with(|host| host.in_time = Some(0));
    let mean = some.mean_approx(Duration::ZERO, 0.95).unwrap();
    assert_eq!(mean.initial_value().confidence, 0.0, "nothing was met");
    drop(mean);
    assert_eq!(with(|host| host.cancelled.clone()), [0]);
}

#[test]
fn a_confidence_that_is_no_probability_is_refused() {
    let error = numbers([1.0]).sum_approx(SOON, 1.5).unwrap_err();
    assert_eq!(
        error.message(),
        "a confidence of 1.5 is no probability: it must lie between 0 and 1"
    );
    assert!(numbers([1.0]).mean_approx(SOON, NAN).is_err());
}

#[test]
fn a_job_that_fails_says_so() {
    let broken = Context::new().text_file("absent");
    assert!(broken.is_err());
    let failing = numbers([1.0]).sample_by_bad_fraction();
    let error = failing.values().sum_approx(SOON, 0.9).unwrap_err();
    assert!(error.message().contains("a fraction of -1"), "{error}");
}

impl<'a> Rdd<'a, f64> {
    /// A dataset whose tasks fail.
    fn sample_by_bad_fraction(&self) -> Rdd<'a, (u8, f64)> {
        self.map(|number| (0u8, number)).sample_by_key(|_| -1.0, 7)
    }
}
