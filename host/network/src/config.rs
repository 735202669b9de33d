//! What an operator or a test can set of an endpoint.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use scheduler::Address;

/// Limits and times of an endpoint.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0: any.
    pub bind: SocketAddr,
    /// What others are to connect to, if it is not where this process listens: behind a translated address, or
    /// where `bind` is no address of one machine (`0.0.0.0`). Port 0: the one that is listened on. State machines
    /// know this process by it.
    pub advertised: Option<Address>,
    /// How long a connection may take to come about, greetings included.
    pub connect_timeout: Duration,
    /// How long nothing may be heard of a process before it counts as gone. The last word to it may be
    /// `keep_alive` later than its own, and counts anew: an application whose driver was killed is to free its cores
    /// within 10 s.
    pub idle_timeout: Duration,
    /// How often a process is heard of that has nothing to say. A few times within `idle_timeout`.
    pub keep_alive: Duration,
    /// How long nothing may move of a transfer before it is given up.
    pub stall_timeout: Duration,
    /// How many bytes a control frame may have.
    pub frame_max: u32,
    /// How many bytes of control messages may wait for a peer to read them. One that does not is disconnected.
    pub queue_max: usize,
    /// How many transfers a peer may be sent at a time; more wait for their turn.
    pub transfers_max: usize,
    /// How many events may wait for the host. Then peers wait.
    pub events_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            advertised: None,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(6),
            keep_alive: Duration::from_secs(2),
            stall_timeout: Duration::from_secs(60),
            frame_max: wire::CONTROL_FRAME_MAX,
            queue_max: 64 << 20,
            transfers_max: 16,
            events_max: 1024,
        }
    }
}
