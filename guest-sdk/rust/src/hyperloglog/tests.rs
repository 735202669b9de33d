use super::*;
use crate::Context;
use crate::random::Random;

fn of(numbers: impl Iterator<Item = u64>, precision: u8) -> Sketch {
    let mut sketch = Sketch::new(precision);
    numbers.for_each(|number| sketch.add(&number));
    sketch
}

#[test]
fn precision_follows_the_error_as_sparks_does() {
    let precisions = [0.5, 0.4, 0.05, 0.02, 0.01, 0.001].map(|error| precision_of(error).unwrap());
    assert_eq!(precisions, [7, 7, 9, 12, 14, 21]);
    for error in [0.0, -0.1, f64::NAN, 0.0002] {
        let refused = precision_of(error).unwrap_err();
        assert!(
            refused.message().contains("it must be at least 0.000257"),
            "{refused}"
        );
    }
    assert_eq!(precision_of(f64::INFINITY).unwrap(), 7);
}

/// The root of the mean squared error of several sketches is what is promised: 1.04 / sqrt(registers), or less.
#[test]
fn the_error_is_what_is_promised_at_all_sizes() {
    const ROUNDS: u64 = 60;
    for precision in [7u8, 9, 12] {
        let promised = 1.04 / f64::from(1u32 << precision).sqrt();
        for size in [1u64, 10, 100, 1000, 5000, 30_000] {
            let squares = (0..ROUNDS).map(|round| {
                let start = Random::new(round).next_u64();
                let numbers = (0..size).map(|n| start.wrapping_add(n));
                let error = of(numbers, precision).estimate() as f64 / size as f64 - 1.0;
                error * error
            });
            let error = (squares.sum::<f64>() / ROUNDS as f64).sqrt();
            assert!(
                error < 1.35 * promised,
                "{precision} bits, {size} records: {error:.4}"
            );
        }
    }
}

#[test]
fn few_records_are_counted_exactly() {
    for size in [0, 1, 2, 100, 1000] {
        let twice = (0..size).chain(0..size);
        assert_eq!(of(twice, 14).estimate(), size);
    }
}

#[test]
fn merged_sketches_are_those_of_all_records() {
    for (a, b) in [
        (10, 10),
        (10, 50_000),
        (50_000, 10),
        (50_000, 50_000),
        (0, 70),
    ] {
        let mut merged = of(0..a, 10);
        merged.merge(&of(a / 2..a / 2 + b, 10));
        let all = of(0..a.max(a / 2 + b), 10);
        assert_eq!(merged.estimate(), all.estimate(), "{a} and {b}");
    }
}

/// The sparse form becomes the same dense one as if it had never been.
#[test]
fn a_sparse_sketch_loses_nothing_when_it_becomes_dense() {
    for precision in [7, 12, 24] {
        let mut sparse = of(0..300, precision);
        sparse.make_dense();
        let mut dense = Sketch::new(precision);
        dense.make_dense();
        (0..300u64).for_each(|number| dense.add(&number));
        assert_eq!(sparse, dense);
    }
}

#[test]
fn a_sketch_takes_no_more_memory_than_its_registers() {
    for size in [10u64, 1000, 100_000] {
        let bytes = to_bytes(&of(0..size, 12));
        assert!(
            bytes.len() <= (1 << 12) * 5 / 4 + 100,
            "{size}: {}",
            bytes.len()
        );
        let back: Sketch = from_bytes(&bytes).unwrap();
        assert_eq!(back.estimate(), of(0..size, 12).estimate());
    }
}

#[test]
fn bytes_that_are_no_sketch_are_refused() {
    let whole = to_bytes(&of(0..10_000, 8));
    for cut in 0..whole.len() {
        assert!(from_bytes::<Sketch>(&whole[..cut]).is_err());
    }
    for (at, byte) in [(0, 3), (0, 25), (0, 7), (1, 2)] {
        let mut changed = whole.clone();
        changed[at] = byte;
        assert!(from_bytes::<Sketch>(&changed).is_err(), "{byte} at {at}");
    }
    // Nonsense as entries and ranks is a wrong number, and no more.
    for byte in [0u8, 0x7f, 0xff] {
        let mut dense = whole.clone();
        dense[3..].fill(byte);
        let _ = from_bytes::<Sketch>(&dense).map(Sketch::estimate);
        let mut sparse = to_bytes(&of(0..10, 8));
        sparse[3..].fill(byte);
        let mut sketch = from_bytes::<Sketch>(&sparse).unwrap();
        sketch.make_dense();
        sketch.estimate();
    }
}

#[test]
fn a_dataset_is_counted_in_one_pass() {
    let cx = Context::new();
    let numbers = cx.range_in(0..50_000, 4).map(|n| n % 20_000);
    let count = numbers.count_approx_distinct(0.02).unwrap();
    assert!(count.abs_diff(20_000) < 1200, "{count}");
    assert_eq!(cx.range(0..0).count_approx_distinct(0.05).unwrap(), 0);
    let words = cx.parallelize(["a", "b", "a", "c"]);
    assert_eq!(words.count_approx_distinct(0.05).unwrap(), 3);
}
