//! Peers that speak QUIC and hold a certificate of the cluster, and still say what nobody should.

use std::sync::Arc;
use std::time::Duration;

use quinn::{ClientConfig, Connection, ConnectionError};
use wire::{
    CHECKSUM_BYTES, Content, Data, Envelope, Greeting, Hello, Kind, Refused, Role, Subject,
    Transfer,
};

use crate::connection::Code;
use crate::{Authority, Config, Credentials, Disconnect, Endpoint, Error, Event, Validity, tls};

const LONG: Duration = Duration::from_secs(60);

struct Victim {
    endpoint: Endpoint,
    events: tokio::sync::mpsc::Receiver<Event>,
    authority: Authority,
}

impl Victim {
    fn new(config: Config) -> Self {
        let (authority, _) = Authority::make().unwrap();
        let own = credentials(&authority, Subject::Master);
        let (endpoint, events) = Endpoint::bind(config, &own).unwrap();
        Self {
            endpoint,
            events,
            authority,
        }
    }

    async fn next(&mut self) -> Event {
        let event = tokio::time::timeout(LONG, self.events.recv()).await;
        event.unwrap().unwrap()
    }

    async fn disconnected(&mut self) -> Disconnect {
        match self.next().await {
            Event::Disconnected(_, reason) => reason,
            other => unreachable!("{other:?}"),
        }
    }

    /// A connection of a worker that has not said anything.
    async fn dial(&self) -> (quinn::Endpoint, Connection) {
        let own = credentials(&self.authority, Subject::Worker);
        let client = Arc::new(tls::client(&own).unwrap());
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let name = tls::server_name(self.authority.cluster());
        let address = self.endpoint.local_address();
        let connecting = endpoint.connect_with(ClientConfig::new(client), address, &name);
        let connection = connecting.unwrap().await.unwrap();
        (endpoint, connection)
    }

    fn hello(&self) -> Hello {
        Hello {
            min: 1,
            max: 1,
            role: Role::Worker,
            cluster: self.authority.cluster().into(),
            software: "9.9.9".into(),
            instance: [7; 16],
            address: None,
        }
    }

    /// Says something in place of a greeting; returns why the connection was closed.
    async fn says(&self, bytes: &[u8]) -> ConnectionError {
        let (_endpoint, connection) = self.dial().await;
        let mut stream = connection.open_uni().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        connection.closed().await
    }

    /// Greets well, and then says something.
    async fn says_after_hello(&mut self, bytes: &[u8]) -> (quinn::Endpoint, Connection) {
        let (endpoint, connection) = self.dial().await;
        let mut stream = connection.open_uni().await.unwrap();
        let hello = greeting(&Greeting::Hello(self.hello()));
        stream.write_all(&hello).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let connected = self.next().await;
        assert!(matches!(connected, Event::Connected(_)), "{connected:?}");
        (endpoint, connection)
    }

    /// Greets with a changed hello; returns the refusal.
    async fn refuses(&self, change: impl FnOnce(&mut Hello)) -> Refused {
        let (_endpoint, connection) = self.dial().await;
        let mut hello = self.hello();
        change(&mut hello);
        let mut stream = connection.open_uni().await.unwrap();
        let hello = greeting(&Greeting::Hello(hello));
        stream.write_all(&hello).await.unwrap();
        let mut answer = connection.accept_uni().await.unwrap();
        let bytes = answer.read_to_end(4096).await.unwrap();
        match Greeting::decode(&bytes[wire::PREFIX_BYTES..]).unwrap() {
            Greeting::Refused(refused) => refused,
            other => unreachable!("{other:?}"),
        }
    }
}

fn credentials(authority: &Authority, subject: Subject) -> Credentials {
    let validity = Validity::from_now(Duration::from_secs(3600));
    authority.credentials(subject, validity).unwrap()
}

fn greeting(greeting: &Greeting) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::frame(&mut bytes, 4096, |out| greeting.encode(out)).unwrap();
    bytes
}

fn closed_with(error: &ConnectionError) -> Option<u64> {
    match error {
        ConnectionError::ApplicationClosed(close) => Some(close.error_code.into_inner()),
        _ => None,
    }
}

#[tokio::test]
async fn what_does_not_greet_does_not_get_in() {
    let mut victim = Victim::new(Config {
        connect_timeout: Duration::from_millis(300),
        ..Config::default()
    });
    let refused = Some(Code::Refused as u64);
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        // A frame longer than a greeting may be.
        &[0xff, 0xff, 0xff, 0xff],
        // An empty one.
        &[0, 0, 0, 0],
        &[9, 0, 0, 0, b't', b'n', b'd', b'r', 0, 1, 2, 3, 4],
    ] {
        assert_eq!(closed_with(&victim.says(bytes).await), refused, "{bytes:?}");
    }
    // Half open: a certificate, a stream, and then nothing. Its time runs out.
    assert!(closed_with(&victim.says(&[1]).await).is_some());
    assert!(victim.events.try_recv().is_err());
    // Whoever greets is still let in.
    let _connection = victim.says_after_hello(&[]).await;
}

#[tokio::test]
async fn a_greeting_that_does_not_fit_is_told_why() {
    let victim = Victim::new(Config::default());
    let version = victim
        .refuses(|hello| (hello.min, hello.max) = (2, 3))
        .await;
    assert!(
        matches!(version, Refused::Version { min: 1, max: 1, .. }),
        "{version}"
    );
    let role = victim.refuses(|hello| hello.role = Role::Master).await;
    assert_eq!(
        role,
        Refused::Role {
            certified: Role::Worker
        }
    );
    let cluster = victim.refuses(|hello| hello.cluster = "other".into()).await;
    let own = victim.authority.cluster().to_owned();
    assert_eq!(cluster, Refused::Cluster { cluster: own });
}

