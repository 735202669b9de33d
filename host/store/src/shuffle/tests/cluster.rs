//! Buckets that are read from several machines: the same batches in the same order, or the name of the output that is at fault.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use scheduler::{AttemptId, Codec};

use super::workers::{Fault, SHUFFLE, Workers, address};
use crate::{Error, MapOutputPlace, Place, ShuffleFiles, ShuffleReader};

const MIB: u64 = 1 << 20;

fn read_all(reader: &mut ShuffleReader) -> Result<Vec<Vec<u8>>, Error> {
    let mut batches = Vec::new();
    loop {
        let batch = reader.read()?;
        if batch.is_empty() {
            return Ok(batches);
        }
        batches.push(batch);
    }
}

/// Reads to the failure: what came before it, and its words.
fn read_to_failure(reader: &mut ShuffleReader) -> (Vec<Vec<u8>>, String) {
    let mut batches = Vec::new();
    loop {
        match reader.read() {
            Ok(batch) if batch.is_empty() => panic!("it came to its end"),
            Ok(batch) => batches.push(batch),
            Err(error) => return (batches, error.to_string()),
        }
    }
}

/// `count` outputs of a few bytes on one worker.
fn small(workers: &Workers, worker: usize, count: u64) {
    for attempt in 0..count {
        workers.write(worker, attempt, &[(0, vec![attempt.to_le_bytes()[0]])]);
    }
}

/// Where an output is, and its batches: bucket, length and byte.
type Output = (Option<usize>, Vec<(u32, usize, u8)>);

