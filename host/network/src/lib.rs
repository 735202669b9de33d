//! Connects the processes of a cluster: whom one talks to is known before a byte is read.
//!
//! State machines know processes by [`Address`](scheduler::Address): [`Endpoint::send`] connects where it must. Both
//! ends of a connection prove by a certificate of the cluster's authority who they are. What arrives is checked
//! by `wire`; what it means is for the host.
//!
//! ```text
//! process A                     one QUIC connection                      process B
//! Peer::tell, ask  ──────────▶  control stream A→B, in order  ─────────▶ Event::Received, Asked
//! Event::Received  ◀──────────  control stream B→A, in order  ◀───────── Peer::tell, answer
//! Peer::send       ──────────▶  a stream per transfer         ─────────▶ Event::Offered
//! Peer::fetch      ──────────▶  a stream per transfer         ─────────▶ Event::Fetched
//! ```

#[cfg(test)]
mod bad_peers;
mod config;
mod connection;
mod endpoint;
mod error;
mod event;
mod greet;
pub mod identity;
mod outgoing;
mod peer;
mod permission;
mod serve;
mod table;
mod tls;
mod transfer;
mod transport;
mod unsent;

pub use config::Config;
pub use endpoint::{Endpoint, request_certificate};
pub use error::{Disconnect, Error, Whose};
pub use event::{Answer, Event};
pub use identity::{Authority, Credentials, Identity, Request, Token, Validity};
pub use peer::Peer;
pub use transfer::{Incoming, Reply, Sender};

/// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
