//! A cluster of the tests: a master, workers and drivers in this process, executors in processes of their own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use daemon::machine::Listen;
use daemon::submitter::{self, Submitter};
use daemon::{Access, Error, Masters, Running, master, worker};
use network::{Endpoint, Event, Peer, Token, request_certificate};
use scheduler::message::{ApplicationSpec, ExecutorState, ToApplication, ToMaster};
use scheduler::{Address, ApplicationId, ExecutorId, Message, Settings, SubmissionKey};
use tempfile::TempDir;
use tokio::sync::mpsc;
use wire::{Role, Subject};

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.unwrap()
}

/// Waits for something that nobody tells: on a disk, or in a process.
pub(crate) async fn eventually<T>(what: impl AsyncFn() -> Option<T>) -> T {
    let found = async {
        loop {
            match what().await {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    soon(found).await
}

/// Folders, and programs that workers start.
pub(crate) struct Cluster {
    folder: TempDir,
    /// The master's alone: nobody takes its port while it is away.
    master_ip: String,
    pub(crate) settings: Settings,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        let mut settings = Settings::default();
        settings.set("deploy.recoveryTimeout", "10s").unwrap();
        static CLUSTERS: AtomicU8 = AtomicU8::new(1);
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        Self {
            master_ip: format!("127.0.2.{number}"),
            folder: tempfile::tempdir().unwrap(),
            settings,
        }
    }

    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.set(key, value).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn master_config(&self) -> master::Config {
        master::Config {
            folder: self.path("master"),
            listen: Listen::new(&self.master_ip, None, 0),
            settings: self.settings.clone(),
            tenants: scheduler::cluster::Tenants::default(),
        }
    }

    pub(crate) fn master(&self) -> Running {
        master::start(self.master_config()).unwrap()
    }

    pub(crate) fn token(&self, file: &str) -> Token {
        let line = std::fs::read_to_string(self.path("master").join(file)).unwrap();
        line.parse().unwrap()
    }

    /// A worker whose children behave as told.
    pub(crate) fn worker_config(&self, master: &Running, behaviour: &str) -> worker::Config {
        self.worker_config_at(master.address().clone(), behaviour)
    }

    pub(crate) fn worker_config_at(&self, master: Address, behaviour: &str) -> worker::Config {
        worker::Config {
            masters: Masters::from(master),
            token: Some(self.token(master::WORKER_TOKEN)),
            patience: LONG,
            listen: Listen::new("127.0.0.1", None, 0),
            host: "here".into(),
            rack: None,
            cores: 4,
            memory: 4 << 30,
            work_folder: self.path("work"),
            cache_folder: self.path("cache"),
            program: self.program(behaviour),
            settings: self.settings.clone(),
        }
    }

    pub(crate) async fn worker(&self, master: &Running, behaviour: &str) -> Running {
        worker::start(self.worker_config(master, behaviour))
            .await
            .unwrap()
    }

    pub(crate) fn program(&self, behaviour: &str) -> PathBuf {
        let path = self.path(behaviour);
        if !path.exists() {
            let child = Path::new(env!("CARGO_BIN_EXE_daemon-test-child"));
            std::os::unix::fs::symlink(child, &path).unwrap();
        }
        path
    }

    /// Somebody at a command line.
    pub(crate) async fn submitter(&self, master: &Running) -> Submitter {
        Submitter::connect(self.submitter_config(master))
            .await
            .unwrap()
    }

    pub(crate) fn submitter_config(&self, master: &Running) -> submitter::Config {
        submitter::Config {
            masters: Masters::from(master.address().clone()),
            access: Access {
                file: self.path("submitter").join("submitter.pem"),
                token: Some(self.token(master::SUBMITTER_TOKEN)),
                patience: LONG,
            },
            tenant: scheduler::Tenant::default(),
            settings: self.settings.clone(),
        }
    }

    /// A driver in client mode, which has registered its application.
    pub(crate) async fn application(&self, master: &Running) -> Application {
        Application::register(self, master).await.unwrap()
    }
}

/// A driver that listens to what its master says.
pub(crate) struct Application {
    pub(crate) endpoint: Endpoint,
    events: mpsc::Receiver<Event>,
    pub(crate) master: Peer,
    pub(crate) id: ApplicationId,
}

impl Application {
    pub(crate) async fn register(cluster: &Cluster, master: &Running) -> Result<Self, Error> {
        let token = cluster.token(master::SUBMITTER_TOKEN);
        let tenant = scheduler::Tenant::default();
        let listen = Listen::new("127.0.0.1", None, 0);
        let subject = Subject::Submitter {
            tenant: tenant.clone(),
        };
        let joined = Endpoint::join(listen.config(), &token, master.address(), subject).await?;
        let (submitter, _events) = Endpoint::bind(listen.config(), &joined)?;
        let peer = submitter.connect(master.address(), Role::Master).await?;
        let subject = Subject::Driver {
            tenant: tenant.clone(),
            application: None,
        };
        let own = request_certificate(&peer, subject, LONG).await?;
        let (endpoint, events) = Endpoint::bind(listen.config(), &own)?;
        let master = endpoint.connect(master.address(), Role::Master).await?;
        let driver = endpoint.advertised().unwrap().clone();
        master.tell(&to_master(ToMaster::RegisterApplication(spec(driver))))?;
        let mut application = Self {
            endpoint,
            events,
            master,
            id: ApplicationId {
                epoch: scheduler::Epoch(0),
                number: 0,
            },
        };
        let registered = application.hear(|said| match said {
            ToApplication::RegisteredApplication { application, .. } => Some(application),
            _ => None,
        });
        application.id = registered.await;
        let subject = Subject::Driver {
            tenant,
            application: Some(application.id),
        };
        let own = request_certificate(&application.master, subject, LONG).await?;
        application.endpoint.renew(&own)?;
        Ok(application)
    }

    /// Waits until an executor is so, and returns which, why and with what code.
    pub(crate) async fn state(
        &mut self,
        wanted: ExecutorState,
    ) -> (ExecutorId, String, Option<i32>) {
        let updated = self.hear(|said| match said {
            ToApplication::ExecutorUpdated {
                executor,
                state,
                reason,
                exit_code,
                ..
            } if state == wanted => {
                let reason = reason.map(|reason| reason.to_string());
                Some((executor, reason.unwrap_or_default(), exit_code))
            }
            _ => None,
        });
        updated.await
    }

    /// Waits until the master says something.
    pub(crate) async fn hear<T>(&mut self, what: impl Fn(ToApplication) -> Option<T>) -> T {
        loop {
            let event = soon(self.events.recv()).await.unwrap();
            if let Event::Received(_, wire::Message::Scheduler(Message::ToApplication(_, said))) =
                event
                && let Some(heard) = what(said)
            {
                return heard;
            }
        }
    }

    pub(crate) fn say(&self, message: ToMaster) {
        self.master.tell(&to_master(message)).unwrap();
    }
}

fn to_master(message: ToMaster) -> wire::Message {
    Message::from(message).into()
}

fn spec(driver: Address) -> ApplicationSpec {
    ApplicationSpec {
        key: SubmissionKey(u128::from(std::process::id()) << 64 | u128::from(port(&driver))),
        name: "word count".into(),
        tenant: scheduler::Tenant::default(),
        driver,
        driver_id: None,
        cores_max: Some(2),
        executor_cores: Some(1),
        executor_memory: 1 << 30,
        executors: Some(1),
    }
}

fn port(address: &Address) -> u16 {
    address.0.rsplit_once(':').unwrap().1.parse().unwrap()
}
