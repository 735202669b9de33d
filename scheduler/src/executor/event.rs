//! What an executor has decided, for its log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AttemptId, Time};

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
    /// The driver knows it, and may give it tasks.
    Registered {
        /// How many ends it has to tell again.
        updates: u32,
    },
    /// The driver can't be reached. What runs goes on for a while.
    DriverLost,
    /// A task was not run.
    TaskRefused {
        /// Which.
        attempt: AttemptId,
        /// Why.
        reason: Arc<str>,
    },
    /// Something was asked of it that it does not do.
    Refused {
        /// What.
        order: Arc<str>,
        /// Why.
        reason: Arc<str>,
    },
    /// It takes no more tasks.
    Decommissioning,
    /// It ends.
    Exiting {
        /// Why.
        reason: Arc<str>,
    },
}
