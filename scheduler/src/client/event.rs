//! What a client has decided, for logs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Address, ApplicationId, Epoch, Time};

/// Something that listeners may want to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it was decided.
    pub at: Time,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// The application was offered to all masters.
    RegistrationTried {
        /// How often, this time included.
        tries: u32,
    },
    /// A leader has it in its books.
    Registered {
        /// Its name.
        application: ApplicationId,
        /// The leader.
        master: Address,
        /// Its term.
        epoch: Epoch,
    },
    /// A new leader leads.
    MasterChanged {
        /// The leader.
        master: Address,
        /// Its term.
        epoch: Epoch,
    },
    /// The leader can't be reached.
    MasterLost {
        /// The leader that was.
        master: Address,
    },
    /// What a master said was not taken for true.
    Refused {
        /// What, for people.
        message: Arc<str>,
        /// Why.
        reason: Arc<str>,
    },
    /// The application has left the cluster.
    Unregistered,
}
