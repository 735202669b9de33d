//! Forks of a real program, with the sandbox alone: exact, alone, bounded, repeatable, and ended when they are killed.
//!
//! The host of these tests is the least that a driver needs: it keeps each job's image, and computes the job by forking it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

mod support {
    pub(crate) mod guests;
}

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sandbox::{
    AccumulatorUpdate, Attempt, AttemptLimits, BlockLevel, Channel, ClockReading, Column,
    ColumnFile, Compression, DriverHost, Error, ErrorKind, Finished, FoundFile, Image, JobProgress,
    JobSpec, KillReason, PartitionResult, Prepared, PreparedImages, Program, RddNode, Sandbox,
    Snapshot, Split, TaskHost, TaskSpec, TaskWork,
};
use scheduler::{FailureKind, TaskFailure};
use support::guests::behaves;

const MIB: usize = 1 << 20;
const LIMITS: AttemptLimits = AttemptLimits {
    memory_bytes: 600 * MIB,
    log_bytes: MIB,
    result_bytes: 64 * MIB,
};

/// The program of many behaviours, in a sandbox for this test.
fn program() -> Arc<Program> {
    program_for(8)
}

/// The same in a sandbox that holds so many instances at a time.
fn program_for(instances: u32) -> Arc<Program> {
    let component = std::fs::read(behaves()).unwrap();
    let sandbox = Sandbox::new(instances, None).unwrap();
    sandbox.load(&component).unwrap()
}

/// A job that a driver has run: from which image, and what each partition gave.
#[derive(Clone)]
struct Job {
    image: Image,
    results: Vec<Result<Vec<u8>, TaskFailure>>,
}

/// A driver's host that runs its jobs by itself, if it has where to prepare their images.
struct Alone {
    program: Arc<Program>,
    images: Option<PreparedImages>,
    jobs: Arc<Mutex<Vec<Job>>>,
    printed: Arc<Mutex<String>>,
}

/// What is not asked for in these tests.
fn absent<T>() -> Result<T, Error> {
    Err(Error::new(ErrorKind::NotFound, "there are no files here"))
}

impl DriverHost for Alone {
    fn conf(&mut self, _: &str) -> Option<String> {
        None
    }
    fn set_conf(&mut self, _: &str, _: &str) -> Result<(), Error> {
        absent()
    }
    fn define(&mut self, _: Vec<RddNode>) -> Result<(), Error> {
        Ok(())
    }
    fn replicate(&mut self, _: u32, _: u32) -> Result<(), Error> {
        Ok(())
    }
    fn release(&mut self, _: Vec<u32>) {}
    fn text_file(&mut self, _: &str, _: u32) -> Result<Vec<Split>, Error> {
        absent()
    }
    fn binary_file(&mut self, _: &str, _: u32, _: u32) -> Result<Vec<Split>, Error> {
        absent()
    }
    fn parquet_file(&mut self, _: &str, _: u32) -> Result<Vec<ColumnFile>, Error> {
        absent()
    }

    fn list_files(&mut self, _: &str) -> Result<Vec<FoundFile>, Error> {
        absent()
    }
    fn submit_job(&mut self, job: JobSpec, image: Image) -> Result<u32, Error> {
        let prepared = self
            .images
            .as_ref()
            .map(|images| images.get(&image).unwrap());
        let run = |prepared| {
            job.partitions
                .iter()
                .map(|partition| fork(&self.program, &prepared, *partition).result)
                .collect()
        };
        let results = prepared.map(run).unwrap_or_default();
        let mut jobs = self.jobs.lock().unwrap();
        jobs.push(Job { image, results });
        Ok(u32::try_from(jobs.len() - 1).unwrap())
    }

