//! A process for a test: an endpoint and its events.

use std::time::Duration;

use network::{
    Answer, Authority, Config, Credentials, Disconnect, Endpoint, Error, Event, Incoming, Peer,
    Reply, Validity,
};
use scheduler::message::ToMaster;
use scheduler::{Address, ApplicationId, Epoch, ExecutorId, WorkerId};
use tokio::sync::mpsc;
use wire::{Fetch, Message, Role, Subject};

/// Only a hang meets it.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn authority() -> Authority {
    Authority::make().unwrap().0
}

pub(crate) fn hours(hours: u64) -> Validity {
    Validity::from_now(Duration::from_secs(3600 * hours))
}

/// A dead process is noticed soon; nothing else waits.
pub(crate) fn config() -> Config {
    Config {
        idle_timeout: Duration::from_secs(2),
        keep_alive: Duration::from_millis(500),
        ..Config::default()
    }
}

pub(crate) fn credentials(authority: &Authority, subject: Subject) -> Credentials {
    authority.credentials(subject, hours(1)).unwrap()
}

pub(crate) const APPLICATION: ApplicationId = ApplicationId {
    epoch: Epoch(1),
    number: 2,
};

pub(crate) fn driver() -> Subject {
    Subject::Driver {
        tenant: "default".into(),
        application: Some(APPLICATION),
    }
}

pub(crate) fn executor() -> Subject {
    Subject::Executor {
        tenant: "default".into(),
        application: APPLICATION,
        executor: ExecutorId(3),
    }
}

pub(crate) fn heartbeat(number: u64) -> Message {
    scheduler::Message::ToMaster(ToMaster::Heartbeat(WorkerId(number))).into()
}

pub(crate) fn is_heartbeat(message: &Message, number: u64) -> bool {
    *message == heartbeat(number)
}

pub(crate) struct Process {
    pub(crate) endpoint: Endpoint,
    pub(crate) events: mpsc::Receiver<Event>,
}

impl Process {
    pub(crate) fn start(authority: &Authority, subject: Subject) -> Self {
        Self::start_with(config(), &credentials(authority, subject))
    }

    pub(crate) fn start_with(config: Config, credentials: &Credentials) -> Self {
        let (endpoint, events) = Endpoint::bind(config, credentials).unwrap();
        Self { endpoint, events }
    }

    pub(crate) fn listening(&self) -> Address {
        (&*self.endpoint.local_address().to_string()).into()
    }

    pub(crate) async fn connect(&self, master: &Self) -> Result<Peer, Error> {
        self.connect_as(master, Role::Master).await
    }

    pub(crate) async fn connect_as(&self, other: &Self, role: Role) -> Result<Peer, Error> {
        self.endpoint.connect(&other.listening(), role).await
    }

    pub(crate) async fn next(&mut self) -> Event {
        let event = tokio::time::timeout(LONG, self.events.recv()).await;
        event.unwrap().unwrap()
    }

    pub(crate) async fn connected(&mut self) -> Peer {
        match self.next().await {
            Event::Connected(peer) => peer,
            other => unreachable!("{other:?}"),
        }
    }

    pub(crate) async fn disconnected(&mut self) -> Disconnect {
        match self.next().await {
            Event::Disconnected(_, reason) => reason,
            other => unreachable!("{other:?}"),
        }
    }

    pub(crate) async fn received(&mut self) -> Message {
        match self.next().await {
            Event::Received(_, message) => message,
            other => unreachable!("{other:?}"),
        }
    }

    pub(crate) async fn asked(&mut self) -> (Message, Answer) {
        match self.next().await {
            Event::Asked(_, message, answer) => (message, answer),
            other => unreachable!("{other:?}"),
        }
    }

    pub(crate) async fn offered(&mut self) -> Incoming {
        match self.next().await {
            Event::Offered(_, incoming) => incoming,
            other => unreachable!("{other:?}"),
        }
    }

    pub(crate) async fn fetched(&mut self) -> (Fetch, Reply) {
        match self.next().await {
            Event::Fetched(_, fetch, reply) => (fetch, reply),
            other => unreachable!("{other:?}"),
        }
    }
}
