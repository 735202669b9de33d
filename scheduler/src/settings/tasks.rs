//! Tasks: when they are tried again, how long they may take.
//!
//! Beside each row, the way to read it.

use std::time::Duration;

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
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
        "task.timeout",
        Shape::Time,
        None,
        "How long a task attempt may run before it is killed, which counts as a failure. Without it, for \
         ever. A plain number counts seconds.",
    ),
];

impl Settings {
    /// `task.maxFailures`: the failure of one task with which its job fails.
    pub fn task_max_failures(&self) -> u32 {
        self.count("task.maxFailures").unwrap_or_default()
    }

    /// `task.maxLogSize`: the bytes of log that a task attempt keeps.
    pub fn task_max_log_size(&self) -> u64 {
        self.size("task.maxLogSize")
    }

    /// `task.timeout`: how long a task attempt may run; none: as long as it likes.
    pub fn task_timeout(&self) -> Option<Duration> {
        self.time("task.timeout")
    }
}