    fn await_job(&mut self, job: u32, _: Duration) -> Result<JobProgress, Error> {
        if self.images.is_none() {
            return Err(Error::new(ErrorKind::Cancelled, "no job is run"));
        }
        let results = self.jobs.lock().unwrap()[job as usize].results.clone();
        let whole = (0..).zip(results).map(|(partition, result)| {
            Ok(PartitionResult {
                partition,
                bytes: result?,
            })
        });
        let results = whole.collect::<Result<_, TaskFailure>>();
        let results =
            results.map_err(|failure| Error::new(ErrorKind::JobFailed, failure.to_string()))?;
        Ok(JobProgress {
            results,
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
        absent()
    }
    fn commit_output(&mut self, _: u32) -> Result<(), Error> {
        absent()
    }
    fn abort_output(&mut self, _: u32) -> Result<(), Error> {
        absent()
    }
    fn log(&mut self, _: Channel, bytes: &[u8]) {
        *self.printed.lock().unwrap() += &String::from_utf8_lossy(bytes);
    }
}

/// A task's host without data. Tells of what the task prints.
struct Empty(Option<Sender<()>>);

impl TaskHost for Empty {
    fn open_lines(&mut self, _: &Split) -> Result<u32, Error> {
        absent()
    }
    fn read_lines(&mut self, _: u32) -> Result<String, Error> {
        absent()
    }
    fn open_columns(&mut self, _: &Split, _: &[String]) -> Result<u32, Error> {
        absent()
    }
    fn read_columns(&mut self, _: u32) -> Result<Vec<Column>, Error> {
        absent()
    }
    fn open_bytes(&mut self, _: &Split) -> Result<u32, Error> {
        absent()
    }
    fn open_file(&mut self, _: &Split) -> Result<u32, Error> {
        absent()
    }
    fn open_shuffle(&mut self, _: u32, _: u32) -> Result<u32, Error> {
        absent()
    }
    fn open_block(&mut self, _: u32, _: u32) -> Result<Option<u32>, Error> {
        Ok(None)
    }
    fn read_bytes(&mut self, _: u32) -> Result<Arc<Vec<u8>>, Error> {
        absent()
    }
    fn close_reader(&mut self, _: u32) {}
    fn write_shuffle(&mut self, _: u32, _: &[u8]) -> Result<(), Error> {
        absent()
    }
    fn write_block(&mut self, _: u32, _: u32, _: Vec<u8>) -> Result<(), Error> {
        absent()
    }
    fn keep_block(&mut self, _: u32, _: u32, _: BlockLevel, _: Vec<u8>) -> Result<bool, Error> {
        Ok(false)
    }
    fn commit_block(&mut self, _: u32, _: u32) -> Result<bool, Error> {
        Ok(false)
    }
    fn add_accumulator(&mut self, _: u32, _: Vec<u8>) -> Result<(), Error> {
        absent()
    }
    fn write_output(&mut self, _: u32, _: &str, _: &[u8]) -> Result<(), Error> {
        absent()
    }
    fn write_compressed(&mut self, _: u32, _: &str, _: Compression, _: &[u8]) -> Result<(), Error> {
        absent()
    }
    fn write_columns(&mut self, _: u32, _: &str, _: Vec<Column>) -> Result<(), Error> {
        absent()
    }
    fn write_spill(&mut self, _: u32, _: &[u8]) -> Result<(), Error> {
        absent()
    }
    fn open_spill(&mut self, _: u32) -> Result<u32, Error> {
        absent()
    }
    fn drop_spill(&mut self, _: u32) {}
    fn write_frames(&mut self, _: &[u8]) -> Result<(), Error> {
        absent()
    }
    fn open_sorted(&mut self, _: u32, _: u32, _: bool) -> Result<u32, Error> {
        absent()
    }
    fn log(&mut self, _: Channel, _: &[u8]) {
        if let Some(printed) = &self.0 {
            let _ = printed.send(());
        }
    }
}

/// How a driver has ended, and what it did.
struct Driven {
    ended: Result<(), TaskFailure>,
    jobs: Vec<Job>,
    printed: String,
}

/// Runs `work` on a thread that has the stack that guests need.
fn on_a_guests_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(sandbox::THREAD_STACK_BYTES);
        thread.spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

/// Runs the driver of a behaviour to its end, with images that are prepared within so many bytes.
fn drive(program: &Arc<Program>, budget_bytes: usize, behaviour: &[&str]) -> Driven {
    drive_with(
        program,
        Some(PreparedImages::new(Arc::clone(program), budget_bytes)),
        behaviour,
    )
}

fn drive_with(
    program: &Arc<Program>,
    images: Option<PreparedImages>,
    behaviour: &[&str],
) -> Driven {
    let (jobs, printed) = (
        Arc::<Mutex<Vec<Job>>>::default(),
        Arc::<Mutex<String>>::default(),
    );
    let host = Alone {
        program: Arc::clone(program),
        images,
        jobs: Arc::clone(&jobs),
        printed: Arc::clone(&printed),
    };
    let arguments: Vec<String> = behaviour.iter().map(ToString::to_string).collect();
    let ended = on_a_guests_thread(|| {
        sandbox::run_driver(
            program,
            &arguments,
            42,
            512 * MIB,
            program.kill_switch(),
            Box::new(host),
        )
    });
    let (jobs, printed) = (
        jobs.lock().unwrap().clone(),
        printed.lock().unwrap().clone(),
    );
    Driven {
        ended,
        jobs,
        printed,
    }
}

/// The image of a behaviour's first job, which is not run.
fn image_of(program: &Arc<Program>, behaviour: &str) -> Image {
    drive_with(program, None, &[behaviour]).jobs.remove(0).image
}

/// The one job of a behaviour.
fn job(program: &Arc<Program>, behaviour: &str) -> Job {
    let driven = drive(program, 512 * MIB, &[behaviour]);
    assert_eq!(driven.jobs.len(), 1, "{:?}", driven.ended);
    driven.jobs.into_iter().next().unwrap()
}

fn task(partition: u32) -> TaskSpec {
    TaskSpec {
        stage: 0,
        partition,
        work: TaskWork::Action,
        memory: LIMITS.memory_bytes as u64,
        seed: 7 + u64::from(partition),
    }
}

/// One attempt of a partition, on a thread of its own.
fn fork(program: &Program, image: &Arc<Prepared>, partition: u32) -> Finished {
    on_a_guests_thread(|| attempt(program, image, partition))
}

/// One attempt on this thread.
fn attempt(program: &Program, image: &Arc<Prepared>, partition: u32) -> Finished {
    let kill = program.kill_switch();
    let attempt = Attempt {
        image: Arc::clone(image),
        task: task(partition),
        limits: LIMITS,
        kill,
    };
    attempt.run(Empty(None)).0
}

/// An image that no other is near to: it gets a base of its own.
fn prepare(program: &Arc<Program>, image: &Image) -> Arc<Prepared> {
    PreparedImages::new(Arc::clone(program), usize::MAX)
        .get(image)
        .unwrap()
}

// Exact.

#[test]
fn closures_find_what_they_borrowed_from_the_drivers_stack() {
    let driven = drive(&program(), 512 * MIB, &["captures-stack"]);
    driven.ended.unwrap();
    assert_eq!(driven.printed, "[27, 67, 157]\n");
}

#[test]
fn guarded_frames_are_whole_after_an_action_far_below() {
    drive(&program(), 512 * MIB, &["deep"]).ended.unwrap();
}

#[test]
fn memory_that_grew_is_there_and_grows_on() {
    let driven = drive(&program(), 512 * MIB, &["grown", "64"]);
    driven.ended.unwrap();
    assert_eq!(
        driven.printed,
        "true 0\ntrue 1048576\ntrue 2097152\ntrue 3145728\n"
    );
    assert!(driven.jobs[0].image.memory_bytes() > 64 * MIB);
}

/// Slots are reused: whatever a fork left in its memory, the next one must not see.
#[test]
fn two_thousand_forks_are_the_same() {
    let program = program();
    for behaviour in ["mutates", "captures-shared", "map-order"] {
        let job = job(&program, behaviour);
        let image = prepare(&program, &job.image);
        let count = u32::try_from(job.results.len()).unwrap();
        on_a_guests_thread(|| {
            for number in 0..2000 {
                let partition = number % count;
                let result = attempt(&program, &image, partition).result.unwrap();
                assert_eq!(
                    &result,
                    job.results[partition as usize].as_ref().unwrap(),
                    "{behaviour}, fork {number}"
                );
            }
        });
    }
}

#[test]
fn forks_of_several_threads_are_the_same() {
    let program = program();
    let job = job(&program, "mutates");
    let image = prepare(&program, &job.image);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for partition in (0..8).cycle().take(100) {
                    let result = fork(&program, &image, partition).result.unwrap();
                    assert_eq!(&result, job.results[partition as usize].as_ref().unwrap());
                }
            });
        }
    });
}

