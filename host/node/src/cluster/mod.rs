//! An application's processes on a cluster: the driver, wherever it is, and its executors.
//!
//! ```text
//! masters ◀──▶ application (scheduler::application, in the driver's process)      worker: serves shuffle files
//!                 │  ▲ images, components, places of map outputs                     ▲
//!                 ▼  │                                                               │
//!              executor process (scheduler::executor) ── map outputs, blocks ──▶ other executors
//! ```
//!
//! To a program and its tasks all this is the same [`JobScheduler`](crate::driver::JobScheduler) and
//! [`DriverRef`](crate::executor::DriverRef) as in a local run.

mod application;
mod block;
mod executor;
mod images;
mod run;
mod serve;

pub use executor::{ExecutorError, run_executor};
pub use run::ClusterRun;
