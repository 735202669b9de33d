//! A cluster on this machine: a master and workers in one thread of this process, executors and drivers in processes.
//!
//! It is real in all but its size: QUIC on loopback, certificates, processes. All its files are in one folder, which goes
//! with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use daemon::machine::Listen;
use daemon::submitter::Config;
use daemon::{Access, Masters, Running, master, worker};
use network::Token;
use scheduler::{Settings, Tenant};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::access::{certificate, read_token};
use super::{client, failure, runtime};
use crate::args::{LocalClusterArgs, Shape};
use crate::engine;
use crate::exit::ExitCode;
use crate::run::Request;
use crate::settings;
use crate::signals;
use crate::units::{bytes, count};

const HOST: &str = "127.0.0.1";

/// How long a worker may look for the master, which is there already.
const PATIENCE: Duration = Duration::from_secs(30);

/// A cluster that runs until this is dropped.
#[derive(Debug)]
pub struct LocalCluster {
    masters: Masters,
    folder: TempDir,
    settings: Settings,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LocalCluster {
    /// Starts a cluster.
    ///
    /// Fails with [`ExitCode::Usage`] where the port is taken.
    pub fn start(shape: Shape, port: u16, settings: &Settings) -> Result<Self> {
        let base = settings.local_dir();
        fs::create_dir_all(base).with_context(|| format!("the folder {base:?} cannot be made"))?;
        let folder = tempfile::Builder::new()
            .prefix("tinderbox-cluster-")
            .tempdir_in(base);
        let folder = folder.with_context(|| format!("no folder can be made in {base:?}"))?;
        let plan = Plan {
            shape,
            port,
            folder: folder.path().to_owned(),
            program: std::env::current_exe().context("this program's own file is not known")?,
            cache: engine::compiled_folder()?,
            settings: settings.clone(),
        };
        let (stop, stopped) = oneshot::channel();
        let (started, outcome) = mpsc::channel();
        let thread = thread::Builder::new().name("cluster".into());
        let thread = thread.spawn(move || plan.run(&started, stopped))?;
        let masters = outcome
            .recv()
            .unwrap_or_else(|_| Err(anyhow!("the cluster did not start")));
        Ok(Self {
            masters: masters?,
            folder,
            settings: settings.clone(),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns where the master is.
    pub const fn masters(&self) -> &Masters {
        &self.masters
    }

    /// Returns how it is asked. The certificate is kept in `file`.
    pub fn config(&self, file: PathBuf) -> Result<Config> {
        let token = self
            .folder
            .path()
            .join("master")
            .join(master::SUBMITTER_TOKEN);
        Ok(Config {
            masters: self.masters.clone(),
            access: Access {
                file,
                token: Some(read_token(&token)?),
                patience: PATIENCE,
            },
            tenant: Tenant::default(),
            settings: self.settings.clone(),
        })
    }
}

impl Drop for LocalCluster {
    /// Stops it in good order, and with it all that it has started.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// What it takes to start one.
struct Plan {
    shape: Shape,
    port: u16,
    folder: PathBuf,
    program: PathBuf,
    cache: PathBuf,
    settings: Settings,
}

impl Plan {
    /// Runs the cluster until it is to stop. This thread lasts as long as the processes that it starts.
    fn run(self, started: &mpsc::Sender<Result<Masters>>, stopped: oneshot::Receiver<()>) {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(error))),
        };
        runtime.block_on(async {
            let mut daemons = Vec::new();
            let outcome = self.start(&mut daemons).await;
            let began = outcome.is_ok();
            let _ = started.send(outcome);
            if began {
                // It is dropped, not sent.
                let _ = stopped.await;
            }
            stop(daemons).await;
        });
    }

    async fn start(&self, daemons: &mut Vec<Running>) -> Result<Masters> {
        let config = master::Config {
            folder: self.folder.join("master"),
            listen: Listen::new(HOST, None, self.port),
            settings: self.settings.clone(),
            tenants: scheduler::cluster::Tenants::default(),
        };
        let master = master::start(config).map_err(failure)?;
        let masters = Masters::from(master.address().clone());
        daemons.push(master);
        let token = read_token(&self.folder.join("master").join(master::WORKER_TOKEN))?;
        for number in 1..=self.shape.workers {
            let config = self.worker(number, masters.clone(), token.clone());
            daemons.push(worker::start(config).await.map_err(failure)?);
        }
        Ok(masters)
    }

    fn worker(&self, number: u32, masters: Masters, token: Token) -> worker::Config {
        worker::Config {
            masters,
            token: Some(token),
            patience: PATIENCE,
            listen: Listen::new(HOST, None, 0),
            host: HOST.into(),
            rack: None,
            cores: self.shape.cores,
            memory: self.shape.memory,
            work_folder: self.folder.join(format!("worker-{number}")),
            cache_folder: self.cache.clone(),
            program: self.program.clone(),
            settings: self.settings.clone(),
        }
    }
}

/// Stops workers all at once, then the master, which hears of it.
async fn stop(mut daemons: Vec<Running>) {
    if daemons.is_empty() {
        return;
    }
    let master = daemons.remove(0);
    let workers: Vec<_> = daemons
        .into_iter()
        .map(|worker| tokio::spawn(worker.stop()))
        .collect();
    for worker in workers {
        // One that had ended by itself has said so.
        let _ = worker.await;
    }
    let _ = master.stop().await;
}

/// Runs a request on a cluster of its own (`--master local-cluster[..]`).
pub fn run(request: Request, shape: Shape) -> Result<ExitCode> {
    let cluster = LocalCluster::start(shape, 0, &request.settings)?;
    let config = cluster.config(cluster.folder.path().join("submitter.pem"))?;
    let most = shape.workers.saturating_mul(shape.cores);
    let joined = client::join(config)?.with_cores(request.settings.cores_max().unwrap_or(most));
    client::run(request, joined)
}

/// Runs a cluster until a signal comes (`tinderbox cluster`).
pub fn serve(args: &LocalClusterArgs, folder: &Path) -> Result<ExitCode> {
    let settings = settings::load(&args.conf, &[], folder)?;
    let (stop, stopped) = mpsc::channel();
    signals::on_signals(move || {
        // The main thread may have given up already.
        let _ = stop.send(());
    })?;
    let cluster = LocalCluster::start(args.shape(), args.port, &settings)?;
    let kept = certificate(cluster.masters(), &Tenant::default())?;
    // So that further commands need no token.
    let _ = fs::remove_file(&kept);
    client::join(cluster.config(kept.clone())?)?;
    crate::answer(&welcome(args, cluster.masters()))?;
    // Who cannot say it any more wants nobody to go on.
    let _ = stopped.recv();
    drop(cluster);
    let _ = fs::remove_file(&kept);
    Ok(ExitCode::Done)
}

fn welcome(args: &LocalClusterArgs, masters: &Masters) -> String {
    let master = match masters.to_string() {
        url if url == super::access::DEFAULT_MASTER => String::new(),
        url => format!(" --master {url}"),
    };
    format!(
        "A cluster runs at {masters}: {} of {} and {} each. Ctrl-C ends it.\n\n\
         In another terminal:\n  \
         tinderbox submit{master} samples/pi\n  \
         tinderbox status{master}\n",
        count(args.workers.into(), "worker"),
        count(args.cores.into(), "core"),
        bytes(args.memory),
    )
}
