//! How many bytes of small pairs a core moves in a second, from the program's records to its records.

use crate::compare::median;
use crate::{Bench, Place};

/// What the program moves, as it is encoded: 32 Mi pairs of two numbers.
const BYTES: f64 = ((32 << 20) * 16) as f64;
const CORES: f64 = 2.0;

/// What a round took, in microseconds.
struct Round {
    made: f64,
    moved: f64,
    read: f64,
}

impl Round {
    fn of_line(line: &str) -> Self {
        let micros: Vec<f64> = line
            .split(' ')
            .map(|number| number.parse().expect("microseconds"))
            .collect();
        let [made, moved, read] = micros[..] else {
            panic!("three times, not `{line}`")
        };
        Self { made, moved, read }
    }

    /// What writing took: without the making of the pairs, which is the user's, and the reading.
    fn written(&self) -> f64 {
        self.moved - self.made - self.read
    }
}

/// Prints the rates of each way to compress.
pub(crate) fn measure(bench: &Bench) {
    println!("shuffle, 512 MiB of pairs of two numbers, local[2]:");
    for codec in ["none", "lz4", "zstd"] {
        let option = format!("io.compression.codec={codec}");
        let printed = bench.run(
            &Place::Local,
            &bench.guest,
            &["shuffle"],
            &["--conf", &option],
        );
        let rounds: Vec<Round> = printed.lines().map(Round::of_line).collect();
        let tell = |what: &str, micros: fn(&Round) -> f64| {
            let micros = median(rounds.iter().map(micros).collect());
            let rate = BYTES / micros / CORES;
            let nanos = micros * CORES * 1e3 / BYTES;
            println!("  {codec:10} {what} {rate:6.0} MB/s a core, {nanos:.2} ns a byte");
        };
        tell("written", Round::written);
        tell("read   ", |round| round.read);
    }
}
