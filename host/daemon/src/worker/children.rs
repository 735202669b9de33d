//! The children of a worker: from the order to the end of the process, each in a task of its own.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use network::{Credentials, Endpoint};
use scheduler::message::{ApplicationSpec, DriverSpec, ExecutorName};
use scheduler::worker::Input;
use scheduler::{Address, DriverId, Host, Rack, Tenant, WorkerId};
use serde::Serialize;
use tokio::sync::{mpsc, watch};
use wire::{Fetch, Role, Subject};

use super::child::{End, Program, Started, Wish};
use super::folders::{self, Folders};
use super::logs::{Logs, Rolling};
use crate::components::{self, Components};
use crate::instructions::{
    DRIVER, DriverInstructions, EXECUTOR, ExecutorInstructions, Place, Secret,
};
use crate::join::any_master;
use crate::machine::Listen;
use crate::{Masters, certify};

/// How long a master may take to give a child its certificate.
const CERTIFICATE_WAIT: Duration = Duration::from_secs(10);

/// How long to look for a master that has a driver's component.
const COMPONENT_WAIT: Duration = Duration::from_secs(10);

/// What is the same for all children of a worker.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) program: PathBuf,
    pub(super) folders: Folders,
    pub(super) components: Components,
    pub(super) cache: PathBuf,
    pub(super) logs: Logs,
    pub(super) rolling: Rolling,
    pub(super) endpoint: Endpoint,
    pub(super) masters: Masters,
    pub(super) worker: WorkerId,
    pub(super) address: Address,
    pub(super) host: Host,
    pub(super) rack: Option<Rack>,
    pub(super) listen: Listen,
    pub(super) settings: Vec<(String, String)>,
}

/// A child's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Executor(ExecutorName),
    Driver(DriverId),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Executor(name) => name.fmt(f),
            Self::Driver(driver) => driver.fmt(f),
        }
    }
}

impl Name {
    fn started(self) -> Input {
        match self {
            Self::Executor(name) => Input::ExecutorStarted { name },
            Self::Driver(driver) => Input::DriverStarted { driver },
        }
    }

    fn ended(self, end: End) -> Input {
        let End { exit_code, reason } = end;
        match self {
            Self::Executor(name) => Input::ExecutorEnded {
                name,
                exit_code,
                reason,
            },
            Self::Driver(driver) => Input::DriverEnded {
                driver,
                exit_code,
                reason,
            },
        }
    }
}

/// What an order to start a child is made of.
#[derive(Clone, Debug)]
pub(super) enum Order {
    Executor {
        name: ExecutorName,
        application: Arc<ApplicationSpec>,
        cores: u32,
        memory: u64,
    },
    Driver {
        driver: DriverId,
        spec: Arc<DriverSpec>,
    },
}

impl Order {
    const fn name(&self) -> Name {
        match self {
            Self::Executor { name, .. } => Name::Executor(*name),
            Self::Driver { driver, .. } => Name::Driver(*driver),
        }
    }

    fn tenant(&self) -> &Tenant {
        match self {
            Self::Executor { application, .. } => &application.tenant,
            Self::Driver { spec, .. } => &spec.tenant,
        }
    }

    fn subject(&self) -> Subject {
        let tenant = self.tenant().clone();
        match self {
            Self::Executor { name, .. } => Subject::Executor {
                tenant,
                application: name.application,
                executor: name.executor,
            },
            Self::Driver { .. } => Subject::Driver {
                tenant,
                application: None,
            },
        }
    }
}

/// All that have not ended.
#[derive(Debug)]
pub(super) struct Children {
    home: Arc<Home>,
    wishes: HashMap<Name, watch::Sender<Wish>>,
    facts: mpsc::Sender<Input>,
}

impl Children {
    pub(super) fn new(home: Arc<Home>, facts: mpsc::Sender<Input>) -> Self {
        Self {
            home,
            wishes: HashMap::new(),
            facts,
        }
    }

    /// Starts a child, whose certificate comes from `leader` where that is known.
    pub(super) fn start(&mut self, order: Order, leader: Option<Address>) {
        let (wish, wished) = watch::channel(Wish::Run);
        let name = order.name();
        self.wishes.insert(name, wish);
        let (home, facts) = (Arc::clone(&self.home), self.facts.clone());
        tokio::spawn(async move {
            let end = match begin(&home, &order, leader, wished.clone()).await {
                Ok(started) => {
                    // A worker that is gone hears nothing; then the child goes too.
                    let _ = facts.send(name.started()).await;
                    started.end(wished).await
                }
                Err(end) => end,
            };
            let _ = facts.send(name.ended(end)).await;
        });
    }

