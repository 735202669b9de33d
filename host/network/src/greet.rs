//! The first frames of a connection: the two sides learn whether they can talk, and who the other one is.

use quinn::{Connection, ConnectionError, ReadError, RecvStream, SendStream, WriteError};
use scheduler::Address;
use wire::{Frames, Greeting, Hello, Refused, Role, Subject, Welcome, negotiate};

use crate::connection::{Code, Instance, Who};
use crate::identity::identity_of;
use crate::permission::may_meet;
use crate::serve::Unread;
use crate::{Error, Identity, Whose};

/// How long a greeting may be.
const GREETING_MAX: u32 = 4096;
/// How much is read at a time.
const READ_MAX: usize = 256 << 10;

/// Cuts a control stream into frames.
pub(crate) struct FrameReader {
    stream: RecvStream,
    frames: Frames,
}

impl FrameReader {
    fn new(stream: RecvStream) -> Self {
        Self {
            stream,
            frames: Frames::new(GREETING_MAX),
        }
    }

    pub(crate) const fn set_limit(&mut self, limit: u32) {
        self.frames.set_limit(limit);
    }

    /// Returns the next frame; none where the stream has ended after a whole one.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Unread> {
        loop {
            if let Some(frame) = self.frames.next_frame().map_err(Unread::Wire)? {
                return Ok(Some(frame.to_vec()));
            }
            let chunk = self.stream.read_chunk(READ_MAX, true).await;
            match chunk.map_err(Unread::Lost)? {
                Some(chunk) => self.frames.feed(&chunk.bytes),
                None if self.frames.is_amid_frame() => {
                    return Err(Unread::Wire(wire::Error::TooShort {
                        what: "the rest of a frame",
                        bytes: 0,
                    }));
                }
                None => return Ok(None),
            }
        }
    }
}

/// A connection whose ends know one another.
pub(crate) struct Greeted {
    pub(crate) who: Who,
    pub(crate) send: SendStream,
    pub(crate) receive: FrameReader,
}

/// Why a connection did not come about, before it is said of which address.
pub(crate) enum Failed {
    Lost(ConnectionError),
    Refused(Refused),
    /// What came was no greeting.
    Unread(String),
    Certificate(Error),
}

impl From<ConnectionError> for Failed {
    fn from(lost: ConnectionError) -> Self {
        Self::Lost(lost)
    }
}

impl From<WriteError> for Failed {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ConnectionLost(lost) => Self::Lost(lost),
            other => Self::Unread(other.to_string()),
        }
    }
}

impl From<Unread> for Failed {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Lost(ReadError::ConnectionLost(lost)) => Self::Lost(lost),
            Unread::Lost(error) => Self::Unread(error.to_string()),
            Unread::Wire(error) => Self::Unread(error.to_string()),
        }
    }
}

impl From<wire::Error> for Failed {
    fn from(error: wire::Error) -> Self {
        Self::Unread(error.to_string())
    }
}

/// Returns whom the other end's certificate names.
pub(crate) fn certified(connection: &Connection, cluster: &str) -> Result<Identity, Failed> {
    let chain = connection.peer_identity();
    let chain = chain.and_then(|any| {
        any.downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>()
            .ok()
    });
    let own = chain.as_ref().and_then(|chain| chain.first());
    let own = own.ok_or_else(|| Failed::Unread("it shows no certificate".into()))?;
    let identity = identity_of(own).map_err(Failed::Certificate)?;
    if identity.cluster == cluster {
        return Ok(identity);
    }
    Err(Failed::Refused(Refused::Cluster {
        cluster: identity.cluster,
    }))
}

/// Greets whom this process has connected to.
pub(crate) async fn dial(
    connection: &Connection,
    identity: Identity,
    hello: &Hello,
    own: &Subject,
) -> Result<Greeted, Failed> {
    if !may_meet(own, &identity.subject) {
        connection.close(Code::Refused.into(), b"");
        return Err(Failed::Refused(Refused::Application));
    }
    let mut send = connection.open_uni().await?;
    write(&mut send, &Greeting::Hello(hello.clone())).await?;
    let mut receive = FrameReader::new(connection.accept_uni().await?);
    match read(&mut receive).await? {
        Greeting::Welcome(welcome) => {
            same_role(welcome.role, &identity)?;
            let who = who(
                connection,
                identity,
                welcome.instance,
                welcome.address,
                welcome.software,
            );
            Ok(Greeted { who, send, receive })
        }
        Greeting::Refused(refused) => Err(Failed::Refused(refused)),
        Greeting::Hello(_) => Err(Failed::Unread("it greets as if it had connected".into())),
    }
}

/// Somebody who has connected and waits for the answer.
pub(crate) struct Greeter {
    version: u16,
    send: SendStream,
    receive: FrameReader,
}

/// Hears who has connected to this process. One that it cannot talk to is told why.
pub(crate) async fn hear(
    connection: &Connection,
    identity: Identity,
    hello: &Hello,
    own: &Subject,
) -> Result<(Who, Greeter), Failed> {
    let mut receive = FrameReader::new(connection.accept_uni().await?);
    let Greeting::Hello(theirs) = read(&mut receive).await? else {
        return Err(Failed::Unread("it does not say hello".into()));
    };
    let mut send = connection.open_uni().await?;
    match check(hello, own, &theirs, &identity) {
        Ok(version) => {
            let who = who(
                connection,
                identity,
                theirs.instance,
                theirs.address,
                theirs.software,
            );
            let greeter = Greeter {
                version,
                send,
                receive,
            };
            Ok((who, greeter))
        }
        Err(refused) => {
            refuse(connection, &mut send, &refused).await?;
            Err(Failed::Refused(refused))
        }
    }
}

