//! Dynamic allocation: how an application grows and shrinks with its work.
//!
//! Beside each row, the way to read it.

use std::time::Duration;

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::spark(
        "dynamicAllocation.cachedExecutorIdleTimeout",
        Shape::Time,
        None,
        "How long an executor that holds cached blocks may be idle before it is given back. Without it, \
         for ever.",
    ),
    Definition::spark(
        "dynamicAllocation.enabled",
        Shape::Flag,
        Some("false"),
        "Whether the application asks for more executors while tasks wait, and gives idle ones back.",
    ),
    Definition::spark(
        "dynamicAllocation.executorAllocationRatio",
        Shape::Share,
        Some("1"),
        "Which share of the executors that would run all tasks at once is asked for; more than 0. Less \
         than 1 saves executors that would be given back after a few short tasks.",
    ),
    Definition::spark(
        "dynamicAllocation.executorIdleTimeout",
        Shape::Time,
        Some("60s"),
        "How long an executor without cached blocks may be idle before it is given back.",
    ),
    Definition::spark(
        "dynamicAllocation.initialExecutors",
        Shape::Count { least: 0 },
        None,
        "How many executors to begin with, if that is more than the least. Without it, the least.",
    ),
    Definition::spark(
        "dynamicAllocation.maxExecutors",
        Shape::Count { least: 1 },
        None,
        "The most executors that are asked for. Without it, there is no bound but the tasks.",
    ),
    Definition::spark(
        "dynamicAllocation.minExecutors",
        Shape::Count { least: 0 },
        Some("0"),
        "The fewest executors that are asked for and kept.",
    ),
    Definition::spark(
        "dynamicAllocation.schedulerBacklogTimeout",
        Shape::Time,
        Some("1s"),
        "How long tasks wait before more executors are asked for.",
    ),
    Definition::spark(
        "dynamicAllocation.shuffleTracking.enabled",
        Shape::Flag,
        Some("false"),
        "Whether an executor that wrote shuffle files is kept while a job may read them. Spark's default \
         is true: its executors take their files along. Here files belong to the worker and outlive the \
         executor, so keeping it would only keep its memory.",
    ),
    Definition::spark(
        "dynamicAllocation.shuffleTracking.timeout",
        Shape::Time,
        None,
        "With shuffle tracking, how long an idle executor is kept for the shuffle files of jobs that have \
         ended. Without it, as long as the shuffle exists.",
    ),
    Definition::spark(
        "dynamicAllocation.sustainedSchedulerBacklogTimeout",
        Shape::Time,
        None,
        "How long to wait between further requests while tasks still wait; each asks for twice as many as \
         the one before. Without it, as long as before the first.",
    ),
];

impl Settings {
    /// `dynamicAllocation.cachedExecutorIdleTimeout`: how long an executor with cached blocks may be idle; none:
    /// for ever.
    pub fn dynamic_allocation_cached_executor_idle_timeout(&self) -> Option<Duration> {
        self.time("dynamicAllocation.cachedExecutorIdleTimeout")
    }

    /// `dynamicAllocation.enabled`: whether the application grows and shrinks with its work.
    pub fn dynamic_allocation_enabled(&self) -> bool {
        self.flag("dynamicAllocation.enabled")
    }

    /// `dynamicAllocation.executorAllocationRatio`: the share of the executors that would run all tasks at once.
    pub fn dynamic_allocation_executor_allocation_ratio(&self) -> f64 {
        self.number("dynamicAllocation.executorAllocationRatio")
    }

    /// `dynamicAllocation.executorIdleTimeout`: how long an executor may be idle.
    pub fn dynamic_allocation_executor_idle_timeout(&self) -> Duration {
        self.time("dynamicAllocation.executorIdleTimeout")
            .unwrap_or_default()
    }

    /// `dynamicAllocation.initialExecutors`: how many executors to begin with; none: the least.
    pub fn dynamic_allocation_initial_executors(&self) -> Option<u32> {
        self.count("dynamicAllocation.initialExecutors")
    }

    /// `dynamicAllocation.maxExecutors`: the most executors; none: no bound.
    pub fn dynamic_allocation_max_executors(&self) -> Option<u32> {
        self.count("dynamicAllocation.maxExecutors")
    }

    /// `dynamicAllocation.minExecutors`: the fewest executors.
    pub fn dynamic_allocation_min_executors(&self) -> u32 {
        self.count("dynamicAllocation.minExecutors")
            .unwrap_or_default()
    }

    /// `dynamicAllocation.schedulerBacklogTimeout`: how long tasks wait before executors are asked for.
    pub fn dynamic_allocation_scheduler_backlog_timeout(&self) -> Duration {
        self.time("dynamicAllocation.schedulerBacklogTimeout")
            .unwrap_or_default()
    }

    /// `dynamicAllocation.shuffleTracking.enabled`: whether executors are kept for the shuffle files they wrote.
    pub fn dynamic_allocation_shuffle_tracking_enabled(&self) -> bool {
        self.flag("dynamicAllocation.shuffleTracking.enabled")
    }

    /// `dynamicAllocation.shuffleTracking.timeout`: how long they are kept for ended jobs; none: for ever.
    pub fn dynamic_allocation_shuffle_tracking_timeout(&self) -> Option<Duration> {
        self.time("dynamicAllocation.shuffleTracking.timeout")
    }

    /// `dynamicAllocation.sustainedSchedulerBacklogTimeout`: how long between further requests.
    pub fn dynamic_allocation_sustained_scheduler_backlog_timeout(&self) -> Duration {
        self.time("dynamicAllocation.sustainedSchedulerBacklogTimeout")
            .unwrap_or_else(|| self.dynamic_allocation_scheduler_backlog_timeout())
    }
}