    pub(super) fn stop(&self, name: Name, force: bool) {
        let wish = if force { Wish::Die } else { Wish::Stop };
        if let Some(sender) = self.wishes.get(&name) {
            sender.send_replace(wish);
        }
    }

    /// Takes note of an end that the machine is about to hear of.
    pub(super) fn note(&mut self, input: &Input) {
        match input {
            Input::ExecutorEnded { name, .. } => self.wishes.remove(&Name::Executor(*name)),
            Input::DriverEnded { driver, .. } => self.wishes.remove(&Name::Driver(*driver)),
            _ => None,
        };
    }
}

/// Starts a process, unless it is wished to stop before.
async fn begin(
    home: &Home,
    order: &Order,
    leader: Option<Address>,
    mut wished: watch::Receiver<Wish>,
) -> Result<Started, End> {
    tokio::select! {
        started = launch(home, order, leader) => started.map_err(End::unstarted),
        _ = wished.wait_for(|wish| *wish > Wish::Run) => {
            Err(End::unstarted("it was stopped before it began"))
        }
    }
}

async fn launch(home: &Home, order: &Order, leader: Option<Address>) -> Result<Started, String> {
    let program = prepare(home, order).map_err(|error| format!("its folder: {error}"))?;
    let masters = home.masters.led_by(leader);
    let certified = certify(&home.endpoint, &masters, &order.subject(), CERTIFICATE_WAIT).await;
    let credentials = certified.map_err(|error| format!("its certificate: {error}"))?;
    let component = fetch(home, order, &masters).await?;
    let line = instructions(home, order, component, &credentials);
    let line = line.map_err(|error| error.to_string())?;
    let started = Started::start(&program, &home.logs, home.rolling);
    let mut started = started.map_err(|error| format!("{}: {error}", program.path.display()))?;
    started.instruct(&line).await;
    Ok(started)
}

fn prepare(home: &Home, order: &Order) -> std::io::Result<Program> {
    let (folder, command) = match order {
        Order::Executor { name, .. } => {
            let application = home.folders.application(name.application);
            folders::make(&application, order.tenant())?;
            std::fs::create_dir_all(home.folders.shuffle(name.application))?;
            (home.folders.executor(*name), EXECUTOR)
        }
        Order::Driver { driver, .. } => {
            let folder = home.folders.driver(*driver);
            folders::make(&folder, order.tenant())?;
            (folder, DRIVER)
        }
    };
    std::fs::create_dir_all(folders::scratch(&folder))?;
    Ok(Program {
        path: home.program.clone(),
        command,
        folder,
    })
}

/// Returns where a driver's component is; one that is named by its hash and is not here comes from a master. Executors
/// get theirs from their driver.
async fn fetch(home: &Home, order: &Order, masters: &Masters) -> Result<PathBuf, String> {
    let Order::Driver { spec, .. } = order else {
        return Ok(PathBuf::new());
    };
    let Some(hash) = components::from_hex(&spec.component) else {
        return Ok(PathBuf::from(&*spec.component));
    };
    let path = home.components.path(hash);
    if !path.exists() {
        let got = any_master(masters, COMPONENT_WAIT, |master| async move {
            let peer = home.endpoint.connect(&master, Role::Master).await?;
            let incoming = peer.fetch(Fetch::Component { hash }).await?;
            home.components.take(hash, incoming).await
        });
        got.await
            .map_err(|error| format!("its component: {error}"))?;
    }
    Ok(path)
}

fn instructions(
    home: &Home,
    order: &Order,
    component: PathBuf,
    credentials: &Credentials,
) -> serde_json::Result<String> {
    let place = Place {
        worker: home.worker,
        worker_address: home.address.clone(),
        host: home.host.clone(),
        rack: home.rack.clone(),
        listen: home.listen.clone(),
        credentials: Secret::from(credentials),
        components: home.components.folder().to_owned(),
        cache: home.cache.clone(),
        settings: home.settings.clone(),
    };
    match order {
        Order::Executor {
            name,
            application,
            cores,
            memory,
        } => line(&ExecutorInstructions {
            name: *name,
            driver: application.driver.clone(),
            cores: *cores,
            memory: *memory,
            place,
            shuffle: home.folders.shuffle(name.application),
            scratch: folders::scratch(&home.folders.executor(*name)),
        }),
        Order::Driver { driver, spec } => line(&DriverInstructions {
            driver: *driver,
            spec: DriverSpec::clone(spec),
            component,
            masters: home.masters.addresses().to_vec(),
            place,
            scratch: folders::scratch(&home.folders.driver(*driver)),
        }),
    }
}

fn line(instructions: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(instructions)
}
