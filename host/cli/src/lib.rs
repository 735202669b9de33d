//! The `tinderbox` command: reads what the user typed, has it done, and shows what happens.
//!
//! It decides nothing about jobs: what a bar or a summary says comes from the scheduler's events.

pub mod args;
pub mod compile;
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

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::Parser as _;

use args::{Args, Command};
use exit::{ExitCode, Failure};

/// Does what this process was asked to do, and returns how it ended.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return refuse(&error),
    };
    let otherwise = match args.command {
        Command::Run(_) => ExitCode::JobFailed,
        Command::Build(_) => ExitCode::BuildFailed,
        Command::New(_) | Command::Inspect(_) => ExitCode::Usage,
    };
    let outcome = carry_out(args.command);
    outcome.unwrap_or_else(|error| {
        let (text, code) = exit::describe(&error, otherwise);
        eprint!("{text}");
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

fn carry_out(command: Command) -> Result<ExitCode> {
    match command {
        Command::Run(args) => {
            let folder = std::env::current_dir().context("the current folder has gone")?;
            let request = run::prepare(&args, &folder)?;
            Err(Failure::new(
                ExitCode::JobFailed,
                format!(
                    "{:?} cannot run: this build has no engine",
                    request.component
                ),
            )
            .into())
        }
        Command::Build(args) => {
            let component = compile::build_to(&args.path, args.out.as_deref())?;
            writeln!(std::io::stdout(), "{}", component.display())?;
            Ok(ExitCode::Done)
        }
        Command::New(args) => {
            let folder = new::create(&args.name, args.path.as_deref())?;
            eprint!("{}", new::welcome(&args.name, &folder));
            Ok(ExitCode::Done)
        }
        Command::Inspect(args) => {
            let component = compile::component(&args.job)?;
            Err(Failure::new(
                ExitCode::Refused,
                format!("{component:?} cannot be looked into: this build has no engine"),
            )
            .into())
        }
    }
}
