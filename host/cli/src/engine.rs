//! Has the sandbox and the node do what was asked: runs a request, looks into a component.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use node::{Cancel, Console, LocalRun, RunError};
use sandbox::{ArtefactCache, Channel, LoadError, Program, Sandbox};
use scheduler::{Event, TaskFailure, TaskName};

use crate::exit::{ExitCode, Failure};
use crate::inspect::Description;
use crate::progress::{Display, Look, Screen, summary};
use crate::run::Request;
use crate::toolchain;

/// Instances beside the tasks': the driver, and some that the pool has not taken back yet.
const SPARE_INSTANCES: u32 = 4;

/// Runs a request to its end.
pub fn run(request: Request) -> Result<ExitCode> {
    let program = load(&request.component, request.cores)?;
    let cancel = Cancel::new(&program);
    end_on_signals(cancel.clone())?;
    let display = Mutex::new(Display::new(request.look));
    let screen = display
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .screen();
    let run = LocalRun {
        program,
        args: request.arguments,
        cores: request.cores,
        settings: request.settings,
        grants: request.grants,
        console: Arc::new(Terminal(screen)),
        cancel,
    };
    let result = run.run(|events| show(&display, events));
    let mut display = display.into_inner().unwrap_or_else(PoisonError::into_inner);
    display.finish();
    // A program that did nothing but fail has nothing to be summed up.
    if request.look != Look::Quiet && display.view().totals.jobs > 0 {
        crate::tell(&summary(display.view()));
    }
    match result {
        Ok(()) => Ok(ExitCode::Done),
        Err(RunError::Cancelled) => Err(Failure::new(ExitCode::Interrupted, "interrupted").into()),
        Err(RunError::Failed(failure)) => Err(failed(&failure).into()),
    }
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

fn load(component: &Path, cores: u32) -> Result<Arc<Program>> {
    let cache = ArtefactCache::open(&toolchain::cache_folder()?.join("compiled"))
        .context("the cache of compiled programs")?;
    let bytes = read(component)?;
    let sandbox = Sandbox::new(cores + SPARE_INSTANCES, Some(cache)).context("the sandbox")?;
    sandbox.load(&bytes).map_err(|error| match error {
        LoadError::Refused(refusal) => refused(component, &refusal).into(),
        LoadError::Engine(_) => anyhow::Error::new(error),
    })
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
fn end_on_signals(cancel: Cancel) -> Result<()> {
    let mut signals = 0;
    let on_signal = move || {
        signals += 1;
        if signals > 1 {
            process::exit(i32::from(ExitCode::Interrupted as u8));
        }
        cancel.cancel();
    };
    ctrlc::set_handler(on_signal).context("signals cannot be caught")
}

fn show(display: &Mutex<Display>, events: &[Event]) {
    let mut display = display.lock().unwrap_or_else(PoisonError::into_inner);
    for event in events {
        display.take(event);
    }
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
