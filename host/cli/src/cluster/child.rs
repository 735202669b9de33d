//! The processes that a worker starts: an executor, a driver. Nobody types their commands.

use anyhow::{Context as _, Result};
use daemon::Masters;
use daemon::instructions::{DriverInstructions, receive};
use node::{Cancel, ClusterRun, run_executor};
use scheduler::Address;

use super::failure;
use super::surroundings::Surroundings;
use crate::engine::{self, Seat};
use crate::exit::{ExitCode, Failure};
use crate::progress::Look;

/// Runs tasks until the driver or the worker ends it.
pub fn executor() -> Result<ExitCode> {
    let instructions = receive().map_err(failure)?;
    let ended = run_executor(instructions);
    ended.map_err(|error| Failure::new(ExitCode::JobFailed, error.to_string()))?;
    Ok(ExitCode::Done)
}

/// Runs a driver to its end. What it prints, and how far it is, are the driver's logs.
pub fn driver() -> Result<ExitCode> {
    let instructions: DriverInstructions = receive().map_err(failure)?;
    let DriverInstructions {
        driver,
        spec,
        component,
        masters,
        place,
        scratch: _,
    } = instructions;
    let mut settings = place.settings().map_err(failure)?;
    let surroundings = Surroundings::unpack(&spec.settings, &mut settings)?;
    // A machine that does not have the folder has no files that relative paths could mean.
    let _ = std::env::set_current_dir(&surroundings.folder);
    let grants = surroundings
        .grants()
        .context("a granted path cannot be resolved")?;
    let masters = all(&masters)?;
    let credentials = place.credentials.credentials();
    let credentials = credentials.context("the worker's instructions")?;
    let (program, component) = engine::load_from(&component, &place.cache, engine::DRIVER_ALONE)?;
    let cancel = Cancel::new(&program);
    engine::end_on_signals(cancel.clone())?;
    engine::show(Look::Lines, |Seat { console, listener }| {
        let run = ClusterRun {
            program,
            component,
            args: spec
                .args
                .iter()
                .map(|argument| argument.to_string())
                .collect(),
            settings,
            grants,
            console,
            cancel,
            masters,
            credentials,
            listen: place.listen,
            driver_id: Some(driver),
            tenant: spec.tenant.clone(),
            cores: surroundings.cores.max(1),
        };
        run.run(listener)
    })
}

fn all(masters: &[Address]) -> Result<Masters> {
    let addresses: Vec<&str> = masters.iter().map(|master| &*master.0).collect();
    let url = format!("tinderbox://{}", addresses.join(","));
    url.parse().map_err(|error| failure(error).into())
}
