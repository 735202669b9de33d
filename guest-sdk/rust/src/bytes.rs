//! Bytes that share the batch they were read in.
//!
//! Cutting a batch into pieces allocates nothing; keeping one small piece keeps the whole batch, until it is detached.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::rc::Rc;

use crate::record::{Input, Malformed, Record, touch_lines, write_length};

/// A piece of a batch of bytes, cheap to clone.
#[derive(Clone, Default)]
pub struct Bytes {
    batch: Rc<Vec<u8>>,
    start: u32,
    length: u32,
}

impl Bytes {
    /// The piece of `batch` at `range`.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "batches are far below 4 GiB: the host's largest is one record"
    )]
    pub(crate) fn of_batch(batch: &Rc<Vec<u8>>, range: Range<usize>) -> Self {
        Self {
            batch: Rc::clone(batch),
            start: range.start as u32,
            length: range.len() as u32,
        }
    }

    #[inline]
    pub(crate) fn of_range(&self, range: Range<usize>) -> Self {
        Self::of_batch(
            &self.batch,
            self.start as usize + range.start..self.start as usize + range.end,
        )
    }

    /// The whole batch, and where the piece begins.
    #[inline]
    pub(crate) fn surroundings(&self) -> (&[u8], usize) {
        (&self.batch, self.start as usize)
    }

    /// The numbers that the bytes are, eight bytes each, little-endian; a rest of fewer bytes is left out.
    pub fn f64s(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.as_chunks()
            .0
            .iter()
            .map(|number| f64::from_le_bytes(*number))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        let start = self.start as usize;
        &self.batch[start..start + self.length as usize]
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        Self::of_batch(&Rc::new(bytes), 0..length)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// The first and the last `N` bytes, which overlap where there are fewer than twice as many.
#[inline]
pub(crate) fn ends<const N: usize>(bytes: &[u8]) -> Option<([u8; N], [u8; N])> {
    Some((*bytes.first_chunk()?, *bytes.last_chunk()?))
}

impl Eq for Bytes {}

impl PartialOrd for Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bytes {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl Record for Bytes {
    const MIN_WIDTH: usize = 1;

    fn encode(&self, out: &mut Vec<u8>) {
        write_length(self.len(), out);
        out.extend_from_slice(self);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let length = input.length()?;
        let start = input.position();
        let bytes = input.take(length)?;
        Ok(match input.batch() {
            Some(batch) => Self::of_batch(batch, start..start + length),
            None => Self::from(bytes.to_vec()),
        })
    }

    fn detach(&mut self) {
        if self.len() < self.batch.capacity() / 2 {
            *self = Self::from(self.to_vec());
        }
    }

    #[inline]
    fn touch(&self) -> u8 {
        touch_lines(self)
    }
}
