//! What goes into a [`Master`](super::Master) and what comes out.
//!
//! Inputs are facts, named in the past tense. Actions are orders, named in the imperative; the host carries them
//! out in order.

use std::sync::Arc;

use super::{Change, Event, Persisted, Tenants};
use crate::message::ToMaster;
use crate::{Address, Epoch, Message};

/// Something that has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// This master was elected.
    LeadershipGained {
        /// Its term: higher than every earlier leader's.
        epoch: Epoch,
        /// What the leaders before it have written down.
        persisted: Persisted,
    },
    /// Another master was elected, or may have been. The last input that is looked at.
    LeadershipLost,
    /// A message has come.
    Received {
        /// From this process.
        from: Address,
        /// What it says.
        message: ToMaster,
    },
    /// A process can no longer be heard. What it is sent from now on opens a new connection.
    Disconnected {
        /// Which.
        peer: Address,
    },
    /// A change is on disk.
    Persisted {
        /// The one ordered with this ticket.
        ticket: u64,
    },
    /// An operator has changed the tenants' quotas.
    TenantsChanged(Tenants),
    /// The moment named by [`Master::next_deadline`](super::Master::next_deadline) has come.
    DeadlineReached,
}

/// Something to be done by the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send a message.
    Send {
        /// To this process.
        to: Address,
        /// What to say.
        message: Message,
    },
    /// Write a change down, after those ordered before it, and say so with [`Input::Persisted`].
    Persist {
        /// Counted by the master, from 0.
        ticket: u64,
        /// What changes.
        change: Change,
    },
    /// End this process.
    Exit {
        /// Why, for people.
        reason: Arc<str>,
    },
}

/// What comes out of one input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outbox {
    /// What the host must do, in this order.
    pub actions: Vec<Action>,
    /// What listeners may want to know, in this order.
    pub events: Vec<Event>,
}
