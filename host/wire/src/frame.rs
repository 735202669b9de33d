//! Cuts a stream into frames, and puts messages into envelopes.
//!
//! A reader allocates what has arrived, never what a frame says of itself.

use crate::{Error, Message, decode, encode};

/// How long a frame of a control stream may be, unless its reader says otherwise.
pub const CONTROL_FRAME_MAX: u32 = 16 << 20;

/// Bytes before a frame: its length, little-endian.
pub const PREFIX_BYTES: usize = 4;

/// Appends a frame to `out`: what `contents` appends, with its length before it. Appends nothing on an error.
///
/// # Errors
///
/// What `contents` says, or that it is longer than `limit`.
pub fn frame(
    out: &mut Vec<u8>,
    limit: u32,
    contents: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
) -> Result<(), Error> {
    let start = out.len();
    out.extend([0; PREFIX_BYTES]);
    let written = contents(out).and_then(|()| {
        let bytes = out.len() - start - PREFIX_BYTES;
        match u32::try_from(bytes) {
            Ok(length) if length <= limit => Ok(length),
            _ => Err(too_long(bytes as u64, limit)),
        }
    });
    match written {
        Ok(length) => {
            out[start..start + PREFIX_BYTES].copy_from_slice(&length.to_le_bytes());
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// Returns the length that a prefix announces.
///
/// # Errors
///
/// If it is more than `limit`.
pub fn prefix(bytes: [u8; PREFIX_BYTES], limit: u32) -> Result<usize, Error> {
    let length = u32::from_le_bytes(bytes);
    if length > limit {
        return Err(too_long(u64::from(length), limit));
    }
    Ok(length as usize)
}

const fn too_long(bytes: u64, limit: u32) -> Error {
    Error::FrameTooLong { bytes, limit }
}

/// Cuts what arrives into frames.
#[derive(Clone, Debug)]
pub struct Frames {
    limit: u32,
    bytes: Vec<u8>,
    /// Up to here they have been handed out.
    read: usize,
}

impl Frames {
    /// Nothing has arrived; no frame may be longer than `limit`.
    pub const fn new(limit: u32) -> Self {
        Self {
            limit,
            bytes: Vec::new(),
            read: 0,
        }
    }

    /// Changes how long a frame may be, from the next one on.
    pub const fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// Takes in what has arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next whole frame's contents, if it is there.
    ///
    /// # Errors
    ///
    /// If it announces more than the limit. The stream is then of no use any more.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, Error> {
        let rest = &self.bytes[self.read..];
        let Some((announced, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let length = prefix(*announced, self.limit)?;
        if rest.len() < length {
            return Ok(None);
        }
        self.read += PREFIX_BYTES + length;
        Ok(Some(&self.bytes[self.read - length..self.read]))
    }

    /// Returns whether a frame has begun to arrive and not ended.
    pub const fn is_amid_frame(&self) -> bool {
        self.read < self.bytes.len()
    }
}

/// What a message is to its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nobody waits for an answer.
    Tell,
    /// The sender waits for the answer with this number.
    Ask {
        /// The number.
        id: u64,
        /// For how many milliseconds it waits: what takes longer need not be done.
        within_ms: u32,
    },
    /// It is the answer to the ask with this number.
    Answer(u64),
}

const TELL: u8 = 0;
const ASK: u8 = 1;
const ANSWER: u8 = 2;

/// A message on a control stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// What it is to its receiver.
    pub kind: Kind,
    /// What it says.
    pub message: Message,
}

impl Envelope {
    /// Appends the bytes of an envelope to `out`.
    ///
    /// # Errors
    ///
    /// If its receiver would refuse the message.
    pub fn encode(kind: Kind, message: &Message, out: &mut Vec<u8>) -> Result<(), Error> {
        match kind {
            Kind::Tell => out.push(TELL),
            Kind::Ask { id, within_ms } => {
                out.push(ASK);
                out.extend(id.to_le_bytes());
                out.extend(within_ms.to_le_bytes());
            }
            Kind::Answer(id) => {
                out.push(ANSWER);
                out.extend(id.to_le_bytes());
            }
        }
        encode(message, out)
    }

    /// Returns the envelope that a frame holds.
    ///
    /// # Errors
    ///
    /// If it holds none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let too_short = || Error::TooShort {
            what: "an envelope",
            bytes: bytes.len(),
        };
        let (&tag, rest) = bytes.split_first().ok_or_else(too_short)?;
        let (kind, rest) = match tag {
            TELL => (Kind::Tell, rest),
            ASK => {
                let (id, rest) = rest.split_first_chunk().ok_or_else(too_short)?;
                let (within_ms, rest) = rest.split_first_chunk().ok_or_else(too_short)?;
                let id = u64::from_le_bytes(*id);
                let within_ms = u32::from_le_bytes(*within_ms);
                (Kind::Ask { id, within_ms }, rest)
            }
            ANSWER => {
                let (id, rest) = rest.split_first_chunk().ok_or_else(too_short)?;
                (Kind::Answer(u64::from_le_bytes(*id)), rest)
            }
            unknown => return Err(Error::UnknownKind(unknown)),
        };
        Ok(Self {
            kind,
            message: decode(rest)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, Join};

    fn framed(contents: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        frame(&mut out, 100, |out| {
            out.extend(contents);
            Ok(())
        })
        .unwrap();
        out
    }

    #[test]
    fn frames_are_found_however_the_stream_is_cut() {
        let stream = [framed(b"one"), framed(b""), framed(b"three")].concat();
        for cut in 1..=stream.len() {
            let mut frames = Frames::new(100);
            let mut found = Vec::new();
            for piece in stream.chunks(cut) {
                frames.feed(piece);
                while let Some(contents) = frames.next_frame().unwrap() {
                    found.push(contents.to_vec());
                }
            }
            assert_eq!(found, [&b"one"[..], b"", b"three"], "in pieces of {cut}");
            assert!(!frames.is_amid_frame());
        }
    }

    #[test]
    fn a_frame_over_the_limit_is_neither_written_nor_waited_for() {
        let refused = Error::FrameTooLong {
            bytes: 101,
            limit: 100,
        };
        let mut out = b"before".to_vec();
        let written = frame(&mut out, 100, |out| {
            out.extend([0; 101]);
            Ok(())
        });
        assert_eq!((written, &out[..]), (Err(refused.clone()), &b"before"[..]));
        let mut frames = Frames::new(100);
        frames.feed(&101_u32.to_le_bytes());
        assert_eq!(frames.next_frame(), Err(refused));
    }

    #[test]
    fn an_envelope_keeps_its_kind_and_number() {
        let message = Message::Join(Join::Joined { chain: Vec::new() });
        for kind in [
            Kind::Tell,
            Kind::Ask {
                id: 7,
                within_ms: 8,
            },
            Kind::Answer(u64::MAX),
        ] {
            let mut out = Vec::new();
            Envelope::encode(kind, &message, &mut out).unwrap();
            let read = Envelope::decode(&out).unwrap();
            assert_eq!((read.kind, &read.message), (kind, &message));
        }
        assert_eq!(Envelope::decode(&[9]), Err(Error::UnknownKind(9)));
        assert!(matches!(
            Envelope::decode(&[1, 2]),
            Err(Error::TooShort { .. })
        ));
        let refused = Data::LogPart(crate::LogPart {
            offset: 0,
            bytes: vec![0; crate::LIST_MAX + 1],
            ended: false,
        });
        let written = Envelope::encode(Kind::Tell, &refused.into(), &mut Vec::new());
        assert!(matches!(written, Err(Error::Invalid { .. })));
    }
}
