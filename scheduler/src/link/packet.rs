//! What travels between two links.

use std::fmt;

/// One side's number for a session: drawn at random, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl SessionId {
    /// Who refuses a call: a call names nobody.
    pub(super) const NOBODY: Self = Self(0);
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session-{:016x}", self.0)
    }
}

/// What travels from one link to another. It may be lost, or come late, or again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<M> {
    /// The sender's number for the session.
    pub from: SessionId,
    /// The receiver's, as the sender knows it; none: it does not yet.
    pub to: Option<SessionId>,
    /// How many messages the sender has received in order.
    pub received: u64,
    /// What it says.
    pub content: Content<M>,
}

/// What a packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<M> {
    /// Let us talk.
    Open,
    /// Nothing but that the sender lives and what it has received.
    Nothing,
    /// This.
    Message {
        /// Its place in the session, from 0.
        number: u64,
        /// The message.
        message: M,
    },
    /// `from` is not, or no longer, a session of this process.
    Refused,
}

impl<M> Packet<M> {
    /// Returns the answer of a process that does not know the session, or of a machine where no process listens;
    /// none where this is such an answer itself.
    pub fn refusal(&self) -> Option<Self> {
        let refused = matches!(self.content, Content::Refused);
        (!refused).then_some(Self {
            from: self.to.unwrap_or(SessionId::NOBODY),
            to: Some(self.from),
            received: 0,
            content: Content::Refused,
        })
    }
}
