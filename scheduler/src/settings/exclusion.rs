//! Keeping off executors and machines on which tasks fail.
//!
//! Beside each row, the way to read it.

use std::time::Duration;

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::spark(
        "excludeOnFailure.application.enabled",
        Shape::Flag,
        None,
        "Whether executors and machines on which tasks of many stages failed are excluded by the whole \
         application. Without it, `excludeOnFailure.enabled`.",
    ),
    Definition::spark(
        "excludeOnFailure.application.fetchFailure.enabled",
        Shape::Flag,
        Some("false"),
        "Whether a machine whose map outputs could not be read is excluded by the application at once.",
    ),
    Definition::spark(
        "excludeOnFailure.application.maxFailedExecutorsPerNode",
        Shape::Count { least: 1 },
        Some("2"),
        "The executors of one machine whose exclusion by the application excludes the machine.",
    ),
    Definition::spark(
        "excludeOnFailure.application.maxFailedTasksPerExecutor",
        Shape::Count { least: 1 },
        Some("2"),
        "The tasks failing on one executor, in stages that were completed, with which the application excludes it.",
    ),
    Definition::spark(
        "excludeOnFailure.enabled",
        Shape::Flag,
        Some("false"),
        "Whether tasks are kept off executors and machines on which tasks failed too often.",
    ),
    Definition::spark(
        "excludeOnFailure.killExcludedExecutors",
        Shape::Flag,
        Some("false"),
        "Whether the application gives executors that it excludes back to the cluster.",
    ),
    Definition::spark(
        "excludeOnFailure.killExcludedExecutors.decommission",
        Shape::Flag,
        Some("false"),
        "Whether such an executor may first finish what it runs.",
    ),
    Definition::spark(
        "excludeOnFailure.stage.maxFailedExecutorsPerNode",
        Shape::Count { least: 1 },
        Some("2"),
        "The executors of one machine whose exclusion by a stage excludes the machine for the stage.",
    ),
    Definition::spark(
        "excludeOnFailure.stage.maxFailedTasksPerExecutor",
        Shape::Count { least: 1 },
        Some("2"),
        "The tasks of a stage failing on one executor with which the stage excludes it.",
    ),
    Definition::spark(
        "excludeOnFailure.task.maxTaskAttemptsPerExecutor",
        Shape::Count { least: 1 },
        Some("1"),
        "The attempts at one task that may fail on one executor before the task is kept off it.",
    ),
    Definition::spark(
        "excludeOnFailure.task.maxTaskAttemptsPerNode",
        Shape::Count { least: 1 },
        Some("2"),
        "The attempts at one task that may fail on one machine before the task is kept off it.",
    ),
    Definition::spark(
        "excludeOnFailure.taskAndStage.enabled",
        Shape::Flag,
        None,
        "Whether tasks and stages keep off executors and machines on which they failed. Without it, \
         `excludeOnFailure.enabled`.",
    ),
    Definition::spark(
        "excludeOnFailure.timeout",
        Shape::Wait,
        Some("1h"),
        "How long the application excludes an executor or a machine, and how long it remembers a failure. A \
         plain number counts seconds.",
    ),
];

/// How many failures are too many (Spark: the `excludeOnFailure` settings).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// Whether tasks and stages exclude.
    pub task_and_stage: bool,
    /// Whether the application excludes.
    pub application: bool,
    /// Whether the application excludes whose map outputs cannot be read.
    pub fetch_failures: bool,
    /// Attempts at a task that may fail on one executor.
    pub task_attempts_per_executor: u32,
    /// Attempts at a task that may fail on one machine.
    pub task_attempts_per_host: u32,
    /// Tasks of a stage that fail on an executor until the stage excludes it.
    pub stage_tasks_per_executor: u32,
    /// Excluded executors of a machine until the stage excludes it.
    pub stage_executors_per_host: u32,
    /// Tasks that fail on an executor until the application excludes it.
    pub application_tasks_per_executor: u32,
    /// Excluded executors of a machine until the application excludes it.
    pub application_executors_per_host: u32,
    /// How long the application excludes and remembers.
    pub timeout: Duration,
    /// Whether what the application excludes is given back to the cluster.
    pub kill: bool,
    /// Whether it may first finish what it runs.
    pub decommission: bool,
}

impl Settings {
    /// `excludeOnFailure.*`: how many failures are too many.
    pub fn exclusion(&self) -> Exclusion {
        let count = |key| self.count(key).unwrap_or_default();
        let own = |key| self.text(key).map(|text| text == "true");
        let enabled = self.flag("excludeOnFailure.enabled");
        Exclusion {
            task_and_stage: own("excludeOnFailure.taskAndStage.enabled").unwrap_or(enabled),
            application: own("excludeOnFailure.application.enabled").unwrap_or(enabled),
            fetch_failures: self.flag("excludeOnFailure.application.fetchFailure.enabled"),
            task_attempts_per_executor: count("excludeOnFailure.task.maxTaskAttemptsPerExecutor"),
            task_attempts_per_host: count("excludeOnFailure.task.maxTaskAttemptsPerNode"),
            stage_tasks_per_executor: count("excludeOnFailure.stage.maxFailedTasksPerExecutor"),
            stage_executors_per_host: count("excludeOnFailure.stage.maxFailedExecutorsPerNode"),
            application_tasks_per_executor: count(
                "excludeOnFailure.application.maxFailedTasksPerExecutor",
            ),
            application_executors_per_host: count(
                "excludeOnFailure.application.maxFailedExecutorsPerNode",
            ),
            timeout: self.time("excludeOnFailure.timeout").unwrap_or_default(),
            kill: self.flag("excludeOnFailure.killExcludedExecutors"),
            decommission: self.flag("excludeOnFailure.killExcludedExecutors.decommission"),
        }
    }
}
