//! How executors, drivers and applications are. Each state prints as Spark writes it: `RUNNING`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an executor is (Spark: `ExecutorState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecutorState {
    /// Ordered, not begun.
    Launching,
    /// Its process runs.
    Running,
    /// It was told to stop and has.
    Killed,
    /// Its process could not be started, or failed.
    Failed,
    /// Its worker is gone.
    Lost,
    /// Its process ended by itself.
    Exited,
    /// It takes no more work and is about to go.
    Decommissioned,
}

impl ExecutorState {
    /// Returns whether it will never run again.
    pub const fn is_finished(self) -> bool {
        matches!(
            self,
            Self::Killed | Self::Failed | Self::Lost | Self::Exited
        )
    }
}

/// How a driver is (Spark: `DriverState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DriverState {
    /// It waits for a worker with room.
    Submitted,
    /// A worker runs it.
    Running,
    /// It ended well.
    Finished,
    /// It waits to be started again.
    Relaunching,
    /// Nobody knows: the master has changed and its worker has not spoken yet.
    Unknown,
    /// It was killed on request.
    Killed,
    /// It ended badly.
    Failed,
    /// It could not be run at all.
    Error,
}

impl DriverState {
    /// Returns whether it will never run again.
    pub const fn is_finished(self) -> bool {
        matches!(
            self,
            Self::Finished | Self::Killed | Self::Failed | Self::Error
        )
    }
}

/// How an application has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApplicationState {
    /// It has no executor yet.
    Waiting,
    /// It has, or had, an executor.
    Running,
    /// It said goodbye.
    Finished,
    /// It was taken off: its executors failed again and again, or its driver vanished.
    Failed,
    /// Somebody killed it.
    Killed,
    /// Nobody knows: the master has changed and its driver has not spoken yet.
    Unknown,
}

macro_rules! spark_words {
    ($($state:ident { $($variant:ident $word:literal)* })*) => {$(
        impl fmt::Display for $state {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $word,)*
                })
            }
        }
    )*};
}

spark_words! {
    ExecutorState { Launching "LAUNCHING" Running "RUNNING" Killed "KILLED" Failed "FAILED" Lost "LOST" Exited "EXITED" Decommissioned "DECOMMISSIONED" }
    DriverState { Submitted "SUBMITTED" Running "RUNNING" Finished "FINISHED" Relaunching "RELAUNCHING" Unknown "UNKNOWN" Killed "KILLED" Failed "FAILED" Error "ERROR" }
    ApplicationState { Waiting "WAITING" Running "RUNNING" Finished "FINISHED" Failed "FAILED" Killed "KILLED" Unknown "UNKNOWN" }
}

/// What became of something, as the end of a sentence: `was killed`.
pub(crate) trait Verb {
    /// Returns the verb that goes with the state.
    fn verb(self) -> &'static str;
}

impl Verb for ExecutorState {
    fn verb(self) -> &'static str {
        match self {
            Self::Launching => "is being launched",
            Self::Running => "runs",
            Self::Killed => "was killed",
            Self::Failed => "failed",
            Self::Lost => "is lost",
            Self::Exited => "exited",
            Self::Decommissioned => "takes no more work",
        }
    }
}

impl Verb for DriverState {
    fn verb(self) -> &'static str {
        match self {
            Self::Submitted => "waits for a worker",
            Self::Running => "runs",
            Self::Finished => "finished",
            Self::Relaunching => "is started again",
            Self::Unknown => "has not been heard of",
            Self::Killed => "was killed",
            Self::Failed => "failed",
            Self::Error => "could not be run",
        }
    }
}

impl Verb for ApplicationState {
    fn verb(self) -> &'static str {
        match self {
            Self::Waiting => "waits for executors",
            Self::Running => "runs",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Killed => "was killed",
            Self::Unknown => "has not been heard of",
        }
    }
}
