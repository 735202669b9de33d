//! Turns messages into bytes and bytes into messages.
//!
//! Pure: it opens no connection. Bytes of a peer are checked before they are a value: their structure by checked
//! access, their lengths by limits, what they mean by conversion; and a value that would be refused on receipt is
//! refused before it is sent.
//!
//! ```text
//! stream:   frame frame frame ...           frame:    length u32 | contents
//! contents: Hello | Welcome | Refused       (first frame of each direction; `hello`, the same in all versions)
//!           envelope                        (afterwards; `frame`)
//! envelope: kind u8 [id u64 [within_ms u32]] | message      message:  group u8, number u8 [epoch u64] | rkyv   (`v1`, frozen)
//! ```

mod bulk;
mod error;
mod form;
mod frame;
mod hello;
mod message;
mod v1;

pub use bulk::{CHECKSUM_BYTES, Checksum};
pub use error::{Error, Invalid};
pub use frame::{CONTROL_FRAME_MAX, Envelope, Frames, Kind, PREFIX_BYTES, frame, prefix};
pub use hello::{Greeting, Hello, Refused, VERSION_MAX, VERSION_MIN, Welcome, negotiate};
pub use message::{
    AccumulatorUpdate, Block, BlockLocation, Bulk, Content, Data, Fetch, Hash, ImageHeader, Join,
    LogPart, LogSource, LogStream, MapOutput, MapOutputName, Message, PageRun, Refusal,
    RefusalKind, Role, Subject, Transfer,
};
pub use v1::{LIST_MAX, MESSAGES, NAME_MAX, PAGE_BYTES, TEXT_MAX, decode, encode};

/// What TLS calls the protocol. It carries the major version: peers that share no byte of it do not meet at all.
pub const ALPN: &[u8] = b"tinderbox/1";