#[test]
fn two_attempts_see_the_same_time_randomness_and_order() {
    let program = program();
    let job = job(&program, "tells");
    let image = prepare(&program, &job.image);
    for (partition, first) in (0..).zip(&job.results) {
        let again = fork(&program, &image, partition).result.unwrap();
        assert_eq!(&again, first.as_ref().unwrap(), "partition {partition}");
    }
    let other = |spec: TaskSpec| {
        let kill = program.kill_switch();
        let attempt = Attempt {
            image: Arc::clone(&image),
            task: spec,
            limits: LIMITS,
            kill,
        };
        on_a_guests_thread(|| attempt.run(Empty(None)).0.result.unwrap())
    };
    let reseeded = other(TaskSpec {
        seed: 1000,
        ..task(0)
    });
    assert_ne!(
        &reseeded,
        job.results[0].as_ref().unwrap(),
        "the seed counts"
    );
}

/// All that a second process needs is the image's memory and registers, and the component.
#[test]
fn an_image_means_the_same_in_another_sandbox() {
    let here = program();
    let job = job(&here, "captures-map");
    let image = &job.image;
    let words = (0..image.memory_bytes()).step_by(8);
    let memory: Vec<u8> = words
        .flat_map(|address| image.word(address).to_le_bytes())
        .collect();
    let globals = image.globals().to_vec();
    let ClockReading {
        wall_ns,
        monotonic_ns,
    } = image.clock();

    let there = program();
    let snapshot = Snapshot {
        program: there.hash(),
        memory: &memory,
        globals: &globals,
        clock: ClockReading {
            wall_ns,
            monotonic_ns,
        },
        seed: image.seed(),
    };
    let rebuilt = Image::take(snapshot, None);
    assert_eq!(rebuilt.hash(), image.hash());
    let prepared = prepare(&there, &rebuilt);
    for (partition, result) in (0..).zip(&job.results) {
        assert_eq!(&fork(&there, &prepared, partition).result, result);
    }
}

