//! A process: a machine of the scheduler, its links to others, its clock.

use std::collections::BTreeMap;
use std::fmt;

use scheduler::client::submission;
use scheduler::cluster::{self, Master};
use scheduler::link::Link;
use scheduler::{Address, Message, Time};
use scheduler::{application, executor, worker};

use crate::clock::Clock;
use crate::driver::DriverProcess;
use crate::executor::ExecutorProcess;
use crate::network::{EndpointId, HostId};
use crate::ping::Ping;
use crate::submitter::Submitter;
use crate::worker::WorkerProcess;
use crate::world::{Told, What};

/// One life of a process. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProcessId(pub(crate) u32);

/// What runs in a process.
#[derive(Debug)]
pub(crate) enum Machine {
    Master(Box<Master>),
    Worker(Box<WorkerProcess>),
    Executor(Box<ExecutorProcess>),
    Driver(Box<DriverProcess>),
    Submitter(Box<Submitter>),
    Ping(Ping),
}

impl Machine {
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        match self {
            Self::Master(master) => master.next_deadline(),
            Self::Worker(process) => process.worker.next_deadline(),
            Self::Executor(process) => process.executor.next_deadline(),
            Self::Driver(process) => process.application.next_deadline(),
            Self::Submitter(process) => process.submission.next_deadline(),
            Self::Ping(ping) => ping.next_deadline(),
        }
    }

    pub(crate) fn deadline_reached(&self) -> Option<Told> {
        Some(match self {
            Self::Master(_) => Told::Master(cluster::Input::DeadlineReached),
            Self::Worker(_) => Told::Worker(worker::Input::DeadlineReached),
            Self::Executor(_) => Told::Executor(executor::Input::DeadlineReached),
            Self::Driver(_) => Told::Driver(application::Input::DeadlineReached),
            Self::Submitter(_) => Told::Submission(submission::Input::DeadlineReached),
            Self::Ping(_) => return None,
        })
    }

    pub(crate) fn disconnected(&mut self, peer: Address) -> Option<Told> {
        Some(match self {
            Self::Master(_) => Told::Master(cluster::Input::Disconnected { peer }),
            Self::Worker(_) => Told::Worker(worker::Input::Disconnected { peer }),
            Self::Executor(_) => Told::Executor(executor::Input::Disconnected { peer }),
            Self::Driver(_) => Told::Driver(application::Input::Disconnected { peer }),
            Self::Submitter(_) => Told::Submission(submission::Input::Disconnected { peer }),
            Self::Ping(ping) => {
                ping.disconnected += 1;
                return None;
            }
        })
    }

    /// Returns what the machine is to be told of a message. One that is not for its kind is dropped, as a host does.
    pub(crate) fn received(&mut self, from: Address, message: Message) -> Option<Told> {
        Some(match (self, message) {
            (Self::Master(_), Message::ToMaster(message)) => {
                Told::Master(cluster::Input::Received { from, message })
            }
            (Self::Worker(_), Message::ToWorker(epoch, message)) => {
                Told::Worker(worker::Input::Received {
                    from,
                    epoch,
                    message,
                })
            }
            (Self::Executor(_), Message::ToExecutor(message)) => {
                Told::Executor(executor::Input::Received { from, message })
            }
            (Self::Driver(_), Message::ToApplication(epoch, message)) => {
                Told::Driver(application::Input::FromMaster {
                    from,
                    epoch,
                    message,
                })
            }
            (Self::Driver(_), Message::ToDriver(message)) => {
                Told::Driver(application::Input::FromExecutor { from, message })
            }
            (Self::Submitter(_), Message::ToSubmitter(epoch, message)) => {
                Told::Submission(submission::Input::Received {
                    from,
                    epoch,
                    message,
                })
            }
            (Self::Ping(ping), message) => {
                ping.hear(&message);
                return None;
            }
            _ => return None,
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Master(_) => "master",
            Self::Worker(_) => "worker",
            Self::Executor(_) => "executor",
            Self::Driver(_) => "driver",
            Self::Submitter(_) => "submitter",
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
