//! Runs two programs in turn, A B A B, and compares medians: on a shared machine only ratios in one run mean something.

#![allow(dead_code, reason = "each bench uses its part")]

pub(crate) mod cluster;
pub(crate) mod spark;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The binary.
pub(crate) const TINDERBOX: &str = env!("CARGO_BIN_EXE_tinderbox");

const ROUNDS: usize = 5;

/// One side of a comparison: does the work and gives back what it found.
pub(crate) struct Contender<'a> {
    name: &'static str,
    run: Box<dyn Fn() -> String + 'a>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(name: &'static str, run: impl Fn() -> String + 'a) -> Self {
        Self {
            name,
            run: Box::new(run),
        }
    }

    fn time(&self) -> (Duration, String) {
        let start = Instant::now();
        let found = (self.run)();
        (start.elapsed(), found)
    }
}

/// Prints both medians and the median of the ratios B / A. Both must find the same.
pub(crate) fn compare(title: &str, a: Contender<'_>, b: Contender<'_>) {
    assert_eq!(
        a.time().1,
        b.time().1,
        "{title}: {} and {} differ",
        a.name,
        b.name
    );
    let rounds: Vec<_> = (0..ROUNDS).map(|_| (a.time().0, b.time().0)).collect();
    let ratios = rounds
        .iter()
        .map(|(a, b)| b.as_secs_f64() / a.as_secs_f64())
        .collect();
    println!(
        "{title}: {} {:.3} s, {} {:.3} s, ratio {:.2} (medians of {ROUNDS})",
        a.name,
        median(rounds.iter().map(|round| round.0.as_secs_f64()).collect()),
        b.name,
        median(rounds.iter().map(|round| round.1.as_secs_f64()).collect()),
        median(ratios),
    );
}

/// The middle of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The figure that so many hundredths are below.
pub(crate) fn percentile(mut figures: Vec<f64>, percent: usize) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[(figures.len() * percent / 100).min(figures.len() - 1)]
}

/// The path that was given to the bench.
pub(crate) fn argument(what: &str) -> PathBuf {
    let path = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    path.unwrap_or_else(|| panic!("give {what}: cargo bench -p cli --bench NAME -- PATH"))
        .into()
}

/// Runs a component with two threads, and gives back its stdout.
pub(crate) fn tinderbox(component: &Path, args: &[&str]) -> String {
    let mut command = Command::new(TINDERBOX);
    command.args(["run", "--quiet", "--master", "local[2]"]);
    stdout(command.arg(component).args(args))
}

/// Runs a command to its end, and gives back its stdout.
pub(crate) fn stdout(command: &mut Command) -> String {
    let output = command.output().expect("the tinderbox binary");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// Prints what tasks that do nothing cost, and jobs of one task; `run` runs the benches' own guest.
pub(crate) fn tasks_and_jobs(run: impl Fn(&[&str]) -> String) {
    const TASKS: u32 = 10_000;
    let micros = |args: &[&str]| -> Vec<f64> {
        let lines = run(args);
        let micros = lines.lines().map(str::parse);
        micros.collect::<Result<_, _>>().expect("microseconds")
    };
    let stage = median(micros(&["tasks", &TASKS.to_string(), "9"]));
    println!(
        "{TASKS} tasks in one stage: {:.0} ms, {:.0} tasks/s",
        stage / 1e3,
        f64::from(TASKS) / stage * 1e6
    );
    for heap in ["0", "32"] {
        let jobs = micros(&["latency", heap, "300"]);
        println!(
            "a one-task job, {heap} MiB in the driver's heap: median {:.0} µs, p99 {:.0} µs",
            median(jobs.clone()),
            percentile(jobs, 99)
        );
    }
}

/// Builds the benches' own guest.
pub(crate) fn guest() -> PathBuf {
    build(&Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/guest"))
}

/// Builds one of the samples.
pub(crate) fn sample(name: &str) -> PathBuf {
    build(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../samples")
            .join(name),
    )
}

fn build(folder: &Path) -> PathBuf {
    cli::compile::component(folder).expect("the guest builds")
}
