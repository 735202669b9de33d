//! Tasks that run in executors: they read, compute for a while, write, and go wrong.
//!
//! What a task makes is a hash of what it read, so a result tells whether everything that went into it was right.

use std::time::Duration;

use scheduler::{
    AttemptId, FailureKind, KillReason, Outcome, RddId, ShuffleId, Task, TaskFailure, TaskMetrics,
    Work, executor,
};

use crate::data::File;
use crate::executor::ExecutorProcess;
use crate::faults::Kind;
use crate::process::{Machine, ProcessId};
use crate::reading::Reader;
use crate::world::{Told, What, World};

/// A cached partition, and what it holds.
pub(crate) type Block = (RddId, u32, u64);

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// For a core: it was sent ahead.
    Waits,
    Reads,
    Computes,
    AsksToCommit,
    Commits,
    Ends,
}

/// A task that runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) task: Task,
    pub(crate) step: Step,
    /// What it has made.
    pub(crate) value: u64,
    /// How long it computes, in microseconds.
    pub(crate) time_us: u64,
    /// Cached blocks that it has made on the way.
    pub(crate) blocks: Vec<Block>,
    pub(crate) outcome: Option<Outcome>,
}

impl World {
    pub(crate) fn run_task(&mut self, id: ProcessId, task: Task) {
        let Some(executor) = self.executor(id) else {
            return;
        };
        let waits = executor.is_full();
        let running = Running {
            task,
            step: if waits { Step::Waits } else { Step::Reads },
            value: 0,
            time_us: 0,
            blocks: Vec::new(),
            outcome: None,
        };
        let twice = executor.running.insert(task.attempt, running);
        assert!(twice.is_none(), "{} runs twice", task.attempt);
        self.stats.tasks += 1;
        if waits {
            self.stats.sent_ahead += 1;
        } else {
            let wait = self.millis(1, 5);
            self.plan(wait, What::Step(id, task.attempt));
        }
    }

    /// A task that waits for a core gets the one that is free.
    fn begin_next(&mut self, id: ProcessId) {
        let next = self.executor(id).and_then(ExecutorProcess::next);
        if let Some(attempt) = next {
            let wait = self.millis(1, 5);
            self.go_to(id, attempt, Step::Reads, wait);
        }
    }

    fn running(&mut self, id: ProcessId, attempt: AttemptId) -> Option<&mut Running> {
        self.executor(id)?.running.get_mut(&attempt)
    }

    /// A task goes on.
    pub(crate) fn step(&mut self, id: ProcessId, attempt: AttemptId) {
        let Some(running) = self.running(id, attempt).map(|running| running.clone()) else {
            return;
        };
        match running.step {
            Step::Reads => self.read(id, running.task),
            Step::Computes => self.computed(id, &running),
            Step::Commits => self.commit(id, &running),
            Step::Ends => self.task_ended(id, running),
            Step::Waits | Step::AsksToCommit => {}
        }
    }

    fn go_to(&mut self, id: ProcessId, attempt: AttemptId, step: Step, within: Duration) {
        if let Some(running) = self.running(id, attempt) {
            running.step = step;
            self.plan(within, What::Step(id, attempt));
        }
    }

    fn read(&mut self, id: ProcessId, task: Task) {
        let process = &self.processes[&id];
        let Machine::Executor(executor) = &process.machine else {
            return;
        };
        let reader = Reader {
            host: process.host,
            driver: executor.driver,
        };
        let mut made = Vec::new();
        match self.compute(reader, task.rdd, task.partition, &mut made) {
            Err(kind) => {
                let message = "it is not there";
                self.end_task(id, task.attempt, TaskFailure::new(kind, message).into());
            }
            Ok(value) => self.compute_for_a_while(id, task, value, made),
        }
    }

    fn compute_for_a_while(&mut self, id: ProcessId, task: Task, value: u64, made: Vec<Block>) {
        let process = &self.processes[&id];
        let slowness = self.sites[process.host.0].slowness;
        let Some(mean) = self
            .executor(id)
            .map(|executor| executor.program.task.as_millis())
        else {
            return;
        };
        let mean = u64::try_from(mean).unwrap().max(1);
        let time = self.millis(mean / 2, mean * 3 / 2) * u32::try_from(slowness).unwrap() / 100;
        if let Some(running) = self.running(id, task.attempt) {
            running.value = value;
            running.blocks = made;
            running.time_us = u64::try_from(time.as_micros()).unwrap();
        }
        self.go_to(id, task.attempt, Step::Computes, time);
    }

    fn computed(&mut self, id: ProcessId, running: &Running) {
        let task = running.task;
        if let Some(failure) = self.fails(id, task) {
            return self.end_task(id, task.attempt, failure.into());
        }
        if self.strikes(Kind::ExecutorOutOfMemory)
            && let Some((worker, child)) = self.parent(id)
        {
            return self.end_child(worker, child, Some(137));
        }
        self.store_blocks(id, &running.blocks);
        match task.work {
            Work::ShuffleMap { shuffle, .. } => self.write_file(id, running, shuffle),
            Work::Action { job } => {
                let writes = self
                    .executor(id)
                    .is_some_and(|executor| executor.program.jobs[job.0 as usize].writes);
                if !writes {
                    return self.succeed(id, running);
                }
                self.go_to(id, task.attempt, Step::AsksToCommit, Duration::ZERO);
                self.plan_told(
                    id,
                    Told::Executor(executor::Input::CommitAsked {
                        attempt: task.attempt,
                    }),
                );
            }
        }
    }

