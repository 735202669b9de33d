//! The `tinderbox` command: reads what the user typed, has it done, and shows what happens.
//!
//! It decides nothing about jobs: what a bar or a summary says comes from the scheduler's events.

pub mod args;
pub mod compile;
pub mod engine;
pub mod exit;
pub mod grants;
pub mod inspect;
pub mod new;
pub mod progress;
pub mod run;
pub mod settings;
mod suggest;
pub mod toolchain;
mod units;

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use mimalloc::MiMalloc;

use args::{Args, Command};
use exit::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Does what this process was asked to do, and returns how it ended.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    let otherwise = match args.command {
        Command::Run(_) => ExitCode::JobFailed,
        Command::Build(_) => ExitCode::BuildFailed,
        Command::New(_) | Command::Inspect(_) | Command::Settings(_) => ExitCode::Usage,
    };
    let outcome = carry_out(args.command);
    outcome.unwrap_or_else(|error| {
        let (text, code) = exit::describe(&error, otherwise);
        tell(&text);
        code
    })
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
fn answer(text: &str) -> io::Result<()> {
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
            let folder = std::env::current_dir().context("the current folder has gone")?;
            let request = run::prepare(&args, &folder)?;
            engine::run(request)
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
        Command::Settings(args) => {
            answer(&match args.text {
                None => settings::list(),
                Some(text) => settings::explain(&text)?,
            })?;
            Ok(ExitCode::Done)
        }
        Command::Inspect(args) => {
            let component = compile::component(&args.job)?;
            let description = engine::inspect(&component)?;
            answer(&inspect::show(&description, args.output)?)?;
            Ok(if description.obstacles.is_empty() {
                ExitCode::Done
            } else {
                ExitCode::Refused
            })
        }
    }
}
