//! What a task and a job cost: 10,000 tasks that do nothing, jobs of one task, and the way from process start to a result.
//!
//! `cargo bench -p cli --bench tasks`. Spark Standalone on such a machine: 2,221 tasks/s and 12.5 ms a job.

mod compare;

use std::time::Instant;

use compare::{guest, median, percentile, tinderbox};

const TASKS: u32 = 10_000;

fn main() {
    let guest = guest();
    let micros = |args: &[&str]| -> Vec<f64> {
        tinderbox(&guest, args)
            .lines()
            .map(|line| line.parse().expect("microseconds"))
            .collect()
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
    let starts = (0..15).map(|_| {
        let start = Instant::now();
        tinderbox(&guest, &["latency", "0", "1"]);
        start.elapsed().as_secs_f64() * 1e3
    });
    println!(
        "process start to the end of a one-task job, compiled before: median {:.1} ms",
        median(starts.collect())
    );
}
