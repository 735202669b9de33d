//! Decides which task runs where, and what happens when it fails.
//!
//! The crate is a function of its inputs: it opens no socket or file, starts no thread, reads no clock
//! and has no randomness of its own. A host feeds a [`Driver`] what has happened (an [`Input`]) and
//! carries out the [`Action`]s it gets back, so a test runs a year of work in seconds, and what went
//! wrong once goes wrong again from the same inputs.
//!
//! ```text
//! host:  what happened ──Input──▶ Driver::handle ──Action──▶ host: carry it out
//!                                       └────────Event───▶ listeners: progress, pages, logs, history
//! ```

mod dag;
mod driver;
pub mod event;
mod failure;
mod id;
mod lineage;
pub mod memory;
mod metrics;
mod order;
pub mod progress;
pub mod settings;
mod task;
mod time;

pub use driver::Driver;
pub use event::Event;
pub use failure::{Cause, FailureKind, JobFailure, Outcome, TaskFailure};
pub use id::{
    AttemptId, ExecutorId, ImageId, JobId, ParseImageIdError, RddId, ShuffleId, StageId, TaskName,
};
pub use lineage::{Dependency, LineageError, PARTITIONS_MAX, PartitionMap, Rdd, StorageLevel};
pub use metrics::TaskMetrics;
pub use order::{Action, Input, JobSpec, KillReason, Outbox, Task, Work};
pub use progress::Progress;
pub use settings::Settings;
pub use time::Time;