// Alone.

#[test]
fn forks_that_trap_harm_nobody() {
    let program = program();
    let (good, bad) = (job(&program, "mutates"), job(&program, "task-traps"));
    let images = PreparedImages::new(Arc::clone(&program), usize::MAX);
    let (good_image, bad_image) = (
        images.get(&good.image).unwrap(),
        images.get(&bad.image).unwrap(),
    );
    for _ in 0..50 {
        let failure = fork(&program, &bad_image, 0).result.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Trapped);
    }
    for (partition, result) in (0..).zip(&good.results) {
        assert_eq!(&fork(&program, &good_image, partition).result, result);
    }
}

#[test]
fn an_action_inside_a_task_is_refused() {
    let driven = drive(&program(), 512 * MIB, &["nested-action"]);
    driven.ended.unwrap();
    assert!(
        driven.printed.contains("was called inside a task"),
        "{}",
        driven.printed
    );
    assert_eq!(driven.jobs.len(), 1);
}

// Bounded.

#[test]
fn a_task_has_so_much_memory_beyond_its_image() {
    let program = program();
    let job = drive(&program, 512 * MIB, &["task-uses", "20"])
        .jobs
        .remove(0);
    let image = prepare(&program, &job.image);
    let run = |mib: usize| {
        let limits = AttemptLimits {
            memory_bytes: mib * MIB,
            ..LIMITS
        };
        let kill = program.kill_switch();
        let attempt = Attempt {
            image: Arc::clone(&image),
            task: task(0),
            limits,
            kill,
        };
        on_a_guests_thread(|| attempt.run(Empty(None)).0)
    };
    let enough = run(24);
    assert_eq!(&enough.result, &job.results[0]);
    assert!(enough.peak_memory_bytes > job.image.memory_bytes() + 19 * MIB);
    let too_little = run(16);
    assert_eq!(
        too_little.result.unwrap_err().kind,
        FailureKind::MemoryExceeded
    );
    assert!(too_little.peak_memory_bytes <= job.image.memory_bytes() + 16 * MIB);
}

// Ended.

/// Kills a task once it has begun; returns how long it took to end.
fn kill(program: &Arc<Program>, behaviour: &str) -> Duration {
    kill_fork(program, prepare(program, &image_of(program, behaviour)))
}

fn kill_fork(program: &Arc<Program>, prepared: Arc<Prepared>) -> Duration {
    let (begun, has_begun) = mpsc::channel();
    let switch = program.kill_switch();
    let attempt = Attempt {
        image: prepared,
        task: task(0),
        limits: LIMITS,
        kill: switch.clone(),
    };
    thread::scope(|scope| {
        let run = scope
            .spawn(|| on_a_guests_thread(|| (attempt.run(Empty(Some(begun))).0, Instant::now())));
        has_begun.recv().unwrap();
        let ordered = Instant::now();
        switch.kill(KillReason::Ordered);
        let (finished, ended) = run.join().unwrap();
        assert_eq!(finished.result.unwrap_err().kind, FailureKind::Killed);
        ended - ordered
    })
}

#[test]
fn a_kill_ends_whatever_a_task_does() {
    let program = program();
    // `cargo bench -p sandbox` has the strict figures: 50 ms for a spinning task, 100 ms for the others.
    for behaviour in ["task-spins", "task-fills", "task-copies", "task-sleeps"] {
        let took = kill(&program, behaviour);
        println!("{behaviour}: ended {took:?} after the kill");
        assert!(took < Duration::from_secs(1), "{behaviour}: {took:?}");
    }
}

