//! How many tasks a second one thread can decide about, and what a waiting task costs in memory.
//!
//! `cargo bench -p scheduler --bench decisions`. A decision is one [`Input::TaskEnded`] in, its result accepted and the
//! next [`Action::LaunchTask`] out. Each line plays a whole job from the first launch to the last end. A number as the
//! argument repeats each line so often and prints the median; a second one plays that line alone: `-- 5`, `-- 5 2`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]
#![expect(clippy::disallowed_types, reason = "a bench reads the clock")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use scheduler::{
    Action, AttemptId, Driver, ExecutorId, Host, ImageId, Input, JobId, JobSpec, Outbox, Outcome,
    Random, Rdd, RddId, Settings, StorageLevel, TaskMetrics, Time,
};

/// Counts the bytes that are allocated.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe by nature; this one only counts"
)]
// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CORES: u32 = 4;
const EXECUTORS_PER_HOST: u32 = 4;

/// What is played.
#[derive(Clone, Copy)]
struct Case {
    executors: u32,
    /// Over all jobs.
    tasks: u32,
    jobs: u32,
    fair: bool,
    /// Whether each task prefers the machine of a random executor.
    placed: bool,
}

/// What was measured.
struct Measured {
    decisions: u64,
    seconds: Seconds,
    /// Of a task that waits.
    bytes: usize,
}

struct Cluster {
    driver: Driver,
    random: Random,
    now: u64,
    out: Outbox,
    running: Vec<(AttemptId, ExecutorId)>,
    finished: u32,
    decisions: u64,
}

fn host(executor: u32) -> Host {
    Host(format!("host-{}", executor / EXECUTORS_PER_HOST).into())
}

impl Cluster {
    fn new(case: Case) -> Self {
        let mut settings = Settings::default();
        let mode = if case.fair { "FAIR" } else { "FIFO" };
        settings.set("scheduler.mode", mode).unwrap();
        let mut cluster = Self {
            driver: Driver::new(&settings, 1),
            random: Random::new(1),
            now: 0,
            out: Outbox::default(),
            running: Vec::new(),
            finished: 0,
            decisions: 0,
        };
        let partitions = case.tasks / case.jobs;
        let mut preferences = Vec::new();
        if case.placed {
            let hosts: Vec<Host> = (0..case.executors).map(host).collect();
            let random = &mut cluster.random;
            let mut one = || vec![hosts[draw(random, hosts.len())].clone()];
            preferences = (0..partitions).map(|_| one()).collect();
        }
        let rdd = Rdd {
            id: RddId(0),
            name: "map".into(),
            call_site: "main.rs:1".into(),
            partitions,
            dependencies: Vec::new(),
            storage: StorageLevel::None,
            preferences,
        };
        cluster.driver.define(vec![rdd], &mut cluster.out).unwrap();
        cluster
    }

    fn handle(&mut self, input: Input) {
        self.now += 1;
        self.out.clear();
        let now = Time::from_micros(self.now);
        self.driver.handle(now, input, &mut self.out);
        for action in &self.out.actions {
            match action {
                Action::LaunchTask { executor, task } => {
                    self.decisions += 1;
                    self.running.push((task.attempt, *executor));
                }
                Action::FinishJob { .. } => self.finished += 1,
                _ => {}
            }
        }
    }

    fn submit(&mut self, case: Case) {
        for job in 0..case.jobs {
            let pool = format!("pool-{}", job % 10);
            self.handle(Input::JobSubmitted(JobSpec {
                job: JobId(job),
                rdd: RddId(0),
                partitions: (0..case.tasks / case.jobs).collect(),
                image: ImageId([0; 32]),
                name: "count".into(),
                call_site: "main.rs:2".into(),
                pool: Some(pool.as_str().into()),
                shuffle: None,
                group: None,
                tags: Vec::new(),
            }));
        }
    }

