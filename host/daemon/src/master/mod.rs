//! The master: a process around [`scheduler::cluster::Master`].
//!
//! What it must not forget is on disk before anybody is told. Whom it talks to, the network has checked; whether a
//! certificate may be had is decided in `admission`.

mod admission;
mod ownership;
mod store;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use network::{Answer, Authority, Endpoint, Incoming, Peer, Reply, Token, Validity};
use scheduler::cluster::{self, Action, Input, Outbox, State, Tenants};
use scheduler::{Address, Message, Settings, Time};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};
use wire::{Content, Data, Fetch, Join, Refusal, RefusalKind, Role, Subject};

use crate::components::{Components, to_hex};
use crate::machine::Listen;
use crate::process::{Post, Process, run, scheduled};
use crate::running::Stop;
use crate::status::ClusterStatus;
use crate::{Error, Running, files};

pub use store::{FileStore, Store};
use writer::Writer;

/// The file with the join token for workers.
pub const WORKER_TOKEN: &str = "worker.token";
/// The file with the join token for submitters.
pub const SUBMITTER_TOKEN: &str = "submitter.token";

const DAY: Duration = Duration::from_secs(86_400);

/// How long a join token holds, unless told otherwise.
pub const TOKEN_LIFETIME: Duration = DAY.saturating_mul(30);

/// A master has the authority itself: its own certificate need not expire before that.
const OWN_LIFETIME: Duration = DAY.saturating_mul(3650);

/// How many facts may wait for the machine; then the disk waits.
const FACTS_MAX: usize = 1_024;

/// What an operator says of a master.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where its authority, its tokens and what it must not forget are.
    pub folder: PathBuf,
    /// Where it listens.
    pub listen: Listen,
    /// The cluster's settings.
    pub settings: Settings,
    /// Who may have how much.
    pub tenants: Tenants,
}

/// Starts a master that leads at once. Its tokens are in its folder: [`WORKER_TOKEN`], [`SUBMITTER_TOKEN`].
///
/// # Errors
///
/// If its folder or its port cannot be used, or what it has written down is damaged.
pub fn start(config: Config) -> Result<Running, Error> {
    files::private_folder(&config.folder)?;
    let lock = files::lock(&config.folder, "master")?;
    let store = Box::new(FileStore::open(&config.folder)?);
    let authority = Authority::open(&config.folder)?;
    for (role, file) in [
        (Role::Worker, WORKER_TOKEN),
        (Role::Submitter, SUBMITTER_TOKEN),
    ] {
        let token = authority.token(role, Validity::from_now(TOKEN_LIFETIME))?;
        write_token(&config.folder.join(file), &token)?;
    }
    let own = authority.credentials(Subject::Master, Validity::from_now(OWN_LIFETIME))?;
    let (endpoint, events) = Endpoint::bind(config.listen.config(), &own)?;
    let address = advertised(&endpoint);
    let post = Post::new(endpoint, events);
    let master = lead(&config, address.clone(), authority, store, post)?;
    info!(
        "the master listens at {address}; its files are in {}",
        config.folder.display()
    );
    Ok(Running::start(address, async move |stop| {
        let _lock = lock;
        master.serve(stop).await
    }))
}

/// Makes a further join token of the cluster whose authority a folder holds.
///
/// # Errors
///
/// If the folder cannot be used, or the role is none that tokens are for.
pub fn token(folder: &Path, role: Role, lifetime: Duration) -> Result<Token, Error> {
    let authority = Authority::open(folder)?;
    Ok(authority.token(role, Validity::from_now(lifetime))?)
}

fn write_token(path: &Path, token: &Token) -> Result<(), Error> {
    files::replace(path, format!("{token}\n").as_bytes()).map_err(Error::file(path))
}

fn advertised(endpoint: &Endpoint) -> Address {
    let local = endpoint.local_address();
    let known = endpoint.advertised().cloned();
    known.unwrap_or_else(|| (&*local.to_string()).into())
}

/// Reads what earlier leaders have written down, and leads.
fn lead(
    config: &Config,
    address: Address,
    authority: Authority,
    mut store: Box<dyn Store>,
    mut post: Post,
) -> Result<Daemon, Error> {
    let path = &config.folder;
    let components = path.join("components");
    let components = Components::open(components.clone()).map_err(Error::file(components))?;
    let epoch = store.begin_term().map_err(Error::file(path))?;
    let persisted = store.persisted().clone();
    let (facts, received) = mpsc::channel(FACTS_MAX);
    let (writer, write_failed) = Writer::start(store, facts).map_err(Error::file(path))?;
    let mut host = Host {
        master: cluster::Master::new(address, &config.settings, config.tenants.clone()),
        authority: Arc::new(authority),
        components,
        writer,
        out: Outbox::default(),
    };
    let elected = Input::LeadershipGained { epoch, persisted };
    host.step(post.now(), elected, &mut post);
    Ok(Daemon {
        folder: config.folder.clone(),
        host,
        post,
        facts: received,
        write_failed,
    })
}

