//! The settings of dynamic allocation, read once and found to make sense together.

use std::fmt;
use std::time::Duration;

use crate::Settings;
use crate::message::ApplicationSpec;

/// A share of one, in counted parts: so that the same settings give the same numbers everywhere.
pub(super) const WHOLE: u64 = 1_000_000;

/// What an application may have and how it gets there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) initial: u32,
    /// Of [`WHOLE`].
    pub(super) ratio: u64,
    pub(super) backlog_timeout: Duration,
    pub(super) sustained_backlog_timeout: Duration,
    pub(super) idle_timeout: Duration,
    /// None: for ever.
    pub(super) cached_idle_timeout: Option<Duration>,
    pub(super) shuffle_tracking: bool,
    /// None: for ever.
    pub(super) shuffle_timeout: Option<Duration>,
    /// Cores of each executor; none: as many as its worker has.
    pub(super) executor_cores: Option<u32>,
    pub(super) task_cpus: u32,
    pub(super) decommission: bool,
}

/// Why dynamic allocation cannot work with the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// `dynamicAllocation.minExecutors` is more than `dynamicAllocation.maxExecutors`.
    MinAboveMax {
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// The application begins with more executors than `dynamicAllocation.maxExecutors`.
    InitialAboveMax {
        /// How many it begins with.
        initial: u32,
        /// The most.
        max: u32,
    },
    /// `dynamicAllocation.executorAllocationRatio` is 0: nothing would ever be asked for.
    NothingAskedFor,
    /// An executor has fewer cores than one task takes: nothing could ever run.
    TaskAboveExecutor {
        /// Cores of an executor.
        executor_cores: u32,
        /// Cores of a task.
        task_cpus: u32,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MinAboveMax { min, max } => write!(
                f,
                "`dynamicAllocation.minExecutors` is {min}, and `dynamicAllocation.maxExecutors` only {max}"
            ),
            Self::InitialAboveMax { initial, max } => write!(
                f,
                "the application is to begin with {initial} executors, and \
                 `dynamicAllocation.maxExecutors` is only {max}"
            ),
            Self::NothingAskedFor => f.write_str(
                "`dynamicAllocation.executorAllocationRatio` is 0, so that no executor would ever be asked for",
            ),
            Self::TaskAboveExecutor {
                executor_cores,
                task_cpus,
            } => write!(
                f,
                "`task.cpus` is {task_cpus}, and `executor.cores` only {executor_cores}"
            ),
        }
    }
}

impl std::error::Error for Error {}

impl Config {
    /// Reads the settings (Spark: `ExecutorAllocationManager.validateSettings`,
    /// `Utils.getDynamicAllocationInitialExecutors`).
    pub(super) fn read(settings: &Settings, spec: &ApplicationSpec) -> Result<Self, Error> {
        let min = settings.dynamic_allocation_min_executors();
        let max = settings
            .dynamic_allocation_max_executors()
            .unwrap_or(u32::MAX);
        let wishes = [
            Some(min),
            settings.dynamic_allocation_initial_executors(),
            spec.executors,
        ];
        let config = Self {
            min,
            max,
            initial: wishes.into_iter().flatten().max().unwrap_or(min),
            ratio: of_whole(settings.dynamic_allocation_executor_allocation_ratio()),
            backlog_timeout: settings.dynamic_allocation_scheduler_backlog_timeout(),
            sustained_backlog_timeout: settings
                .dynamic_allocation_sustained_scheduler_backlog_timeout(),
            idle_timeout: settings.dynamic_allocation_executor_idle_timeout(),
            cached_idle_timeout: settings.dynamic_allocation_cached_executor_idle_timeout(),
            shuffle_tracking: settings.dynamic_allocation_shuffle_tracking_enabled(),
            shuffle_timeout: settings.dynamic_allocation_shuffle_tracking_timeout(),
            executor_cores: spec.executor_cores,
            task_cpus: settings.task_cpus(),
            decommission: settings.decommission_enabled(),
        };
        config.check().map(|()| config)
    }

    fn check(&self) -> Result<(), Error> {
        let Self {
            min, max, initial, ..
        } = *self;
        if min > max {
            return Err(Error::MinAboveMax { min, max });
        }
        if initial > max {
            return Err(Error::InitialAboveMax { initial, max });
        }
        if self.ratio == 0 {
            return Err(Error::NothingAskedFor);
        }
        match self.executor_cores {
            Some(executor_cores) if executor_cores < self.task_cpus => {
                Err(Error::TaskAboveExecutor {
                    executor_cores,
                    task_cpus: self.task_cpus,
                })
            }
            _ => Ok(()),
        }
    }
}

/// Returns how many of [`WHOLE`] a share is; anything but nothing is at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share is from 0 to 1"
)]
fn of_whole(share: f64) -> u64 {
    (share * WHOLE as f64).ceil().clamp(0.0, WHOLE as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_counted_in_parts() {
        assert_eq!(of_whole(0.0), 0);
        assert_eq!(of_whole(1e-9), 1);
        assert_eq!(of_whole(0.5), WHOLE / 2);
        assert_eq!(of_whole(1.0), WHOLE);
    }
}
