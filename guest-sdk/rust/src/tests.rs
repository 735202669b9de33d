//! Whole jobs, run by the fake host.

use std::collections::{BTreeMap, HashMap};

use crate::bindings::tinderbox::job::types;
use crate::host::fake::with;
use crate::{Context, Error, ErrorKind, Order, Rdd, Record, StorageLevel, Text, Values};

fn context() -> Context {
    with(|host| {
        host.settings
            .insert("default.parallelism".into(), "3".into())
    });
    Context::new()
}

#[test]
fn what_is_not_set_follows_the_cores_and_the_largest_input() {
    let cx = Context::new();
    assert_eq!(cx.default_parallelism(), 2);
    with(|host| host.settings.insert("default.cores".into(), "4".into()));
    assert_eq!(cx.default_parallelism(), 4);
    let (few, many) = (cx.range(0..10), cx.range_in(0..10, 7));
    let shuffled = || many.map(|n| (n, n)).reduce_by_key(|a, _| a);
    assert_eq!((few.partitions(), shuffled().partitions()), (4, 7));
    let joined = || few.map(|n| (n, n)).join(&many.map(|n| (n, n)));
    assert_eq!(joined().partitions(), 7, "the largest input's");
    with(|host| {
        host.settings
            .insert("default.parallelism".into(), "3".into())
    });
    assert_eq!((cx.default_parallelism(), shuffled().partitions()), (3, 3));
    assert_eq!(joined().partitions(), 3);
}

/// A task may have few readers open at a time, so none is left open where one ends or nobody reads on.
#[test]
fn readers_are_closed_at_their_end_and_where_nobody_reads_on() {
    with(|host| {
        host.files
            .insert("words".into(), b"one\ntwo\nthree\n".to_vec())
    });
    let cx = context();
    let lines = cx.text_file("words").unwrap().cache();
    assert_eq!(lines.count().unwrap(), 3);
    assert_eq!(lines.take(1).unwrap().len(), 1);
    let counted = lines
        .map(|line| (line.to_string(), 1))
        .reduce_by_key(|a, b| a + b);
    assert_eq!(counted.take(1).unwrap().len(), 1);
    let (opened, open) = with(|host| (host.readers.len(), host.readers.iter().flatten().count()));
    assert!(opened >= 3, "{opened} were opened");
    assert_eq!(open, 0);
}

#[test]
fn the_host_is_told_how_many_executors_hold_a_partition() {
    let cx = context();
    let told = || with(|host| std::mem::take(&mut host.copies));
    let kept = cx
        .range(0..10)
        .map(|n| n)
        .persist(StorageLevel::MemoryOnly2);
    let alone = cx.range(0..10).map(|n| n).cache();
    let count = || kept.count().unwrap() + alone.count().unwrap();
    assert_eq!(count(), 20);
    let first = told();
    assert!(matches!(first[..], [(_, 2)]), "{first:?}");
    count();
    assert!(told().is_empty(), "once");
    kept.unpersist();
    count();
    told();
    for (level, copies) in [
        (StorageLevel::MemoryAndDisk2, 2),
        (StorageLevel::DiskOnly3, 3),
        (StorageLevel::DiskOnly2, 2),
    ] {
        let _ = kept.persist(level);
        count();
        assert!(
            matches!(told()[..], [(_, told)] if told == copies),
            "{level:?}"
        );
    }
}

fn sorted<T: Ord>(records: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut records: Vec<T> = records.into_iter().collect();
    records.sort();
    records
}

const TEXT: &str = "to be or not to be\r\nthat is the question\n\nwhether 'tis nobler in the mind to suffer\nto be";

fn counts_of(text: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    text.split_whitespace()
        .for_each(|word| *counts.entry(word.to_owned()).or_default() += 1);
    counts
}

#[test]
fn words_are_counted() {
    let cx = context();
    with(|host| host.files.insert("hamlet".into(), TEXT.into()));
    let counts = cx
        .text_file("hamlet")
        .unwrap()
        .flat_map(|line| line.words())
        .map(|word| (word.to_string(), 1u64))
        .reduce_by_key(|a, b| a + b);
    assert_eq!(
        counts
            .collect()
            .unwrap()
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        counts_of(TEXT)
    );
    let top = counts
        .top_by(2, |a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))
        .unwrap();
    assert_eq!(top, [("to".to_owned(), 4), ("be".to_owned(), 3)]);
    assert_eq!(counts.count().unwrap(), counts_of(TEXT).len() as u64);
    assert_eq!(with(|host| host.maps.len()), 2, "the map stage ran once");
}

