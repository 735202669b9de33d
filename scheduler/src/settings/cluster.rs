//! The cluster: what a master keeps, how it shares out workers, when it gives one up.
//!
//! Beside each row, the way to read it.

use std::time::Duration;

use super::{Definition, Settings, Shape};
use crate::cluster::Policy;

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::spark(
        "dead.worker.persistence",
        Shape::Count { least: 0 },
        Some("15"),
        "How many times `worker.timeout` a worker that is gone stays on the pages.",
    ),
    Definition::spark(
        "deploy.defaultCores",
        Shape::Count { least: 1 },
        Some("2147483647"),
        "The most cores of an application that does not say `cores.max`.",
    ),
    Definition::spark(
        "deploy.maxDrivers",
        Shape::Count { least: 0 },
        Some("2147483647"),
        "The most drivers that the cluster runs at a time; further ones wait.",
    ),
    Definition::spark(
        "deploy.maxExecutorRetries",
        Shape::Count { least: 0 },
        Some("10"),
        "Executors of an application that may fail one after the other, while none runs, before the \
         application is taken off. Spark's -1, for ever, is 4294967295 here.",
    ),
    Definition::spark(
        "deploy.recoveryTimeout",
        Shape::Time,
        None,
        "How long a new leader waits for workers and drivers to say what they run. Without it, \
         `worker.timeout`.",
    ),
    Definition::spark(
        "deploy.retainedApplications",
        Shape::Count { least: 0 },
        Some("200"),
        "Applications that a master remembers after they ended.",
    ),
    Definition::spark(
        "deploy.retainedDrivers",
        Shape::Count { least: 0 },
        Some("200"),
        "Drivers that a master remembers after they ended.",
    ),
    Definition::spark(
        "deploy.spreadOutApps",
        Shape::Flag,
        Some("true"),
        "Whether an application's executors go to as many workers as possible, or to as few.",
    ),
    Definition::spark(
        "deploy.spreadOutDrivers",
        Shape::Flag,
        Some("true"),
        "Whether drivers go to all workers in turn, or to the first that has room.",
    ),
    Definition::spark(
        "deploy.workerSelectionPolicy",
        Shape::Choice(&[
            "CORES_FREE_ASC",
            "CORES_FREE_DESC",
            "MEMORY_FREE_ASC",
            "MEMORY_FREE_DESC",
            "WORKER_ID",
        ]),
        Some("CORES_FREE_DESC"),
        "Which worker is looked at first when executors are placed: the one with the least or the most \
         free cores, the least or the most free memory, or the lowest id.",
    ),
    Definition::ours(
        "tenant.preemptionWait",
        Shape::Time,
        Some("30s"),
        "How long a tenant waits for its share of the cluster before executors of tenants above theirs are \
         killed for it. A plain number counts seconds.",
    ),
    Definition::spark(
        "worker.timeout",
        Shape::Time,
        Some("60s"),
        "How long a master hears nothing from a worker before it gives it up. Workers speak four times as \
         often. A plain number counts seconds.",
    ),
];

impl Settings {
    /// `dead.worker.persistence`: how many timeouts long a worker that is gone is remembered.
    pub fn dead_worker_persistence(&self) -> u32 {
        self.count("dead.worker.persistence").unwrap_or_default()
    }

    /// `deploy.defaultCores`: the most cores of an application that does not say.
    pub fn deploy_default_cores(&self) -> u32 {
        self.count("deploy.defaultCores").unwrap_or(u32::MAX)
    }

    /// `deploy.maxDrivers`: the most drivers that run at a time.
    pub fn deploy_max_drivers(&self) -> u32 {
        self.count("deploy.maxDrivers").unwrap_or(u32::MAX)
    }

    /// `deploy.maxExecutorRetries`: executors that may fail in a row while none runs.
    pub fn deploy_max_executor_retries(&self) -> u32 {
        self.count("deploy.maxExecutorRetries").unwrap_or(u32::MAX)
    }

    /// `deploy.recoveryTimeout`: how long a new leader waits to hear from those it knows.
    pub fn deploy_recovery_timeout(&self) -> Duration {
        self.time("deploy.recoveryTimeout")
            .unwrap_or_else(|| self.worker_timeout())
    }

    /// `deploy.retainedApplications`: applications remembered after their end.
    pub fn deploy_retained_applications(&self) -> u32 {
        self.count("deploy.retainedApplications")
            .unwrap_or_default()
    }

    /// `deploy.retainedDrivers`: drivers remembered after their end.
    pub fn deploy_retained_drivers(&self) -> u32 {
        self.count("deploy.retainedDrivers").unwrap_or_default()
    }

    /// `deploy.spreadOutApps`: whether executors go to many workers rather than few.
    pub fn deploy_spread_out_apps(&self) -> bool {
        self.flag("deploy.spreadOutApps")
    }

    /// `deploy.spreadOutDrivers`: whether drivers go to all workers in turn.
    pub fn deploy_spread_out_drivers(&self) -> bool {
        self.flag("deploy.spreadOutDrivers")
    }

    /// `deploy.workerSelectionPolicy`: which worker is looked at first.
    pub fn deploy_worker_selection_policy(&self) -> Policy {
        match self.text("deploy.workerSelectionPolicy") {
            Some("CORES_FREE_ASC") => Policy::CoresFreeAsc,
            Some("MEMORY_FREE_ASC") => Policy::MemoryFreeAsc,
            Some("MEMORY_FREE_DESC") => Policy::MemoryFreeDesc,
            Some("WORKER_ID") => Policy::WorkerId,
            _ => Policy::CoresFreeDesc,
        }
    }

    /// `tenant.preemptionWait`: how long a tenant waits before others are made to give back.
    pub fn tenant_preemption_wait(&self) -> Duration {
        self.time("tenant.preemptionWait").unwrap_or(Duration::MAX)
    }

    /// `worker.timeout`: how long nothing is heard from a worker before it is given up.
    pub fn worker_timeout(&self) -> Duration {
        self.time("worker.timeout").unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_getter_reads_its_default() {
        let settings = Settings::default();
        assert_eq!(settings.dead_worker_persistence(), 15);
        assert_eq!(settings.deploy_default_cores(), i32::MAX.unsigned_abs());
        assert_eq!(settings.deploy_max_drivers(), i32::MAX.unsigned_abs());
        assert_eq!(settings.deploy_max_executor_retries(), 10);
        assert_eq!(settings.deploy_recovery_timeout(), Duration::from_secs(60));
        assert_eq!(settings.deploy_retained_applications(), 200);
        assert_eq!(settings.deploy_retained_drivers(), 200);
        assert!(settings.deploy_spread_out_apps());
        assert!(settings.deploy_spread_out_drivers());
        assert_eq!(
            settings.deploy_worker_selection_policy(),
            Policy::CoresFreeDesc
        );
        assert_eq!(settings.tenant_preemption_wait(), Duration::from_secs(30));
        assert_eq!(settings.worker_timeout(), Duration::from_secs(60));
    }

    #[test]
    fn the_recovery_timeout_follows_the_workers() {
        let mut settings = Settings::default();
        settings.set("worker.timeout", "5s").unwrap();
        assert_eq!(settings.deploy_recovery_timeout(), Duration::from_secs(5));
        settings.set("deploy.recoveryTimeout", "1s").unwrap();
        assert_eq!(settings.deploy_recovery_timeout(), Duration::from_secs(1));
    }
}
