//! How many bytes of small pairs a core writes to shuffle files and reads from them in a second, and what a byte costs.
//!
//! Figures count the thread's time on its core, so that what else the machine does matters little. Files stay in the
//! system's cache: what a disk adds is the disk's.
//! `cargo bench -p store`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops where something cannot be"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use scheduler::{AttemptId, Codec, Random, ShuffleId};
use store::ShuffleFiles;

const SHUFFLE: ShuffleId = ShuffleId(0);
const BUCKETS: u32 = 16;
const MAPS: u32 = 8;
/// Of each map output. Batches are as large as programs make them.
const BYTES: usize = 32 << 20;
const BATCH_BYTES: usize = 128 << 10;
const ROUNDS: usize = 5;

fn main() {
    for (name, pairs) in [("words and counts", words()), ("nodes and ranks", ranks())] {
        for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
            measure(name, codec, &pairs);
        }
    }
}

/// A word and its count, as the SDK encodes them: a length, letters, eight bytes.
fn words() -> Vec<u8> {
    let mut random = Random::new(42);
    pairs(|bytes| {
        let length = 2 + random.below(8);
        bytes.push(length.to_le_bytes()[0]);
        bytes.extend((0..length).map(|_| b'a' + random.below(26).to_le_bytes()[0]));
        bytes.extend(random.below(300).to_le_bytes());
    })
}

/// A node and a part of a rank: eight bytes each, of which half are noise.
fn ranks() -> Vec<u8> {
    let mut random = Random::new(42);
    pairs(|bytes| {
        bytes.extend(random.below(200_000).to_le_bytes());
        bytes.extend((1.0 / (1 + random.below(1_000_000)) as f64).to_le_bytes());
    })
}

fn pairs(mut push: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < BYTES {
        push(&mut bytes);
    }
    bytes
}

fn measure(name: &str, codec: Codec, pairs: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let files = ShuffleFiles::new(folder.path());
    files.declare(SHUFFLE, BUCKETS);
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        writes.push(on_core(|| write(&files, codec, round, pairs)));
        reads.push(on_core(|| read(&files)));
    }
    let bytes = pairs.len() * MAPS as usize;
    let on_disk = bytes_below(folder.path()) / ROUNDS as u64;
    println!(
        "{name}, {codec:?}: write {}, read {}, {:.2} of the bytes on disk",
        speed(bytes, &mut writes),
        speed(bytes, &mut reads),
        on_disk as f64 / bytes as f64,
    );
}

fn write(files: &ShuffleFiles, codec: Codec, round: usize, pairs: &[u8]) {
    for map in 0..MAPS {
        let attempt = AttemptId(round as u64 * u64::from(MAPS) + u64::from(map));
        let mut writer = files.writer(SHUFFLE, attempt).unwrap().with_codec(codec);
        for (bucket, batch) in (0..BUCKETS).cycle().zip(pairs.chunks(BATCH_BYTES)) {
            writer.write(bucket, batch).unwrap();
        }
        files.commit(SHUFFLE, map, writer.finish().unwrap());
    }
}

fn read(files: &ShuffleFiles) {
    for bucket in 0..BUCKETS {
        let mut reader = files.open(SHUFFLE, bucket);
        while !std::hint::black_box(reader.read().unwrap()).is_empty() {}
    }
}

/// How long this thread was on a core meanwhile.
fn on_core(work: impl FnOnce()) -> Duration {
    let now = || {
        let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
    };
    let before = now();
    work();
    now() - before
}

/// The median, in words.
fn speed(bytes: usize, times: &mut [Duration]) -> String {
    times.sort();
    let seconds = times[times.len() / 2].as_secs_f64();
    let (mib, each) = (bytes as f64 / 1e6 / seconds, seconds * 1e9 / bytes as f64);
    format!("{mib:.0} MB/s a core ({each:.2} ns a byte)")
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.metadata().unwrap() {
            folder if folder.is_dir() => bytes_below(&entry.path()),
            file => file.len(),
        })
        .sum()
}
