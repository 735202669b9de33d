//! Shuffle files of a local run.

use std::fs;

use scheduler::{AttemptId, BucketSizes, ShuffleId};

use crate::shuffle::write::ENTRY_BYTES_MAX;
use crate::{Error, ShuffleFiles};

const SHUFFLE: ShuffleId = ShuffleId(3);

fn files() -> (tempfile::TempDir, ShuffleFiles) {
    let folder = tempfile::tempdir().unwrap();
    let files = ShuffleFiles::new(folder.path());
    files.declare(SHUFFLE, 3);
    (folder, files)
}

fn commit(files: &ShuffleFiles, partition: u32, attempt: u64, batches: &[(u32, &[u8])]) {
    let mut writer = files.writer(SHUFFLE, AttemptId(attempt)).unwrap();
    for (bucket, batch) in batches {
        writer.write(*bucket, batch).unwrap();
    }
    files.commit(SHUFFLE, partition, writer.finish().unwrap());
}

fn read(files: &ShuffleFiles, bucket: u32) -> Vec<Vec<u8>> {
    let mut reader = files.open(SHUFFLE, bucket);
    std::iter::from_fn(|| Some(reader.read().unwrap()).filter(|batch| !batch.is_empty())).collect()
}

#[test]
fn a_bucket_is_read_in_the_order_of_the_map_partitions() {
    let (_folder, files) = files();
    commit(&files, 1, 0, &[(0, b"later"), (1, b"x")]);
    commit(
        &files,
        0,
        1,
        &[(1, b"y"), (0, b"first "), (1, b"z"), (0, b"second")],
    );
    assert_eq!(read(&files, 0).concat(), b"first secondlater");
    assert_eq!(read(&files, 1), [b"yz".to_vec(), b"x".to_vec()]);
    assert_eq!(read(&files, 2), Vec::<Vec<u8>>::new());
}

#[test]
fn the_sizes_of_the_buckets_are_told() {
    let (_folder, files) = files();
    let mut writer = files.writer(SHUFFLE, AttemptId(0)).unwrap();
    for (bucket, batch) in [(0, &b"four"[..]), (2, b"x"), (0, b"four")] {
        writer.write(bucket, batch).unwrap();
    }
    let sizes = writer.finish().unwrap().sizes();
    assert_eq!(*sizes, BucketSizes::new(&[8, 0, 1]));
}

#[test]
fn a_bucket_that_the_shuffle_does_not_have_is_refused() {
    let (_folder, files) = files();
    let mut writer = files.writer(SHUFFLE, AttemptId(0)).unwrap();
    let error = writer.write(3, b"x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the shuffle has 3 buckets, there is no bucket 3"
    );
    assert!(files.writer(ShuffleId(99), AttemptId(0)).is_err());
}

#[test]
fn small_batches_cost_the_index_nothing_each() {
    let (_folder, files) = files();
    let mut writer = files.writer(SHUFFLE, AttemptId(0)).unwrap();
    let byte = [7];
    (0..3 * ENTRY_BYTES_MAX).for_each(|_| writer.write(1, &byte).unwrap());
    assert_eq!(writer.entries(), 3);
    files.commit(SHUFFLE, 0, writer.finish().unwrap());
    assert_eq!(read(&files, 1).concat().len(), 3 * ENTRY_BYTES_MAX);
}

#[test]
fn batches_that_lie_together_are_read_together() {
    let (_folder, files) = files();
    commit(&files, 0, 0, &[(0, b"a"), (0, b"b"), (0, b"c")]);
    assert_eq!(read(&files, 0), [b"abc"]);
}

#[test]
fn what_is_not_committed_is_not_seen_and_goes() {
    let (folder, files) = files();
    let mut writer = files.writer(SHUFFLE, AttemptId(0)).unwrap();
    writer.write(0, b"lost").unwrap();
    drop(writer);
    drop(
        files
            .writer(SHUFFLE, AttemptId(1))
            .unwrap()
            .finish()
            .unwrap(),
    );
    assert!(read(&files, 0).is_empty());
    assert_eq!(
        fs::read_dir(folder.path().join(SHUFFLE.to_string()))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_second_attempt_replaces_the_first() {
    let (_folder, files) = files();
    commit(&files, 0, 0, &[(0, b"old")]);
    commit(&files, 0, 1, &[(0, b"new")]);
    assert_eq!(read(&files, 0), [b"new"]);
}

#[test]
fn a_damaged_or_missing_output_is_a_fetch_failure_that_names_it() {
    let (folder, files) = files();
    commit(&files, 7, 0, &[(0, b"data")]);
    let path = folder
        .path()
        .join(SHUFFLE.to_string())
        .join("attempt-0.map");
    let mut bytes = fs::read(&path).unwrap();
    bytes[1] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = files.open(SHUFFLE, 0).read().unwrap_err();
    assert_eq!(
        error.to_string(),
        "map output 7 of shuffle-3 is damaged at offset 0"
    );
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        files.open(SHUFFLE, 0).read(),
        Err(Error::FetchFailed {
            map_partition: 7,
            ..
        })
    ));
}

#[test]
fn a_removed_shuffle_leaves_nothing() {
    let (folder, files) = files();
    commit(&files, 0, 0, &[(0, b"data")]);
    files.remove(SHUFFLE);
    assert!(read(&files, 0).is_empty());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
