//! What an endpoint tells its host.

use std::time::Duration;

use scheduler::Address;
use wire::{Data, Fetch, Kind, Message, Refusal, RefusalKind};

use crate::transfer::{Incoming, Reply};
use crate::{Disconnect, Error, Peer};

/// Something that has happened between processes. Of one connection: first `Connected`, last `Disconnected`. Of two with
/// the same address one after the other: the first one's end comes before the second one's beginning.
#[derive(Debug)]
pub enum Event {
    /// There is a connection, whoever made it.
    Connected(Peer),
    /// There is none any more. What was under way may or may not have arrived.
    Disconnected(Peer, Disconnect),
    /// Nobody was found whom [`Endpoint::send`](crate::Endpoint::send) was to send to: what waited is lost. To a state
    /// machine it is disconnected.
    Unreachable(Address, Error),
    /// The peer says something.
    Received(Peer, Message),
    /// The peer asks something and waits for the answer.
    Asked(Peer, Message, Answer),
    /// The peer sends bytes.
    Offered(Peer, Incoming),
    /// The peer asks for bytes.
    Fetched(Peer, Fetch, Reply),
}

/// The duty to answer. Dropped, it says that there is no answer.
#[derive(Debug)]
pub struct Answer {
    peer: Peer,
    id: u64,
    within: Duration,
    given: bool,
}

impl Answer {
    pub(crate) const fn new(peer: Peer, id: u64, within: Duration) -> Self {
        Self {
            peer,
            id,
            within,
            given: false,
        }
    }

    /// Returns how long the asker waits, from when it asked.
    pub const fn within(&self) -> Duration {
        self.within
    }

    /// Answers.
    ///
    /// # Errors
    ///
    /// If the message cannot be sent.
    pub fn give(mut self, message: &Message) -> Result<(), Error> {
        self.peer.0.put(Kind::Answer(self.id), message)?;
        self.given = true;
        Ok(())
    }

    /// Answers that it is not to be had.
    ///
    /// # Errors
    ///
    /// If the peer is gone.
    pub fn refuse(self, refusal: Refusal) -> Result<(), Error> {
        self.give(&Data::Refused(refusal).into())
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.given {
            let refusal = Refusal::new(RefusalKind::Failed, "there is no answer to that");
            // A peer that is gone waits for none.
            let _ = self
                .peer
                .0
                .put(Kind::Answer(self.id), &Data::Refused(refusal).into());
        }
    }
}