/// A master that has begun.
struct Daemon {
    folder: PathBuf,
    host: Host,
    post: Post,
    facts: mpsc::Receiver<Input>,
    write_failed: oneshot::Receiver<io::Error>,
}

impl Daemon {
    async fn serve(mut self, mut stop: Stop) -> Result<(), Error> {
        let ended = tokio::select! {
            reason = run(&mut self.host, &mut self.post, &mut self.facts) => Err(Error::Ended(reason)),
            Ok(source) = &mut self.write_failed => Err(Error::File { path: self.folder, source }),
            () = stop.asked() => Ok(()),
        };
        match &ended {
            Ok(()) => info!("the master stops: it was asked to"),
            Err(error) => error!("the master stops: {error}"),
        }
        self.post.close().await;
        ended
    }
}

/// Carries out what the machine orders.
struct Host {
    master: cluster::Master,
    authority: Arc<Authority>,
    components: Components,
    writer: Writer,
    out: Outbox,
}

impl Process for Host {
    type Input = Input;
    type End = Arc<str>;

    fn received(&mut self, from: &Peer, message: wire::Message) -> Option<Input> {
        match scheduled(message)? {
            Message::ToMaster(message) => {
                let tenant = from.identity().subject.tenant();
                if let Some(refusal) = ownership::refusal(&self.master, tenant, &message) {
                    let refusal = Message::ToSubmitter(self.master.epoch(), refusal);
                    // One that is gone waits for nothing.
                    let _ = from.tell(&refusal.into());
                    return None;
                }
                Some(Input::Received {
                    from: from.address().clone(),
                    message,
                })
            }
            _ => None,
        }
    }

    fn disconnected(&mut self, peer: Address, _reason: &str) -> Option<Input> {
        Some(Input::Disconnected { peer })
    }

    fn deadline_reached(&mut self) -> Input {
        Input::DeadlineReached
    }

    fn next_deadline(&self) -> Option<Time> {
        self.master.next_deadline()
    }

    fn step(&mut self, now: Time, input: Input, post: &mut Post) -> Option<Arc<str>> {
        self.master.handle(now, input, &mut self.out);
        for event in self.out.events.drain(..) {
            info!("{}", event.kind);
        }
        for action in self.out.actions.drain(..) {
            match action {
                Action::Send { to, message } => post.send(to, message),
                Action::Persist { ticket, change } => self.writer.write(ticket, change),
                Action::Exit { reason } => return Some(reason),
            }
        }
        None
    }

    fn asked(&mut self, from: Peer, message: wire::Message, answer: Answer) {
        match message {
            wire::Message::Join(Join::Join { request, subject }) => {
                let wish = (request, subject);
                admission::answer(&self.master, &self.authority, &from, wish, answer);
            }
            wire::Message::Data(Data::StatusAsked) => self.tell_status(answer),
            _ => {}
        }
    }

    /// Submitters bring the components of drivers that the cluster is to run.
    fn offered(&mut self, from: Peer, incoming: Incoming) {
        let (Role::Submitter, Content::Component { hash }) =
            (from.identity().subject.role(), incoming.content())
        else {
            return;
        };
        let (hash, components) = (*hash, self.components.clone());
        tokio::spawn(async move {
            match components.take(hash, incoming).await {
                Ok(()) => info!("took in component {} from the {from}", to_hex(hash)),
                Err(error) => warn!("took in no component from the {from}: {error}"),
            }
        });
    }

    fn fetched(&mut self, _from: Peer, fetch: Fetch, reply: Reply) {
        match fetch {
            Fetch::Component { hash } => {
                tokio::spawn(self.components.clone().send(hash, reply));
            }
            _ => {
                let reason = "a master has components only";
                let refusal = Refusal::new(RefusalKind::Missing, reason);
                tokio::spawn(async move { reply.refuse(refusal).await });
            }
        }
    }
}

impl Host {
    fn tell_status(&self, answer: Answer) {
        let told = if self.master.state() == State::Standby {
            Data::Refused(Refusal::new(RefusalKind::Busy, "this master does not lead"))
        } else {
            match serde_json::to_string(&ClusterStatus::of(&self.master)) {
                Ok(json) => Data::Status { json },
                Err(error) => Data::Refused(Refusal::new(RefusalKind::Failed, error.to_string())),
            }
        };
        // One that is gone waits for nothing.
        let _ = answer.give(&told.into());
    }
}
