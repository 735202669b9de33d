//! Executor threads: each runs one task at a time, as a fork of the task's image.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use sandbox::{Attempt, TaskSpec, TaskWork};
use scheduler::{FailureKind, Outcome, Task, TaskFailure, TaskMetrics, Work};

use crate::application::{Application, Launch, Yield};
use crate::task::{Ended, TaskSide};

/// Starts a thread for each of the application's cores. They end when the application stops.
pub(crate) fn start(application: &Arc<Application>) -> Vec<JoinHandle<()>> {
    (0..application.cores)
        .map(|number| {
            let application = Arc::clone(application);
            thread::Builder::new()
                .name(format!("task-{number}"))
                .stack_size(sandbox::THREAD_STACK_BYTES)
                .spawn(move || run_tasks(&application))
                .expect("the machine has room for a thread")
        })
        .collect()
}

fn run_tasks(application: &Arc<Application>) {
    let mut next = application.next_task();
    while let Some(launch) = next {
        let attempt = launch.task.attempt;
        let (outcome, metrics, leaves) = run(application, launch);
        next = application.end_task(attempt, outcome, metrics, leaves);
    }
}

fn run(application: &Arc<Application>, launch: Launch) -> (Outcome, TaskMetrics, Yield) {
    let start = Instant::now();
    let Ended {
        outcome,
        mut metrics,
    } = match application.images.get(&launch.image) {
        Err(error) => {
            let failure = TaskFailure::new(FailureKind::Io, error.to_string());
            Ended {
                outcome: Err(failure),
                metrics: TaskMetrics::default(),
            }
        }
        Ok(image) => {
            let spec = spec(&launch.task, application.limits.memory_bytes);
            let attempt = Attempt {
                image,
                task: spec,
                limits: application.limits,
                kill: launch.kill,
            };
            let (finished, side) = attempt.run(TaskSide::new(Arc::clone(application), launch.task));
            let mut ended = side.end(finished.result);
            ended.metrics.instantiate_us = micros(finished.instantiated_after);
            ended.metrics.peak_memory_bytes = finished.peak_memory_bytes as u64;
            ended.metrics.log_bytes = finished.log_bytes;
            ended
        }
    };
    metrics.run_time_us = micros(start.elapsed());
    match outcome {
        Ok(leaves) => (succeeded(&leaves), metrics, leaves),
        Err(failure) => (failure.into(), metrics, Yield::default()),
    }
}

fn succeeded(leaves: &Yield) -> Outcome {
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
            Work::ShuffleMap { shuffle } => TaskWork::ShuffleMap(shuffle.0),
        },
        memory: memory_bytes as u64,
        seed: task.seed,
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
