//! Readies a run: everything that the options, the files and the environment say, checked once.
//!
//! Raw then ready: what takes a [`Request`] checks nothing of it again.

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::{Context as _, Result};
use scheduler::Settings;
use store::Grants;

use crate::args::RunArgs;
use crate::compile;
use crate::exit::{ExitCode, Failure};
use crate::grants;
use crate::progress::Look;
use crate::settings;

/// A run that is ready to begin.
#[derive(Clone, Debug)]
pub struct Request {
    /// The component's file.
    pub component: PathBuf,
    /// The program's own arguments.
    pub arguments: Vec<String>,
    /// What was set; `app.name` always is.
    pub settings: Settings,
    /// What the program may touch.
    pub grants: Grants,
    /// How many tasks run at once, at least 1.
    pub cores: u32,
    /// How progress is shown.
    pub look: Look,
}

/// Readies a run that was asked for in `folder`; builds the job if it is a source folder.
///
/// Settings and grants come first: whoever mistyped one should not have to wait for the build.
pub fn prepare(args: &RunArgs, folder: &Path) -> Result<Request> {
    let (job, arguments) = args.job();
    let mut settings = settings::load(args, folder)?;
    let grants = grants::collect(&args.allow_read, &args.allow_write, arguments, folder).map_err(
        |error| {
            Failure::new(
                ExitCode::Usage,
                format!("a granted path cannot be resolved: {error}"),
            )
        },
    )?;
    let component = compile::component(&job)?;
    if settings.app_name().is_none() {
        let stem = component.file_stem().context("the component has no name")?;
        settings.set("app.name", &stem.to_string_lossy())?;
    }
    let machine =
        available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
    let look = Look::choose(args.quiet, args.no_progress);
    Ok(Request {
        component,
        arguments: arguments.to_vec(),
        settings,
        grants,
        cores: args.master.cores(machine),
        look,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser as _;

    fn request(folder: &Path, words: &[&str]) -> Result<Request> {
        match Args::try_parse_from([&["tinderbox", "run"], words].concat())
            .unwrap()
            .command
        {
            Command::Run(args) => prepare(&args, folder),
            other => panic!("not run: {other:?}"),
        }
    }

    #[test]
    fn a_request_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let (job, text) = (
            folder.path().join("count.wasm"),
            folder.path().join("in.txt"),
        );
        std::fs::write(&job, "").unwrap();
        std::fs::write(&text, "").unwrap();
        let request = request(
            folder.path(),
            &[
                "--master",
                "local[3]",
                "-q",
                job.to_str().unwrap(),
                "in.txt",
                "--top",
                "5",
            ],
        )
        .unwrap();
        assert_eq!(request.component, job);
        assert_eq!(request.arguments, ["in.txt", "--top", "5"]);
        assert_eq!(request.settings.app_name(), Some("count"));
        assert!(request.grants.readable(text.to_str().unwrap()).is_ok());
        assert_eq!((request.cores, request.look), (3, Look::Quiet));
    }

    #[test]
    fn a_wrong_setting_is_found_before_the_job_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let error = request(folder.path(), &["--conf", "no.such=1", "absent"]).unwrap_err();
        assert!(format!("{error:#}").contains("no.such"), "{error:#}");
    }
}
