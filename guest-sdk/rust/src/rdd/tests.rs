//! What transformations give. Where Spark's documentation leaves it open, the answers are those of Spark 4.3 in local mode.

use std::cell::Cell;
use std::cmp::Ordering;

use crate::host::fake::with;
use crate::{Context, Dependency, ErrorKind, Order, Rdd, Record, StorageLevel, Values};

fn sorted<T: Ord>(records: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut records: Vec<T> = records.into_iter().collect();
    records.sort();
    records
}

/// The kind of an action's failure, which must name the place of the transformation or the action.
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
    let placed = cx.range_in(0..20, 3).key_by(|n| n % 5).partition_by_key(4);
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
        .partition_by_key(3)
        .union(&pairs([1, 4]).partition_by_key(3));
    assert_eq!(union.partitions(), 3, "as Spark");
    let counts = sorted(union.reduce_by_key(|a, b| a + b).collect().unwrap());
    assert_eq!(counts, [(1, 2), (2, 1), (4, 1)]);
    assert_eq!(
        with(|host| host.maps.len()),
        4,
        "two shuffles, of two partitions each"
    );
    let other = pairs([1, 2])
        .partition_by_key(3)
        .union(&pairs([1, 4]).partition_by_key(2));
    assert_eq!((other.partitions(), other.count().unwrap()), (5, 4));
}

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

#[test]
fn neighbours_are_coalesced_as_sparks() {
    let cx = Context::new();
    let sizes = |from, to| {
        let coalesced = cx
            .range_in(0..from, u32::try_from(from).unwrap())
            .coalesce(to);
        let sizes = coalesced.glom().map(|records| records.len()).collect();
        assert_eq!(coalesced.collect().unwrap(), (0..from).collect::<Vec<_>>());
        sizes.unwrap()
    };
    assert_eq!(sizes(10, 3), [3, 3, 4]);
    assert_eq!(sizes(7, 4), [1, 2, 2, 2]);
    assert_eq!(sizes(3, 5), [1, 1, 1]);
    assert_eq!(with(|host| host.maps.len()), 0, "nothing was moved");
    assert_eq!(
        refused(cx.range(0..3).coalesce(0).count()),
        ErrorKind::InvalidArgument
    );
    assert_eq!(cx.empty_rdd::<u8>().coalesce(3).partitions(), 0);
}

#[test]
fn partitions_are_coalesced_into_groups_of_ones_own() {
    let cx = Context::new();
    let numbers = cx.range_in(0..4, 4);
    let grouped = numbers.coalesce_into(vec![vec![3, 0], vec![], vec![1, 2]]);
    let expected: [&[u64]; 3] = [&[3, 0], &[], &[1, 2]];
    assert_eq!(grouped.glom().collect().unwrap(), expected);
    for groups in [
        vec![vec![0, 1, 2]],
        vec![vec![0, 1, 2, 3, 3]],
        vec![vec![0, 1, 2, 3, 4]],
    ] {
        let error = numbers.coalesce_into(groups).count().unwrap_err();
        assert!(error.message().contains("0 to 3 once"), "{error}");
    }
}

#[test]
fn a_repartition_makes_partitions_equally_large() {
    let cx = Context::new();
    let skewed = cx
        .range_in(0..1000, 4)
        .map_partitions_with_index(|at, records| records.filter(move |_| at == 2));
    let dealt = skewed.repartition(7);
    let sizes = dealt.glom().map(|records| records.len()).collect().unwrap();
    assert!(
        sizes.iter().all(|size| (35..=36).contains(size)),
        "{sizes:?}"
    );
    assert_eq!(
        sorted(dealt.collect().unwrap()),
        (500..750).collect::<Vec<_>>()
    );
    let single = cx.range_in(0..200, 200).repartition(4).glom();
    let sizes = single.map(|records| records.len()).collect().unwrap();
    assert!(
        sizes.iter().all(|size| (25..75).contains(size)),
        "not all begin with the same: {sizes:?}"
    );
    assert_eq!(
        refused(skewed.repartition(0).count()),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        cx.empty_rdd::<u8>().repartition(2).glom().count().unwrap(),
        2
    );
}

