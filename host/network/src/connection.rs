//! One connection, as its users hold it: what is said, asked and waited for.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use quinn::{Connection, ConnectionError, VarInt};
use scheduler::Address;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use wire::{Kind, Message};

use crate::outgoing::{Outgoing, Put};
use crate::{Config, Disconnect, Error, Identity};

/// Which process it is, among all that have ever been.
pub(crate) type Instance = [u8; 16];

/// Whom a connection leads to.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) identity: Identity,
    pub(crate) instance: Instance,
    /// Where it says that it listens; of one that does not, where its datagrams came from.
    pub(crate) address: Address,
    pub(crate) listens: bool,
    pub(crate) software: String,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.identity.subject.role(), self.address)
    }
}

/// Why a connection is closed, as its other end sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Goodbye = 0,
    Broken = 1,
    Refused = 2,
    TooSlow = 3,
    Replaced = 4,
}

impl From<Code> for VarInt {
    fn from(code: Code) -> Self {
        Self::from_u32(code as u32)
    }
}

/// One connection.
pub(crate) struct Link {
    pub(crate) who: Who,
    /// Whether this process made it.
    pub(crate) dialled: bool,
    pub(crate) connection: Connection,
    pub(crate) outgoing: Outgoing,
    pub(crate) limits: Arc<Config>,
    pub(crate) transfers: Arc<Semaphore>,
    asks: Mutex<Asks>,
    next_ask: AtomicU64,
    /// Why this end closed it.
    pub(crate) closed_because: OnceLock<Disconnect>,
    /// Whether the host has been told that it is over.
    ended: watch::Sender<bool>,
}

#[derive(Default)]
struct Asks {
    waiting: HashMap<u64, oneshot::Sender<Message>>,
    /// No answer comes any more.
    over: bool,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.who)
    }
}

impl Link {
    pub(crate) fn new(
        who: Who,
        dialled: bool,
        connection: Connection,
        limits: Arc<Config>,
    ) -> Self {
        Self {
            who,
            dialled,
            connection,
            outgoing: Outgoing::default(),
            transfers: Arc::new(Semaphore::new(limits.transfers_max)),
            limits,
            asks: Mutex::default(),
            next_ask: AtomicU64::new(0),
            closed_because: OnceLock::new(),
            ended: watch::Sender::new(false),
        }
    }

    /// The host hears nothing of it any more.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    pub(crate) async fn ended(&self) {
        // The sender is here.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Leaves a message to be written.
    pub(crate) fn put(&self, kind: Kind, message: &Message) -> Result<(), Error> {
        let (frame_max, queue_max) = (self.limits.frame_max, self.limits.queue_max);
        match self.outgoing.put(kind, message, frame_max, queue_max)? {
            Put::Taken if self.connection.close_reason().is_none() => Ok(()),
            Put::Taken => Err(self.gone_now()),
            Put::Closed => Err(self.disconnected(Disconnect::ClosedHere)),
            Put::Full => {
                self.close(Code::TooSlow, Disconnect::TooSlow(queue_max));
                Err(self.disconnected(Disconnect::TooSlow(queue_max)))
            }
        }
    }

    /// Asks and waits.
    pub(crate) async fn ask(&self, message: &Message, within: Duration) -> Result<Message, Error> {
        let id = self.next_ask.fetch_add(1, Ordering::Relaxed);
        let within_ms = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
        let (sender, answer) = oneshot::channel();
        {
            let mut asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
            if asks.over {
                return Err(self.gone_now());
            }
            asks.waiting.insert(id, sender);
        }
        // Whoever stops waiting, for whatever reason, leaves nothing behind.
        let _forget = Forget(self, id);
        self.put(Kind::Ask { id, within_ms }, message)?;
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(self.gone_now()),
            Err(_) => Err(Error::NoAnswer {
                peer: self.who.to_string(),
                within,
            }),
        }
    }

    /// Waits for a turn to send a transfer.
    pub(crate) async fn permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        let permit = Arc::clone(&self.transfers).acquire_owned().await;
        permit.map_err(|_| self.gone_now())
    }

    /// Says nothing more; what waits still arrives.
    pub(crate) fn say_goodbye(&self) {
        let _ = self.closed_because.set(Disconnect::ClosedHere);
        self.outgoing.close();
    }

    /// Closes at once; what waits is lost.
    pub(crate) fn close(&self, code: Code, because: Disconnect) {
        let words = because.to_string();
        // The first reason is the one that is told.
        let _ = self.closed_because.set(because);
        self.connection.close(code.into(), words.as_bytes());
    }

    /// Returns the error of something that met the connection's end.
    pub(crate) fn gone(&self, lost: &ConnectionError) -> Error {
        self.disconnected(self.reason(lost))
    }

    pub(crate) fn gone_now(&self) -> Error {
        match self.connection.close_reason() {
            Some(lost) => self.gone(&lost),
            None => self.disconnected(Disconnect::Closed),
        }
    }

    fn disconnected(&self, reason: Disconnect) -> Error {
        Error::Disconnected {
            peer: self.who.to_string(),
            reason,
        }
    }

    pub(crate) fn reason(&self, lost: &ConnectionError) -> Disconnect {
        if let Some(because) = self.closed_because.get() {
            return because.clone();
        }
        match lost {
            ConnectionError::ApplicationClosed(close) => {
                let code = close.error_code;
                if code == Code::Goodbye.into() {
                    Disconnect::Closed
                } else if code == Code::Replaced.into() {
                    Disconnect::Replaced
                } else {
                    Disconnect::Accused(String::from_utf8_lossy(&close.reason).into_owned())
                }
            }
            ConnectionError::TimedOut => Disconnect::Silent,
            ConnectionError::LocallyClosed => Disconnect::ClosedHere,
            other => Disconnect::Lost(other.to_string()),
        }
    }

    pub(crate) fn answered(&self, id: u64, message: Message) {
        let mut asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = asks.waiting.remove(&id) {
            // Who has stopped waiting does not mind.
            let _ = waiting.send(message);
        }
    }

    pub(crate) fn forget_asks(&self) {
        let mut asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        asks.over = true;
        asks.waiting.clear();
    }
}

/// Takes an ask off the list.
struct Forget<'a>(&'a Link, u64);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        let mut asks = self.0.asks.lock().unwrap_or_else(PoisonError::into_inner);
        asks.waiting.remove(&self.1);
    }
}
