//! The `tinderbox` command: reads what the user typed, has it done, and shows what happens.
//!
//! It decides nothing about jobs: what a bar or a summary says comes from the scheduler's events.

pub mod args;
pub mod cluster;
pub mod compile;
pub mod engine;
pub mod exit;
pub mod grants;
pub mod inspect;
pub mod log;
pub mod new;
pub mod progress;
pub mod run;
pub mod settings;
mod signals;
mod suggest;
pub mod toolchain;
mod units;

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use mimalloc::MiMalloc;

use args::{Args, Command, InspectArgs};
use exit::ExitCode;
use log::Level;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Does what this process was asked to do, and returns how it ended.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    let (level, otherwise) = manners(&args.command);
    let outcome = log::start(level).map_err(Into::into);
    let outcome = outcome.and_then(|()| carry_out(args.command));
    outcome.unwrap_or_else(|error| {
        let (text, code) = exit::describe(&error, otherwise);
        tell(&text);
        code
    })
}

/// Returns how much a command logs, and how it ends where an error does not say.
const fn manners(command: &Command) -> (Level, ExitCode) {
    match command {
        Command::Run(_) | Command::Submit(_) => (Level::Error, ExitCode::JobFailed),
        Command::Build(_) => (Level::Error, ExitCode::BuildFailed),
        Command::New(_)
        | Command::Inspect(_)
        | Command::Settings(_)
        | Command::Status(_)
        | Command::Logs(_)
        | Command::Kill(_)
        | Command::Decommission(_) => (Level::Error, ExitCode::Usage),
        Command::Master(_) | Command::Worker(_) => (Level::Info, ExitCode::JobFailed),
        Command::Cluster(_) | Command::Executor | Command::Driver => {
            (Level::Warn, ExitCode::JobFailed)
        }
    }
}

/// Shows help where that was asked for, else what is wrong with the command line.
fn refuse(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell if the terminal has gone.
    let _ = error.print();
    if error.exit_code() == 0 {
        ExitCode::Done
    } else {
        ExitCode::Usage
    }
}

/// Writes to stderr. Nobody is left to tell if the terminal has gone.
pub(crate) fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes to stdout. A reader who has seen enough (`tinderbox inspect JOB | head`) is no failure.
pub(crate) fn answer(text: &str) -> io::Result<()> {
    let written = io::stdout().write_all(text.as_bytes());
    written.or_else(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Ok(())
        } else {
            Err(error)
        }
    })
}

fn carry_out(command: Command) -> Result<ExitCode> {
    match command {
        Command::Run(args) => {
            let place = (&args.master, &args.access);
            engine::run(run::prepare(&args.job, place, &[], &here()?)?)
        }
        Command::Build(args) => {
            let component = compile::build_to(&args.path, args.out.as_deref())?;
            answer(&format!("{}\n", component.display()))?;
            Ok(ExitCode::Done)
        }
        Command::New(args) => {
            let folder = new::create(&args.name, args.path.as_deref())?;
            tell(&new::welcome(&args.name, &folder));
            Ok(ExitCode::Done)
        }
        Command::Inspect(args) => inspect(&args),
        Command::Settings(args) => {
            answer(&match args.text {
                None => settings::list(),
                Some(text) => settings::explain(&text)?,
            })?;
            Ok(ExitCode::Done)
        }
        Command::Submit(args) => cluster::submit::submit(&args, &here()?),
        Command::Status(args) => cluster::ask::status(&args, &here()?),
        Command::Logs(args) => cluster::logs::show(&args, &here()?),
        Command::Kill(args) => cluster::ask::kill(&args, &here()?),
        Command::Decommission(args) => cluster::ask::decommission(&args, &here()?),
        Command::Master(args) => cluster::daemons::master(&args, &here()?),
        Command::Worker(args) => cluster::daemons::worker(&args, &here()?),
        Command::Cluster(args) => cluster::local::serve(&args, &here()?),
        Command::Executor => cluster::child::executor(),
        Command::Driver => cluster::child::driver(),
    }
}

/// Returns the folder in which the command was typed.
fn here() -> Result<PathBuf> {
    std::env::current_dir().context("the current folder has gone")
}

fn inspect(args: &InspectArgs) -> Result<ExitCode> {
    let component = compile::component(&args.job)?;
    let description = engine::inspect(&component)?;
    answer(&inspect::show(&description, args.output)?)?;
    Ok(if description.obstacles.is_empty() {
        ExitCode::Done
    } else {
        ExitCode::Refused
    })
}
