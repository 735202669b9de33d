//! What settings say about stages and jobs.

use crate::Settings;

/// Bounds and choices, for what is decided from now on.
#[derive(Debug)]
pub(super) struct Limits {
    /// Bytes of results that a job may have; none: no bound.
    pub(super) result_bytes: Option<u64>,
    /// Attempts at a stage that may fail in a row.
    pub(super) stage_failures: u32,
    /// Attempts at a stage.
    pub(super) stage_attempts: u32,
    /// Whether what is lost with a decommissioned executor is not held against the stage that reads it.
    pub(super) forgive_decommission: bool,
    /// Whether a fetch from another machine that failed takes along all outputs there.
    pub(super) forget_host: bool,
    /// Whether tasks go to the machines that have much of the map outputs that they read.
    pub(super) reduce_locality: bool,
    /// Groups that are remembered to take no more jobs.
    pub(super) closed_groups: usize,
}

impl Limits {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            result_bytes: settings.driver_max_result_size(),
            stage_failures: settings.stage_max_consecutive_attempts(),
            stage_attempts: settings.stage_max_attempts(),
            forgive_decommission: settings.stage_ignore_decommission_fetch_failure(),
            forget_host: settings.fetch_failure_unregisters_host(),
            reduce_locality: settings.reduce_locality(),
            closed_groups: settings.cancelled_job_groups_to_track() as usize,
        }
    }
}
