//! Has the sandbox and the node do what was asked: runs a request, looks into a component.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use node::{Cancel, Console, LocalRun, RunError};
use sandbox::{ArtefactCache, Channel, LoadError, Program, Sandbox};
use scheduler::{Event, TaskFailure, TaskName};

use crate::cluster;
use crate::exit::{ExitCode, Failure};
use crate::inspect::Description;
use crate::progress::{Display, Look, Screen, summary};
use crate::run::{Place, Request};
use crate::signals;
use crate::toolchain;

/// Instances beside the tasks': the driver, and some that the pool has not taken back yet.
const SPARE_INSTANCES: u32 = 4;

/// How many tasks run in a process that has the driver alone.
pub const DRIVER_ALONE: u32 = 0;

/// Where a program's run is watched from.
pub struct Seat<'a> {
    /// Where what it prints goes.
    pub console: Arc<dyn Console>,
    /// Is given every event.
    pub listener: &'a mut (dyn FnMut(&[Event]) + Send),
}

impl fmt::Debug for Seat<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

/// Runs a request to its end.
pub fn run(request: Request) -> Result<ExitCode> {
    match request.place.clone() {
        Place::Local { cores } => run_here(request, cores),
        Place::LocalCluster(shape) => cluster::local::run(request, shape),
        Place::Cluster(config) => cluster::client::run(request, cluster::client::join(config)?),
    }
}

fn run_here(request: Request, cores: u32) -> Result<ExitCode> {
    let (program, _) = load(&request.component, cores)?;
    let cancel = Cancel::new(&program);
    end_on_signals(cancel.clone())?;
    show(request.look, |Seat { console, listener }| {
        let run = LocalRun {
            program,
            args: request.arguments,
            cores,
            settings: request.settings,
            grants: request.grants,
            console,
            cancel,
        };
        run.run(listener)
    })
}

/// Shows a program's run: what it prints, how far it is, what came of it.
pub fn show(look: Look, run: impl FnOnce(Seat<'_>) -> Result<(), RunError>) -> Result<ExitCode> {
    let display = Mutex::new(Display::new(look));
    let screen = locked(&display).screen();
    let result = run(Seat {
        console: Arc::new(Terminal(screen)),
        listener: &mut |events| locked(&display).take_all(events),
    });
    let mut display = display.into_inner().unwrap_or_else(PoisonError::into_inner);
    display.finish();
    // A program that did nothing but fail has nothing to be summed up.
    if look != Look::Quiet && display.view().totals.jobs > 0 {
        crate::tell(&summary(display.view()));
    }
    match result {
        Ok(()) => Ok(ExitCode::Done),
        Err(RunError::Cancelled) => Err(Failure::new(ExitCode::Interrupted, "interrupted").into()),
        Err(RunError::Failed(failure)) => Err(failed(&failure).into()),
    }
}

fn locked(display: &Mutex<Display>) -> MutexGuard<'_, Display> {
    display.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks into a component.
pub fn inspect(component: &Path) -> Result<Description> {
    let bytes = read(component)?;
    let found = sandbox::link::inspect(&bytes).map_err(|refusal| refused(component, &refusal))?;
    let name = |interface: &sandbox::link::Interface| interface.name.clone();
    Ok(Description {
        path: component.to_path_buf(),
        hash: blake3::hash(&bytes).to_string(),
        size_bytes: bytes.len() as u64,
        imports: found.imports.iter().map(name).collect(),
        exports: found.exports.iter().map(name).collect(),
        obstacles: found
            .linkable
            .err()
            .map(|refusal| refusal.to_string())
            .into_iter()
            .collect(),
    })
}

/// Loads a component, with room for so many tasks at a time; and returns its bytes, too.
///
/// Fails with [`ExitCode::Refused`] where it is none that can be run.
pub fn load(component: &Path, tasks: u32) -> Result<(Arc<Program>, Vec<u8>)> {
    load_from(component, &compiled_folder()?, tasks)
}

/// Loads a component as [`load`] does, with compiled ones in `cache`.
pub fn load_from(component: &Path, cache: &Path, tasks: u32) -> Result<(Arc<Program>, Vec<u8>)> {
    let cache = ArtefactCache::open(cache).context("the cache of compiled programs")?;
    let bytes = read(component)?;
    let sandbox = Sandbox::new(tasks + SPARE_INSTANCES, Some(cache)).context("the sandbox")?;
    let program = sandbox.load(&bytes).map_err(|error| match error {
        LoadError::Refused(refusal) => refused(component, &refusal).into(),
        LoadError::Engine(_) => anyhow::Error::new(error),
    })?;
    Ok((program, bytes))
}

/// Returns the bytes of a component that can be run.
///
/// Fails with [`ExitCode::Refused`] where it cannot.
pub fn checked(component: &Path) -> Result<Vec<u8>> {
    let bytes = read(component)?;
    let found = sandbox::link::inspect(&bytes).map_err(|refusal| refused(component, &refusal))?;
    match found.linkable {
        Ok(_) => Ok(bytes),
        Err(refusal) => Err(refused(component, &refusal).into()),
    }
}

/// Returns the folder of this user's compiled components.
pub fn compiled_folder() -> Result<PathBuf> {
    Ok(toolchain::cache_folder()?.join("compiled"))
}

fn read(component: &Path) -> Result<Vec<u8>> {
    fs::read(component).map_err(|error| {
        Failure::new(
            ExitCode::Usage,
            format!("cannot read `{}`: {error}", component.display()),
        )
        .into()
    })
}

fn refused(component: &Path, refusal: &sandbox::link::Refusal) -> Failure {
    Failure::new(
        ExitCode::Refused,
        format!("`{}` cannot be run: {refusal}", component.display()),
    )
}

/// The program's own words, and where they come from.
fn failed(failure: &TaskFailure) -> Failure {
    let TaskFailure {
        kind, backtrace, ..
    } = failure;
    let what = match kind {
        scheduler::FailureKind::Returned => failure.to_string(),
        kind => format!("the driver {kind}: {failure}"),
    };
    let described = Failure::new(ExitCode::JobFailed, what);
    match backtrace {
        Some(backtrace) => described.hint(format!("it was in\n{backtrace}")),
        None => described,
    }
}

/// Ends the run at the first signal, and the process at the second.
pub fn end_on_signals(cancel: Cancel) -> Result<()> {
    signals::on_signals(move || cancel.cancel())
}

/// Where programs print: beside the bars, not through them.
struct Terminal(Screen);

impl Console for Terminal {
    fn driver(&self, channel: Channel, bytes: &[u8]) {
        // Nobody is left to tell if the reader has gone: `tinderbox run ... | head`.
        let _ = self.0.print(|| match channel {
            Channel::Stdout => io::stdout()
                .write_all(bytes)
                .and_then(|()| io::stdout().flush()),
            Channel::Stderr => io::stderr().write_all(bytes),
        });
    }

    fn task(&self, task: TaskName, _: Channel, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let lines: String = text
            .lines()
            .map(|line| format!("[{task}] {line}\n"))
            .collect();
        let _ = self.0.print(|| io::stderr().write_all(lines.as_bytes()));
    }
}
