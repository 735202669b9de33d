//! What a task and a job cost: 10,000 tasks that do nothing, jobs of one task, and the way from process start to a result.
//!
//! `cargo bench -p cli --bench tasks`. Spark Standalone on such a machine: 2,221 tasks/s and 12.5 ms a job.

mod compare;

use std::time::Instant;

use compare::{guest, median, tasks_and_jobs, tinderbox};

fn main() {
    let guest = guest();
    tasks_and_jobs(|args| tinderbox(&guest, args));
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