#[test]
fn words_are_counted_without_a_string_each() {
    let cx = context();
    with(|host| host.files.insert("hamlet".into(), TEXT.into()));
    let words = cx
        .text_files(&["hamlet", "hamlet"])
        .unwrap()
        .flat_map(Text::words);
    let counts = words
        .map(|word| (word, 1u64))
        .reduce_by_key(|a, b| a + b)
        .collect_as_map()
        .unwrap();
    assert_eq!(counts.len(), counts_of(TEXT).len());
    assert!(
        counts_of(TEXT)
            .iter()
            .all(|(word, count)| counts[word.as_str()] == 2 * count)
    );
}

#[test]
fn lines_lose_their_ends_and_nothing_else() {
    let cx = context();
    with(|host| host.files.insert("hamlet".into(), TEXT.into()));
    for partitions in 1..6 {
        let lines = cx
            .text_file_in("hamlet", partitions)
            .unwrap()
            .collect()
            .unwrap();
        assert_eq!(
            lines,
            TEXT.lines().map(Text::from).collect::<Vec<_>>(),
            "{partitions} partitions"
        );
    }
}

#[test]
fn closures_borrow_locals_that_are_younger_than_the_dataset() {
    let cx = context();
    let points = cx.parallelize([1.0, 2.0, 9.0, 11.0]);
    let mut centers = vec![0.0, 5.0];
    for _ in 0..3 {
        let nearest =
            |point: f64| usize::from((point - centers[0]).abs() > (point - centers[1]).abs());
        let sums = points
            .map(|point| (nearest(point), (point, 1u32)))
            .reduce_by_key(|a, b| (a.0 + b.0, a.1 + b.1))
            .collect()
            .unwrap();
        for (cluster, (sum, count)) in sums {
            centers[cluster] = sum / f64::from(count);
        }
    }
    assert_eq!(centers, [1.5, 10.0]);
}

/// A handle serves where one of a shorter lifetime is wanted, also behind a shuffle and in a union.
#[test]
fn a_handle_can_be_used_as_one_of_a_shorter_life() {
    fn shorter<'short, T>(rdd: &Rdd<'static, T>, _: &'short str) -> Rdd<'short, T> {
        rdd.clone()
    }
    let cx = context();
    let numbers: Rdd<'static, u64> = cx.range(0..10);
    let word = String::from("spark");
    let lengths = shorter(&numbers, &word).map(|number| number + word.len() as u64);
    assert_eq!(
        lengths.union(&numbers).reduce(|a, b| a + b).unwrap(),
        45 + 50 + 45
    );
}

#[test]
fn items_may_borrow_too() {
    let cx = context();
    let words = [String::from("tinder"), String::from("box")];
    let lengths = cx.parallelize(words.iter()).map(|word| word.len() as u64);
    assert_eq!(lengths.collect().unwrap(), [6, 3]);
}

#[test]
fn narrow_operations_keep_their_order() {
    let cx = context();
    let numbers = cx.range_in(0..10, 4);
    assert_eq!(numbers.collect().unwrap(), (0..10).collect::<Vec<_>>());
    assert_eq!(
        numbers.filter(|number| number % 3 == 0).collect().unwrap(),
        [0, 3, 6, 9]
    );
    assert_eq!(
        numbers.flat_map(|number| 0..number % 3).collect().unwrap(),
        [0, 0, 1, 0, 0, 1, 0, 0, 1]
    );
    let sums = numbers.map_partitions(|records| [records.sum::<u64>()]);
    assert_eq!(sums.collect().unwrap(), [1, 9, 11, 24]);
    let marked =
        numbers.map_partitions_with_index(|at, records| records.map(move |number| (at, number)));
    assert_eq!(marked.take(3).unwrap(), [(0, 0), (0, 1), (1, 2)]);
    assert_eq!(numbers.key_by(|number| number % 2).first().unwrap(), (0, 0));
    let both = numbers.union(&cx.range_in(50..52, 1));
    assert_eq!((both.partitions(), both.count().unwrap()), (5, 12));
    assert_eq!(both.collect().unwrap()[9..], [9, 50, 51]);
}

