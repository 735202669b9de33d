//! The program in a driver: it submits its jobs, takes their results, and comes to its end.

use std::collections::BTreeSet;

use scheduler::application::{Input, Outbox};
use scheduler::{
    Action as Order, AttemptId, Cause, ExecutorId, ImageId, Input as Happening, JobFailure, JobId,
    JobSpec, ShuffleId, StorageLevel, Work,
};

use crate::driver::DriverProcess;
use crate::process::ProcessId;
use crate::world::{What, World};

/// How a job of a program stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Job {
    pub(crate) accepted: BTreeSet<u32>,
    /// The partitions of the result stage whose accumulators were counted.
    pub(crate) counted: BTreeSet<u32>,
    pub(crate) cancelled: bool,
    /// Whether so much failed that it had to end.
    pub(crate) given_up: bool,
    pub(crate) ended: bool,
}

impl World {
    pub(crate) fn do_for_program(&mut self, id: ProcessId, order: Order) {
        self.note(|| format!("  the program: {order:?}"));
        match order {
            Order::AcceptResult {
                job,
                partition,
                attempt,
            } => self.accept_result(id, job, partition, attempt),
            Order::CountAccumulators {
                job,
                partition,
                attempt,
                ..
            } => self.count(id, job, partition, attempt),
            Order::FinishJob { job } => self.job_ended(id, job, true, "finished"),
            Order::FailJob { job, failure } => {
                if let Some(driver) = self.driver(id) {
                    driver.note_doom(job, &failure);
                }
                self.job_ended(id, job, false, &failure.to_string());
            }
            other => {
                if let Some(driver) = self.driver(id) {
                    driver.keep_house(other);
                }
            }
        }
    }

    fn accept_result(&mut self, id: ProcessId, job: JobId, partition: u32, attempt: AttemptId) {
        let Some(endpoint) = self.processes.get(&id).map(|process| process.endpoint) else {
            return;
        };
        let result = self.data.results.remove(&(endpoint, attempt));
        if let Some(driver) = self.driver(id) {
            driver.accept(job, partition, attempt, result);
        }
    }

    fn count(&mut self, id: ProcessId, job: JobId, partition: u32, attempt: AttemptId) {
        let endpoint = self.processes.get(&id).map(|process| process.endpoint);
        let there = endpoint.is_some_and(|there| self.data.results.contains_key(&(there, attempt)));
        assert!(there, "{attempt} is counted, and has not succeeded");
        if let Some(driver) = self.driver(id) {
            driver.count(job, partition, attempt);
        }
    }

    fn job_ended(&mut self, id: ProcessId, job: JobId, finished: bool, how: &str) {
        let Some(endpoint) = self.processes.get(&id).map(|process| process.endpoint) else {
            return;
        };
        let Some(driver) = self.driver(id) else {
            return;
        };
        driver.end_job(job, finished, how);
        let program = driver.program.clone();
        let planned = &program.jobs[job.0 as usize];
        if finished && planned.writes {
            self.checks_output_complete(endpoint, job, &planned.partitions);
        }
        self.stats.jobs += 1;
        let pause = u64::try_from(program.pause.as_millis()).unwrap();
        let wait = self.millis(pause / 2, pause * 3 / 2);
        self.plan(wait, What::Program(id));
    }

    pub(crate) fn program(&mut self, id: ProcessId) {
        let Some(driver) = self.driver(id) else {
            return;
        };
        if driver.doom.is_some() {
            // The cluster has no place for it any more.
            return self.tell_driver(id, Input::Program(Happening::ApplicationEnded));
        }
        if driver.jobs.is_empty() {
            let mut out = Outbox::default();
            driver
                .application
                .define(driver.program.rdds.clone(), &mut out)
                .unwrap();
            self.carry_out_for_driver(id, out);
            self.want_copies(id);
        }
        while let Some(job) = self.next_job(id) {
            self.tell_driver(id, Input::Program(Happening::JobSubmitted(job)));
        }
        self.end_program(id);
    }

    /// Every other dataset that is cached is to be held twice.
    fn want_copies(&mut self, id: ProcessId) {
        let Some(driver) = self.driver(id) else {
            return;
        };
        let cached = driver.program.rdds.iter();
        let cached = cached.filter(|rdd| rdd.storage != StorageLevel::None && rdd.id.0 % 2 == 0);
        for rdd in cached.map(|rdd| rdd.id).collect::<Vec<_>>() {
            let wanted = Happening::CopiesWanted { rdd, copies: 2 };
            self.tell_driver(id, Input::Program(wanted));
        }
    }

