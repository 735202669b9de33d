//! Executors as their driver sees them: how they show that they live, what it waits for.
//!
//! Beside each row, the way to read it.

use std::time::Duration;

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::ours(
        "executor.disconnectedGrace",
        Shape::Wait,
        Some("5s"),
        "How long an executor whose connection broke may take to come back, or the master to say what \
         became of it, before its tasks are run elsewhere. No task is given to it meanwhile.",
    ),
    Definition::spark(
        "executor.heartbeatInterval",
        Shape::Time,
        Some("10s"),
        "How often an executor tells its driver that it lives. Keep it well below `network.timeout`.",
    ),
    Definition::spark(
        "network.timeout",
        Shape::Time,
        Some("120s"),
        "How long an executor may be silent before it is given up and replaced.",
    ),
    Definition::spark(
        "network.timeoutInterval",
        Shape::Time,
        Some("60s"),
        "How often the driver looks for executors that have been silent too long.",
    ),
    Definition::spark(
        "scheduler.maxRegisteredResourcesWaitingTime",
        Shape::Wait,
        Some("30s"),
        "How long the first tasks wait for the executors that \
         `scheduler.minRegisteredResourcesRatio` asks for.",
    ),
    Definition::spark(
        "scheduler.minRegisteredResourcesRatio",
        Shape::Share,
        Some("0"),
        "Which share of the cores that the application asked for must be there before its first task is \
         launched.",
    ),
];

impl Settings {
    /// `executor.disconnectedGrace`: how long an executor whose connection broke may take to come back.
    pub fn executor_disconnected_grace(&self) -> Duration {
        self.time("executor.disconnectedGrace").unwrap_or_default()
    }

    /// `executor.heartbeatInterval`: how often an executor tells its driver that it lives.
    pub fn executor_heartbeat_interval(&self) -> Duration {
        self.time("executor.heartbeatInterval").unwrap_or_default()
    }

    /// `network.timeout`: how long an executor may be silent.
    pub fn network_timeout(&self) -> Duration {
        self.time("network.timeout").unwrap_or_default()
    }

    /// `network.timeoutInterval`: how often the driver looks for silent executors.
    pub fn network_timeout_interval(&self) -> Duration {
        self.time("network.timeoutInterval").unwrap_or_default()
    }

    /// `scheduler.maxRegisteredResourcesWaitingTime`: how long the first tasks wait for executors at the most.
    pub fn scheduler_max_registered_resources_waiting_time(&self) -> Duration {
        self.time("scheduler.maxRegisteredResourcesWaitingTime")
            .unwrap_or_default()
    }

    /// `scheduler.minRegisteredResourcesRatio`: the share of cores that must be there before the first task.
    pub fn scheduler_min_registered_resources_ratio(&self) -> f64 {
        self.number("scheduler.minRegisteredResourcesRatio")
    }
}
