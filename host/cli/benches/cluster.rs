//! A cluster of real processes on this machine: a master and two workers of one core each, as Spark's figures were taken.
//!
//! `cargo bench -p cli --bench cluster [-- FOLDER]` (a folder of text files for the word count; 256 MiB is a good size). Spark
//! Standalone on such a machine: 14 s from the start of its processes to the first result, 7 s for a further application,
//! 2,221 tasks/s, 12.5 ms a job, 230 to 240 MB for each process.

mod compare;

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, thread};

use compare::cluster::{Cluster, WORKERS, children, resident_mib};
use compare::{Contender, compare, guest, median, sample, tasks_and_jobs, tinderbox};

fn main() {
    let guest = guest();
    // Compiled once, as on a machine that has run the program before.
    tinderbox(&guest, &["latency", "0", "1"]);
    start_and_run(&guest);
    let cluster = Cluster::start();
    println!("idle, resident: {}", cluster.resident());
    println!("executors, resident: {}", executors(&cluster, &guest));
    run_again(&cluster, &guest);
    tasks_and_jobs(|args| cluster.submit(&guest, args));
    println!("after that, resident: {}", cluster.resident());
    if let Some(folder) = env::args().skip(1).find(|word| !word.starts_with("--")) {
        count_words(&cluster, &guest, &folder);
    }
}

/// What executors take of memory whose tasks do nothing.
fn executors(cluster: &Cluster, guest: &Path) -> String {
    let mut command = cluster.tinderbox("submit");
    command
        .args(["--quiet", "--master", &cluster.url])
        .arg(guest);
    let mut driver = command.arg("sleep").spawn().expect("the tinderbox binary");
    let mut found = Vec::new();
    while found.len() < WORKERS {
        thread::sleep(Duration::from_secs(1));
        let workers = cluster.processes.iter().map(|(_, child)| child.id());
        found = workers.flat_map(children).map(resident_mib).collect();
    }
    let _ = driver.kill();
    let _ = driver.wait();
    let words = found.iter().map(|mib| format!("{mib:.0} MiB"));
    words.collect::<Vec<_>>().join(", ")
}

fn start_and_run(guest: &Path) {
    let starts = (0..7).map(|_| {
        let start = Instant::now();
        let cluster = Cluster::start();
        cluster.submit(guest, &["latency", "0", "1"]);
        millis(start)
    });
    println!(
        "start of a master and {WORKERS} workers to the end of a one-task job: median {:.0} ms",
        median(starts.collect())
    );
}

fn run_again(cluster: &Cluster, guest: &Path) {
    let runs = (0..15).map(|_| {
        let start = Instant::now();
        cluster.submit(guest, &["latency", "0", "1"]);
        millis(start)
    });
    println!(
        "submit to the end of a one-task job, component known: median {:.0} ms",
        median(runs.collect())
    );
}

fn count_words(cluster: &Cluster, hurried: &Path, folder: &str) {
    let newcomers = sample("wordcount");
    let both = |title, program: &Path, args: &[&str]| {
        compare(
            title,
            Contender::new("local[2]", || tinderbox(program, args)),
            Contender::new("cluster", || cluster.submit(program, args)),
        );
    };
    let top = [folder, "--top", "10"];
    both("word count, a String a word", &newcomers, &top);
    both("word count, borrowed words", hurried, &["borrowed", folder]);
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
