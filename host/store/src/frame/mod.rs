//! Framed records: what of a record the host understands, so that it can partition, sort and merge them for a program.
//!
//! ```text
//! batch  = count u32, version u8, flags u8, 0 u16, frame*
//! frame  = [hash u64] [prefix u64] [length u32] record
//! flags  = 1: with a hash | 2: with a prefix | 4: with a length
//! ```
//!
//! All little-endian. The record is the program's own. Its key's `hash` says which bucket it belongs to; its key's `prefix`, a number,
//! never grows from a key to one that comes before it, so keys of different prefixes are in order when their prefixes are.

mod merge;
mod route;
mod sort;

pub use route::FrameRouter;
pub use sort::{FrameOrder, FrameSorter, SortedFrames};

use std::ops::Range;

use crate::{Error, Result};

/// The version of the format that is written, and the only one that is read.
const VERSION: u8 = 1;
const HASH: u8 = 1;
const PREFIX: u8 = 2;
const LENGTH: u8 = 4;

const HEADER_BYTES: usize = 8;

/// What the frames of a batch have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    count: u32,
    flags: u8,
}

impl Header {
    fn take(bytes: &mut &[u8]) -> Result<Self> {
        let [a, b, c, d, version, flags, 0, 0] = take(bytes)? else {
            return Err(malformed(
                "a batch of frames begins with its count, 1, its flags and 0",
            ));
        };
        if version != VERSION {
            return Err(malformed(&format!(
                "frames of version {VERSION} are known, not {version}"
            )));
        }
        let count = u32::from_le_bytes([a, b, c, d]);
        Ok(Self { count, flags })
    }

    fn encode(self) -> [u8; HEADER_BYTES] {
        let [a, b, c, d] = self.count.to_le_bytes();
        [a, b, c, d, VERSION, self.flags, 0, 0]
    }
}

/// What the host knows of a record; numbers that it does not know are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    hash: u64,
    prefix: u64,
    /// Where the record lies.
    record: Range<usize>,
}

/// A place in batches that lie one behind the other.
#[derive(Debug)]
struct Cursor {
    at: usize,
    /// Of the current batch: `count` frames are left in it.
    header: Header,
}

impl Cursor {
    fn new() -> Self {
        let header = Header { count: 0, flags: 0 };
        Self { at: 0, header }
    }

    /// The next frame, which must have these flags; none at the end.
    fn next(&mut self, bytes: &[u8], needed: u8) -> Result<Option<Frame>> {
        let mut rest = bytes.get(self.at..).unwrap_or_default();
        while self.header.count == 0 {
            if rest.is_empty() {
                return Ok(None);
            }
            self.header = Header::take(&mut rest)?;
            if self.header.flags & needed != needed {
                let lacking = "frames lack a hash, a prefix or a length that is needed here";
                return Err(malformed(lacking));
            }
        }
        self.header.count -= 1;
        let flags = self.header.flags;
        let mut number = |flag| match flags & flag {
            0 => Ok(0),
            _ => take(&mut rest).map(u64::from_le_bytes),
        };
        let (hash, prefix) = (number(HASH)?, number(PREFIX)?);
        let length = u32::from_le_bytes(take(&mut rest)?) as usize;
        let start = bytes.len() - rest.len();
        if length > rest.len() {
            return Err(cut());
        }
        self.at = start + length;
        Ok(Some(Frame {
            hash,
            prefix,
            record: start..self.at,
        }))
    }
}

/// A batch of frames that is being filled. They have no hashes: those are for finding the bucket.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    header: Option<Header>,
}

impl Batch {
    /// Whether frames of these flags can be added: all of a batch have the same.
    fn takes(&self, flags: u8) -> bool {
        self.header.is_none_or(|header| header.flags == flags)
    }

    fn push(&mut self, flags: u8, prefix: u64, record: &[u8]) {
        let header = self.header.get_or_insert(Header { count: 0, flags });
        header.count += 1;
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&[0; HEADER_BYTES]);
        }
        if flags & PREFIX != 0 {
            self.bytes.extend_from_slice(&prefix.to_le_bytes());
        }
        if flags & LENGTH != 0 {
            let length = u32::try_from(record.len());
            let length = length.expect("it came with a length of this width");
            self.bytes.extend_from_slice(&length.to_le_bytes());
        }
        self.bytes.extend_from_slice(record);
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The batch, empty where nothing was pushed; the next one begins.
    fn finish(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        if let (Some(header), Some(room)) = (self.header.take(), bytes.first_chunk_mut()) {
            *room = header.encode();
        }
        bytes
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk().ok_or_else(cut)?;
    *bytes = rest;
    Ok(*taken)
}

fn cut() -> Error {
    malformed("a frame is longer than its batch")
}

fn malformed(what: &str) -> Error {
    Error::Invalid(what.into())
}

#[cfg(test)]
mod tests;
