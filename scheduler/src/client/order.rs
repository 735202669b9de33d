//! What goes into a client and what comes out.

use std::sync::Arc;

use crate::message::ToApplication;
use crate::{Address, ApplicationId, Epoch, ExecutorId, Host, Message, Rack, WorkerId};

use super::Event;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The process has begun. Said once, before anything else.
    Started,
    /// A master has said something.
    Received {
        /// Which.
        from: Address,
        /// Its term.
        epoch: Epoch,
        /// What.
        message: ToApplication,
    },
    /// Nothing can be said to a master any more, and what was under way may be lost.
    Disconnected {
        /// Which.
        peer: Address,
    },
    /// The application wants to have this many executors in all.
    ExecutorsRequested {
        /// How many.
        total: u32,
    },
    /// The application no longer wants these executors.
    ExecutorsKilled(Vec<ExecutorId>),
    /// The application has ended.
    Stopped,
    /// The moment named by [`Client::next_deadline`](super::Client::next_deadline) has come.
    DeadlineReached,
}

/// Something to be done by the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send this; where there is no connection, open one.
    Send {
        /// To whom.
        to: Address,
        /// What.
        message: Message,
    },
    /// Tell the application.
    Tell(News),
}

/// What an application hears of its cluster (Spark: `StandaloneAppClientListener`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A leader has the application in its books: for the first time, or again.
    Connected {
        /// Its name from now on.
        application: ApplicationId,
    },
    /// No leader can be reached. The executors go on.
    Disconnected,
    /// There is no cluster for this application any more. The last that is told.
    Failed {
        /// Why, for people.
        reason: Arc<str>,
    },
    /// An executor was ordered for it.
    ExecutorAdded {
        /// Its number.
        executor: ExecutorId,
        /// Where.
        worker: WorkerId,
        /// On which machine.
        host: Host,
        /// Where that stands.
        rack: Option<Rack>,
        /// Its cores.
        cores: u32,
        /// Its bytes of memory.
        memory: u64,
    },
    /// An executor has ended. Told once of each, also of one that was not added here.
    ExecutorEnded {
        /// Which.
        executor: ExecutorId,
        /// Why, for people.
        reason: Arc<str>,
        /// With what code its process ended.
        exit_code: Option<i32>,
        /// Whether its worker is gone too, and the shuffle files with it.
        worker_lost: bool,
    },
    /// An executor takes no more tasks and is about to go.
    ExecutorDecommissioned {
        /// Which.
        executor: ExecutorId,
    },
    /// A worker is gone, and its files with it. The ends of its executors were told before.
    WorkerRemoved {
        /// Who.
        worker: WorkerId,
        /// Which machine.
        host: Host,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// Why the application has fewer executors than it wants.
    Waiting {
        /// For people; none: it no longer waits.
        because: Option<Arc<str>>,
    },
}

/// What [`Client::handle`](super::Client::handle) appends to. The host empties and reuses it.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// To be carried out, in order.
    pub actions: Vec<Action>,
    /// To be told to listeners, in order.
    pub events: Vec<Event>,
}

impl Outbox {
    /// Empties both, keeping their room.
    pub fn clear(&mut self) {
        self.actions.clear();
        self.events.clear();
    }
}
