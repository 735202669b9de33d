//! Tasks: when they are tried again, how long they may take.
//!
//! Beside each row, the way to read it.

use std::time::Duration;

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::ours(
        "task.aheadTime",
        Shape::Wait,
        Some("1ms"),
        "How much work may wait at an executor of a cluster for each of its cores, so that short tasks need not wait for \
         messages: at most 16 tasks that are known to take no longer together. With 0, or with `task.timeout`, a task is sent \
         only to a free core. A plain number counts seconds.",
    ),
    Definition::spark(
        "task.cpus",
        Shape::Count { least: 1 },
        Some("1"),
        "Cores that each task takes. An executor with fewer runs none.",
    ),
    Definition::spark(
        "task.maxFailures",
        Shape::Count { least: 1 },
        Some("4"),
        "The failure of one task with which its job fails. Kills, lost executors, lost map outputs and \
         denied commits do not count. A program's failure that comes again exactly the same ends the job \
         at once, whatever this says: it would come every time.",
    ),
    Definition::ours(
        "task.maxLogSize",
        Shape::Bytes { plain: 1, least: 0 },
        Some("1m"),
        "Bytes that one task attempt may print; what goes beyond is dropped and counted.",
    ),
    Definition::ours(
        "task.retryWait",
        Shape::Wait,
        Some("10ms"),
        "How long a task waits before it is tried again. The first time it does not wait; from the third attempt \
         on the wait doubles with each, up to a hundred times this. What its executor or its map outputs \
         lost, and what was killed, is not waited for. A plain number counts seconds.",
    ),
    Definition::ours(
        "task.timeout",
        Shape::Time,
        None,
        "How long a task attempt may run before it is killed, which counts as a failure. Without it, for \
         ever. A plain number counts seconds.",
    ),
];

impl Settings {
    /// `task.aheadTime`: how much work may wait for each core of an executor.
    pub fn task_ahead_time(&self) -> Duration {
        self.time("task.aheadTime").unwrap_or_default()
    }

    /// `task.maxFailures`: the failure of one task with which its job fails.
    pub fn task_max_failures(&self) -> u32 {
        self.count("task.maxFailures").unwrap_or_default()
    }

    /// `task.maxLogSize`: the bytes of log that a task attempt keeps.
    pub fn task_max_log_size(&self) -> u64 {
        self.size("task.maxLogSize")
    }

    /// `task.cpus`: the cores that each task takes.
    pub fn task_cpus(&self) -> u32 {
        self.count("task.cpus").unwrap_or(1)
    }

    /// `task.retryWait`: how long a task waits before the third attempt.
    pub fn task_retry_wait(&self) -> Duration {
        self.time("task.retryWait").unwrap_or_default()
    }

    /// `task.timeout`: how long a task attempt may run; none: as long as it likes.
    pub fn task_timeout(&self) -> Option<Duration> {
        self.time("task.timeout")
    }
}
