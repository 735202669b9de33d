//! The commands `master` and `worker`: daemons until a signal comes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use daemon::machine::{self, Listen};
use daemon::{Masters, master, worker};
use scheduler::cluster::Tenants;
use wire::Role;

use super::access::{master_folder, state_folder, token};
use super::{facing, failure, patiently, runtime};
use crate::args::{MasterArgs, WorkerArgs};
use crate::engine;
use crate::exit::ExitCode;
use crate::settings;
use crate::units::{bytes, count};

/// How long a worker without a certificate looks for a master that gives it one. With one it follows its settings.
const JOIN_PATIENCE: Duration = Duration::from_secs(120);

/// Runs a master until a signal comes.
pub fn master(args: &MasterArgs, folder: &Path) -> Result<ExitCode> {
    let settings = settings::load(&args.conf, &[], folder)?;
    let host = args.host.clone().unwrap_or_else(machine::name);
    let own = match &args.folder {
        Some(own) => folder.join(own),
        None => master_folder()?,
    };
    let config = master::Config {
        folder: own.clone(),
        listen: Listen::new(&host, args.bind, args.port),
        settings,
        tenants: Tenants::default(),
    };
    runtime()?.block_on(async {
        let running = master::start(config).map_err(failure)?;
        let masters = Masters::from(running.address().clone());
        crate::answer(&master_welcome(&masters, &own))?;
        running.until_signalled().await.map_err(failure)?;
        Ok(ExitCode::Done)
    })
}

fn master_welcome(masters: &Masters, folder: &Path) -> String {
    let token = |name: &str| folder.join(name).display().to_string();
    format!(
        "A master runs at {masters}. Its folder is {}.\n\n\
         Add a worker, here or on a machine that has a copy of the token:\n  \
         tinderbox worker {masters} --token-file {}\n\n\
         Run a job, here or where there is a copy of the token:\n  \
         tinderbox submit --master {masters} --token-file {} JOB\n",
        folder.display(),
        token(master::WORKER_TOKEN),
        token(master::SUBMITTER_TOKEN),
    )
}

/// Runs a worker until a signal comes.
pub fn worker(args: &WorkerArgs, folder: &Path) -> Result<ExitCode> {
    let config = worker_config(args, folder)?;
    let (masters, work) = (config.masters.clone(), config.work_folder.clone());
    let offer = (config.cores, config.memory);
    runtime()?.block_on(async {
        let starting = patiently(&masters, JOIN_PATIENCE, worker::start(config));
        let running = starting.await.map_err(failure)?;
        crate::answer(&format!(
            "A worker runs at {}, with {} and {} for {masters}. Its folder is {}.\n",
            running.address(),
            count(offer.0.into(), "core"),
            bytes(offer.1),
            work.display(),
        ))?;
        running.until_signalled().await.map_err(failure)?;
        Ok(ExitCode::Done)
    })
}

fn worker_config(args: &WorkerArgs, folder: &Path) -> Result<worker::Config> {
    let settings = settings::load(&args.conf, &[], folder)?;
    let host = args.host.clone();
    let host = host.unwrap_or_else(|| facing(&args.masters));
    let token = match &args.token {
        Some(token) => Some(token.clone()),
        None => token(args.token_file.as_deref(), Role::Worker)?,
    };
    let memory = args
        .memory
        .map_or_else(machine::memory, Ok)
        .map_err(failure)?;
    Ok(worker::Config {
        masters: args.masters.clone(),
        token,
        patience: JOIN_PATIENCE,
        listen: Listen::new(&host, args.bind, args.port),
        host: (&*host).into(),
        rack: args.rack.clone(),
        cores: args.cores.unwrap_or_else(machine::cores),
        memory,
        work_folder: match &args.work_dir {
            Some(work) => folder.join(work),
            None => state_folder()?.join("worker"),
        },
        cache_folder: engine::compiled_folder()?,
        program: std::env::current_exe().context("this program's own file is not known")?,
        settings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_says_what_to_type_next() {
        let masters = "tinderbox://node-1:7077".parse().unwrap();
        insta::assert_snapshot!(master_welcome(&masters, Path::new("/var/lib/tinderbox")));
    }
}
