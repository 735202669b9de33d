//! The processes: loops that feed the scheduler what has happened and carry out what it orders.
//!
//! Nothing here decides. Whoever has news locks the `application`, feeds the state machine and carries out its
//! actions; so in one process no thread stands between a task that ends and the next one that starts.
//!
//! ```text
//! driver thread --define, submit, await--> Application <--next task, task ended-- executor threads
//!                                          |  scheduler::Driver (pure)
//!                                          |  store: shuffle files, blocks, outputs
//!                                          +--events--> listener thread --> progress, summary
//! ```

mod application;
mod cancel;
mod driver;
mod executor;
mod local;
mod start;
mod task;

pub use cancel::Cancel;
pub use local::{LocalRun, RunError};

use sandbox::Channel;
use scheduler::TaskName;

/// Where what programs print goes.
pub trait Console: Send + Sync {
    /// The driver printed this. Its stdout is the user's.
    fn driver(&self, channel: Channel, bytes: &[u8]);
    /// A task printed this: its log.
    fn task(&self, task: TaskName, channel: Channel, bytes: &[u8]);
}
