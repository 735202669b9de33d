//! Executor threads: each runs one task at a time, as a fork of the task's image.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use sandbox::{Attempt, TaskSpec, TaskWork};
use scheduler::{FailureKind, Outcome, Task, TaskFailure, TaskMetrics, Work};

use super::task::{Ended, TaskSide};
use super::{DriverRef, Executor, Launch, Leaves};

/// Starts a thread for each of the executor's cores. They end when the executor stops.
pub(crate) fn start(executor: &Arc<Executor>, driver: &Arc<dyn DriverRef>) -> Vec<JoinHandle<()>> {
    (0..executor.cores)
        .map(|number| {
            let (executor, driver) = (Arc::clone(executor), Arc::clone(driver));
            thread::Builder::new()
                .name(format!("task-{number}"))
                .stack_size(sandbox::THREAD_STACK_BYTES)
                .spawn(move || run_tasks(&executor, &driver))
                .expect("the machine has room for a thread")
        })
        .collect()
}

fn run_tasks(executor: &Arc<Executor>, driver: &Arc<dyn DriverRef>) {
    while let Some(launch) = executor.next_task() {
        let attempt = launch.task.attempt;
        let (outcome, metrics, leaves) = run(executor, driver, launch);
        executor.ended(attempt);
        driver.task_ended(attempt, outcome, metrics, leaves);
    }
}

fn run(
    executor: &Arc<Executor>,
    driver: &Arc<dyn DriverRef>,
    launch: Launch,
) -> (Outcome, TaskMetrics, Leaves) {
    let start = Instant::now();
    let Ended {
        outcome,
        mut metrics,
    } = match executor.memory.prepare(&launch.image) {
        Err(error) => {
            let failure = TaskFailure::new(FailureKind::Io, error.to_string());
            Ended {
                outcome: Err(failure),
                metrics: TaskMetrics::default(),
            }
        }
        Ok(image) => {
            let attempt = Attempt {
                image,
                task: spec(&launch.task, executor.limits.memory_bytes),
                limits: executor.limits,
                kill: launch.reach.kill.clone(),
            };
            let side = TaskSide::new(
                Arc::clone(executor),
                Arc::clone(driver),
                launch.task,
                launch.reach,
            );
            let (finished, side) = attempt.run(side);
            let mut ended = side.end(finished.result);
            ended.metrics.instantiate_us = micros(finished.instantiated_after);
            ended.metrics.peak_memory_bytes = finished.peak_memory_bytes as u64;
            ended.metrics.log_bytes = finished.log_bytes;
            ended
        }
    };
    metrics.run_time_us = micros(start.elapsed());
    executor.memory.tell_peaks(&mut metrics);
    match outcome {
        Ok(leaves) => (succeeded(&leaves), metrics, leaves),
        Err(failure) => (failure.into(), metrics, Leaves::default()),
    }
}

fn succeeded(leaves: &Leaves) -> Outcome {
    match &leaves.map_output {
        Some(output) => Outcome::Wrote(output.sizes()),
        None => Outcome::Succeeded,
    }
}

fn spec(task: &Task, memory_bytes: usize) -> TaskSpec {
    TaskSpec {
        stage: task.name.stage.0,
        partition: task.partition,
        work: match task.work {
            Work::Action { .. } => TaskWork::Action,
            Work::ShuffleMap { shuffle, .. } => TaskWork::ShuffleMap(shuffle.0),
        },
        memory: memory_bytes as u64,
        seed: task.seed,
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
