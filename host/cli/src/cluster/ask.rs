//! The commands that ask a cluster: `status`, `kill`, `decommission`.

use std::path::Path;

use anyhow::Result;
use daemon::submitter::Submitter;
use daemon::{Error, Masters};
use scheduler::Host;

use super::{access, connect, failure, runtime, status};
use crate::args::{ClusterArgs, DecommissionArgs, KillArgs, Output, StatusArgs, Target};
use crate::exit::ExitCode;
use crate::settings;
use crate::units::count;

/// Tells how the cluster is.
pub fn status(args: &StatusArgs, folder: &Path) -> Result<ExitCode> {
    ask(&args.cluster, folder, async |submitter, masters| {
        if args.json || args.output == Output::Json {
            return Ok(submitter.status_json().await? + "\n");
        }
        Ok(status::text(masters, &submitter.status().await?))
    })
}

/// Ends a driver or an application.
pub fn kill(args: &KillArgs, folder: &Path) -> Result<ExitCode> {
    ask(&args.cluster, folder, async |submitter, _| {
        match args.target {
            Target::Driver(driver) => submitter.kill_driver(driver).await?,
            Target::Application(application) => submitter.kill_application(application).await?,
        }
        Ok(String::new())
    })
}

/// Takes machines out of service.
pub fn decommission(args: &DecommissionArgs, folder: &Path) -> Result<ExitCode> {
    ask(&args.cluster, folder, async |submitter, _| {
        let hosts = args.hosts.iter().map(|host| Host::from(&**host)).collect();
        let workers = submitter.decommission(hosts).await?;
        Ok(format!("{} told to go\n", count(workers.into(), "worker")))
    })
}

/// Asks a cluster and prints the answer.
fn ask(
    args: &ClusterArgs,
    folder: &Path,
    question: impl AsyncFnOnce(&mut Submitter, &Masters) -> Result<String, Error>,
) -> Result<ExitCode> {
    let settings = settings::load(&Default::default(), &[], folder)?;
    let config = access::of(args, &settings)?;
    runtime()?.block_on(async {
        let masters = config.masters.clone();
        let mut submitter = connect(config).await?;
        let answer = question(&mut submitter, &masters).await.map_err(failure);
        submitter.close().await;
        crate::answer(&answer?)?;
        Ok(ExitCode::Done)
    })
}
