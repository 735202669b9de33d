//! A process: a machine of the scheduler, its links to others, its clock.

use std::collections::BTreeMap;
use std::fmt;

use scheduler::link::Link;
use scheduler::{Address, Message, Time};

use crate::clock::Clock;
use crate::network::{EndpointId, HostId};
use crate::ping::Ping;
use crate::world::What;

/// One life of a process. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProcessId(pub(crate) u32);

/// What runs in a process.
#[derive(Debug)]
pub(crate) enum Machine {
    Ping(Ping),
}

impl Machine {
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        match self {
            Self::Ping(ping) => ping.next_deadline(),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Ping(_) => "ping",
        }
    }
}

/// A link, and when the world will look at it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) link: Link<Message>,
    pub(crate) wake: Option<Time>,
}

/// One life of a process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) address: Address,
    pub(crate) endpoint: EndpointId,
    pub(crate) host: HostId,
    pub(crate) clock: Clock,
    pub(crate) lines: BTreeMap<EndpointId, Line>,
    /// When the world will look at the machine's deadline.
    pub(crate) wake: Option<Time>,
    /// While it is stopped: what it will find when it goes on.
    pub(crate) stopped: Option<Vec<What>>,
    pub(crate) machine: Machine,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.machine.kind(), self.address)
    }
}

/// How a process goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Going {
    /// It says goodbye to everybody.
    Orderly,
    /// Its machine answers for it: nobody listens there any more.
    Refusing,
    /// Nothing answers any more.
    Silent,
}
