//! What executors take of memory at most, while they move more than they have.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Bench, Place};
use crate::compare::cluster::children;
use crate::compare::sample;

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Sorts and groups a gigabyte with executors of half of one.
pub(crate) fn memory(bench: &Bench) {
    let output = bench.path("sorted");
    let _ = fs::remove_dir_all(&output);
    measure(
        bench,
        "sorting 1 GB",
        "512m",
        &sample("terasort"),
        &[&bench.path("tera"), &output],
    );
    fs::remove_dir_all(&output).expect("the output");
    let title = "grouping 1 GB, 300 MB of it with one key";
    measure(bench, title, "512m", &bench.guest, &["group-skewed"]);
}

/// Sorts three gigabytes with executors of a quarter of one, and looks whether they are in order.
pub(crate) fn large(bench: &Bench) {
    let (input, output) = (bench.path("tera-large"), bench.path("sorted-large"));
    let _ = fs::remove_dir_all(&output);
    let program = sample("terasort");
    if !Path::new(&input).exists() {
        let arguments = ["--generate", "30000000", &*input, "--partitions", "48"];
        bench.run(&Place::Local, &program, &arguments, &[]);
    }
    let arguments = [&*input, &*output, "--partitions", "48"];
    measure(bench, "sorting 3 GB", "256m", &program, &arguments);
    let (records, ordered) = check(Path::new(&output));
    println!(
        "  {records} records, {}",
        if ordered { "in order" } else { "NOT IN ORDER" }
    );
    fs::remove_dir_all(&output).expect("the output");
}

/// Counts the records of part files, and says whether each is at least as large as the one before.
fn check(folder: &Path) -> (usize, bool) {
    let (mut count, mut ordered, mut last) = (0, true, [0; 10]);
    for path in super::plain::files(folder) {
        let bytes = fs::read(path).expect("records");
        for record in bytes.chunks_exact(100) {
            let key = record[..10].try_into().expect("a key");
            ordered &= last <= key;
            (last, count) = (key, count + 1);
        }
    }
    (count, ordered)
}

fn measure(bench: &Bench, title: &str, memory: &str, program: &Path, args: &[&str]) {
    let (_, place) = &bench.places[1];
    let option = format!("executor.memory={memory}");
    let start = Instant::now();
    let peak = watched(place, || {
        bench.run(place, program, args, &["--conf", &option]);
    });
    println!(
        "{title}, executors of {memory}: {:.1} s, at most {} MiB resident",
        start.elapsed().as_secs_f64(),
        peak >> 10,
    );
}

/// Does something, and returns the most KiB that an executor held meanwhile.
fn watched(place: &Place, work: impl FnOnce()) -> u64 {
    let Place::Cluster(cluster) = place else {
        unreachable!("executors are the cluster's");
    };
    let workers: Vec<u32> = cluster
        .processes
        .iter()
        .map(|(_, child)| child.id())
        .collect();
    let (done, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let executors = workers.iter().copied().flat_map(children);
                executors.for_each(|executor| {
                    peak.fetch_max(most_held(executor), Ordering::Relaxed);
                });
                thread::sleep(LOOK_EVERY);
            }
        });
        work();
        done.store(true, Ordering::Relaxed);
    });
    peak.into_inner()
}

/// KiB; 0 for a process that has gone.
fn most_held(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or_default()
}
