//! What can go wrong between processes, in words that somebody can act on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use scheduler::Address;
use thiserror::Error;
use wire::{Refusal, Refused, Role};

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This process's.
    Ours,
    /// The other's.
    Theirs,
}

impl std::fmt::Display for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ours => "this process's certificate",
            Self::Theirs => "its certificate",
        })
    }
}

/// Why something between processes did not come about.
#[derive(Debug, Error)]
pub enum Error {
    /// The port is taken.
    #[error(
        "listen on {address}: another program has that port; stop it, or choose another with `--port`"
    )]
    PortInUse {
        /// Where.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("listen on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The name leads nowhere.
    #[error("find `{address}`: {reason}")]
    Resolve {
        /// What was looked for.
        address: Address,
        /// Why.
        reason: String,
    },
    /// Nobody answers.
    #[error(
        "connect to {address}: no answer within {within:?}; does the process run, and may UDP pass to that port?"
    )]
    Unreachable {
        /// Who should.
        address: Address,
        /// How long was waited.
        within: Duration,
    },
    /// A certificate has expired.
    #[error("connect to {address}: {whose} has expired; join the cluster again with a new token")]
    CertificateExpired {
        /// With whom.
        address: Address,
        /// Whose.
        whose: Whose,
    },
    /// A certificate is of another cluster's authority.
    #[error(
        "connect to {address}: {whose} is not of the same cluster; use the token of the cluster at that address"
    )]
    OtherCluster {
        /// With whom.
        address: Address,
        /// Whose.
        whose: Whose,
    },
    /// A certificate is of the cluster and not of the right role.
    #[error("connect to {address}: it is a {found}, not a {expected}")]
    WrongRole {
        /// With whom.
        address: Address,
        /// What was looked for.
        expected: Role,
        /// What it is.
        found: Role,
    },
    /// What answers is no process of a cluster.
    #[error("connect to {address}: what listens there does not speak this protocol ({reason})")]
    NotTinderbox {
        /// With whom.
        address: Address,
        /// How that was seen.
        reason: String,
    },
    /// It does not want to talk.
    #[error("connect to {address}: {refused}")]
    Refused {
        /// With whom.
        address: Address,
        /// Why.
        refused: Refused,
    },
    /// A peer takes too long to be connected to.
    #[error("send to {address}: more than {limit} messages wait for a connection")]
    TooManyWait {
        /// To whom.
        address: Address,
        /// How many may.
        limit: usize,
    },
    /// The connection is gone; what was under way may or may not have arrived.
    #[error("reach {peer}: {reason}")]
    Disconnected {
        /// Whom.
        peer: String,
        /// Why.
        reason: Disconnect,
    },
    /// No answer came in time.
    #[error("get an answer from {peer} within {within:?}")]
    NoAnswer {
        /// Whose.
        peer: String,
        /// How long was waited.
        within: Duration,
    },
    /// What was asked for is not to be had.
    #[error("get it: {0}")]
    NotToBeHad(Refusal),
    /// The other end gave up a transfer.
    #[error("finish the transfer: the other end gave it up")]
    GivenUp,
    /// Another transfer came than was asked for.
    #[error("get it: the other end sent something else")]
    SomethingElse,
    /// The bytes of a transfer are not what their name says.
    #[error("take a transfer: its bytes do not have the hash that names them")]
    WrongHash,
    /// What a transfer reads from or writes to has failed.
    #[error("read or write the bytes of a transfer: {0}")]
    SourceOrSink(#[source] io::Error),
    /// Nothing of a transfer moved for too long.
    #[error("finish the transfer: nothing moved for {0:?}")]
    Stalled(Duration),
    /// A transfer is longer than its receiver takes.
    #[error("take a transfer of {length} bytes: {limit} are allowed")]
    TransferTooLong {
        /// Its length.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// More or less was written than the transfer's header said.
    #[error("finish the transfer: {written} of {length} bytes were written")]
    WrongLength {
        /// What the header said.
        length: u64,
        /// What was written.
        written: u64,
    },
    /// A message cannot be sent, or what arrived is none.
    #[error(transparent)]
    Wire(#[from] wire::Error),
    /// A file of keys or certificates cannot be used.
    #[error("use {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A private key could be read by others.
    #[error("use {}: others may read this private key; run `chmod 600` on it, and make a new one if it was read", path.display())]
    KeyReadable {
        /// Which file.
        path: PathBuf,
    },
    /// A text is no join token.
    #[error("read the join token: {reason}; copy the whole line that the master printed")]
    TokenMalformed {
        /// How that was seen.
        reason: &'static str,
    },
    /// The token's time is over.
    #[error("join with a token that has expired; ask for a new one with `tinderbox master token`")]
    TokenExpired,
    /// What should be a certificate, a key or a request is none.
    #[error("read a certificate, key or request: {reason}")]
    Certificate {
        /// What is wrong.
        reason: String,
    },
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Disconnect {
    /// The other end said goodbye. All that it sent before has arrived.
    #[error("it has closed the connection")]
    Closed,
    /// This end did.
    #[error("the connection was closed here")]
    ClosedHere,
    /// Nothing came for too long.
    #[error("nothing was heard of it")]
    Silent,
    /// The other process is another one than it was, or crashed.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The other end said what it may not.
    #[error("it broke the protocol: {0}")]
    Broken(String),
    /// The other end says that this one did.
    #[error("it says that this process broke the protocol: {0}")]
    Accused(String),
    /// It does not read what it is sent.
    #[error("more than {0} bytes wait for it to be read")]
    TooSlow(usize),
    /// The other process has made a new connection.
    #[error("it has connected anew")]
    Replaced,
}

impl Disconnect {
    /// Returns whether one of the two wanted it so, and nothing is amiss.
    pub const fn is_goodbye(&self) -> bool {
        matches!(self, Self::Closed | Self::ClosedHere | Self::Replaced)
    }
}
