//! The command `submit`: client mode is a run on a cluster; in cluster mode a worker runs the driver.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::process;
use std::time::Duration;

use anyhow::Result;
use daemon::submitter::{Config, Submitter};
use scheduler::message::{DriverSpec, DriverState, DriverStatus};
use scheduler::{DriverId, SubmissionKey, WorkerId};
use tokio::task::JoinHandle;
use wire::{LogSource, LogStream};

use super::logs::{self, Printed};
use super::surroundings::Surroundings;
use super::{access, client, connect, failure, runtime};
use crate::args::{DeployMode, Master, SubmitArgs};
use crate::engine;
use crate::exit::{ExitCode, Failure};
use crate::grants;
use crate::run::{self, Place, Request};
use crate::signals;

/// How soon a driver that is waited for is looked after again when something of it has changed.
const LOOKS_FIRST: Duration = Duration::from_millis(10);

/// How often it is looked after at least; each time it is as it was the wait doubles (Spark: every second).
const LOOKS_LAST: Duration = Duration::from_millis(500);

/// How long to wait for the rest of the logs of a driver that has ended.
const LOGS_WAIT: Duration = Duration::from_secs(5);

/// Submits a job from `folder`.
pub fn submit(args: &SubmitArgs, folder: &Path) -> Result<ExitCode> {
    let master = access::master(args.master.as_ref())?;
    check(args, &master)?;
    let chosen = args.resources.chosen();
    let request = run::prepare(&args.job, (&master, &args.access), &chosen, folder)?;
    match (args.deploy_mode, &request.place) {
        (DeployMode::Cluster, Place::Cluster(config)) => {
            let config = config.clone();
            hand_over(args, request, config, folder)
        }
        _ => engine::run(request),
    }
}

fn check(args: &SubmitArgs, master: &Master) -> Result<(), Failure> {
    let wrong = match (args.deploy_mode, master) {
        (DeployMode::Cluster, Master::Local(_) | Master::LocalCluster(_)) => {
            "a cluster that ends with this command runs no drivers; say --master tinderbox://host:7077"
        }
        (DeployMode::Client, _) if args.supervise => "--supervise needs --deploy-mode cluster",
        (DeployMode::Client, _) if args.wait => {
            "--wait needs --deploy-mode cluster; in client mode this command waits anyway"
        }
        _ => return Ok(()),
    };
    Err(Failure::new(ExitCode::Usage, wrong))
}

/// Has the cluster run the driver.
fn hand_over(
    args: &SubmitArgs,
    request: Request,
    config: Config,
    folder: &Path,
) -> Result<ExitCode> {
    let component = engine::checked(&request.component)?;
    let (read, write) = grants::paths(
        &args.job.allow_read,
        &args.job.allow_write,
        &request.arguments,
        folder,
    );
    let mut surroundings = Surroundings {
        folder: folder.to_owned(),
        read,
        write,
        cores: 1,
    };
    runtime()?.block_on(async {
        let tenant = config.tenant.clone();
        let mut submitter = connect(config).await?;
        let found = tokio::try_join!(
            submitter.upload(component.into()),
            client::cores(&submitter, &request.settings),
        );
        let (component, cores) = found.map_err(failure)?;
        surroundings.cores = cores;
        let settings = &request.settings;
        let spec = DriverSpec {
            key: draw_key(),
            name: settings.app_name().unwrap_or_default().into(),
            tenant,
            component: component.into(),
            args: request
                .arguments
                .iter()
                .map(|word| (&**word).into())
                .collect(),
            settings: surroundings.pack(settings)?,
            cores: settings.driver_cores(),
            memory: settings.driver_memory(),
            supervise: args.supervise,
        };
        let driver = submitter.submit_driver(spec).await.map_err(failure)?;
        let code = if args.wait {
            crate::tell(&format!(
                "submitted {driver}; Ctrl-C leaves it running, `tinderbox kill {driver}` ends it\n"
            ));
            signals::on_signals(move || leave(driver))?;
            follow(&mut submitter, driver).await?
        } else {
            crate::answer(&format!("{driver}\n"))?;
            ExitCode::Done
        };
        submitter.close().await;
        Ok(code)
    })
}

/// Whoever follows a driver has had enough.
fn leave(driver: DriverId) {
    crate::tell(&format!("{driver} goes on\n"));
    process::exit(i32::from(ExitCode::Interrupted as u8));
}

/// Names a wish that nobody has had before.
fn draw_key() -> SubmissionKey {
    // The standard library seeds its hashers from the system.
    let draw = || u128::from(RandomState::new().build_hasher().finish());
    SubmissionKey(draw() << 64 | draw())
}

/// Follows a driver to its end: shows what it prints and what it waits for.
async fn follow(submitter: &mut Submitter, driver: DriverId) -> Result<ExitCode> {
    let mut watch = Watch::default();
    let mut wait = LOOKS_FIRST;
    loop {
        let status = submitter.driver_status(driver).await.map_err(failure)?;
        if watch.tell(driver, &status) {
            wait = LOOKS_FIRST;
        }
        // One that has ended may have been too quick to be seen running.
        let has_logs = status.state == DriverState::Running || status.state.is_finished();
        match has_logs {
            true => watch.begin(submitter, driver, status.worker).await,
            false => watch.rest().await,
        }
        if status.state.is_finished() {
            // One that has ended before it was seen to run has printed nevertheless.
            watch.begin(submitter, driver, status.worker).await;
            watch.rest().await;
            return ended(driver, &status);
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(LOOKS_LAST),
            () = watch.ended() => wait = LOOKS_FIRST,
        }
    }
}

