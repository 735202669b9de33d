//! What a plain Rust program of two threads needs for the same work with the same reads and writes.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const THREADS: usize = 2;
const PARTITIONS: usize = 16;
const RECORD_BYTES: usize = 100;
const KEY_BYTES: usize = 10;

type Key = [u8; KEY_BYTES];

/// Sorts the records of `tera`: ranges of keys to files, then each range by itself.
pub(crate) fn sort(folder: &Path) {
    let [moved, output] = made(folder);
    for path in [&moved, &output] {
        // A run that was interrupted leaves them.
        let _ = fs::remove_dir_all(path);
        fs::create_dir(path).expect("a folder");
    }
    let inputs = files(&folder.join("tera"));
    let bounds = bounds(&inputs);
    let count = inputs.len();
    each(count, |file| {
        partition(&inputs[file], file, &bounds, &moved);
    });
    each(PARTITIONS, |range| {
        sort_range(range, count, &moved, &output);
    });
}

/// The folders that it makes: what moved, and the result.
fn made(folder: &Path) -> [PathBuf; 2] {
    ["moved", "sorted"].map(|name| folder.join(name))
}

pub(crate) fn clean(folder: &Path) {
    for path in made(folder) {
        fs::remove_dir_all(path).expect("a folder");
    }
}

/// Two threads take one number after another.
fn each(count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let run = || {
        while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < count) {
            work(number);
        }
    };
    thread::scope(|scope| {
        (0..THREADS).for_each(|_| drop(scope.spawn(run)));
    });
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_part = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| !name.to_string_lossy().starts_with('_'))
    };
    let mut paths: Vec<PathBuf> = paths.filter(is_part).collect();
    paths.sort();
    paths
}

fn key(record: &[u8]) -> Key {
    record[..KEY_BYTES].try_into().expect("a record")
}

/// The first key of each range but the first: every file is read, and one record of a thousand is looked at.
fn bounds(inputs: &[PathBuf]) -> Vec<Key> {
    let mut keys = Vec::new();
    for input in inputs {
        let bytes = fs::read(input).expect("records");
        keys.extend(bytes.chunks_exact(RECORD_BYTES).step_by(1000).map(key));
    }
    keys.sort_unstable();
    (1..PARTITIONS)
        .map(|range| keys[keys.len() * range / PARTITIONS])
        .collect()
}

fn partition(input: &Path, file: usize, bounds: &[Key], moved: &Path) {
    let bytes = fs::read(input).expect("records");
    let create = |range| File::create(moved.join(format!("{range}-{file}"))).expect("a file");
    let mut ranges: Vec<_> = (0..PARTITIONS)
        .map(|range| BufWriter::with_capacity(128 << 10, create(range)))
        .collect();
    for record in bytes.chunks_exact(RECORD_BYTES) {
        let range = bounds.partition_point(|bound| *bound <= key(record));
        ranges[range].write_all(record).expect("room on the disk");
    }
    ranges
        .iter_mut()
        .for_each(|range| range.flush().expect("room on the disk"));
}

fn sort_range(range: usize, files: usize, moved: &Path, output: &Path) {
    let mut bytes = Vec::new();
    for file in 0..files {
        let path = moved.join(format!("{range}-{file}"));
        bytes.extend(fs::read(path).expect("a range"));
    }
    let mut records: Vec<(Key, &[u8])> = bytes
        .chunks_exact(RECORD_BYTES)
        .map(|record| (key(record), record))
        .collect();
    records.sort_by_key(|record| record.0);
    let file = File::create(output.join(format!("part-{range:05}"))).expect("a file");
    let mut file = BufWriter::with_capacity(128 << 10, file);
    for (_, record) in records {
        file.write_all(record).expect("room on the disk");
    }
    file.flush().expect("room on the disk");
}