fn outputs() -> impl Strategy<Value = Vec<Output>> {
    let length = prop_oneof![1..2000_usize, 100_000..300_000_usize];
    let batch = (0..3_u32, length, any::<u8>());
    let batches = prop::collection::vec(batch, 0..8);
    prop::collection::vec((prop::option::of(0..3_usize), batches), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_task_sees_the_same_batches_wherever_files_and_task_are(
        outputs in outputs(),
        in_flight in prop_oneof![Just(1), Just(100_000), Just(48 * MIB)],
        codec in prop_oneof![Just(Codec::None), Just(Codec::Lz4), Just(Codec::Zstd)],
    ) {
        let workers = Workers::with_codec(codec);
        let local = tempfile::tempdir().unwrap();
        let files = ShuffleFiles::new(local.path());
        files.declare(SHUFFLE, 100);
        let mut places = Vec::new();
        for (number, (worker, batches)) in outputs.iter().enumerate() {
            let (attempt, partition) = (number as u64, u32::try_from(number).unwrap());
            let batches: Vec<_> = batches
                .iter()
                .map(|(bucket, length, byte)| (*bucket, vec![*byte; *length]))
                .collect();
            workers.write(worker.unwrap_or(9), attempt, &batches);
            let mut writer = files.writer(SHUFFLE, AttemptId(attempt)).unwrap();
            for (bucket, batch) in &batches {
                writer.write(*bucket, batch).unwrap();
            }
            files.commit(SHUFFLE, partition, writer.finish().unwrap());
            let place = match worker {
                Some(worker) => Place::There(address(*worker)),
                None => Place::Here(workers.folder(9)),
            };
            places.push(MapOutputPlace { partition, attempt: AttemptId(attempt), place });
        }
        let map_partitions = u32::try_from(places.len()).unwrap();
        places.reverse();
        let mut reader = workers.open(&places, map_partitions, in_flight);
        let expected = read_all(&mut files.open(SHUFFLE, 0)).unwrap();
        prop_assert!(read_all(&mut reader).unwrap() == expected);
        prop_assert!(reader.read().unwrap().is_empty(), "the end stays the end");
    }
}

#[test]
fn the_order_is_that_of_the_map_partitions_whoever_answers_first() {
    let workers = Workers::new();
    workers.write(0, 0, &[(0, b"first".to_vec())]);
    workers.write(1, 1, &[(0, b"second".to_vec())]);
    workers.write(2, 2, &[(0, b"third".to_vec())]);
    workers.fault(0, Fault::WaitsFor(1));
    workers.fault(1, Fault::WaitsFor(2));
    let mut reader = workers.read(&[0, 1, 2], 48 * MIB);
    assert_eq!(
        read_all(&mut reader).unwrap(),
        [&b"first"[..], b"second", b"third"]
    );
}

#[test]
fn many_outputs_are_few_requests() {
    let workers = Workers::new();
    let places: Vec<_> = (0..1000).map(|partition| partition % 4).collect();
    for (attempt, worker) in (0..).zip(&places) {
        workers.write(*worker, attempt, &[(0, vec![1; 10])]);
    }
    let mut reader = workers.read(&places, 48 * MIB);
    assert_eq!(read_all(&mut reader).unwrap().len(), 1000);
    let requests = workers.requests.load(Ordering::SeqCst);
    assert!(requests <= 12, "{requests} requests");
}

#[test]
fn no_more_is_fetched_ahead_than_may_be() {
    // Large outputs, small ones, and ones that are larger than all the room there is.
    let workers = Workers::new();
    let places: Vec<_> = (0..60).map(|partition| partition % 3).collect();
    for (attempt, worker) in (0..).zip(&places) {
        let batches = [1, 40, 3, 7][usize::try_from(attempt % 4).unwrap()];
        let batches: Vec<_> = (0..batches).map(|_| (0, vec![1; 100_000])).collect();
        workers.write(*worker, attempt, &batches);
    }
    let mut reader = workers.read(&places, MIB);
    let mut bytes = 0;
    loop {
        let batch = reader.read().unwrap();
        if batch.is_empty() {
            break;
        }
        bytes += batch.len() as u64;
        workers.given.store(bytes, Ordering::SeqCst);
    }
    assert_eq!(bytes, 15 * (1 + 40 + 3 + 7) * 100_000);
    // Besides: a batch in the hands of each thread and of the reader, and headers.
    let ahead = workers.ahead_max.load(Ordering::SeqCst);
    let refetched = workers.fetched.load(Ordering::SeqCst) - bytes;
    assert!(
        ahead <= MIB + 7 * 256 * 1024 + refetched,
        "{ahead} bytes ahead"
    );
    assert!(refetched < MIB, "{refetched} bytes for nothing");
    let requests = workers.requests.load(Ordering::SeqCst);
    assert!(requests <= 3 * places.len(), "{requests} requests");
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again_from_there() {
    let workers = Workers::new();
    let batches: Vec<_> = (0..20).map(|number| (0, vec![number; 100_000])).collect();
    workers.write(0, 0, &batches);
    workers.write(0, 1, &[(0, b"behind".to_vec())]);
    workers.fault(0, Fault::Cuts(2, 1_000_000));
    let read = read_all(&mut workers.read(&[0, 0], 48 * MIB)).unwrap();
    let expected: Vec<_> = batches.into_iter().flat_map(|(_, batch)| batch).collect();
    assert!(read.concat() == [&expected[..], b"behind"].concat());
}

#[test]
fn an_answer_that_always_breaks_off_is_a_failed_fetch_that_names_the_output() {
    let workers = Workers::new();
    small(&workers, 0, 3);
    // The second breaks off in its batch, time and again.
    workers.fault(0, Fault::Cuts(1, 13 + 12));
    workers.write(1, 3, &[(0, b"never".to_vec())]);
    workers.fault(1, Fault::Cuts(usize::MAX, 14));
    let (batches, failure) = read_to_failure(&mut workers.read(&[0, 0, 0, 1], 48 * MIB));
    assert_eq!(batches, [[0], [1], [2]]);
    assert_eq!(
        failure,
        "map output 3 of shuffle-3 ended early (fetched from 1)"
    );
    assert_eq!(workers.requests.load(Ordering::SeqCst), 2 + 3);
}

#[test]
fn a_damaged_or_missing_file_is_a_failed_fetch_that_names_the_output() {
    let workers = Workers::new();
    small(&workers, 0, 3);
    let path = workers.folder(0).output(SHUFFLE, AttemptId(1));
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (batches, failure) = read_to_failure(&mut workers.read(&[0, 0, 0], 48 * MIB));
    assert_eq!(batches, [[0]]);
    assert_eq!(
        failure,
        "map output 1 of shuffle-3 is damaged (fetched from 0)"
    );
    fs::remove_file(&path).unwrap();
    let mut reader = workers.read(&[0, 0, 0], 48 * MIB);
    let (batches, failure) = read_to_failure(&mut reader);
    assert_eq!(batches, [[0]]);
    assert_eq!(
        failure,
        "map output 1 of shuffle-3 is gone or damaged (fetched from 0)"
    );
}

#[test]
fn what_was_damaged_on_its_way_is_fetched_once_more() {
    let workers = Workers::new();
    small(&workers, 0, 3);
    workers.fault(0, Fault::Flips(1, 13 + 12));
    let mut reader = workers.read(&[0, 0, 0], 48 * MIB);
    assert_eq!(read_all(&mut reader).unwrap(), [[0], [1], [2]]);
    assert!(workers.requests.load(Ordering::SeqCst) > 1);
}

#[test]
fn a_file_of_this_machine_that_is_missing_is_a_failed_fetch_too() {
    let workers = Workers::new();
    let place = MapOutputPlace {
        partition: 0,
        attempt: AttemptId(0),
        place: Place::Here(workers.folder(0)),
    };
    let error = workers.open(&[place], 1, MIB).read().unwrap_err();
    assert!(matches!(
        error,
        Error::FetchFailed {
            shuffle: SHUFFLE,
            map_partition: 0,
            ..
        }
    ));
}

#[test]
fn an_output_that_nobody_has_is_a_failed_fetch_and_not_an_empty_one() {
    let workers = Workers::new();
    small(&workers, 0, 2);
    let place = |partition| MapOutputPlace {
        partition,
        attempt: AttemptId(u64::from(partition)),
        place: Place::There(address(0)),
    };
    let (batches, failure) = read_to_failure(&mut workers.open(&[place(0)], 2, MIB));
    assert_eq!(batches, [[0]]);
    assert_eq!(failure, "map output 1 of shuffle-3 is lost");
}

#[test]
fn a_worker_that_refuses_or_talks_nonsense_is_a_failed_fetch() {
    for (fault, expected) in [
        (Fault::Refuses, "is not to be had: it refuses"),
        (
            Fault::Adds,
            "is not to be had: 1 buckets were asked for, and 2 came",
        ),
    ] {
        let workers = Workers::new();
        workers.write(0, 0, &[(0, b"x".to_vec())]);
        workers.fault(0, fault);
        let (_, failure) = read_to_failure(&mut workers.read(&[0], MIB));
        assert_eq!(
            failure,
            format!("map output 0 of shuffle-3 {expected} (fetched from 0)")
        );
    }
}

#[test]
fn a_reader_that_waits_can_be_stopped() {
    let workers = Workers::new();
    workers.write(0, 0, &[(0, b"x".to_vec())]);
    workers.fault(0, Fault::Hangs);
    let mut reader = workers.read(&[0], MIB);
    let stopper = reader.stopper().unwrap();
    let reading = std::thread::spawn(move || reader.read().unwrap_err().to_string());
    while workers.requests.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    stopper.stop();
    assert!(reading.join().unwrap().contains("the task is stopped"));
    workers.let_go();
}

#[test]
fn a_reader_does_not_wait_for_a_thread_that_panicked() {
    let workers = Workers::new();
    small(&workers, 1, 2);
    workers.fault(0, Fault::Panics);
    let (_, failure) = read_to_failure(&mut workers.read(&[0, 1], MIB));
    assert!(failure.contains("has panicked"), "{failure}");
}

#[test]
fn a_reader_that_is_dropped_lets_its_threads_go() {
    let workers = Workers::new();
    let batches: Vec<_> = (0..100).map(|_| (0, vec![1; 100_000])).collect();
    workers.write(0, 0, &batches);
    let mut reader = workers.read(&[0], MIB);
    reader.read().unwrap();
    drop(reader);
    // The threads hold what they fetch with.
    while Arc::strong_count(&workers) > 1 {
        std::thread::yield_now();
    }
}

#[test]
fn local_files_alone_take_no_threads() {
    let workers = Workers::new();
    workers.write(0, 0, &[(0, b"x".to_vec())]);
    let place = MapOutputPlace {
        partition: 0,
        attempt: AttemptId(0),
        place: Place::Here(workers.folder(0)),
    };
    let mut reader = workers.open(&[place], 1, MIB);
    assert!(reader.stopper().is_none());
    assert_eq!(read_all(&mut reader).unwrap(), [b"x"]);
    assert_eq!(workers.requests.load(Ordering::SeqCst), 0);
}