#[test]
fn sets_are_sparks() {
    let cx = Context::new();
    let left = cx.parallelize_in([1, 1, 2, 3, 3, 3], 3);
    let right = cx.parallelize_in([2, 4, 4], 2);
    assert_eq!(
        sorted(left.subtract(&right).collect().unwrap()),
        [1, 1, 3, 3, 3]
    );
    assert_eq!(
        sorted(left.subtract_in(&left, 2).collect().unwrap()),
        [0; 0]
    );
    let common = left.intersection(&cx.parallelize_in([1, 3, 3, 5], 4));
    assert_eq!(
        (common.partitions(), sorted(common.collect().unwrap())),
        (4, vec![1, 3])
    );
    assert_eq!(left.intersection_in(&right, 7).collect().unwrap(), [2]);
    assert_eq!(left.intersection_in(&right, 7).partitions(), 7);
    assert_eq!(
        left.subtract(&right).partitions(),
        3,
        "as many as on the left"
    );
    let once = left.distinct_in(5);
    assert_eq!(
        (once.partitions(), sorted(once.collect().unwrap())),
        (5, vec![1, 2, 3])
    );
    let none = cx.empty_rdd();
    assert_eq!(
        sorted(left.subtract(&none).collect().unwrap()),
        [1, 1, 2, 3, 3, 3]
    );
    assert_eq!(none.subtract(&left).count().unwrap(), 0);
    assert_eq!(left.intersection(&none).count().unwrap(), 0);
}

#[test]
fn records_are_grouped_by_what_is_made_of_them() {
    let cx = Context::new();
    let groups = cx.range_in(0..6, 4).group_by_in(|n| n % 2, 3);
    assert_eq!(groups.partitions(), 3);
    let groups = groups.map_values(Values::into_vec).collect().unwrap();
    assert_eq!(sorted(groups), [(0, vec![0, 2, 4]), (1, vec![1, 3, 5])]);
    let usual = cx.range_in(0..6, 4).group_by(|n| n % 2);
    assert_eq!((usual.partitions(), usual.count().unwrap()), (4, 2));
}

#[test]
fn records_are_sorted_by_what_is_made_of_them_and_stay_in_order_beside_it() {
    let cx = Context::new();
    let words = ["pear", "fig", "plum", "kiwi", "date", "yam"].map(str::to_owned);
    let words = cx.parallelize_in(words, 3);
    let by_length = words.sort_by(String::len, Order::Ascending);
    assert_eq!(
        by_length.collect().unwrap(),
        ["fig", "yam", "pear", "plum", "kiwi", "date"]
    );
    let longest = words.sort_by_in(|word| word.len(), Order::Descending, 2);
    assert_eq!(
        longest.collect().unwrap(),
        ["pear", "plum", "kiwi", "date", "fig", "yam"]
    );
    assert_eq!(longest.partitions(), 2);
    let few = cx
        .range_in(0..2, 2)
        .sort_by_in(|n| *n, Order::Descending, 9);
    assert_eq!((few.partitions(), few.collect().unwrap()), (9, vec![1, 0]));
}

/// What the documentation of `sort_by` shows.
#[derive(Clone, Record)]
struct Number(f64);

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[test]
fn nan_and_negative_zero_are_keys_by_their_bits() {
    let cx = Context::new();
    let numbers = [0.0, f64::NAN, -0.0, 1.0, f64::NAN, f64::NEG_INFINITY];
    let numbers = cx.parallelize_in(numbers, 3);
    let groups = numbers
        .group_by(|number| number.to_bits())
        .map_values(|group| group.len());
    let of = |number: f64| {
        groups
            .filter(move |(bits, _)| *bits == number.to_bits())
            .first()
    };
    assert_eq!(
        groups.count().unwrap(),
        5,
        "Spark tells -0.0 from 0.0, and has one NaN"
    );
    assert_eq!(of(f64::NAN).unwrap().1, 2);
    let ascending = numbers.sort_by(|number| Number(*number), Order::Ascending);
    let shown: Vec<String> = ascending
        .collect()
        .unwrap()
        .iter()
        .map(f64::to_string)
        .collect();
    assert_eq!(shown, ["-inf", "-0", "0", "1", "NaN", "NaN"], "as Spark");
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
    let placed = pairs.partition_by_key(3);
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
