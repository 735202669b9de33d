//! The bytes that are still to be decoded.
//!
//! Every taking is checked against what is there.

use std::fmt;
use std::rc::Rc;

use super::Record;

/// A cursor over encoded bytes.
#[derive(Debug)]
pub struct Input<'b> {
    bytes: &'b [u8],
    at: usize,
    /// The batch that `bytes` is all of, where a record may share it.
    batch: Option<&'b Rc<Vec<u8>>>,
}

impl<'b> Input<'b> {
    /// Starts at the front of some bytes; what is decoded from it owns what it holds.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            batch: None,
        }
    }

    /// Starts inside a batch; text decoded from it shares the batch.
    pub(crate) fn of_batch(batch: &'b Rc<Vec<u8>>, at: usize) -> Self {
        Self {
            bytes: batch,
            at,
            batch: Some(batch),
        }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn batch(&self) -> Option<&'b Rc<Vec<u8>>> {
        self.batch
    }

    /// Takes the next `length` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'b [u8], Malformed> {
        let taken = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.get(..length))
            .ok_or_else(|| Malformed::of("bytes"))?;
        self.at += length;
        Ok(taken)
    }

    /// Takes the next `N` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    #[inline]
    pub fn take_array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let taken = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk::<N>())
            .ok_or_else(|| Malformed::of("bytes"))?;
        self.at += N;
        Ok(*taken)
    }

    /// Takes a length.
    ///
    /// # Errors
    /// It is cut off, or too large for this machine.
    #[inline]
    pub fn length(&mut self) -> Result<usize, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take_array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return usize::try_from(value).map_err(|_| Malformed::of("length"));
            }
        }
        Err(Malformed::of("length"))
    }

    /// Takes the position of an enum's variant.
    ///
    /// # Errors
    /// It is cut off, or no position.
    pub fn tag(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.length()?).map_err(|_| Malformed::of("variant"))
    }

    /// Checks that so many values can be left.
    pub(crate) fn expect_items<T: Record>(&self, count: usize) -> Result<(), Malformed> {
        match count.checked_mul(T::MIN_WIDTH) {
            Some(least) if least <= self.remaining() => Ok(()),
            _ => Err(Malformed::of("items")),
        }
    }
}

/// Bytes that are not the value they were decoded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    expected: &'static str,
}

impl Malformed {
    /// What was expected in the place of what is there.
    pub fn of(expected: &'static str) -> Self {
        Self { expected }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed record: expected {}", self.expected)
    }
}

impl std::error::Error for Malformed {}