#[tokio::test]
async fn garbage_after_the_greeting_ends_the_connection() {
    for (bytes, reason) in [
        (&[3, 0, 0, 0, 9, 9, 9][..], "an envelope of unknown kind 9"),
        (&[3, 0, 0, 0, 0, 99, 1], "an unknown message 99.1"),
        (&[4, 0, 0, 0, 0, 1, 2, 0], "a malformed `Heartbeat`"),
        (
            &[0, 0, 0, 2],
            "a frame of 33554432 bytes, 16777216 are allowed",
        ),
    ] {
        let mut victim = Victim::new(Config::default());
        let (_endpoint, connection) = victim.says_after_hello(bytes).await;
        let broken = Disconnect::Broken(reason.into());
        assert_eq!(victim.disconnected().await, broken);
        let closed = connection.closed().await;
        assert_eq!(closed_with(&closed), Some(Code::Broken as u64), "{closed}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_amid_a_frame_is_no_goodbye() {
    let mut victim = Victim::new(Config::default());
    let (_endpoint, connection) = victim.dial().await;
    let mut stream = connection.open_uni().await.unwrap();
    let hello = greeting(&Greeting::Hello(victim.hello()));
    stream.write_all(&hello).await.unwrap();
    stream.write_all(&[10, 0, 0, 0, 1]).await.unwrap();
    stream.finish().unwrap();
    assert!(matches!(victim.next().await, Event::Connected(_)));
    assert!(matches!(victim.disconnected().await, Disconnect::Broken(_)));
}

#[tokio::test]
async fn an_answer_to_nobodys_ask_is_passed_over() {
    let mut victim = Victim::new(Config::default());
    let mut bytes = Vec::new();
    let message = Data::MapOutputsAsked {
        shuffle: scheduler::ShuffleId(1),
    };
    let message = message.into();
    for kind in [Kind::Answer(99), Kind::Tell] {
        wire::frame(&mut bytes, 4096, |out| {
            Envelope::encode(kind, &message, out)
        })
        .unwrap();
    }
    let _connection = victim.says_after_hello(&bytes).await;
    let told = victim.next().await;
    assert!(
        matches!(&told, Event::Received(_, heard) if *heard == message),
        "{told:?}"
    );
}

#[tokio::test]
async fn garbage_on_the_stream_of_a_transfer_ends_the_connection() {
    let mut victim = Victim::new(Config::default());
    let (_endpoint, connection) = victim.says_after_hello(&[]).await;
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(&[2, 0, 0, 0, 99, 99]).await.unwrap();
    assert!(matches!(victim.disconnected().await, Disconnect::Broken(_)));
}

#[tokio::test]
async fn a_transfer_with_a_wrong_checksum_is_not_whole() {
    let mut victim = Victim::new(Config::default());
    let (_endpoint, connection) = victim.says_after_hello(&[]).await;
    let mut stream = connection.open_uni().await.unwrap();
    let bulk = wire::Bulk {
        content: Content::TaskResult {
            attempt: scheduler::AttemptId(1),
        },
        length: 5,
    };
    let mut bytes = Vec::new();
    wire::frame(&mut bytes, 4096, |out| {
        wire::encode(&Transfer::Bulk(bulk).into(), out)
    })
    .unwrap();
    bytes.extend(b"hello");
    bytes.extend([0; CHECKSUM_BYTES]);
    stream.write_all(&bytes).await.unwrap();
    let Event::Offered(_, incoming) = victim.next().await else {
        unreachable!("a transfer was begun");
    };
    let read = incoming.read(100).await;
    assert!(
        matches!(
            read,
            Err(Error::Wire(wire::Error::WrongChecksum { bytes: 5 }))
        ),
        "{read:?}"
    );
}

#[tokio::test]
async fn datagrams_of_something_else_are_passed_over() {
    let mut victim = Victim::new(Config::default());
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [1, 20, 1200, 1472] {
        let bytes: Vec<u8> = (0..length)
            .map(|at: u32| at.to_le_bytes()[0] | 0xc0)
            .collect();
        socket
            .send_to(&bytes, victim.endpoint.local_address())
            .unwrap();
    }
    let _connection = victim.says_after_hello(&[]).await;
}

/// Without a certificate of the cluster the handshake itself fails: not a byte of a message is read.
#[tokio::test]
async fn nobody_without_a_certificate_gets_past_the_handshake() {
    let mut victim = Victim::new(Config::default());
    // Trusts the victim's cluster, and shows another one's certificate.
    let (other, _) = Authority::make().unwrap();
    let mut stranger = credentials(&other, Subject::Worker);
    stranger.trust = credentials(&victim.authority, Subject::Worker).trust;
    stranger.identity.cluster = victim.authority.cluster().into();
    let (endpoint, _events) = Endpoint::bind(Config::default(), &stranger).unwrap();
    let address = victim.endpoint.advertised().unwrap();
    let refused = endpoint.connect(address, Role::Master).await.unwrap_err();
    assert!(
        matches!(
            refused,
            Error::OtherCluster {
                whose: crate::Whose::Ours,
                ..
            }
        ),
        "{refused}"
    );
    assert!(victim.events.try_recv().is_err());
}
