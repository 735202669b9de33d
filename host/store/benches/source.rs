//! How fast text is read: plain, beside reading the file alone; compressed, beside the decompressor alone.
//!
//! Both sides run in turn, and ratios are printed: a busy machine slows both. `cargo bench -p store --bench source`.
#![expect(
    clippy::unwrap_used,
    reason = "a bench: what cannot be is a failed bench"
)]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scheduler::Settings;
use store::source::{Cut, LineReader, text_splits};
use store::{Files, Grants, Stopper};

/// Bytes of text.
const TEXT_BYTES: usize = 256 << 20;

/// Rounds of which the median counts.
const ROUNDS: usize = 7;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    for (name, line) in [
        (
            "ascii",
            "the quick brown fox jumps over the lazy dog, and again and again\n",
        ),
        (
            "umlauts",
            "zw\u{f6}lf Boxk\u{e4}mpfer jagen Viktor quer \u{fc}ber den gro\u{df}en Sylter Deich\n",
        ),
    ] {
        let text = line.repeat(TEXT_BYTES / line.len());
        let plain = write(folder.path(), name, text.as_bytes());
        let gz = write(folder.path(), &format!("{name}.gz"), &gzip(&varied(&text)));
        let zst = write(
            folder.path(),
            &format!("{name}.zst"),
            &zstd::encode_all(&varied(&text)[..], 1).unwrap(),
        );
        report(
            &format!("lines, {name}"),
            text.len(),
            || lines(&plain),
            || bytes(File::open(&plain).unwrap()),
        );
        let unpacked = varied(&text).len();
        report(
            &format!("lines of gzip, {name}"),
            unpacked,
            || lines(&gz),
            || {
                bytes(flate2::bufread::MultiGzDecoder::new(
                    BufReader::with_capacity(256 << 10, File::open(&gz).unwrap()),
                ))
            },
        );
        report(
            &format!("lines of zstd, {name}"),
            unpacked,
            || lines(&zst),
            || bytes(zstd::Decoder::new(File::open(&zst).unwrap()).unwrap()),
        );
    }
}

/// Text that does not compress to nothing: each line has a number.
fn varied(text: &str) -> Vec<u8> {
    let lines = text.lines().take(text.lines().count() / 4).enumerate();
    let mut varied = Vec::new();
    for (number, line) in lines {
        let number = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(varied, "{number:016x} {line}").unwrap();
    }
    varied
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Reads a file as tasks do, split by split.
fn lines(path: &Path) -> usize {
    let grants = Grants::new(&[path.to_path_buf()], &[]).unwrap();
    let files = Files::new(grants, &Settings::default());
    let wanted = Cut {
        min_partitions: 1,
        max_bytes: 32 << 20,
    };
    let splits = text_splits(&files, path.to_str().unwrap(), wanted, &Stopper::default());
    let mut read = 0;
    for split in splits.unwrap() {
        let file = files.open(&split.uri, &Stopper::default()).unwrap();
        let mut lines = LineReader::open(file, split.start, split.length, 1 << 20).unwrap();
        while let Some(batch) = Some(lines.read().unwrap()).filter(|batch| !batch.is_empty()) {
            read += black_box(batch).len();
        }
    }
    read
}

/// Reads all there is, in pieces of the size that lines are read in.
fn bytes(mut from: impl Read) -> usize {
    let (mut buffer, mut read) = (vec![0; 256 << 10], 0);
    loop {
        match from.read(&mut buffer).unwrap() {
            0 => return read,
            length => read += black_box(&buffer[..length]).len(),
        }
    }
}

fn report(what: &str, bytes: usize, ours: impl Fn() -> usize, bare: impl Fn() -> usize) {
    let timed = |run: &dyn Fn() -> usize| {
        let start = Instant::now();
        assert_eq!(run(), bytes);
        start.elapsed()
    };
    let (mut times, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (ours, bare) = (timed(&ours), timed(&bare));
        times.push(ours);
        ratios.push(ours.as_secs_f64() / bare.as_secs_f64());
    }
    times.sort_unstable();
    ratios.sort_unstable_by(f64::total_cmp);
    println!(
        "{what}: {:.0} MB/s, {:.2} times as long as the bare reading",
        rate(bytes, times[ROUNDS / 2]),
        ratios[ROUNDS / 2]
    );
}

/// Millions of bytes a second.
fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e6
}
