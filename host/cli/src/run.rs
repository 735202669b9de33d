//! Readies a run: everything that the options, the files and the environment say, checked once.
//!
//! Raw then ready: what takes a [`Request`] checks nothing of it again.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use daemon::submitter::Config;
use scheduler::Settings;
use store::Grants;

use crate::args::{AccessArgs, JobArgs, Master, Shape};
use crate::cluster;
use crate::compile;
use crate::exit::{ExitCode, Failure};
use crate::grants;
use crate::progress::Look;
use crate::settings::{self, Choice};
use crate::units::bytes;

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
    /// Where its tasks run.
    pub place: Place,
    /// How progress is shown.
    pub look: Look,
}

/// Where a program's tasks run.
#[derive(Clone, Debug)]
pub enum Place {
    /// In this process.
    Local {
        /// How many at once, at least 1.
        cores: u32,
    },
    /// On a cluster on this machine, which is to be started.
    LocalCluster(Shape),
    /// On a cluster.
    Cluster(Config),
}

/// Readies a run that was asked for in `folder`; builds the job if it is a source folder.
///
/// Settings and grants come first: whoever mistyped one should not have to wait for the build.
pub fn prepare(
    args: &JobArgs,
    (master, access): (&Master, &AccessArgs),
    options: &[Choice<'_>],
    folder: &Path,
) -> Result<Request> {
    let (job, arguments) = args.job();
    let name = args
        .name
        .as_deref()
        .map(|name| ("--name", "app.name", name));
    let options: Vec<_> = options.iter().copied().chain(name).collect();
    let mut settings = settings::load(&args.conf, &options, folder)?;
    let place = place(master, access, &mut settings)?;
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
    Ok(Request {
        component,
        arguments: arguments.to_vec(),
        settings,
        grants,
        place,
        look: Look::choose(args.quiet, args.no_progress),
    })
}

fn place(master: &Master, access: &AccessArgs, settings: &mut Settings) -> Result<Place> {
    Ok(match master {
        Master::Local(cores) => Place::Local {
            cores: cores.unwrap_or_else(daemon::machine::cores),
        },
        Master::LocalCluster(shape) => {
            fit(*shape, settings)?;
            Place::LocalCluster(*shape)
        }
        Master::Cluster(masters) => {
            Place::Cluster(cluster::access::to(masters.clone(), access, settings)?)
        }
    })
}

/// Makes executors as large as the workers of a cluster that is for this run alone, unless their size was said.
fn fit(shape: Shape, settings: &mut Settings) -> Result<()> {
    let key = "executor.memory";
    if !settings::changed(settings).any(|(changed, _)| changed == key) {
        settings.set(key, &format!("{}b", shape.memory))?;
        return Ok(());
    }
    if settings.executor_memory() <= shape.memory {
        return Ok(());
    }
    let (wanted, had) = (bytes(settings.executor_memory()), bytes(shape.memory));
    let what = format!("an executor wants {wanted} ({key}), and each worker has {had}");
    Err(Failure::new(ExitCode::Usage, what)
        .hint("give workers more in local-cluster[WORKERS,CORES,MEMORY], or executors less")
        .into())
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
            Command::Run(args) => prepare(&args.job, (&args.master, &args.access), &[], folder),
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
        assert!(matches!(request.place, Place::Local { cores: 3 }));
        assert_eq!(request.look, Look::Quiet);
    }

    #[test]
    fn a_wrong_setting_is_found_before_the_job_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let error = request(folder.path(), &["--conf", "no.such=1", "absent"]).unwrap_err();
        assert!(format!("{error:#}").contains("no.such"), "{error:#}");
    }

    #[test]
    fn executors_fit_the_workers_of_their_own_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let job = folder.path().join("job.wasm");
        std::fs::write(&job, "").unwrap();
        let job = job.to_str().unwrap();
        let master = ["--master", "local-cluster[2,1,512m]"];
        let fitted = request(folder.path(), &[&master[..], &[job]].concat()).unwrap();
        assert_eq!(fitted.settings.executor_memory(), 512 << 20);
        let smaller = ["--conf", "executor.memory=256m", job];
        let kept = request(folder.path(), &[&master[..], &smaller].concat()).unwrap();
        assert_eq!(kept.settings.executor_memory(), 256 << 20);
        let larger = ["--conf", "executor.memory=1g", job];
        let error = request(folder.path(), &[&master[..], &larger].concat()).unwrap_err();
        let said = error.to_string();
        assert_eq!(
            said,
            "an executor wants 1.0 GiB (executor.memory), and each worker has 512.0 MiB"
        );
    }
}
