//! What a fork costs: an attempt from image to drop, a checkpoint, the preparation of an image, a kill.
//!
//! `cargo bench -p cli --bench fork`. Figures are of this machine at this moment; the floor beside them is instantiation alone.

mod compare;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use compare::{guest, median, percentile};
use sandbox::{
    AccumulatorUpdate, Attempt, AttemptLimits, BlockLevel, Channel, Column, ColumnFile,
    Compression, DriverHost, Error, ErrorKind, FoundFile, Image, JobProgress, JobSpec, KillReason,
    PartitionResult, PreparedImages, Program, RddNode, Sandbox, Split, TaskHost, TaskSpec,
    TaskWork,
};

const ATTEMPTS: usize = 20_000;
const LIMITS: AttemptLimits = AttemptLimits {
    memory_bytes: 512 << 20,
    log_bytes: 1 << 20,
    result_bytes: 1 << 30,
};

fn main() {
    let component = std::fs::read(guest()).expect("the guest");
    let sandbox = Sandbox::new(8, None).expect("a sandbox");
    let program = sandbox.load(&component).expect("a program");
    attempts(&program);
    images(&program);
    kills(&program);
}

/// Whole attempts of a trivial task, on one thread and on two.
fn attempts(program: &Arc<Program>) {
    let images = PreparedImages::new(Arc::clone(program), 1 << 30);
    let image = checkpoints(program, &["latency", "0", "2"])
        .pop()
        .expect("an image");
    let prepared = images.get(&image).expect("it is prepared");
    let run = |count: usize| -> (Vec<f64>, Vec<f64>) {
        let one = || {
            let attempt = Attempt {
                image: Arc::clone(&prepared),
                task: spec(0),
                limits: LIMITS,
                kill: program.kill_switch(),
            };
            let start = Instant::now();
            let (finished, _) = attempt.run(NoData);
            let whole = start.elapsed();
            finished.result.expect("the task succeeds");
            (
                finished.instantiated_after.as_secs_f64() * 1e6,
                whole.as_secs_f64() * 1e6,
            )
        };
        (0..count).map(|_| one()).unzip()
    };
    run(ATTEMPTS / 10);
    let (floor, whole) = on_a_guest_thread(|| run(ATTEMPTS));
    println!(
        "an attempt, one thread: instantiated after {:.1} µs, whole {:.1} µs (p99 {:.1} µs); medians of {ATTEMPTS}",
        median(floor),
        median(whole.clone()),
        percentile(whole.clone(), 99)
    );
    let alone = median(whole);
    let both: Vec<Vec<f64>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| scope.spawn(|| on_a_guest_thread(|| run(ATTEMPTS)).1))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    let together = median(both.concat());
    println!(
        "an attempt, two threads: whole {together:.1} µs, {:.2} times the one thread's",
        together / alone
    );
}

/// Checkpoints of a heap of 32 MiB, and making its images ready.
fn images(program: &Arc<Program>) {
    let taken = checkpoints(program, &["latency", "32", "12"]);
    let memory = taken[0].to_memory();
    let unchanged = |image: &Image| {
        let start = Instant::now();
        let snapshot = sandbox::Snapshot {
            program: program.hash(),
            memory: &memory,
            globals: image.globals(),
            clock: image.clock(),
            seed: image.seed(),
        };
        assert_eq!(Image::take(snapshot, Some(image)).hash(), image.hash());
        millis(start)
    };
    let mib = memory.len() as f64 / f64::from(1 << 20);
    println!(
        "checkpoint of {mib:.0} MiB, unchanged: median {:.2} ms",
        median((0..20).map(|_| unchanged(&taken[0])).collect())
    );
    let whole = || {
        let images = PreparedImages::new(Arc::clone(program), 1 << 30);
        let start = Instant::now();
        images.get(&taken[0]).expect("it is prepared");
        millis(start)
    };
    let base = median((0..7).map(|_| whole()).collect());
    println!(
        "preparing {mib:.0} MiB: median {base:.1} ms, {:.2} ms a MiB",
        base / mib
    );
    let images = PreparedImages::new(Arc::clone(program), 1 << 30);
    images.get(&taken[0]).expect("it is prepared");
    let patched = taken[1..].iter().map(|image| {
        let start = Instant::now();
        images.get(image).expect("it is prepared");
        millis(start)
    });
    println!(
        "preparing the next image of the same driver, as patches: median {:.3} ms",
        median(patched.collect())
    );
}

