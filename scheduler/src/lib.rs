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

pub mod allocation;
mod amount;
pub mod application;
pub mod client;
pub mod cluster;
mod dag;
mod driver;
pub mod event;
pub mod executor;
mod failure;
mod following;
mod id;
mod lineage;
pub mod link;
pub mod memory;
pub mod message;
mod metrics;
mod order;
pub mod pools;
pub mod progress;
pub mod random;
pub mod settings;
mod sorted;
mod task;
mod time;
mod timers;
pub mod worker;

pub use dag::{BucketSizes, Told};
pub use driver::Driver;
pub use event::Event;
pub use failure::{Cause, FailureKind, JobFailure, Outcome, TaskFailure};
pub use id::{
    Address, ApplicationId, AttemptId, DriverId, Epoch, ExecutorId, Host, ImageId, JobId,
    ParseIdError, ParseImageIdError, Rack, RddId, ShuffleId, StageId, SubmissionKey, TaskName,
    Tenant, WorkerId,
};
pub use lineage::{Dependency, LineageError, PARTITIONS_MAX, PartitionMap, Rdd, StorageLevel};
pub use message::Message;
pub use metrics::TaskMetrics;
pub use order::{
    Action, Input, JobSpec, KillReason, MapOutput, MapOutputStatistics, Outbox, Task, Work,
};
pub use progress::Progress;
pub use random::Random;
pub use settings::{Codec, Settings};
pub use time::Time;
