//! The processes of a cluster that outlive applications, and those who ask them.
//!
//! Each is a loop around a state machine of `scheduler`: what happens goes in, what is ordered is carried out.
//!
//! ```text
//! submitter ──asks──▶ master ──orders──▶ worker ──starts──▶ executor, driver (children)
//!                       │                   │
//!                     store            logs, files
//! ```

mod components;
mod error;
mod files;
pub mod instructions;
mod join;
pub mod machine;
pub mod master;
mod masters;
pub mod process;
mod random;
mod running;
pub mod status;
pub mod submitter;
pub mod worker;

pub use error::Error;
pub use join::{Access, certify};
pub use masters::{MASTER_PORT, Masters};
pub use running::Running;