/// How long a guest that spins lives on after it was killed.
fn kills(program: &Arc<Program>) {
    for (behaviour, name) in [
        ("spin", "in a loop"),
        ("fill", "in a memory.fill of 256 MiB, again and again"),
        ("sleep", "asleep"),
    ] {
        let images = PreparedImages::new(Arc::clone(program), 1 << 30);
        let image = checkpoints(program, &[behaviour]).pop().expect("an image");
        let prepared = images.get(&image).expect("it is prepared");
        let lived = (0..20)
            .map(|_| killed(program, &prepared).as_secs_f64() * 1e3)
            .collect::<Vec<_>>();
        println!(
            "killed {name}: ended after {:.2} ms (worst {:.2} ms)",
            median(lived.clone()),
            percentile(lived, 100)
        );
    }
}

fn killed(program: &Program, prepared: &Arc<sandbox::Prepared>) -> Duration {
    let kill = program.kill_switch();
    let attempt = Attempt {
        image: Arc::clone(prepared),
        task: spec(0),
        limits: LIMITS,
        kill: kill.clone(),
    };
    let ended = on_a_guest_thread(|| {
        thread::scope(|scope| {
            let killer = scope.spawn(move || {
                // Long enough for the task to be in the middle of it.
                thread::sleep(Duration::from_millis(30));
                let now = Instant::now();
                kill.kill(KillReason::Ordered);
                now
            });
            let (finished, _) = attempt.run(NoData);
            let end = Instant::now();
            assert_eq!(
                finished.result.expect_err("it was killed").kind,
                scheduler::FailureKind::Killed
            );
            (killer.join().expect("no panic"), end)
        })
    });
    ended.1 - ended.0
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn spec(partition: u32) -> TaskSpec {
    TaskSpec {
        stage: 0,
        partition,
        work: TaskWork::Action,
        memory: LIMITS.memory_bytes as u64,
        seed: 1,
    }
}

/// Guests need a deep stack.
fn on_a_guest_thread<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .stack_size(sandbox::THREAD_STACK_BYTES)
            .spawn_scoped(scope, run);
        thread.expect("a thread").join().expect("no panic")
    })
}

/// Runs the guest's driver against a host that keeps the images of its jobs, and answers each job with an empty count.
fn checkpoints(program: &Program, args: &[&str]) -> Vec<Image> {
    let taken = Arc::<Mutex<Vec<Image>>>::default();
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let host = Box::new(Recorder(Arc::clone(&taken)));
    // Jobs fail after they are submitted: the image is all that is wanted.
    let _ = on_a_guest_thread(|| {
        sandbox::run_driver(program, &args, 1, 1 << 30, program.kill_switch(), host)
    });
    let images = taken.lock().expect("no panic");
    images.clone()
}

struct Recorder(Arc<Mutex<Vec<Image>>>);

fn none<T>() -> Result<T, Error> {
    Err(Error::new(ErrorKind::NotFound, "the bench has none"))
}

