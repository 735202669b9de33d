//! The two halves of an application in processes of their own.

use std::sync::Arc;

use daemon::Masters;
use daemon::instructions::ExecutorInstructions;
use daemon::machine::Listen;
use network::Credentials;
use sandbox::Program;
use scheduler::{DriverId, Event, Settings, Tenant};
use store::Grants;

use crate::{Cancel, Console, RunError};

/// A program to be run on a cluster, its driver in this process.
pub struct ClusterRun {
    /// The program.
    pub program: Arc<Program>,
    /// Its component's bytes.
    pub component: Vec<u8>,
    /// Its arguments.
    pub args: Vec<String>,
    /// What it was told.
    pub settings: Settings,
    /// What it may touch.
    pub grants: Grants,
    /// Where its output goes.
    pub console: Arc<dyn Console>,
    /// Ends it from outside.
    pub cancel: Cancel,
    /// Where the masters are.
    pub masters: Masters,
    /// A driver's that has no application yet.
    pub credentials: Credentials,
    /// Where the driver listens.
    pub listen: Listen,
    /// The driver, if the cluster runs it.
    pub driver_id: Option<DriverId>,
    /// Who pays.
    pub tenant: Tenant,
    /// Partitions where nobody says.
    pub cores: u32,
}

impl ClusterRun {
    /// Runs the program to its end. The listener is given every event, in order.
    ///
    /// # Errors
    ///
    /// How the program failed, or that it was cancelled.
    pub fn run(self, _listener: impl FnMut(&[Event]) + Send) -> Result<(), RunError> {
        Err(RunError::Cancelled)
    }
}

impl std::fmt::Debug for ClusterRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterRun").finish_non_exhaustive()
    }
}

/// Why an executor had to end.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ExecutorError(String);

/// Runs an executor to its end.
///
/// # Errors
///
/// Why it had to end.
pub fn run_executor(instructions: ExecutorInstructions) -> Result<(), ExecutorError> {
    Err(ExecutorError(format!(
        "run {}: this is a stub",
        instructions.name
    )))
}
