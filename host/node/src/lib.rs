//! The processes: loops that feed the scheduler what has happened and carry out what it orders.
//!
//! Nothing here decides. An application has two halves, which a local run has in one process and a cluster in many:
//!
//! ```text
//! driver/    program ──define, submit, await──▶ JobScheduler          executor/  threads, forks, blocks
//!                                                 ▲                                │
//!                                                 └──────── DriverRef ◀────────────┘
//! local/     both in one process: the scheduler's machine is the JobScheduler and the DriverRef
//! cluster/   each in a process of its own: the application's machine here, the executor's machine there
//! ```

mod cancel;
mod cluster;
mod column;
mod driver;
mod executor;
mod guest_error;
mod local;
mod machine;
mod store_wait;

pub use cancel::Cancel;
pub use cluster::{ClusterRun, ExecutorError, run_executor};
pub use driver::RunError;
pub use local::LocalRun;

use sandbox::Channel;
use scheduler::TaskName;

/// Where what programs print goes.
pub trait Console: Send + Sync {
    /// The driver printed this. Its stdout is the user's.
    fn driver(&self, channel: Channel, bytes: &[u8]);
    /// A task printed this: its log.
    fn task(&self, task: TaskName, channel: Channel, bytes: &[u8]);
}
