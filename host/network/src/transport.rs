//! How QUIC is tuned, and the socket beneath it.
//!
//! What waits on one stream must not hold up another: each stream has a window of its own, and the windows of all
//! transfers together are smaller than what a connection may have under way.

use std::any::Any;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, CubicConfig};
use quinn::{EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};
use quinn_proto::RttEstimator;
use socket2::SockRef;

use crate::{Config, Error};

/// What may be under way on one stream, unread. Larger than what a fast network holds (10 Gbit/s in 1 ms).
const STREAM_WINDOW: u32 = 2 << 20;
/// What the control stream may always have under way besides.
const CONTROL_ROOM: u64 = 64 << 20;
/// Bytes of a datagram between two processes of one machine, and the most that is tried on a network. quinn hands the
/// system ten of them at a time, which takes 65,507 bytes at most: with larger ones it takes none, and each costs a call.
const DATAGRAM_MAX: u16 = 6_500;
/// What may be under way between two processes of one machine. A message that comes after it waits for it to be read:
/// at 300 MB/s, of a busy machine, some 3 ms.
const LOCAL_WINDOW: u64 = 1 << 20;
/// What the sockets may hold: bursts that the process cannot read at once. The system may give less.
const SOCKET_BUFFER: usize = 4 << 20;

/// Before the control messages there is nothing.
pub(crate) const CONTROL_PRIORITY: i32 = 1;

/// Opens the socket.
pub(crate) fn socket(address: SocketAddr) -> Result<UdpSocket, Error> {
    let socket = UdpSocket::bind(address).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => Error::PortInUse { address },
        _ => Error::Bind { address, source },
    })?;
    // Smaller buffers make it slower, not wrong.
    let reference = SockRef::from(&socket);
    let _ = reference.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = reference.set_send_buffer_size(SOCKET_BUFFER);
    Ok(socket)
}

/// What holds for all connections.
pub(crate) fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config
        .max_udp_payload_size(DATAGRAM_MAX)
        .expect("a datagram is larger than the least that QUIC needs");
    config
}

/// What holds for a connection with a process at `remote`.
pub(crate) fn transport(config: &Config, remote: IpAddr, own: IpAddr) -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    let streams = u32::try_from(config.transfers_max).unwrap_or(u32::MAX);
    let idle = IdleTimeout::try_from(config.idle_timeout).unwrap_or_else(|_| VarInt::MAX.into());
    transport
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(config.keep_alive))
        // The control stream, and each transfer in either direction.
        .max_concurrent_uni_streams((streams + 1).into())
        .max_concurrent_bidi_streams(streams.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(VarInt::MAX)
        .send_window(u64::from(STREAM_WINDOW) * u64::from(streams) * 2 + CONTROL_ROOM)
        .datagram_receive_buffer_size(None);
    if remote.is_loopback() || remote == own {
        // No path to discover, and no network to be gentle with.
        transport
            .initial_mtu(DATAGRAM_MAX)
            .mtu_discovery_config(None)
            .congestion_controller_factory(Arc::new(Local));
    } else {
        let mut discovery = MtuDiscoveryConfig::default();
        discovery.upper_bound(DATAGRAM_MAX);
        transport.mtu_discovery_config(Some(discovery));
    }
    Arc::new(transport)
}

/// Between two processes of one machine: losses are those of a full socket, and there is nothing to fill in between.
#[derive(Debug)]
struct Local;

impl ControllerFactory for Local {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        let mut cubic = CubicConfig::default();
        cubic.initial_window(LOCAL_WINDOW);
        Box::new(Capped(Arc::new(cubic).build(now, mtu)))
    }
}

/// What another controller allows, up to [`LOCAL_WINDOW`].
struct Capped(Box<dyn Controller>);

impl Controller for Capped {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.0.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.0.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        let largest = largest_packet_num_acked;
        self.0.on_end_acks(now, in_flight, app_limited, largest);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        let persistent = is_persistent_congestion;
        self.0
            .on_congestion_event(now, sent, persistent, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.0.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.0.window().min(LOCAL_WINDOW)
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self(self.0.clone_box()))
    }

    fn initial_window(&self) -> u64 {
        self.0.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
