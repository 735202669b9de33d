//! What transformations give. Where Spark's documentation leaves it open, the answers are those of Spark 4.3 in local mode.

mod beside;
mod memory;
mod moved;

use crate::host::fake::with;
use crate::{Context, Dependency, ErrorKind, Rdd, StorageLevel};

fn sorted<T: Ord>(records: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut records: Vec<T> = records.into_iter().collect();
    records.sort();
    records
}

/// The kind of an action's failure.
#[track_caller]
fn refused<R>(result: crate::Result<R>) -> ErrorKind {
    result.err().expect("it is refused").kind()
}

#[test]
fn slices_are_glommed_as_sparks() {
    let cx = Context::new();
    let numbers = |length, partitions| cx.parallelize_in(0..length, partitions).glom();
    let halves = vec![vec![0, 1], vec![2, 3, 4], vec![5, 6], vec![7, 8, 9]];
    assert_eq!(numbers(10, 4).collect().unwrap(), halves);
    let few: Vec<Vec<i32>> = vec![vec![], vec![0], vec![], vec![1], vec![2]];
    assert_eq!(numbers(3, 5).collect().unwrap(), few);
    assert_eq!(
        numbers(0, 2).collect().unwrap(),
        [const { Vec::<i32>::new() }; 2]
    );
}

#[test]
fn what_gives_nothing_is_filtered_out() {
    let cx = Context::new();
    let words = cx.parallelize_in(["1", "x", "3"], 2);
    let numbers = words.filter_map(|word| word.parse::<u8>().ok());
    assert_eq!(numbers.collect().unwrap(), [1, 3]);
}

#[test]
fn partitions_that_are_changed_in_place_are_not_moved_again() {
    let cx = Context::new();
    let placed = cx.range_in(0..20, 3).key_by(|n| n % 5).partition_by(4);
    let doubled = placed.map_partitions_in_place(|records| records.map(|(key, n)| (key, 2 * n)));
    let sums = sorted(doubled.reduce_by_key(|a, b| a + b).collect().unwrap());
    assert_eq!(sums, [(0, 60), (1, 68), (2, 76), (3, 84), (4, 92)]);
    assert_eq!(with(|host| host.maps.len()), 3, "one shuffle");
}

#[test]
fn a_split_puts_each_record_into_one_part() {
    let cx = Context::new();
    let numbers = cx.range_in(0..10_000, 4);
    let parts = numbers.random_split(&[1.0, 2.0, 0.0, 1.0], 7).unwrap();
    let parts: Vec<Vec<u64>> = parts.iter().map(|part| part.collect().unwrap()).collect();
    assert_eq!(sorted(parts.concat()), (0..10_000).collect::<Vec<_>>());
    let sizes: Vec<usize> = parts.iter().map(Vec::len).collect();
    assert!(
        sizes[0].abs_diff(2500) < 200 && sizes[1].abs_diff(5000) < 200,
        "{sizes:?}"
    );
    assert_eq!(sizes[2], 0);
    let again = numbers.random_split(&[0.25, 0.5, 0.25], 7).unwrap();
    assert_eq!(
        again[0].collect().unwrap(),
        parts[0],
        "weights are relative"
    );
    let other = numbers.random_split(&[0.25, 0.75], 8).unwrap();
    assert_ne!(other[0].collect().unwrap(), parts[0]);
}

