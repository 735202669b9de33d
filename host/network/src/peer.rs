//! The other end of a connection.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scheduler::Address;
use wire::{Content, Data, Fetch, Kind, Message};

use crate::connection::Link;
use crate::transfer::{self, Incoming, Sender};
use crate::{Error, Identity};

/// A process at the other end of one connection. Cheap to clone; equal while it is the same connection. A process
/// that has connected anew is another peer.
#[derive(Clone)]
pub struct Peer(pub(crate) Arc<Link>);

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Peer {}

impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.who)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({self})")
    }
}

impl Peer {
    /// Returns who it is, by its certificate.
    pub fn identity(&self) -> &Identity {
        &self.0.who.identity
    }

    /// Returns by what state machines know it: where it says that it can be connected to; of one that cannot, where its
    /// datagrams came from.
    pub fn address(&self) -> &Address {
        &self.0.who.address
    }

    /// Returns where its datagrams come from.
    pub fn remote(&self) -> SocketAddr {
        self.0.connection.remote_address()
    }

    /// Returns the version of its program, for people.
    pub fn software(&self) -> &str {
        &self.0.who.software
    }

    /// Returns whether it still can be reached, as far as is known.
    pub fn is_connected(&self) -> bool {
        self.0.connection.close_reason().is_none()
    }

    /// Says something, without waiting: messages arrive in order, or the peer is disconnected.
    ///
    /// # Errors
    ///
    /// If the message cannot be sent, or the peer is gone.
    pub fn tell(&self, message: &Message) -> Result<(), Error> {
        self.0.put(Kind::Tell, message)
    }

    /// Asks something and waits for the answer. It is asked at once; what is awaited is the answer alone.
    ///
    /// # Errors
    ///
    /// If the message cannot be sent, the peer is or goes away, does not answer in time, or refuses.
    pub async fn ask(&self, message: &Message, within: Duration) -> Result<Message, Error> {
        match self.0.ask(message, within).await? {
            Message::Data(Data::Refused(refusal)) => Err(Error::NotToBeHad(refusal)),
            answer => Ok(answer),
        }
    }

    /// Sends bytes on a stream of their own, and waits until the other process has them, though its host may not have
    /// read them yet.
    ///
    /// # Errors
    ///
    /// If the peer is gone or gives the transfer up, or nothing moves for too long.
    pub async fn send(&self, content: Content, bytes: Bytes) -> Result<(), Error> {
        let mut sender = self.start(content, bytes.len() as u64).await?;
        sender.write(bytes).await?;
        sender.finish().await
    }

    /// Begins to send `length` bytes. Waits while the peer is sent as much at a time as it may be.
    ///
    /// # Errors
    ///
    /// If the peer is gone.
    pub async fn start(&self, content: Content, length: u64) -> Result<Sender, Error> {
        transfer::start(&self.0, content, length).await
    }

    /// Asks for bytes.
    ///
    /// # Errors
    ///
    /// If the peer is gone, refuses, or nothing comes for too long.
    pub async fn fetch(&self, fetch: Fetch) -> Result<Incoming, Error> {
        transfer::fetch(self, fetch).await
    }

    /// Says goodbye: what was said before still arrives. `Disconnected` follows.
    pub fn close(&self) {
        self.0.say_goodbye();
    }
}
