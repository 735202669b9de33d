//! Stages and jobs: how often a stage is tried, what a lost map output takes along.
//!
//! Beside each row, the way to read it.

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::spark(
        "files.fetchFailure.unRegisterOutputOnHost",
        Shape::Flag,
        Some("false"),
        "Whether all map outputs of a machine are taken for lost once a task on another machine could not \
         fetch one of them. Otherwise only those of the executor that wrote it are.",
    ),
    Definition::spark(
        "scheduler.numCancelledJobGroupsToTrack",
        Shape::Count { least: 1 },
        Some("1000"),
        "How many job groups that were cancelled together with their future jobs are remembered; beyond \
         that the oldest may have jobs again.",
    ),
    Definition::spark(
        "shuffle.reduceLocality.enabled",
        Shape::Flag,
        Some("true"),
        "Whether a task that reads a shuffle prefers the machines that have at least a fifth of what it reads. \
         Shuffles of 1000 map outputs or 1000 buckets and more are left out.",
    ),
    Definition::spark(
        "stage.ignoreDecommissionFetchFailure",
        Shape::Flag,
        Some("true"),
        "Whether a stage that lost its input with an executor that was decommissioned is tried again without \
         counting towards `stage.maxConsecutiveAttempts`.",
    ),
    Definition::spark(
        "stage.maxAttempts",
        Shape::Count { least: 1 },
        Some("2147483647"),
        "Attempts at a stage, for whatever reason, before its jobs fail. Never fewer than \
         `stage.maxConsecutiveAttempts`.",
    ),
    Definition::spark(
        "stage.maxConsecutiveAttempts",
        Shape::Count { least: 1 },
        Some("4"),
        "Attempts at a stage that may fail in a row, because map outputs were lost, before its jobs \
         fail.",
    ),
];

impl Settings {
    /// `files.fetchFailure.unRegisterOutputOnHost`: whether a failed fetch takes along all outputs of a machine.
    pub fn fetch_failure_unregisters_host(&self) -> bool {
        self.flag("files.fetchFailure.unRegisterOutputOnHost")
    }

    /// `scheduler.numCancelledJobGroupsToTrack`: how many groups without a future are remembered.
    pub fn cancelled_job_groups_to_track(&self) -> u32 {
        self.count("scheduler.numCancelledJobGroupsToTrack")
            .unwrap_or_default()
    }

    /// `shuffle.reduceLocality.enabled`: whether tasks go to the machines with most of what they read.
    pub fn reduce_locality(&self) -> bool {
        self.flag("shuffle.reduceLocality.enabled")
    }

    /// `stage.ignoreDecommissionFetchFailure`: whether input lost with a decommissioned executor is forgiven.
    pub fn stage_ignore_decommission_fetch_failure(&self) -> bool {
        self.flag("stage.ignoreDecommissionFetchFailure")
    }

    /// `stage.maxAttempts`: how many attempts at a stage there may be; at least as many as may fail in a row.
    pub fn stage_max_attempts(&self) -> u32 {
        let attempts = self.count("stage.maxAttempts").unwrap_or_default();
        attempts.max(self.stage_max_consecutive_attempts())
    }

    /// `stage.maxConsecutiveAttempts`: how many attempts at a stage may fail in a row.
    pub fn stage_max_consecutive_attempts(&self) -> u32 {
        self.count("stage.maxConsecutiveAttempts")
            .unwrap_or_default()
    }
}
