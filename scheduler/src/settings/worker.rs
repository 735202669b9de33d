//! Workers, executors and clients as processes: how they register, how long they wait, what they keep.
//!
//! Beside each row, the way to read it.

use std::time::Duration;

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::spark(
        "decommission.enabled",
        Shape::Flag,
        Some("false"),
        "Whether workers and executors can be taken out of service in good order: they finish what they do and \
         take no more. Without it such a request is refused. Idle executors are given back in the same way.",
    ),
    Definition::ours(
        "deploy.client.registrationRetries",
        Shape::Count { least: 1 },
        Some("3"),
        "How often an application's driver offers its application to the masters before it gives up.",
    ),
    Definition::ours(
        "deploy.client.registrationTimeout",
        Shape::Time,
        Some("20s"),
        "How long a driver waits for a leader's answer before it offers its application again.",
    ),
    Definition::ours(
        "deploy.client.submissionTimeout",
        Shape::Time,
        Some("30s"),
        "How long a request to submit, to kill or to ask is tried before it fails because no master has answered.",
    ),
    Definition::spark(
        "executor.decommission.forceKillTimeout",
        Shape::Time,
        None,
        "How long an executor that is taken out of service may go on with its tasks. Without it, until they have \
         ended.",
    ),
    Definition::ours(
        "executor.driverLossWait",
        Shape::Wait,
        Some("60s"),
        "How long an executor without its driver tries to reach it before it ends. In Spark it ends at once, and \
         every cached block with it. Waiting costs nothing where the driver is dead: the master then has the \
         executor killed. It is as long as `worker.timeout`: what the master overlooks, the executor does.",
    ),
    Definition::spark(
        "executor.heartbeat.maxFailures",
        Shape::Count { least: 1 },
        Some("60"),
        "Heartbeats without an answer after which an executor ends.",
    ),
    Definition::spark(
        "executor.logs.rolling.maxRetainedFiles",
        Shape::Count { least: 0 },
        Some("4"),
        "How many older parts a worker keeps of each log of an executor or a driver. In Spark logs are not rolled, and \
         fill the disk, unless it is told to.",
    ),
    Definition::spark(
        "executor.logs.rolling.maxSize",
        Shape::Bytes { plain: 1, least: 1 },
        Some("16m"),
        "How large a log may become before a worker begins a new part of it. A plain number counts bytes. In Spark \
         1 MiB, where logs are rolled.",
    ),
    Definition::spark(
        "storage.cleanupFilesAfterExecutorExit",
        Shape::Flag,
        Some("true"),
        "Whether a worker removes what an executor that has ended left on disk, but for its shuffle files.",
    ),
    Definition::spark(
        "worker.cleanup.appDataTtl",
        Shape::Time,
        Some("604800s"),
        "How long a worker keeps the folder of an application that it has no executor of. Seven days.",
    ),
    Definition::spark(
        "worker.cleanup.enabled",
        Shape::Flag,
        Some("true"),
        "Whether a worker removes the folders of applications that ended long ago.",
    ),
    Definition::spark(
        "worker.cleanup.interval",
        Shape::Time,
        Some("1800s"),
        "How often a worker looks for such folders.",
    ),
    Definition::spark(
        "worker.driverTerminateTimeout",
        Shape::Wait,
        Some("10s"),
        "How long a driver that was told to stop has before it is made to.",
    ),
    Definition::ours(
        "worker.executorTerminateTimeout",
        Shape::Wait,
        Some("10s"),
        "How long an executor that was told to stop has before it is made to.",
    ),
    Definition::spark(
        "worker.initialRegistrationRetries",
        Shape::Count { least: 0 },
        Some("6"),
        "How often a worker that no master has taken in tries again after 5 to 15 seconds.",
    ),
    Definition::spark(
        "worker.maxRegistrationRetries",
        Shape::Count { least: 0 },
        Some("16"),
        "How often it tries again in all; those after `worker.initialRegistrationRetries` are 30 to 90 seconds \
         apart. Then it ends.",
    ),
    Definition::spark(
        "worker.ui.retainedDrivers",
        Shape::Count { least: 0 },
        Some("1000"),
        "Drivers that have ended and that a worker still shows.",
    ),
    Definition::spark(
        "worker.ui.retainedExecutors",
        Shape::Count { least: 0 },
        Some("1000"),
        "Executors that have ended and that a worker still shows.",
    ),
];

impl Settings {
    /// `decommission.enabled`: whether workers and executors can be taken out of service in good order.
    pub fn decommission_enabled(&self) -> bool {
        self.flag("decommission.enabled")
    }

    /// `deploy.client.registrationRetries`: how often an application is offered to the masters.
    pub fn deploy_client_registration_retries(&self) -> u32 {
        self.count("deploy.client.registrationRetries")
            .unwrap_or_default()
    }

    /// `deploy.client.registrationTimeout`: how long a driver waits for a leader's answer.
    pub fn deploy_client_registration_timeout(&self) -> Duration {
        self.time("deploy.client.registrationTimeout")
            .unwrap_or_default()
    }

