//! A process's place in the network: it listens, connects, and says goodbye.

mod accept;
mod dial;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ServerConfig, TokioRuntime};
use scheduler::Address;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use wire::{Hello, Join, Kind, Message, Role, Subject, VERSION_MAX, VERSION_MIN};

use crate::connection::{Code, Link};
use crate::greet::FrameReader;
use crate::identity::{Credentials, Request, Token};
use crate::permission::hearer;
use crate::serve::serve;
use crate::table::Table;
use crate::unsent::Unsent;
use crate::{Config, Error, Event, Peer, tls, transport};

use dial::{delivered, of_role};

/// How long the packets that close connections may take to leave. Nobody waits for answers: who misses one notices the silence.
const LAST_PACKETS: Duration = Duration::from_millis(10);

/// A process's place in the network. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Endpoint(Arc<Shared>);

struct Shared {
    quinn: quinn::Endpoint,
    local: SocketAddr,
    hello: Hello,
    server_name: String,
    /// What is shown to whom one meets from now on.
    shown: watch::Sender<Arc<Shown>>,
    table: Table,
    unsent: Unsent,
    config: Arc<Config>,
    events: mpsc::Sender<Event>,
    runtime: Handle,
}

/// How this process shows who it is.
struct Shown {
    subject: Subject,
    client: Arc<QuicClientConfig>,
    /// None: nobody can connect to the bearer of a token.
    server: Option<ServerConfig>,
}

impl Shown {
    fn new(credentials: &Credentials) -> Result<Self, Error> {
        let server = tls::server(credentials)?;
        Ok(Self {
            subject: credentials.identity().subject.clone(),
            client: Arc::new(tls::client(credentials)?),
            server: server.map(|tls| ServerConfig::with_crypto(Arc::new(tls))),
        })
    }

    /// A driver that has no application yet cannot tell its executors from those of another one.
    fn can_be_met(&self) -> bool {
        self.subject.role() != Role::Driver || self.subject.application().is_some()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.hello.role, self.local)
    }
}

impl Drop for Shared {
    /// Nobody can be reached through it any more.
    fn drop(&mut self) {
        self.quinn.close(Code::Goodbye.into(), b"");
    }
}

impl Shared {
    fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown.borrow())
    }

    fn start(
        self: &Arc<Self>,
        link: &Arc<Link>,
        replaced: Vec<Arc<Link>>,
        send: quinn::SendStream,
        receive: FrameReader,
    ) {
        let (shared, link) = (Arc::clone(self), Arc::clone(link));
        tokio::spawn(async move {
            serve(&link, replaced, &shared.events, send, receive, || {
                shared.table.remove(&link);
            })
            .await;
        });
    }

    fn transport(&self, remote: IpAddr) -> Arc<quinn::TransportConfig> {
        transport::transport(&self.config, remote, self.local.ip())
    }
}

impl Endpoint {
    /// Listens. Needs tokio around it. The events end when the endpoint and all its connections have. Who connects to a
    /// driver that has no application yet waits until it has: see [`renew`](Self::renew).
    ///
    /// # Errors
    ///
    /// If the address cannot be listened on, or the credentials are none.
    pub fn bind(
        config: Config,
        credentials: &Credentials,
    ) -> Result<(Self, mpsc::Receiver<Event>), Error> {
        let shown = Shown::new(credentials)?;
        let instance = tls::random()?;
        let bind = config.bind;
        let refused = |source| Error::Bind {
            address: bind,
            source,
        };
        let socket = transport::socket(bind)?;
        let local = socket.local_addr().map_err(refused)?;
        let runtime = Arc::new(TokioRuntime);
        let quinn =
            quinn::Endpoint::new(transport::endpoint(), shown.server.clone(), socket, runtime);
        let quinn = quinn.map_err(refused)?;
        let (events, received) = mpsc::channel(config.events_max);
        let listens = shown.server.is_some().then(|| advertised(&config, local));
        let identity = credentials.identity();
        let shared = Arc::new(Shared {
            quinn,
            local,
            hello: Hello {
                min: VERSION_MIN,
                max: VERSION_MAX,
                role: identity.subject.role(),
                cluster: identity.cluster.clone(),
                software: env!("CARGO_PKG_VERSION").into(),
                instance,
                address: listens,
            },
            server_name: tls::server_name(&identity.cluster),
            shown: watch::Sender::new(Arc::new(shown)),
            table: Table::new(instance),
            unsent: Unsent::default(),
            config: Arc::new(config),
            events,
            runtime: Handle::current(),
        });
        tokio::spawn(accept::listen(Arc::clone(&shared)));
        Ok((Self(shared), received))
    }

