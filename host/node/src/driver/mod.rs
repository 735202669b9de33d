//! The driver's half of an application: its program, and the jobs that it submits.
//!
//! What becomes of a job is the business of a [`JobScheduler`]: the scheduler's own machine in a local run, an
//! application of a cluster otherwise. The program cannot tell the difference.

mod columns;
mod events;
mod jobs;
mod outputs;
mod program;
mod run;

use std::sync::Arc;
use std::time::Duration;

use sandbox::{AccumulatorUpdate, Image};
use scheduler::{Event, Input, JobId, JobSpec, LineageError, Rdd, Settings};
use store::Output;

pub(crate) use events::EventQueue;
pub(crate) use jobs::{Jobs, Progress};
pub(crate) use outputs::Outputs;
pub(crate) use program::DriverSide;
pub use run::RunError;
pub(crate) use run::{DriverRun, draw_seed};

/// Whoever schedules a program's jobs.
pub(crate) trait JobScheduler: Send + Sync {
    /// Learns of datasets, parents first.
    fn define(&self, rdds: Vec<Rdd>) -> Result<(), LineageError>;
    /// Submits a job whose tasks are forks of `image`, and names it.
    fn submit(&self, job: JobSpec, image: Image) -> JobId;
    /// Waits for progress of a job: [`Jobs::await_job`].
    fn await_job(&self, job: JobId, timeout: Duration) -> Option<Progress>;
    /// Takes what the tasks of a job have added to accumulators: [`Jobs::take_added`].
    fn take_added(&self, job: JobId) -> Vec<AccumulatorUpdate>;
    /// Takes in what else the program wants.
    fn feed(&self, input: Input);
    /// The outputs that the program has begun.
    fn outputs(&self) -> &Outputs;
    /// The events since the last call, and how many were dropped for want of room in all.
    fn take_events(&self) -> (Vec<Event>, u64);
    /// Ends the application: its jobs, its tasks, and whoever waits for them.
    fn stop(&self);
    /// Removes the application's files, when its tasks have ended.
    fn close(&self);
}

/// Begins the application, when its settings are final.
pub(crate) trait Start: Send {
    fn start(&self, settings: Settings) -> Result<Arc<dyn JobScheduler>, StartError>;
}

/// Why an application could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// Its folder could not be made.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// It could not be brought to the cluster.
    #[error("{0}")]
    Cluster(String),
}

/// The number that a program has for an output.
pub(crate) type OutputNumber = u32;

/// An output that a program has begun.
pub(crate) type SharedOutput = Arc<Output>;