#[test]
fn weights_that_divide_nothing_are_refused() {
    let cx = Context::new();
    let weights: [&[f64]; 5] = [&[], &[0.0], &[1.0, -1.0], &[f64::NAN], &[f64::INFINITY]];
    for weights in weights {
        let error = cx.range(0..3).random_split(weights, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{weights:?}");
    }
}

#[test]
fn fractions_that_make_no_sense_are_refused() {
    let numbers = Context::new().range(0..9);
    for fraction in [-0.1, 1.1, f64::NAN] {
        let refusal = refused(numbers.sample(fraction, 1).count());
        assert_eq!(refusal, ErrorKind::InvalidArgument, "{fraction}");
    }
    for fraction in [-0.1, f64::INFINITY, f64::NAN] {
        let refusal = refused(numbers.sample_with_replacement(fraction, 1).count());
        assert_eq!(refusal, ErrorKind::InvalidArgument, "{fraction}");
    }
    assert_eq!(numbers.sample(1.0, 1).count().unwrap(), 9);
    assert_eq!(numbers.sample_with_replacement(0.0, 1).count().unwrap(), 0);
}

#[test]
fn unions_keep_duplicates_and_order() {
    let cx = Context::new();
    let (a, b) = (cx.parallelize_in([1, 1], 1), cx.parallelize_in([1, 2], 2));
    assert_eq!(a.union(&b).collect().unwrap(), [1, 1, 1, 2]);
    let all = cx.union([&b, &cx.empty_rdd(), &a, &b]);
    assert_eq!((all.partitions(), all.count().unwrap()), (5, 6));
    assert_eq!(all.collect().unwrap(), [1, 2, 1, 1, 1, 2]);
    let none: Rdd<'_, u8> = cx.union([]);
    assert_eq!((none.partitions(), none.collect().unwrap()), (0, vec![]));
    let empty: Rdd<'_, u8> = cx.empty_rdd();
    assert_eq!((empty.partitions(), empty.count().unwrap()), (0, 0));
}

#[test]
fn a_union_of_datasets_that_are_partitioned_alike_is_too() {
    let cx = Context::new();
    let pairs = |keys: [u32; 2]| cx.parallelize_in(keys.map(|key| (key, 1)), 2);
    let union = pairs([1, 2])
        .partition_by(3)
        .union(&pairs([1, 4]).partition_by(3));
    assert_eq!(union.partitions(), 3, "as Spark");
    let counts = sorted(union.reduce_by_key(|a, b| a + b).collect().unwrap());
    assert_eq!(counts, [(1, 2), (2, 1), (4, 1)]);
    assert_eq!(
        with(|host| host.maps.len()),
        4,
        "two shuffles, of two partitions each"
    );
    let other = pairs([1, 2])
        .partition_by(3)
        .union(&pairs([1, 4]).partition_by(2));
    assert_eq!((other.partitions(), other.count().unwrap()), (5, 4));
}

#[test]
fn a_dataset_tells_its_name_and_what_it_needs() {
    let cx = Context::new();
    let numbers = cx.range_in(0..4, 2);
    assert_eq!((numbers.name(), numbers.dependencies()), (None, vec![]));
    let pairs = numbers.key_by(|n| *n).set_name("pairs");
    assert_eq!(pairs.name().as_deref(), Some("pairs"));
    let parent = numbers.id();
    assert_eq!(pairs.dependencies(), [Dependency::Narrow { parent }]);
    assert!(
        pairs.to_debug_string().contains("key_by \"pairs\" #"),
        "{pairs:?}"
    );
    let placed = pairs.partition_by(3);
    let [Dependency::Shuffle { parent, .. }] = placed.dependencies()[..] else {
        panic!("one shuffle");
    };
    assert_eq!(parent, pairs.id());
    placed.count().unwrap();
    assert_eq!(
        with(|host| host.nodes[&pairs.id()].name.clone()),
        "key_by \"pairs\""
    );
}

#[test]
fn a_checkpoint_knows_where_it_is() {
    let cx = Context::new();
    with(|host| host.room = true);
    cx.set_checkpoint_dir("checks");
    let numbers = cx.range_in(0..4, 2);
    assert_eq!(
        (numbers.is_checkpointed(), numbers.checkpoint_file()),
        (false, None)
    );
    let kept = numbers.checkpoint().unwrap();
    assert!(kept.is_checkpointed() && !kept.map(|n| n).is_checkpointed());
    assert!(kept.checkpoint_file().unwrap().starts_with("checks/"));
    let local = numbers.local_checkpoint().unwrap();
    assert_eq!(
        (local.is_checkpointed(), local.checkpoint_file()),
        (true, None)
    );
}

#[test]
fn a_level_has_sparks_names() {
    let kept = Context::new()
        .range(0..3)
        .persist(StorageLevel::MEMORY_AND_DISK_SER);
    assert_eq!(kept.storage_level(), StorageLevel::MemoryAndDisk);
    assert_eq!(StorageLevel::MEMORY_ONLY_SER, StorageLevel::MemoryOnly);
}

#[test]
fn a_broadcast_is_what_a_closure_captures() {
    let cx = Context::new();
    let names = cx.broadcast(vec!["zero", "one"]);
    let other = names.clone();
    let lengths = cx
        .parallelize_in([1, 0], 2)
        .map(move |at: usize| other.value()[at].len());
    assert_eq!(lengths.collect().unwrap(), [3, 4]);
    assert_eq!(names.len(), 2);
}