/// There are as few places for instances as the driver and a task need, so that those of killed tasks are used again.
#[test]
fn forks_after_a_kill_run_on() {
    let program = program_for(2);
    let endless = prepare(&program, &image_of(&program, "task-spins"));
    let job = job(&program, "mutates");
    let good = prepare(&program, &job.image);
    for _ in 0..50 {
        kill_fork(&program, Arc::clone(&endless));
        assert_eq!(&fork(&program, &good, 0).result, &job.results[0]);
    }
}

#[test]
fn a_kill_that_comes_early_is_not_lost() {
    let program = program();
    let image = prepare(&program, &image_of(&program, "task-spins"));
    let kill = program.kill_switch();
    kill.kill(KillReason::TimedOut);
    kill.kill(KillReason::Ordered);
    let attempt = Attempt {
        image,
        task: task(0),
        limits: LIMITS,
        kill,
    };
    let (finished, _) = on_a_guests_thread(|| attempt.run(Empty(None)));
    assert_eq!(
        finished.result.unwrap_err().kind,
        FailureKind::TimedOut,
        "the first reason stays"
    );
}

// Prepared.

#[test]
fn an_image_that_differs_little_is_patched_and_means_the_same() {
    let program = program();
    let jobs = drive(&program, 512 * MIB, &["changes-a-little", "6"]).jobs;
    let images = PreparedImages::new(Arc::clone(&program), usize::MAX);
    images.get(&jobs[0].image).unwrap();
    let base_bytes = images.bytes();
    for job in &jobs {
        let patched = images.get(&job.image).unwrap();
        let whole = prepare(&program, &job.image);
        for (partition, result) in (0..).zip(&job.results) {
            assert_eq!(&fork(&program, &patched, partition).result, result);
            assert_eq!(&fork(&program, &whole, partition).result, result);
        }
    }
    let patches = images.bytes() - base_bytes;
    assert!(
        patches < (jobs.len() - 1) * sandbox::PATCH_BYTES_MAX,
        "{patches} bytes of patches"
    );
}

/// A fork of a patched image copies the patches; when that has cost as much as a base, the image gets one.
#[test]
fn an_image_that_is_forked_often_gets_a_base_of_its_own() {
    let program = program();
    let jobs = drive(&program, 512 * MIB, &["changes-a-little", "2"]).jobs;
    let images = PreparedImages::new(Arc::clone(&program), usize::MAX);
    images.get(&jobs[0].image).unwrap();
    let base_bytes = images.bytes();
    let (image, result) = (&jobs[1].image, &jobs[1].results[0]);
    let forks_at_most = 100 * image.occupied_bytes() / sandbox::PAGE_BYTES;
    let rebased = (0..forks_at_most).find(|_| {
        images.get(image).unwrap();
        images.bytes() > base_bytes + image.occupied_bytes() / 2
    });
    assert!(rebased.is_some(), "{} bytes are ready", images.bytes());
    assert_eq!(
        &fork(&program, &images.get(image).unwrap(), 0).result,
        result
    );
}

#[test]
fn prepared_images_stay_within_their_budget() {
    let program = program();
    let jobs = drive(&program, 512 * MIB, &["changes-much", "6"]).jobs;
    let one = jobs[0].image.occupied_bytes();
    let images = PreparedImages::new(Arc::clone(&program), 3 * one);
    for job in &jobs {
        let image = images.get(&job.image).unwrap();
        assert!(
            images.bytes() <= 3 * one,
            "{} bytes of {}",
            images.bytes(),
            3 * one
        );
        assert_eq!(&fork(&program, &image, 1).result, &job.results[1]);
    }
    let last = images.get(&jobs[5].image).unwrap();
    assert!(
        Arc::ptr_eq(&last, &images.get(&jobs[5].image).unwrap()),
        "the latest is kept"
    );
    // One that was dropped is prepared again.
    assert_eq!(
        &fork(&program, &images.get(&jobs[0].image).unwrap(), 1).result,
        &jobs[0].results[1]
    );
}

#[test]
fn a_budget_smaller_than_an_image_holds_that_one_image() {
    let driven = drive(&program(), 1, &["changes-much", "3"]);
    driven.ended.unwrap();
    assert_eq!(
        driven.printed,
        drive(&program(), 512 * MIB, &["changes-much", "3"]).printed
    );
}
