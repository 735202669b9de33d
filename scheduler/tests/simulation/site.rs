//! A machine: what stands there, and how it fares.

use scheduler::{Host, Rack};

use crate::clock::Clock;
use crate::process::ProcessId;

/// What a machine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Master,
    Worker,
    /// Where people start their programs.
    Client,
}

/// A machine.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: Host,
    pub(crate) rack: Option<Rack>,
    pub(crate) role: Role,
    pub(crate) cores: u32,
    pub(crate) memory: u64,
    pub(crate) clock: Clock,
    /// How long work takes here, in hundredths.
    pub(crate) slowness: u64,
    /// The daemon that runs here.
    pub(crate) daemon: Option<ProcessId>,
    /// Whether the machine is switched off.
    pub(crate) down: bool,
    /// Whether nothing more can be written.
    pub(crate) full: bool,
    /// So many times the worker will still crash as soon as it is there.
    pub(crate) flaps: u64,
    /// The next free port.
    pub(crate) port: u32,
}