    fn add_executors(&mut self, case: Case) {
        for executor in 0..case.executors {
            self.handle(Input::ExecutorAdded {
                executor: ExecutorId(executor),
                host: host(executor),
                rack: None,
                cores: CORES,
            });
        }
    }

    /// Ends tasks, in any order, until the jobs are finished.
    fn run(&mut self, jobs: u32) {
        while self.finished < jobs {
            if self.running.is_empty() {
                let deadline = self.driver.next_deadline().unwrap();
                self.now = self.now.max(deadline.as_micros());
                self.handle(Input::DeadlineReached);
                continue;
            }
            let at = draw(&mut self.random, self.running.len());
            let (attempt, _) = self.running.swap_remove(at);
            self.handle(Input::TaskEnded {
                attempt,
                outcome: Outcome::Succeeded,
                metrics: TaskMetrics::default(),
            });
        }
    }
}

/// Draws the position of one of `len` things.
fn draw(random: &mut Random, len: usize) -> usize {
    usize::try_from(random.below(len as u64)).unwrap()
}

/// How long something took.
#[derive(Clone, Copy)]
struct Seconds {
    /// On a processor. On a machine that does other things too, this is the number to look at.
    busy: f64,
    wall: f64,
}

/// Returns the seconds that this process has spent on a processor, where the system tells.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn busy() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanos: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanos / 1e9)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn measure(case: Case) -> Measured {
    let mut cluster = Cluster::new(case);
    let before = ALLOCATED.load(Ordering::Relaxed);
    cluster.submit(case);
    let bytes = ALLOCATED.load(Ordering::Relaxed) - before;
    let (start, busy_before) = (Instant::now(), busy());
    cluster.add_executors(case);
    cluster.run(case.jobs);
    let wall = start.elapsed().as_secs_f64();
    let busy = busy()
        .zip(busy_before)
        .map_or(wall, |(after, before)| after - before);
    Measured {
        decisions: cluster.decisions,
        seconds: Seconds { busy, wall },
        bytes: bytes / case.tasks as usize,
    }
}

#[expect(clippy::disallowed_macros, reason = "a bench tells what it measured")]
#[expect(
    clippy::disallowed_methods,
    reason = "a bench is told how often to measure"
)]
fn main() {
    let mut numbers = std::env::args().filter_map(|word| word.parse::<usize>().ok());
    let (repeats, only) = (numbers.next().unwrap_or(1), numbers.next());
    println!(
        "executors    tasks  jobs  order  placed  decisions/s  ns each  ns on the clock  bytes/task"
    );
    for (number, case) in cases().into_iter().enumerate() {
        if only.is_none_or(|only| only == number + 1) {
            println!("{}", line(case, repeats));
        }
    }
}

fn cases() -> Vec<Case> {
    let sizes = [(100, 10_000), (1_000, 100_000), (10_000, 1_000_000)];
    let mut cases = Vec::new();
    for (jobs, fair) in [(1, false), (100, false), (100, true)] {
        for placed in [false, true] {
            cases.extend(sizes.map(|(executors, tasks)| Case {
                executors,
                tasks,
                jobs,
                fair,
                placed,
            }));
        }
    }
    cases
}

/// Plays a case so often, and writes the median.
fn line(case: Case, repeats: usize) -> String {
    let mut all: Vec<Measured> = (0..repeats).map(|_| measure(case)).collect();
    all.sort_by(|one, other| one.seconds.busy.total_cmp(&other.seconds.busy));
    let Measured {
        decisions,
        seconds,
        bytes,
    } = all[all.len() / 2];
    let decisions = decisions as f64;
    let rate = decisions / seconds.busy;
    let (each, wall) = (1e9 / rate, 1e9 * seconds.wall / decisions);
    let order = if case.fair { "FAIR" } else { "FIFO" };
    let Case {
        executors,
        tasks,
        jobs,
        placed,
        ..
    } = case;
    format!(
        "{executors:9} {tasks:8} {jobs:5}  {order}   {placed:5}  {rate:11.0} {each:8.0} {wall:16.0} {bytes:11}"
    )
}