/// What is shown of a driver.
#[derive(Default)]
struct Watch {
    told: Option<DriverStatus>,
    /// Where it runs, and the task that shows its logs.
    showing: Option<(Option<WorkerId>, JoinHandle<Printed>)>,
    /// Whether it is known that these logs have ended.
    seen_ended: bool,
    /// Where it ran last, and how much of its logs there was shown.
    shown: (Option<WorkerId>, Printed),
}

impl Watch {
    /// Says how the driver is, unless that is known. Returns whether it is news.
    fn tell(&mut self, driver: DriverId, status: &DriverStatus) -> bool {
        if self.told.as_ref() == Some(status) {
            return false;
        }
        let why = super::status::note(status.state, status.reason.as_deref());
        let why = why.map(|reason| format!(": {reason}"));
        let state = status.state;
        crate::tell(&format!("{driver} is {state}{}\n", why.unwrap_or_default()));
        self.told = Some(status.clone());
        true
    }

    /// Shows the logs of a driver that runs, from where they were shown to.
    async fn begin(&mut self, submitter: &Submitter, driver: DriverId, worker: Option<WorkerId>) {
        if self.showing.is_some() || worker.is_none() {
            return;
        }
        let skipped = match &self.shown {
            (place, printed) if *place == worker => *printed,
            _ => Printed::default(),
        };
        let source = LogSource::Driver(driver);
        let stdout = submitter.log(source, LogStream::Stdout, true).await;
        let stderr = submitter.log(source, LogStream::Stderr, true).await;
        // They are looked for again, until they are there.
        if let (Ok(stdout), Ok(stderr)) = (stdout, stderr) {
            let task = tokio::spawn(logs::print_both(stdout, stderr, skipped));
            self.showing = Some((worker, task));
            self.seen_ended = false;
        }
    }

    /// Waits until the logs have ended, with the process that writes them; says so once.
    async fn ended(&mut self) {
        match &mut self.showing {
            Some((_, task)) if !self.seen_ended => {
                while !task.is_finished() {
                    tokio::time::sleep(LOOKS_FIRST).await;
                }
                self.seen_ended = true;
            }
            _ => std::future::pending().await,
        }
    }

    /// Shows the rest of the logs of a driver that runs no more.
    async fn rest(&mut self) {
        let Some((worker, mut task)) = self.showing.take() else {
            return;
        };
        match tokio::time::timeout(LOGS_WAIT, &mut task).await {
            Ok(Ok(printed)) => self.shown = (worker, printed),
            // Its worker does not answer: what it has printed is there still.
            Ok(Err(_)) | Err(_) => task.abort(),
        }
    }
}

/// Ends as the driver has ended.
fn ended(driver: DriverId, status: &DriverStatus) -> Result<ExitCode> {
    let reason = status.reason.as_deref().unwrap_or("nobody knows why");
    match status.state {
        DriverState::Finished => Ok(ExitCode::Done),
        DriverState::Killed => {
            let what = format!("{driver} was killed: {reason}");
            Err(Failure::new(ExitCode::Interrupted, what).into())
        }
        _ => {
            let code = code_of(reason).unwrap_or(ExitCode::JobFailed);
            let what = format!("{driver} failed: {reason}");
            let hint = format!("`tinderbox logs --stderr {driver}` has its last words");
            Err(Failure::new(code, what).hint(hint).into())
        }
    }
}

/// Returns the exit code that a worker tells of, as far as it is one of ours.
fn code_of(reason: &str) -> Option<ExitCode> {
    let (_, number) = reason.rsplit_once("exit code ")?;
    let known = [
        ExitCode::JobFailed,
        ExitCode::Usage,
        ExitCode::ClusterUnreachable,
        ExitCode::Refused,
        ExitCode::Interrupted,
    ];
    let code: u8 = number.parse().ok()?;
    known.into_iter().find(|known| *known as u8 == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use crate::exit::describe;
    use clap::Parser as _;

    #[test]
    fn the_drivers_exit_code_is_this_commands() {
        assert_eq!(
            code_of("it ended with exit code 4"),
            Some(ExitCode::Refused)
        );
        assert_eq!(code_of("it ended with exit code 77"), None);
        assert_eq!(code_of("it was ended by SIGKILL"), None);
    }

    #[test]
    fn options_of_the_other_mode_are_refused() {
        let said = |words: &[&str]| {
            let words = [&["tinderbox", "submit"], words, &["job"]].concat();
            let args = match Args::try_parse_from(words).unwrap().command {
                Command::Submit(args) => args,
                other => panic!("not submit: {other:?}"),
            };
            let error = submit(&args, Path::new("/")).unwrap_err();
            describe(&error, ExitCode::JobFailed).0
        };
        insta::assert_snapshot!(
            [
                said(&["--master", "local[2]", "--deploy-mode", "cluster"]),
                said(&["--master", "tinderbox://a", "--supervise"]),
                said(&["--master", "tinderbox://a", "--wait"]),
            ]
            .concat()
        );
    }
}
