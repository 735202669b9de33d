//! When a slow task gets a second copy.
//!
//! Beside each row, the way to read it.

use std::time::Duration;

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::spark(
        "executor.decommission.killInterval",
        Shape::Time,
        None,
        "How long after an executor was decommissioned it is expected to be gone. With `speculation`, tasks \
         there that would take longer get a second copy elsewhere at once. A plain number counts seconds.",
    ),
    Definition::spark(
        "speculation",
        Shape::Flag,
        Some("false"),
        "Whether a task that takes much longer than the others of its stage gets a second copy on another \
         machine. The first of the two to succeed counts, the other one is killed.",
    ),
    Definition::spark(
        "speculation.efficiency.enabled",
        Shape::Flag,
        Some("true"),
        "Whether a slow task is left alone while it reads its input about as fast as the others did. Spark counts \
         records, here it is bytes.",
    ),
    Definition::spark(
        "speculation.efficiency.longRunTaskFactor",
        Shape::Factor,
        Some("2"),
        "A task that has run longer than this many times the threshold gets a second copy however fast it reads.",
    ),
    Definition::spark(
        "speculation.efficiency.processRateMultiplier",
        Shape::Factor,
        Some("0.75"),
        "A task reads slowly when its bytes per second are below this part of the average of those that \
         succeeded.",
    ),
    Definition::spark(
        "speculation.interval",
        Shape::Time,
        Some("100ms"),
        "How often running tasks are looked at. A plain number counts seconds.",
    ),
    Definition::spark(
        "speculation.minTaskRuntime",
        Shape::Wait,
        Some("100ms"),
        "The least that a task has run before it is called slow. A plain number counts seconds.",
    ),
    Definition::spark(
        "speculation.multiplier",
        Shape::Factor,
        Some("3"),
        "How many times longer than the median a task has to run to be called slow.",
    ),
    Definition::spark(
        "speculation.quantile",
        Shape::Share,
        Some("0.9"),
        "The part of a stage's tasks that has to have succeeded before others are called slow.",
    ),
    Definition::spark(
        "speculation.task.duration.threshold",
        Shape::Time,
        None,
        "A task of a stage with no more tasks than one executor has room for is called slow once it has run \
         so long, though too few others have succeeded to compare. A plain number counts seconds.",
    ),
];

impl Settings {
    /// `executor.decommission.killInterval`: when a decommissioned executor is expected to be gone, if that is known.
    pub fn decommission_kill_interval(&self) -> Option<Duration> {
        self.time("executor.decommission.killInterval")
    }

    /// `speculation`: whether slow tasks get a second copy.
    pub fn speculation(&self) -> bool {
        self.flag("speculation")
    }

    /// `speculation.efficiency.enabled`: whether tasks that read fast are left alone.
    pub fn speculation_efficiency(&self) -> bool {
        self.flag("speculation.efficiency.enabled")
    }

    /// `speculation.efficiency.longRunTaskFactor`: how many thresholds are too long in any case.
    pub fn speculation_long_run_task_factor(&self) -> f64 {
        self.number("speculation.efficiency.longRunTaskFactor")
    }

    /// `speculation.efficiency.processRateMultiplier`: the part of the average rate that is slow.
    pub fn speculation_process_rate_multiplier(&self) -> f64 {
        self.number("speculation.efficiency.processRateMultiplier")
    }

    /// `speculation.interval`: how often running tasks are looked at.
    pub fn speculation_interval(&self) -> Duration {
        self.time("speculation.interval").unwrap_or_default()
    }

    /// `speculation.minTaskRuntime`: the least that a task has run before it is called slow.
    pub fn speculation_min_task_runtime(&self) -> Duration {
        self.time("speculation.minTaskRuntime").unwrap_or_default()
    }

    /// `speculation.multiplier`: how many medians are slow.
    pub fn speculation_multiplier(&self) -> f64 {
        self.number("speculation.multiplier")
    }

    /// `speculation.quantile`: the part of a stage's tasks that has to have succeeded.
    pub fn speculation_quantile(&self) -> f64 {
        self.number("speculation.quantile")
    }

    /// `speculation.task.duration.threshold`: what is slow in a small stage; none: nothing.
    pub fn speculation_task_duration_threshold(&self) -> Option<Duration> {
        self.time("speculation.task.duration.threshold")
    }
}