    /// Returns where it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.0.local
    }

    /// Returns what others are to connect to; none for the bearer of a token.
    pub fn advertised(&self) -> Option<&Address> {
        self.0.hello.address.as_ref()
    }

    /// Shows other credentials from now on, of the same cluster and role: those of the application that a driver has
    /// registered, or newer ones. Connections that there are stay as they are.
    ///
    /// # Errors
    ///
    /// If they are of another cluster or role.
    pub fn renew(&self, credentials: &Credentials) -> Result<(), Error> {
        let (identity, hello) = (credentials.identity(), &self.0.hello);
        if identity.cluster != hello.cluster || identity.subject.role() != hello.role {
            return Err(Error::Certificate {
                reason: "it is of another cluster or role than the one in use".into(),
            });
        }
        self.0
            .shown
            .send_replace(Arc::new(Shown::new(credentials)?));
        Ok(())
    }

    /// Sends a message to the process at an address, without waiting, over a connection that is made if there is none.
    /// What is sent to one address arrives in order, each message once; when that cannot be kept, `Disconnected` or
    /// `Unreachable` follows, and what was under way may or may not have arrived.
    ///
    /// # Errors
    ///
    /// If the message can be sent to nobody, or not to the process that is known to be there.
    pub fn send(&self, to: &Address, message: Message) -> Result<(), Error> {
        let role = hearer(&message);
        let first = self.0.unsent.put(to, message, |message| {
            let Some(link) = self.0.table.find(to) else {
                return Ok(false);
            };
            of_role(&link, to, role)?;
            delivered(link.put(Kind::Tell, message))
        })?;
        if first {
            let (shared, to) = (Arc::clone(&self.0), to.clone());
            self.0.runtime.spawn(async move {
                shared.connect_and_send(&to, role).await;
            });
        }
        Ok(())
    }

    /// Asks the process at an address, over a connection that is made if there is none, and waits for the answer. Keeps no
    /// order with what [`send`](Self::send) sends before there is a connection.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect) and [`Peer::ask`].
    pub async fn ask(
        &self,
        to: &Address,
        message: &Message,
        within: Duration,
    ) -> Result<Message, Error> {
        let asked = async {
            let peer = self.0.connect_within(to).await?;
            of_role(&peer.0, to, hearer(message))?;
            peer.ask(message, within).await
        };
        let answer = tokio::time::timeout(within, asked).await;
        answer.unwrap_or_else(|_| {
            Err(Error::NoAnswer {
                peer: to.to_string(),
                within,
            })
        })
    }

    /// Returns the connection with the process at an address, made now if there is none.
    ///
    /// # Errors
    ///
    /// If nobody answers, it cannot be trusted, does not trust this process, has another role, or speaks no common
    /// version.
    pub async fn connect(&self, address: &Address, role: Role) -> Result<Peer, Error> {
        let peer = self.0.connect_within(address).await?;
        of_role(&peer.0, address, Some(role))?;
        Ok(peer)
    }

    /// Says goodbye as [`Self::leave`] does, and gives back the port: for a process that goes on.
    pub async fn close(&self, within: Duration) {
        self.leave(within).await;
        let _ = tokio::time::timeout(within, self.0.quinn.wait_idle()).await;
    }

    /// Says goodbye to everybody, waits until they have what was said to them, up to `within`, and ends. The events are
    /// to be read meanwhile, or dropped. For a process that ends now: nobody waits for the last answers.
    pub async fn leave(&self, within: Duration) {
        let shared = &self.0;
        for link in shared.table.close() {
            link.say_goodbye();
        }
        let all_gone = async {
            loop {
                let changed = shared.table.changed.notified();
                if shared.table.is_empty() {
                    break;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(within, all_gone).await;
        shared.quinn.close(Code::Goodbye.into(), b"");
        let _ = tokio::time::timeout(LAST_PACKETS.min(within), shared.quinn.wait_idle()).await;
    }

    /// Gets a certificate from the master at an address, with a token.
    ///
    /// # Errors
    ///
    /// If the token has expired or is of another cluster, or the master cannot be reached or refuses.
    pub async fn join(
        config: Config,
        token: &Token,
        master: &Address,
        subject: Subject,
    ) -> Result<Credentials, Error> {
        let within = config.connect_timeout;
        let (endpoint, _events) = Self::bind(config, &token.credentials()?)?;
        let joined = endpoint.ask_to_join(master, subject, within).await;
        // Nobody need wait until the master has heard the goodbye.
        tokio::spawn(async move { endpoint.close(within).await });
        match joined {
            Err(Error::CertificateExpired {
                whose: crate::Whose::Ours,
                ..
            }) => Err(Error::TokenExpired),
            other => other,
        }
    }

    async fn ask_to_join(
        &self,
        master: &Address,
        subject: Subject,
        within: Duration,
    ) -> Result<Credentials, Error> {
        let peer = self.connect(master, Role::Master).await?;
        request_certificate(&peer, subject, within).await
    }
}

/// Gets a certificate from a master that this process is connected to: for an executor that it is about to launch, say.
///
/// # Errors
///
/// If the master refuses or does not answer.
pub async fn request_certificate(
    master: &Peer,
    subject: Subject,
    within: Duration,
) -> Result<Credentials, Error> {
    let request = Request::new()?;
    let ask = Message::Join(Join::Join {
        request: request.der().to_vec(),
        subject,
    });
    match master.ask(&ask, within).await? {
        Message::Join(Join::Joined { chain }) => request.into_credentials(&chain),
        _ => Err(Error::Certificate {
            reason: "the master answered with something else".into(),
        }),
    }
}

fn advertised(config: &Config, local: SocketAddr) -> Address {
    let Some(Address(address)) = &config.advertised else {
        return (&*local.to_string()).into();
    };
    match address.rsplit_once(':') {
        Some((host, "0")) => (&*format!("{host}:{}", local.port())).into(),
        _ => Address(address.clone()),
    }
}