    /// `deploy.client.submissionTimeout`: how long a request is tried.
    pub fn deploy_client_submission_timeout(&self) -> Duration {
        self.time("deploy.client.submissionTimeout")
            .unwrap_or_default()
    }

    /// `executor.decommission.forceKillTimeout`: how long a decommissioned executor's tasks may go on; none: until
    /// they have ended.
    pub fn executor_decommission_force_kill_timeout(&self) -> Option<Duration> {
        self.time("executor.decommission.forceKillTimeout")
    }

    /// `executor.driverLossWait`: how long an executor tries to reach a lost driver.
    pub fn executor_driver_loss_wait(&self) -> Duration {
        self.time("executor.driverLossWait").unwrap_or_default()
    }

    /// `executor.heartbeat.maxFailures`: unanswered heartbeats after which an executor ends.
    pub fn executor_heartbeat_max_failures(&self) -> u32 {
        self.count("executor.heartbeat.maxFailures")
            .unwrap_or_default()
    }

    /// `executor.logs.rolling.maxRetainedFiles`: older parts that are kept of each log.
    pub fn executor_logs_rolling_max_retained_files(&self) -> u32 {
        self.count("executor.logs.rolling.maxRetainedFiles")
            .unwrap_or_default()
    }

    /// `executor.logs.rolling.maxSize`: the bytes of a part of a log.
    pub fn executor_logs_rolling_max_size(&self) -> u64 {
        self.size("executor.logs.rolling.maxSize")
    }

    /// `storage.cleanupFilesAfterExecutorExit`: whether an ended executor's files are removed.
    pub fn storage_cleanup_files_after_executor_exit(&self) -> bool {
        self.flag("storage.cleanupFilesAfterExecutorExit")
    }

    /// `worker.cleanup.appDataTtl`: how long an unused application's folder is kept.
    pub fn worker_cleanup_app_data_ttl(&self) -> Duration {
        self.time("worker.cleanup.appDataTtl").unwrap_or_default()
    }

    /// `worker.cleanup.enabled`: whether a worker removes old folders.
    pub fn worker_cleanup_enabled(&self) -> bool {
        self.flag("worker.cleanup.enabled")
    }

    /// `worker.cleanup.interval`: how often a worker looks for old folders.
    pub fn worker_cleanup_interval(&self) -> Duration {
        self.time("worker.cleanup.interval").unwrap_or_default()
    }

    /// `worker.driverTerminateTimeout`: how long a driver has to stop.
    pub fn worker_driver_terminate_timeout(&self) -> Duration {
        self.time("worker.driverTerminateTimeout")
            .unwrap_or_default()
    }

    /// `worker.executorTerminateTimeout`: how long an executor has to stop.
    pub fn worker_executor_terminate_timeout(&self) -> Duration {
        self.time("worker.executorTerminateTimeout")
            .unwrap_or_default()
    }

    /// `worker.initialRegistrationRetries`: how often a worker tries again at short intervals.
    pub fn worker_initial_registration_retries(&self) -> u32 {
        self.count("worker.initialRegistrationRetries")
            .unwrap_or_default()
    }

    /// `worker.maxRegistrationRetries`: how often a worker tries again in all.
    pub fn worker_max_registration_retries(&self) -> u32 {
        self.count("worker.maxRegistrationRetries")
            .unwrap_or_default()
    }

    /// `worker.ui.retainedDrivers`: ended drivers that a worker still shows.
    pub fn worker_retained_drivers(&self) -> u32 {
        self.count("worker.ui.retainedDrivers").unwrap_or_default()
    }

    /// `worker.ui.retainedExecutors`: ended executors that a worker still shows.
    pub fn worker_retained_executors(&self) -> u32 {
        self.count("worker.ui.retainedExecutors")
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_getter_reads_its_default() {
        let settings = Settings::default();
        let seconds = Duration::from_secs;
        assert!(!settings.decommission_enabled());
        assert_eq!(settings.deploy_client_registration_retries(), 3);
        assert_eq!(settings.deploy_client_registration_timeout(), seconds(20));
        assert_eq!(settings.deploy_client_submission_timeout(), seconds(30));
        assert_eq!(settings.executor_decommission_force_kill_timeout(), None);
        assert_eq!(settings.executor_driver_loss_wait(), seconds(60));
        assert_eq!(settings.executor_heartbeat_max_failures(), 60);
        assert_eq!(settings.executor_logs_rolling_max_retained_files(), 4);
        assert_eq!(settings.executor_logs_rolling_max_size(), 16 << 20);
        assert!(settings.storage_cleanup_files_after_executor_exit());
        assert_eq!(settings.worker_cleanup_app_data_ttl(), seconds(604_800));
        assert!(settings.worker_cleanup_enabled());
        assert_eq!(settings.worker_cleanup_interval(), seconds(1_800));
        assert_eq!(settings.worker_driver_terminate_timeout(), seconds(10));
        assert_eq!(settings.worker_executor_terminate_timeout(), seconds(10));
        assert_eq!(settings.worker_initial_registration_retries(), 6);
        assert_eq!(settings.worker_max_registration_retries(), 16);
        assert_eq!(settings.worker_retained_drivers(), 1_000);
        assert_eq!(settings.worker_retained_executors(), 1_000);
    }
}