    fn next_job(&mut self, id: ProcessId) -> Option<JobSpec> {
        let driver = self.driver(id)?;
        let running = driver.jobs.iter().filter(|job| !job.ended).count();
        let planned = driver.program.jobs.get(driver.jobs.len())?.clone();
        if running >= driver.program.at_a_time {
            return None;
        }
        let job = JobId(u32::try_from(driver.jobs.len()).unwrap());
        // Images come back now and then, as they do when nothing changed between two jobs.
        let image = ImageId([u8::try_from(job.0 % 3).unwrap(); 32]);
        driver.attempts.hold(image);
        driver.jobs.push(Job::default());
        if let Some(after) = planned.cancelled_after {
            self.plan(after, What::Cancel(id, job));
        }
        Some(JobSpec {
            job,
            rdd: planned.rdd,
            partitions: planned.partitions,
            image,
            name: "count".into(),
            call_site: "main.rs:1".into(),
            pool: planned.pool.map(Into::into),
            shuffle: None,
            group: None,
            tags: Vec::new(),
        })
    }

    pub(crate) fn cancel(&mut self, id: ProcessId, job: JobId) {
        let Some(driver) = self.driver(id) else {
            return;
        };
        let known = &mut driver.jobs[job.0 as usize];
        known.cancelled |= !known.ended;
        let reason = "it takes too long".into();
        self.tell_driver(id, Input::Program(Happening::JobCancelled { job, reason }));
    }

    fn end_program(&mut self, id: ProcessId) {
        let Some(driver) = self.driver(id) else {
            return;
        };
        let all = driver.jobs.len() == driver.program.jobs.len();
        if driver.done || !all || driver.jobs.iter().any(|job| !job.ended) {
            return;
        }
        driver.done = true;
        self.tell_driver(id, Input::Program(Happening::ApplicationEnded));
    }
}

impl DriverProcess {
    fn keep_house(&mut self, order: Order) {
        match order {
            Order::RegisterMapOutput {
                shuffle,
                partition,
                attempt,
                executor,
            } => self.register((shuffle, partition), attempt, executor),
            Order::ReleaseImage(image) => self.attempts.release(image),
            _ => {}
        }
    }

    fn register(&mut self, output: (ShuffleId, u32), attempt: AttemptId, executor: ExecutorId) {
        let (shuffle, partition) = output;
        let (maps, _) = self.program.shuffles[&shuffle];
        assert!(partition < maps, "{shuffle} has no output {partition}");
        self.attempts.registers(attempt);
        assert!(
            self.counted.remove(&attempt),
            "the output of {attempt} is taken, and its accumulators are not counted"
        );
        self.outputs.insert(output, (attempt, executor));
    }

    fn count(&mut self, id: JobId, partition: u32, attempt: AttemptId) {
        let job = &mut self.jobs[id.0 as usize];
        assert!(!job.ended, "{id} has ended, and {attempt} counts for it");
        let once = match self.attempts.work(attempt) {
            Work::ShuffleMap { .. } => self.counted.insert(attempt),
            Work::Action { job: own } => own == id && job.counted.insert(partition),
        };
        assert!(once, "the accumulators of {attempt} are counted twice");
    }

    fn accept(&mut self, id: JobId, partition: u32, attempt: AttemptId, result: Option<u64>) {
        self.attempts.accepts(attempt);
        let planned = &self.program.jobs[id.0 as usize];
        let job = &mut self.jobs[id.0 as usize];
        assert!(
            !job.ended && planned.partitions.contains(&partition),
            "{id} has no use for {partition}"
        );
        assert!(
            job.accepted.insert(partition),
            "partition {partition} of {id} is accepted twice"
        );
        assert_eq!(
            job.counted, job.accepted,
            "the accumulators of a result stage count once for each result"
        );
        let result = result.expect("a result is accepted of an attempt that succeeded");
        let right = self.program.value(planned.rdd, partition);
        assert_eq!(
            result, right,
            "{id} has a wrong result for partition {partition}, from {attempt}"
        );
    }

    /// A job that nobody cancelled is cancelled with its application alone.
    fn note_doom(&mut self, id: JobId, failure: &JobFailure) {
        self.jobs[id.0 as usize].given_up = self.failures.explain(&failure.cause);
        let cancelled = matches!(failure.cause, Cause::Cancelled { .. });
        if cancelled && !self.jobs[id.0 as usize].cancelled {
            self.doom = Some(failure.to_string());
        }
    }

    fn end_job(&mut self, id: JobId, finished: bool, how: &str) {
        let planned = &self.program.jobs[id.0 as usize];
        let job = &mut self.jobs[id.0 as usize];
        assert!(
            !std::mem::replace(&mut job.ended, true),
            "{id} ends a second time: {how}"
        );
        if finished {
            assert_eq!(
                job.accepted.len(),
                planned.partitions.len(),
                "{id} is finished and not complete"
            );
            assert_eq!(planned.poison, None, "{id} can't be finished");
        } else {
            let excused =
                planned.poison.is_some() || job.cancelled || job.given_up || self.doom.is_some();
            assert!(
                excused,
                "{id} failed though nothing is wrong with it: {how}"
            );
        }
    }
}
