//! What a worker keeps to.

use std::time::Duration;

use crate::Settings;

/// The settings, read once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
    pub(super) initial_retries: u32,
    pub(super) max_retries: u32,
    pub(super) executor_terminate_timeout: Duration,
    pub(super) driver_terminate_timeout: Duration,
    pub(super) cleanup_interval: Option<Duration>,
    pub(super) app_data_ttl: Duration,
    pub(super) cleanup_scratch: bool,
    pub(super) decommission: bool,
}

impl Limits {
    pub(super) fn new(settings: &Settings) -> Self {
        let interval = settings.worker_cleanup_interval();
        Self {
            timeout: settings.worker_timeout(),
            initial_retries: settings.worker_initial_registration_retries(),
            max_retries: settings.worker_max_registration_retries(),
            executor_terminate_timeout: settings.worker_executor_terminate_timeout(),
            driver_terminate_timeout: settings.worker_driver_terminate_timeout(),
            cleanup_interval: settings.worker_cleanup_enabled().then_some(interval),
            app_data_ttl: settings.worker_cleanup_app_data_ttl(),
            cleanup_scratch: settings.storage_cleanup_files_after_executor_exit(),
            decommission: settings.decommission_enabled(),
        }
    }
}
