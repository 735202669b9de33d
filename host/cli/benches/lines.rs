//! How fast text reaches a program that only counts its lines, and one that looks at each in one pass.
//!
//! `cargo bench -p cli --bench lines -- FOLDER [MIB]`: inputs that FOLDER lacks are made, of 512 MiB of text unless said otherwise.
//! Beside plain text stands a thread that reads and counts; beside compressed text the decompressor alone. A pass is timed by the
//! program itself, so the start of its process does not count.

mod compare;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use compare::{TINDERBOX, guest, median, stdout};

const ROUNDS: usize = 5;
const CORES: [usize; 2] = [1, 2];

/// Files that text is written to, compressed: a file is read by one task.
const FILES: usize = 2;

/// Bytes that the plain programs read at a time.
const READ_BYTES: usize = 256 << 10;

/// Records that `top` and `take_sample` take.
const TAKEN: u64 = 1000;

const WORDS: [&str; 16] = [
    "GET",
    "POST",
    "/index.html",
    "/api/v1/items",
    "200",
    "404",
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "again",
];

fn main() {
    let folder = compare::argument("a folder");
    let mib = std::env::args().skip(2).find_map(|word| word.parse().ok());
    let bench = Bench::prepare(&folder, mib.unwrap_or(512));
    bench.counts("text", read_and_count);
    bench.counts("gzip", |path| {
        let input = BufReader::with_capacity(READ_BYTES, open(path));
        drain(flate2::bufread::MultiGzDecoder::new(input), |_| {});
    });
    bench.counts("zstd", |path| {
        drain(zstd::Decoder::new(open(path)).expect("zstd"), |_| {});
    });
    for (pass, wanted) in [
        ("top", TAKEN),
        ("take-sample", TAKEN),
        ("count-approx-distinct", bench.lines),
    ] {
        bench.pass(pass, wanted);
    }
}

/// The inputs and the program.
struct Bench {
    folder: PathBuf,
    guest: PathBuf,
    /// What there is to read, decompressed.
    bytes: u64,
    lines: u64,
}

impl Bench {
    fn prepare(folder: &Path, mib: u64) -> Self {
        let text = folder.join("text");
        fs::create_dir_all(&text).expect("a folder");
        let folder = fs::canonicalize(folder).expect("a folder");
        for part in 0..FILES {
            let path = text.join(part.to_string());
            if !path.exists() {
                make(&path, part as u64, mib << 20);
            }
        }
        compress(&folder, "gzip", "gz", |to| {
            flate2::write::GzEncoder::new(to, flate2::Compression::default())
        });
        compress(&folder, "zstd", "zst", |to| {
            zstd::Encoder::new(to, 0).expect("zstd").auto_finish()
        });
        let (mut bytes, mut lines) = (0, 0);
        for path in files(&text) {
            bytes += path.metadata().expect("a file").len();
            drain(open(&path), |piece| {
                lines += memchr::memchr_iter(b'\n', piece).count() as u64;
            });
        }
        Self {
            folder,
            guest: guest(),
            bytes,
            lines,
        }
    }

    /// Gigabytes of text a second and core, of passes by the guest.
    fn rate(&self, cores: usize, pass: &str, input: &str, wanted: u64) -> f64 {
        let path = self.folder.join(input);
        let mut command = Command::new(TINDERBOX);
        command.args([
            "run",
            "--quiet",
            "--master",
            &format!("local[{cores}]"),
            "--allow-read",
        ]);
        command
            .arg(&self.folder)
            .arg(&self.guest)
            .args(["--", "lines", pass]);
        let printed = stdout(command.arg(path).arg(wanted.to_string()));
        let micros = printed
            .lines()
            .map(|line| line.parse().expect("microseconds"));
        self.gigabytes(median(micros.collect()) / 1e6) / cores as f64
    }

    fn gigabytes(&self, seconds: f64) -> f64 {
        self.bytes as f64 / seconds / 1e9
    }

    fn rates(&self, pass: &str, input: &str, wanted: u64) -> [f64; 2] {
        let rates = CORES.map(|cores| self.rate(cores, pass, input, wanted));
        print!(
            "{pass}, {input}: {:.2} GB/s with one core, {:.2} a core with two",
            rates[0], rates[1]
        );
        rates
    }

    /// Counts lines, beside a plain thread that does what must be done to each file.
    fn counts(&self, input: &str, plain: impl Fn(&Path)) {
        let [one, _] = self.rates("count", input, self.lines);
        let rounds = (0..ROUNDS).map(|_| {
            let start = Instant::now();
            files(&self.folder.join(input))
                .iter()
                .for_each(|path| plain(path));
            start.elapsed().as_secs_f64()
        });
        let alone = self.gigabytes(median(rounds.collect()));
        println!(
            "; a plain thread {alone:.2} GB/s: {:.2} times as long",
            alone / one
        );
    }

    /// Looks at each line, beside counting them.
    fn pass(&self, pass: &str, wanted: u64) {
        let [one, _] = self.rates(pass, "text", wanted);
        let count = self.rate(1, "count", "text", self.lines);
        println!("; {:.2} times as long as counting", count / one);
    }
}

/// Writes lines, each with a number that no other has.
fn make(path: &Path, part: u64, bytes: u64) {
    let mut to = BufWriter::new(File::create(path).expect("a file"));
    let (mut written, mut number) = (0, part << 32);
    while written < bytes / FILES as u64 {
        let mut random = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut line = format!("{random:016x}");
        for _ in 0..4 + random % 18 {
            random = random.rotate_left(11).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            line += " ";
            line += WORDS[(random >> 60) as usize];
        }
        line += "\n";
        to.write_all(line.as_bytes()).expect("room");
        written += line.len() as u64;
        number += 1;
    }
    to.flush().expect("room");
}

/// Makes what `name` lacks of the compressed text.
fn compress<W: Write>(folder: &Path, name: &str, ending: &str, encoder: impl Fn(File) -> W) {
    fs::create_dir_all(folder.join(name)).expect("a folder");
    for path in files(&folder.join("text")) {
        let part = path.file_name().expect("a name").display();
        let to = folder.join(name).join(format!("{part}.{ending}"));
        if !to.exists() {
            let mut encoder = encoder(File::create(to).expect("a file"));
            std::io::copy(&mut open(&path), &mut encoder).expect("room");
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

fn open(path: &Path) -> File {
    File::open(path).expect("a file")
}

fn read_and_count(path: &Path) {
    let mut lines = 0;
    drain(open(path), |piece| {
        lines += memchr::memchr_iter(b'\n', piece).count();
    });
    black_box(lines);
}

/// Reads to the end.
fn drain(mut from: impl Read, mut look: impl FnMut(&[u8])) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match from.read(&mut buffer).expect("a file") {
            0 => return,
            length => look(black_box(&buffer[..length])),
        }
    }
}