fn check(ours: &Hello, own: &Subject, theirs: &Hello, identity: &Identity) -> Result<u16, Refused> {
    let version = negotiate(ours, theirs)?;
    if !may_meet(own, &identity.subject) {
        return Err(Refused::Application);
    }
    if theirs.cluster != ours.cluster {
        return Err(Refused::Cluster {
            cluster: ours.cluster.clone(),
        });
    }
    let certified = identity.subject.role();
    // Certificates are asked of masters; others have no use for the bearer of a token.
    if theirs.role != certified || certified == Role::Joiner && ours.role != Role::Master {
        return Err(Refused::Role { certified });
    }
    Ok(version)
}

impl Greeter {
    /// Lets it in.
    pub(crate) async fn welcome(
        mut self,
        hello: &Hello,
    ) -> Result<(SendStream, FrameReader), Failed> {
        let welcome = Welcome {
            version: self.version,
            role: hello.role,
            software: hello.software.clone(),
            instance: hello.instance,
            address: hello.address.clone(),
        };
        write(&mut self.send, &Greeting::Welcome(welcome)).await?;
        Ok((self.send, self.receive))
    }

    /// Tells it why not.
    pub(crate) async fn refuse(
        mut self,
        connection: &Connection,
        refused: Refused,
    ) -> Result<(), Failed> {
        refuse(connection, &mut self.send, &refused).await?;
        Err(Failed::Refused(refused))
    }
}

/// Tells the other end why not, waits until it knows, and closes.
async fn refuse(
    connection: &Connection,
    send: &mut SendStream,
    refused: &Refused,
) -> Result<(), Failed> {
    write(send, &Greeting::Refused(refused.clone())).await?;
    let _ = send.finish();
    let _ = send.stopped().await;
    connection.close(Code::Refused.into(), refused.to_string().as_bytes());
    Ok(())
}

fn same_role(said: Role, identity: &Identity) -> Result<(), Failed> {
    let certified = identity.subject.role();
    if said == certified {
        return Ok(());
    }
    Err(Failed::Refused(Refused::Role { certified }))
}

fn who(
    connection: &Connection,
    identity: Identity,
    instance: Instance,
    address: Option<Address>,
    software: String,
) -> Who {
    let remote = connection.remote_address();
    Who {
        identity,
        instance,
        listens: address.is_some(),
        address: address.unwrap_or_else(|| Address(remote.to_string().into())),
        software,
    }
}

async fn write(stream: &mut SendStream, greeting: &Greeting) -> Result<(), Failed> {
    // Nothing that comes later may delay it, nor the messages after it.
    let _ = stream.set_priority(crate::transport::CONTROL_PRIORITY);
    let mut bytes = Vec::new();
    wire::frame(&mut bytes, GREETING_MAX, |out| greeting.encode(out))?;
    stream.write_all(&bytes).await?;
    Ok(())
}

async fn read(receive: &mut FrameReader) -> Result<Greeting, Failed> {
    match receive.next().await? {
        Some(frame) => Ok(Greeting::decode(&frame)?),
        None => Err(Failed::Unread("it says nothing".into())),
    }
}

/// TLS's alerts, as QUIC carries them (RFC 9001, 4.8; RFC 8446, 6).
const ALERT: u64 = 0x100;
const BAD_CERTIFICATE: u64 = ALERT + 42;
const CERTIFICATE_EXPIRED: u64 = ALERT + 45;
const CERTIFICATE_UNKNOWN: u64 = ALERT + 46;
const UNKNOWN_AUTHORITY: u64 = ALERT + 48;
const DECRYPT_ERROR: u64 = ALERT + 51;
const NO_APPLICATION_PROTOCOL: u64 = ALERT + 120;

impl Failed {
    /// Says it of an address.
    pub(crate) fn at(self, address: &Address, within: std::time::Duration) -> Error {
        let address = address.clone();
        match self {
            Self::Refused(refused) => Error::Refused { address, refused },
            Self::Unread(reason) => Error::NotTinderbox { address, reason },
            Self::Certificate(error) => Error::NotTinderbox {
                address,
                reason: error.to_string(),
            },
            Self::Lost(ConnectionError::TimedOut) => Error::Unreachable { address, within },
            Self::Lost(ConnectionError::TransportError(error)) => {
                rejected(address, error.code.into(), Whose::Theirs, &error)
            }
            Self::Lost(ConnectionError::ConnectionClosed(close)) => {
                rejected(address, close.error_code.into(), Whose::Ours, &close)
            }
            Self::Lost(other) => Error::NotTinderbox {
                address,
                reason: other.to_string(),
            },
        }
    }
}

/// One side has rejected the other in the TLS handshake.
fn rejected(address: Address, code: u64, whose: Whose, words: &dyn std::fmt::Display) -> Error {
    match code {
        CERTIFICATE_EXPIRED => Error::CertificateExpired { address, whose },
        UNKNOWN_AUTHORITY | BAD_CERTIFICATE | CERTIFICATE_UNKNOWN | DECRYPT_ERROR => {
            Error::OtherCluster { address, whose }
        }
        NO_APPLICATION_PROTOCOL => Error::NotTinderbox {
            address,
            reason: "it speaks another major version, or something else".into(),
        },
        _ => Error::NotTinderbox {
            address,
            reason: words.to_string(),
        },
    }
}
