//! The worker: a process around [`scheduler::worker::Worker`].
//!
//! Executors and drivers are its children: they are told what to do on their standard input, and end when that
//! closes. What they leave on disk is served and removed here.

mod child;
mod children;
mod folders;
mod host;
mod logs;
mod serve;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use network::{Endpoint, Event, Token};
use rustix::process::Signal;
use scheduler::message::WorkerInfo;
use scheduler::worker::{Input, Outbox, Worker};
use scheduler::{Host, Rack, Settings, WorkerId};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info};
use wire::Subject;

use crate::components::Components;
use crate::machine::Listen;
use crate::process::{Post, Process as _, run};
use crate::running::Stop;
use crate::{Access, Error, Masters, Running, files, random};

use children::{Children, Home};
use folders::Folders;
use host::WorkerHost;
use logs::{Logs, Rolling};
use serve::Shelf;

/// The file with the worker's certificate and key, in its work folder.
pub const CERTIFICATE: &str = "worker.pem";

/// How many facts may wait for the machine; then who brings them waits.
const FACTS_MAX: usize = 1_024;

/// What an operator says of a worker.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the masters are.
    pub masters: Masters,
    /// What leads to a certificate, where there is none yet.
    pub token: Option<Token>,
    /// How long to look for a master that gives one.
    pub patience: Duration,
    /// Where it listens.
    pub listen: Listen,
    /// The machine's name: executors on machines of one name read one another's files.
    pub host: Host,
    /// Where the machine stands.
    pub rack: Option<Rack>,
    /// Cores that it offers.
    pub cores: u32,
    /// Bytes of memory that it offers.
    pub memory: u64,
    /// Where its children's files are.
    pub work_folder: PathBuf,
    /// Where compiled components are.
    pub cache_folder: PathBuf,
    /// What is started as an executor ([`EXECUTOR`](crate::instructions::EXECUTOR)) or a driver
    /// ([`DRIVER`](crate::instructions::DRIVER)).
    pub program: PathBuf,
    /// The worker's settings.
    pub settings: Settings,
}

/// Starts a worker, which finds its masters by itself.
///
/// # Errors
///
/// If its folder or its port cannot be used, or no master gives it a certificate.
pub async fn start(config: Config) -> Result<Running, Error> {
    let folder = std::path::absolute(&config.work_folder);
    let folder = folder.map_err(Error::file(&config.work_folder))?;
    files::private_folder(&folder)?;
    let lock = files::lock(&folder, "worker")?;
    let folders = Folders(folder);
    let components = folders.0.join("components");
    let components = Components::open(components.clone()).map_err(Error::file(components))?;
    let access = Access {
        file: folders.0.join(CERTIFICATE),
        token: config.token.clone(),
        patience: config.patience,
    };
    let own = access
        .credentials(&config.masters, &Subject::Worker)
        .await?;
    let (endpoint, events) = Endpoint::bind(config.listen.config(), &own)?;
    let files = folders.0.clone();
    let daemon = Daemon::new(config, folders, components, endpoint, events);
    let info = daemon.host.worker.info();
    info!(
        "{} listens at {}; its files are in {}",
        info.id,
        info.address,
        files.display()
    );
    Ok(Running::start(info.address.clone(), async move |stop| {
        let _lock = lock;
        daemon.serve(stop).await
    }))
}

/// A worker that has begun.
struct Daemon {
    host: WorkerHost,
    post: Post,
    facts: mpsc::Receiver<Input>,
}

impl Daemon {
    fn new(
        config: Config,
        folders: Folders,
        components: Components,
        endpoint: Endpoint,
        events: mpsc::Receiver<Event>,
    ) -> Self {
        let (sender, facts) = mpsc::channel(FACTS_MAX);
        let local = endpoint.local_address();
        let address = endpoint.advertised().cloned();
        let address = address.unwrap_or_else(|| (&*local.to_string()).into());
        let info = WorkerInfo {
            id: WorkerId(random::draw()),
            address: address.clone(),
            host: config.host.clone(),
            rack: config.rack.clone(),
            cores: config.cores,
            memory: config.memory,
        };
        let logs = Logs::default();
        let shelf = Shelf::new(folders.clone(), components.clone(), logs.clone());
        let masters = config.masters.addresses().to_vec();
        let worker = Worker::new(info.clone(), masters, &config.settings, random::draw());
        let home = Home {
            program: config.program,
            folders,
            components,
            cache: config.cache_folder,
            logs,
            rolling: Rolling {
                size_max: config.settings.executor_logs_rolling_max_size(),
                parts_kept: config.settings.executor_logs_rolling_max_retained_files() as usize,
            },
            endpoint: endpoint.clone(),
            masters: config.masters,
            worker: info.id,
            address,
            host: config.host,
            rack: config.rack,
            listen: config.listen.at_any_port(),
            settings: changed(&config.settings),
        };
        let children = Children::new(Arc::new(home), sender.clone());
        Self {
            host: WorkerHost {
                worker,
                children,
                shelf,
                facts: sender,
                out: Outbox::default(),
            },
            post: Post::new(endpoint, events),
            facts,
        }
    }

    async fn serve(mut self, mut stop: Stop) -> Result<(), Error> {
        let facts = self.host.facts.clone();
        let asked = stop.clone();
        tokio::spawn(decommission_on_signal(facts.clone()));
        tokio::spawn(async move {
            stop.asked().await;
            // A worker that has ended needs not be stopped.
            let _ = facts.send(Input::StopAsked).await;
        });
        let now = self.post.now();
        let begun = self.host.step(now, Input::Started, &mut self.post);
        let reason = match begun {
            Some(reason) => reason,
            None => run(&mut self.host, &mut self.post, &mut self.facts).await,
        };
        let ended = match asked.was_asked() {
            true => Ok(()),
            false => Err(Error::Ended(Arc::clone(&reason))),
        };
        match &ended {
            Ok(()) => info!("the worker stops: {reason}"),
            Err(_) => error!("the worker stops: {reason}"),
        }
        self.post.close().await;
        ended
    }
}

/// Returns the settings that are not as they are by default.
fn changed(settings: &Settings) -> Vec<(String, String)> {
    let set = settings.entries().filter(|(_, _, default)| !default);
    let set = set.filter_map(|(definition, value, _)| Some((definition.key, value?)));
    set.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// SIGPWR takes the machine out of service in good order (Spark: `decommission.enabled`, the same signal).
async fn decommission_on_signal(facts: mpsc::Sender<Input>) {
    let kind = SignalKind::from_raw(Signal::POWER.as_raw());
    let Ok(mut power) = signal(kind) else {
        return;
    };
    while power.recv().await.is_some() {
        if facts.send(Input::DecommissionAsked).await.is_err() {
            return;
        }
    }
}