impl DriverHost for Recorder {
    fn conf(&mut self, key: &str) -> Option<String> {
        (key == "default.parallelism").then(|| "2".into())
    }
    fn set_conf(&mut self, _: &str, _: &str) -> Result<(), Error> {
        Ok(())
    }
    fn define(&mut self, _: Vec<RddNode>) -> Result<(), Error> {
        Ok(())
    }
    fn replicate(&mut self, _: u32, _: u32) -> Result<(), Error> {
        Ok(())
    }
    fn release(&mut self, _: Vec<u32>) {}
    fn text_file(&mut self, _: &str, _: u32) -> Result<Vec<Split>, Error> {
        none()
    }
    fn binary_file(&mut self, _: &str, _: u32, _: u32) -> Result<Vec<Split>, Error> {
        none()
    }
    fn list_files(&mut self, _: &str) -> Result<Vec<FoundFile>, Error> {
        none()
    }
    fn parquet_file(&mut self, _: &str, _: u32) -> Result<Vec<ColumnFile>, Error> {
        none()
    }
    fn submit_job(&mut self, _: JobSpec, image: Image) -> Result<u32, Error> {
        let mut images = self.0.lock().expect("no panic");
        images.push(image);
        Ok(0)
    }
    fn await_job(&mut self, _: u32, _: Duration) -> Result<JobProgress, Error> {
        // The count of the one partition.
        Ok(JobProgress {
            results: vec![PartitionResult {
                partition: 0,
                bytes: vec![0; 8],
            }],
            finished: true,
        })
    }
    fn take_accumulators(&mut self, _: u32) -> Result<Vec<AccumulatorUpdate>, Error> {
        Ok(Vec::new())
    }
    fn cancel_job(&mut self, _: u32) -> Result<(), Error> {
        Ok(())
    }
    fn create_output(&mut self, _: &str) -> Result<u32, Error> {
        none()
    }
    fn commit_output(&mut self, _: u32) -> Result<(), Error> {
        none()
    }
    fn abort_output(&mut self, _: u32) -> Result<(), Error> {
        none()
    }
    fn log(&mut self, _: Channel, _: &[u8]) {}
}

struct NoData;

impl TaskHost for NoData {
    fn open_lines(&mut self, _: &Split) -> Result<u32, Error> {
        none()
    }
    fn read_lines(&mut self, _: u32) -> Result<String, Error> {
        none()
    }
    fn open_columns(&mut self, _: &Split, _: &[String]) -> Result<u32, Error> {
        none()
    }
    fn read_columns(&mut self, _: u32) -> Result<Vec<Column>, Error> {
        none()
    }
    fn open_bytes(&mut self, _: &Split) -> Result<u32, Error> {
        none()
    }
    fn open_file(&mut self, _: &Split) -> Result<u32, Error> {
        none()
    }
    fn open_shuffle(&mut self, _: u32, _: u32) -> Result<u32, Error> {
        none()
    }
    fn open_block(&mut self, _: u32, _: u32) -> Result<Option<u32>, Error> {
        Ok(None)
    }
    fn read_bytes(&mut self, _: u32) -> Result<Arc<Vec<u8>>, Error> {
        none()
    }
    fn close_reader(&mut self, _: u32) {}
    fn write_shuffle(&mut self, _: u32, _: &[u8]) -> Result<(), Error> {
        none()
    }
    fn write_block(&mut self, _: u32, _: u32, _: Vec<u8>) -> Result<(), Error> {
        none()
    }
    fn keep_block(&mut self, _: u32, _: u32, _: BlockLevel, _: Vec<u8>) -> Result<bool, Error> {
        Ok(false)
    }
    fn commit_block(&mut self, _: u32, _: u32) -> Result<bool, Error> {
        Ok(false)
    }
    fn add_accumulator(&mut self, _: u32, _: Vec<u8>) -> Result<(), Error> {
        none()
    }
    fn write_output(&mut self, _: u32, _: &str, _: &[u8]) -> Result<(), Error> {
        none()
    }
    fn write_compressed(&mut self, _: u32, _: &str, _: Compression, _: &[u8]) -> Result<(), Error> {
        none()
    }
    fn write_columns(&mut self, _: u32, _: &str, _: Vec<Column>) -> Result<(), Error> {
        none()
    }
    fn write_spill(&mut self, _: u32, _: &[u8]) -> Result<(), Error> {
        none()
    }
    fn open_spill(&mut self, _: u32) -> Result<u32, Error> {
        none()
    }
    fn drop_spill(&mut self, _: u32) {}
    fn write_frames(&mut self, _: &[u8]) -> Result<(), Error> {
        none()
    }
    fn open_sorted(&mut self, _: u32, _: u32, _: bool) -> Result<u32, Error> {
        none()
    }
    fn log(&mut self, _: Channel, _: &[u8]) {}
}