    /// What the program itself does wrong, and what is done to it.
    fn fails(&mut self, id: ProcessId, task: Task) -> Option<TaskFailure> {
        let program = self.executor(id)?.program.clone();
        if let Work::Action { job } = task.work
            && program.jobs[job.0 as usize].poison == Some(task.partition)
        {
            return Some(TaskFailure::new(FailureKind::Panicked, "poisoned"));
        }
        if self.strikes(Kind::TaskPanicked) {
            // Never the same words: a failure that recurs is the program's own.
            let message = format!("panic {}", self.counts.of(Kind::TaskPanicked));
            return Some(TaskFailure::new(FailureKind::Panicked, message));
        }
        None
    }

    fn store_blocks(&mut self, id: ProcessId, made: &[Block]) {
        let Some(executor) = self.executor(id) else {
            return;
        };
        let driver = executor.driver;
        for (rdd, partition, value) in made.iter().copied() {
            self.data
                .blocks
                .entry((driver, rdd, partition))
                .or_default()
                .insert(id, value);
            let told = executor::Input::BlockStored { rdd, partition };
            self.plan_told(id, Told::Executor(told));
        }
    }

    fn write_file(&mut self, id: ProcessId, running: &Running, shuffle: ShuffleId) {
        let host = self.processes[&id].host;
        let Some(executor) = self.executor(id) else {
            return;
        };
        let application = executor.name.application;
        let (attempt, map) = (running.task.attempt, running.task.partition);
        if self.sites[host.0].full {
            self.counts.add(Kind::DiskFull);
            let message = format!("no space left on {attempt}'s disk");
            return self.end_task(
                id,
                attempt,
                TaskFailure::new(FailureKind::Io, message).into(),
            );
        }
        let file = File {
            host,
            application,
            shuffle,
            map,
            attempt,
        };
        self.data.files.insert(file, running.value);
        self.succeed(id, running);
    }

    fn succeed(&mut self, id: ProcessId, running: &Running) {
        let attempt = running.task.attempt;
        let Some(driver) = self.executor(id).map(|executor| executor.driver) else {
            return;
        };
        self.data.results.insert((driver, attempt), running.value);
        self.end_task(id, attempt, Outcome::Succeeded);
    }

    /// An attempt that has written its output is told whether it may make it visible.
    pub(crate) fn may_commit(&mut self, id: ProcessId, attempt: AttemptId, granted: bool) {
        let Some(running) = self.running(id, attempt) else {
            return;
        };
        if running.step != Step::AsksToCommit {
            return;
        }
        if granted {
            let wait = self.millis(1, 50);
            self.go_to(id, attempt, Step::Commits, wait);
        } else {
            let failure = TaskFailure::new(FailureKind::CommitDenied, "another attempt may commit");
            self.end_task(id, attempt, failure.into());
        }
    }

    fn commit(&mut self, id: ProcessId, running: &Running) {
        let Work::Action { job } = running.task.work else {
            return;
        };
        let Some(driver) = self.executor(id).map(|executor| executor.driver) else {
            return;
        };
        let key = (driver, job, running.task.partition);
        self.data
            .output
            .entry(key)
            .or_default()
            .insert(running.task.attempt);
        self.check_output(key);
        self.succeed(id, running);
    }

    pub(crate) fn kill_task(&mut self, id: ProcessId, attempt: AttemptId, reason: KillReason) {
        let Some(running) = self.running(id, attempt) else {
            return;
        };
        if reason == KillReason::Recalled && running.step != Step::Waits {
            return;
        }
        // What is being made visible, or has ended, can't be stopped any more.
        if matches!(running.step, Step::Commits | Step::Ends) {
            return;
        }
        let failure = TaskFailure::new(FailureKind::Killed, reason.to_string());
        self.end_task(id, attempt, failure.into());
    }

    fn end_task(&mut self, id: ProcessId, attempt: AttemptId, outcome: Outcome) {
        if let Some(running) = self.running(id, attempt) {
            running.outcome = Some(outcome);
        }
        let wait = self.millis(1, 10);
        self.go_to(id, attempt, Step::Ends, wait);
    }

    fn task_ended(&mut self, id: ProcessId, running: Running) {
        let Some(outcome) = running.outcome else {
            return;
        };
        let attempt = running.task.attempt;
        if let Some(executor) = self.executor(id) {
            executor.running.remove(&attempt);
        }
        self.begin_next(id);
        let metrics = TaskMetrics {
            run_time_us: running.time_us,
            result_bytes: 8,
            shuffle_write_bytes: 8,
            // Each task counts itself.
            accumulators: 1,
            ..TaskMetrics::default()
        };
        self.tell_executor(
            id,
            executor::Input::TaskEnded {
                attempt,
                outcome,
                metrics,
            },
        );
    }
}
