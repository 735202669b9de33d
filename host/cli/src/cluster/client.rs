//! Client mode: the driver runs in this process, its tasks on a cluster.

use anyhow::Result;
use daemon::submitter::{Config, Submitter};
use daemon::{Error, Masters};
use network::Credentials;
use node::{Cancel, ClusterRun, RunError};
use scheduler::{Settings, Tenant};

use super::{connect, failure, listen_facing, runtime};
use crate::engine::{self, Seat};
use crate::exit::ExitCode;
use crate::run::Request;

/// The cluster as a driver in this process sees it.
#[derive(Debug)]
pub struct Joined {
    masters: Masters,
    tenant: Tenant,
    credentials: Credentials,
    /// How many cores the application can have.
    cores: u32,
}

impl Joined {
    /// Says how many cores the application can have, where that is known before the workers have registered.
    #[must_use]
    pub fn with_cores(self, cores: u32) -> Self {
        Self { cores, ..self }
    }
}

/// Gets what a driver in this process needs of a cluster.
///
/// Fails with [`ExitCode::ClusterUnreachable`] where no master answers.
pub fn join(config: Config) -> Result<Joined> {
    runtime()?.block_on(async {
        let (masters, tenant) = (config.masters.clone(), config.tenant.clone());
        let settings = config.settings.clone();
        let submitter = connect(config).await?;
        let asked = tokio::try_join!(submitter.driver_credentials(), cores(&submitter, &settings));
        submitter.close().await;
        let (credentials, cores) = asked.map_err(failure)?;
        Ok(Joined {
            masters,
            tenant,
            credentials,
            cores,
        })
    })
}

/// Returns how many cores an application can have: what it takes at most, else all of the living workers.
pub(super) async fn cores(submitter: &Submitter, settings: &Settings) -> Result<u32, Error> {
    if let Some(most) = settings.cores_max() {
        return Ok(most);
    }
    let status = submitter.status().await?;
    let living = status
        .workers
        .iter()
        .filter(|worker| worker.state == "ALIVE");
    Ok(living.map(|worker| worker.cores).sum::<u32>().max(1))
}

/// Runs a request's driver here.
pub fn run(request: Request, cluster: Joined) -> Result<ExitCode> {
    let (program, component) = engine::load(&request.component, engine::DRIVER_ALONE)?;
    let cancel = Cancel::new(&program);
    engine::end_on_signals(cancel.clone())?;
    engine::show(
        request.look,
        |Seat { console, listener }| -> Result<(), RunError> {
            let run = ClusterRun {
                program,
                component,
                args: request.arguments,
                settings: request.settings,
                grants: request.grants,
                console,
                cancel,
                listen: listen_facing(&cluster.masters),
                masters: cluster.masters,
                credentials: cluster.credentials,
                driver_id: None,
                tenant: cluster.tenant,
                cores: cluster.cores,
            };
            run.run(listener)
        },
    )
}
