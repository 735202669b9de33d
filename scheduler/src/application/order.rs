//! What goes into an [`Application`](super::Application) and what comes out.

use std::sync::Arc;

use crate::message::{ToApplication, ToDriver};
use crate::{Address, Epoch, Event, Message};

/// Something that has happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The process has begun. Said once, before anything else.
    Started,
    /// A master has said something.
    FromMaster {
        /// Which.
        from: Address,
        /// Its term.
        epoch: Epoch,
        /// What.
        message: ToApplication,
    },
    /// An executor has said something.
    FromExecutor {
        /// Which.
        from: Address,
        /// What.
        message: ToDriver,
    },
    /// A process can no longer be reached. What was under way to it, or from it, may or may not have arrived.
    Disconnected {
        /// Which.
        peer: Address,
    },
    /// The program, or its user, wants something. What only executors can know is ignored.
    Program(crate::Input),
    /// The moment named by [`Application::next_deadline`](super::Application::next_deadline) has come.
    DeadlineReached,
}

/// Something to be done by the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Say this to a process.
    Send {
        /// Which.
        to: Address,
        /// What.
        message: Message,
    },
    /// Do this beside the machine: results, map outputs, images, the ends of jobs.
    Program(crate::Action),
    /// The process has done all it had to: send what is to be sent, and end.
    Exit {
        /// Why, for people.
        reason: Arc<str>,
    },
}

/// What [`Application::handle`](super::Application::handle) appends to. The host empties and reuses it.
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