#[test]
fn actions_give_what_iterators_give() {
    let cx = context();
    let numbers = cx.parallelize_in([5u64, 3, 9, 1, 7], 2);
    assert_eq!(numbers.reduce(|a, b| a.max(b)).unwrap(), 9);
    assert_eq!(numbers.fold(0, |a, b| a + b).unwrap(), 25);
    let mean = numbers.aggregate(
        (0, 0),
        |(sum, count), n| (sum + n, count + 1),
        |a, b| (a.0 + b.0, a.1 + b.1),
    );
    assert_eq!(mean.unwrap(), (25, 5));
    assert_eq!(numbers.top(2).unwrap(), [9, 7]);
    assert_eq!(numbers.take_ordered(2).unwrap(), [1, 3]);
    assert_eq!(numbers.take_ordered_by(2, |a, b| b.cmp(a)).unwrap(), [9, 7]);
    assert!(!numbers.is_empty().unwrap());
    assert_eq!(
        cx.parallelize_in(["a", "b", "a"].map(String::from), 2)
            .count_by_value()
            .unwrap()["a"],
        2
    );
    assert_eq!(cx.parallelize([3u8, 1, 3]).distinct().count().unwrap(), 2);
}

#[test]
fn an_empty_dataset_has_no_first_record_and_nothing_to_reduce() {
    let cx = context();
    for empty in [
        cx.parallelize_in(Vec::<u64>::new(), 0),
        cx.parallelize_in(Vec::new(), 3),
    ] {
        assert_eq!(empty.first().unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(
            empty.reduce(|a, b| a + b).unwrap_err().kind(),
            ErrorKind::NotFound
        );
        assert_eq!(
            (empty.count().unwrap(), empty.fold(0, |a, b| a + b).unwrap()),
            (0, 0)
        );
        assert_eq!(empty.collect().unwrap(), Vec::<u64>::new());
        assert!(
            empty
                .key_by(|n| *n)
                .sort_by_key_in(Order::Ascending, 2)
                .collect()
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn records_into_no_partitions_are_refused() {
    let cx = context();
    let pairs = cx.range(0..3).key_by(|number| *number);
    let refusals = [
        cx.range_in(0..3, 0).count(),
        cx.parallelize_in([1u8], 0).count(),
        pairs.reduce_by_key_in(|a, _| a, 0).count(),
        pairs.join_in(&pairs, 0).count(),
        pairs.sort_by_key_in(Order::Ascending, 0).count(),
    ];
    for refusal in refusals.map(Result::unwrap_err) {
        assert_eq!(refusal.kind(), ErrorKind::InvalidArgument);
        assert!(refusal.message().contains("tests.rs:"), "{refusal}");
    }
}

#[test]
fn take_computes_few_partitions() {
    let cx = context();
    let numbers = cx.range_in(0..100, 50).filter(|number| *number >= 20);
    assert_eq!(numbers.take(3).unwrap(), [20, 21, 22]);
    let scanned: Vec<Vec<u32>> = with(|host| host.jobs.iter().map(|job| job.1.clone()).collect());
    assert_eq!(scanned, [vec![0], (1..5).collect(), (5..25).collect()]);
    assert_eq!(numbers.take(0).unwrap(), Vec::<u64>::new());
    assert_eq!(numbers.take(1000).unwrap().len(), 80);
}

#[test]
fn values_are_grouped_and_joined_by_key() {
    let cx = context();
    let left = cx.parallelize([(1u32, 'a'), (2, 'b'), (1, 'c'), (3, 'd')]);
    let right = cx.parallelize_in(
        [
            (1u32, "x".to_owned()),
            (3, "y".into()),
            (1, "z".into()),
            (4, "w".into()),
        ],
        2,
    );
    let groups = left.group_by_key().map_values(Values::into_vec);
    let groups = sorted(groups.collect().unwrap());
    assert_eq!(
        groups,
        [(1, vec!['a', 'c']), (2, vec!['b']), (3, vec!['d'])]
    );
    let joined = sorted(left.join(&right).collect().unwrap());
    let pair = |key, left, right: &str| (key, (left, right.to_owned()));
    assert_eq!(
        joined,
        [
            pair(1, 'a', "x"),
            pair(1, 'a', "z"),
            pair(1, 'c', "x"),
            pair(1, 'c', "z"),
            pair(3, 'd', "y")
        ]
    );
    assert_eq!(left.count_by_key().unwrap()[&1], 2);
    let sums =
        left.map_values(|_| 2u64)
            .aggregate_by_key(10u64, |sum, value| sum + value, |a, b| a + b);
    assert_eq!(sorted(sums.keys().collect().unwrap()), [1, 2, 3]);
}

#[test]
fn records_that_are_in_place_are_not_moved_again() {
    let cx = context();
    let pairs = cx.range_in(0..100, 4).map(|number| (number % 10, number));
    let placed = pairs
        .partition_by(5)
        .map_values(|value| value * 2)
        .filter(|(_, value)| *value > 0);
    placed
        .reduce_by_key(|a, b| a + b)
        .join(&placed.group_by_key())
        .collect()
        .unwrap();
    assert_eq!(
        with(|host| host.maps.len()),
        4,
        "one shuffle, of four partitions"
    );
    placed
        .map(|pair| pair)
        .reduce_by_key(|a, b| a + b)
        .collect()
        .unwrap();
    assert_eq!(
        with(|host| host.maps.len()),
        9,
        "`map` may have changed the keys"
    );
}

#[test]
fn a_sort_is_total_and_stable() {
    let cx = context();
    let keys: Vec<u64> = (0..500).map(|at| (at * 7919) % 100).collect();
    let pairs = cx.parallelize_in(keys.iter().copied().zip(0u64..), 7);
    let mut expected: Vec<(u64, u64)> = keys.iter().copied().zip(0..).collect();
    expected.sort();
    let ascending = pairs.sort_by_key_in(Order::Ascending, 4);
    assert_eq!(ascending.collect().unwrap(), expected);
    expected.sort_by_key(|pair| (std::cmp::Reverse(pair.0), pair.1));
    assert_eq!(
        pairs.sort_by_key(Order::Descending).collect().unwrap(),
        expected
    );
    let sizes = ascending
        .map_partitions(|records| [records.count() as u64])
        .collect()
        .unwrap();
    assert!(
        sizes.len() == 4 && sizes.iter().all(|size| (75..175).contains(size)),
        "even ranges: {sizes:?}"
    );
    assert_eq!(
        with(|host| host
            .jobs
            .iter()
            .filter(|job| job.0.contains("sample"))
            .count()),
        2
    );
}

#[test]
fn samples_are_the_same_each_time() {
    let cx = context();
    let numbers = cx.range(0..10_000);
    let some = numbers.sample(0.1, 7);
    let taken = some.collect().unwrap();
    assert_eq!(some.collect().unwrap(), taken);
    assert!((850..1150).contains(&taken.len()), "{}", taken.len());
    assert_ne!(numbers.sample(0.1, 8).collect().unwrap(), taken);
    let repeated = numbers.sample_with_replacement(2.0, 7).count().unwrap();
    assert!((19_400..20_600).contains(&repeated), "{repeated}");
}

#[test]
fn a_cached_partition_is_computed_once() {
    let cx = context();
    with(|host| host.room = true);
    let computed = std::cell::Cell::new(0);
    let numbers = cx.range(0..10).map(|number| {
        computed.set(computed.get() + 1);
        number
    });
    let kept = numbers.cache();
    assert_eq!(kept.collect().unwrap(), (0..10).collect::<Vec<_>>());
    assert_eq!(kept.take(4).unwrap(), [0, 1, 2, 3]);
    assert_eq!((kept.count().unwrap(), computed.get()), (10, 10));
    kept.unpersist();
    assert_eq!((kept.count().unwrap(), computed.get()), (10, 20));
    assert_eq!(with(|host| host.blocks.len()), 0);
    assert_eq!(kept.storage_level(), StorageLevel::None);
}

#[test]
fn where_there_is_no_room_a_partition_is_computed_once_a_job() {
    let cx = context();
    let computed = std::cell::Cell::new(0);
    let kept = cx.range(0..10).map(|number| {
        computed.set(computed.get() + 1);
        number
    });
    let kept = kept.cache();
    assert_eq!((kept.count().unwrap(), computed.get()), (10, 10));
    assert_eq!((kept.count().unwrap(), computed.get()), (10, 20));
}

type Pairs<'a> = Rdd<'a, (u64, u64)>;

type Checkpoint = fn(&Pairs<'_>) -> crate::Result<Pairs<'static>>;

#[test]
fn a_checkpoint_is_computed_once_and_forgets_where_it_came_from() {
    let cx = context();
    with(|host| host.room = true);
    cx.set_checkpoint_dir("checks");
    let computed = std::cell::Cell::new(0);
    let checked = |make: Checkpoint| {
        computed.set(0);
        let numbers = cx.range_in(0..50_000, 3).map(|number| {
            computed.set(computed.get() + 1);
            (number % 7, number)
        });
        let checked = make(&numbers).unwrap();
        assert_eq!(checked.partitions(), 3);
        drop(numbers);
        for _ in 0..2 {
            let sum = checked.map(|(_, number)| number).reduce(|a, b| a + b);
            assert_eq!((sum.unwrap(), computed.get()), (1_249_975_000, 50_000));
        }
        assert_eq!(checked.to_debug_string().lines().count(), 1);
        checked
    };
    let reliable = checked(|numbers| numbers.checkpoint());
    let local = checked(|numbers| numbers.local_checkpoint());
    with(|host| {
        assert_eq!(host.files.len(), 3);
        host.files
            .values_mut()
            .for_each(|file| *file.last_mut().unwrap() ^= 1);
        host.blocks.clear();
    });
    let damaged = reliable.count().unwrap_err().to_string();
    assert!(
        damaged.contains("is not what `checkpoint` wrote"),
        "{damaged}"
    );
    let gone = local.count().unwrap_err().to_string();
    assert!(gone.contains("is gone with its executor"), "{gone}");
}

#[test]
fn an_action_inside_a_task_is_refused() {
    let cx = context();
    let numbers = cx.range(0..3);
    let nested = numbers.map(|_| numbers.count().unwrap_err().to_string());
    let refusal = nested.first().unwrap();
    assert!(
        refusal.starts_with("the action `count` at ") && refusal.contains("inside a task"),
        "{refusal}"
    );
}

#[test]
fn a_read_that_fails_fails_the_task_before_anything_is_kept() {
    let cx = context();
    let broken = types::Error {
        kind: types::ErrorKind::Io,
        message: "bad sector".into(),
        retryable: true,
    };
    with(|host| {
        host.room = true;
        host.files.insert("hamlet".into(), TEXT.into());
        host.broken = Some(broken);
    });
    let lines = cx.text_file("hamlet").unwrap().cache();
    let failures = [
        lines.count().unwrap_err(),
        lines
            .map(|line| (line, 1))
            .group_by_key()
            .count()
            .unwrap_err(),
        lines.save_as_text_file("out").unwrap_err(),
    ];
    for failure in failures {
        assert_eq!(
            (failure.kind(), failure.message()),
            (ErrorKind::JobFailed, "Io: bad sector")
        );
    }
    assert_eq!(
        with(|host| (host.blocks.len(), host.outputs.len(), host.maps.len())),
        (0, 0, 0)
    );
}

#[test]
fn text_is_saved_a_file_a_partition() {
    let cx = context();
    cx.range_in(0..5, 3)
        .filter(|number| *number != 0)
        .save_as_text_file("out")
        .unwrap();
    let files: Vec<(String, Vec<u8>)> = with(|host| host.outputs["out"].clone())
        .into_iter()
        .collect();
    let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    assert_eq!(
        files,
        [
            file("part-00000", ""),
            file("part-00001", "1\n2\n"),
            file("part-00002", "3\n4\n")
        ]
    );
}

#[test]
fn binary_records_are_saved_one_behind_the_other() {
    let cx = context();
    cx.range_in(0..3, 2)
        .map(|number| format!("a{number}"))
        .save_as_binary_records("out")
        .unwrap();
    let files = with(|host| host.outputs["out"].clone());
    assert_eq!(
        files.into_values().collect::<Vec<_>>(),
        [&b"a0"[..], b"a1a2"]
    );
}

#[test]
fn fixed_size_records_are_read_whole() {
    let cx = context();
    let numbers: Vec<f64> = (0..24).map(f64::from).collect();
    with(|host| {
        host.files.insert(
            "points".into(),
            numbers
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect(),
        )
    });
    let points = cx.binary_records("points", 24).unwrap().cache();
    let sums = points
        .map(|point| point.f64s().sum::<f64>())
        .collect()
        .unwrap();
    assert_eq!(
        sums,
        numbers
            .chunks(3)
            .map(|point| point.iter().sum::<f64>())
            .collect::<Vec<_>>()
    );
    // Whatever part of a record a piece ends with, and however the records are read.
    for length in [1, 7, 24, 39, 40, 41, 100] {
        let expected: Vec<Vec<u8>> = with(|host| {
            let file = host.files["points"].clone();
            file.chunks_exact(length).map(<[u8]>::to_vec).collect()
        });
        let records = cx.binary_records("points", u32::try_from(length).unwrap());
        let found = records.unwrap().map(|record| record.to_vec());
        assert_eq!(found.collect().unwrap(), expected, "{length}");
        assert_eq!(found.take(2).unwrap(), expected[..expected.len().min(2)]);
        assert_eq!(found.count().unwrap(), expected.len() as u64);
        for step in [1, 2, 5, 1000] {
            let (mut taken, mut all) = (Vec::new(), 0);
            for partition in 0..found.partitions() {
                let mut own = Vec::new();
                all += found.records(partition).skim(&mut |record| {
                    own.push(record);
                    step as u64 - 1
                });
                taken.push(own);
            }
            assert_eq!(all, expected.len() as u64, "{length}, every {step}");
            let parts = found.glom().collect().unwrap();
            let every = |part: Vec<Vec<u8>>| part.into_iter().step_by(step).collect::<Vec<_>>();
            assert!(
                taken.into_iter().eq(parts.into_iter().map(every)),
                "{length}, every {step}"
            );
        }
    }
    assert_eq!(
        cx.binary_records("points", 0).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        cx.text_file("absent").unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn what_is_dropped_is_released_before_the_next_job() {
    let cx = context();
    let numbers = cx.range(0..3);
    let dropped = numbers.map(|number| number + 1);
    dropped.count().unwrap();
    let id = dropped.id();
    let never_defined = numbers.map(|number| number).id();
    drop(dropped);
    numbers.count().unwrap();
    assert_eq!(with(|host| host.released.clone()), [id]);
    assert_ne!(id, never_defined);
}

#[test]
fn the_host_learns_names_places_and_shapes() {
    let cx = context();
    let line = line!() + 1;
    let pairs = cx.range_in(0..4, 2).key_by(|number| number % 2);
    let sums = pairs.reduce_by_key_in(|a, b| a + b, 5);
    sums.count().unwrap();
    let described = with(|host| {
        host.nodes
            .values()
            .map(|node| (node.name.clone(), node.partitions))
            .collect::<Vec<_>>()
    });
    assert_eq!(
        described,
        [
            ("range".into(), 2),
            ("key_by".into(), 2),
            ("reduce_by_key".into(), 5)
        ]
    );
    let site = with(|host| host.nodes[&pairs.id()].call_site.clone());
    assert!(site.ends_with(&format!("tests.rs:{line}")), "{site}");
    assert_eq!(
        sums.to_debug_string()
            .lines()
            .map(|line| line.split(" at ").next().unwrap())
            .collect::<Vec<_>>(),
        [
            format!("(5) reduce_by_key #{}", sums.id()),
            format!("  (2) key_by #{}", pairs.id()),
            format!("  (2) range #{}", pairs.id() - 1),
        ]
    );
}

#[test]
fn a_task_knows_itself_and_the_driver_is_none() {
    let cx = context();
    assert_eq!(crate::task(), None);
    let partitions = cx
        .range_in(0..3, 3)
        .map(|_| crate::task().map(|task| task.partition));
    assert_eq!(partitions.collect().unwrap(), [Some(0), Some(1), Some(2)]);
    assert_eq!(crate::task(), None);
}

#[test]
fn programs_own_types_are_records() {
    #[derive(Clone, Debug, PartialEq, Record)]
    struct Visit {
        page: String,
        seconds: Option<f64>,
    }

    #[derive(Clone, Debug, PartialEq, Record)]
    enum Event<T> {
        Opened,
        Visited(Visit, T),
        Closed { after: u32 },
    }

    let cx = context();
    let events = vec![
        Event::Opened,
        Event::Visited(
            Visit {
                page: "/".into(),
                seconds: Some(1.5),
            },
            HashMap::from([(1u8, 'x')]),
        ),
        Event::Closed { after: 7 },
    ];
    assert_eq!(cx.parallelize(events.clone()).collect().unwrap(), events);
}

#[test]
fn the_question_mark_takes_any_error() {
    fn parse(cx: &Context, text: &str) -> crate::Result<u64> {
        let bound: u64 = text.parse()?;
        cx.range(0..bound).count()
    }
    let cx = context();
    assert_eq!(parse(&cx, "12").unwrap(), 12);
    let failure: Error = parse(&cx, "twelve").unwrap_err();
    assert_eq!(failure.message(), "invalid digit found in string");
}
