//! What is in a shuffle file, and in a bucket on its way to another machine.
//!
//! ```text
//! file   = bytes* index footer
//! index  = (bucket u32, header, offset u64)*   by bucket, then by order of writing
//! footer = entries u64, checksum of the index u32, magic u32
//!
//! bucket on its way = (header, bytes)*   in the order of the index
//!                   | MISSING            there is no such map output
//! ```
//!
//! All little-endian. An entry has one batch or several that lie together. Its header and bytes are what [`packed`](crate::packed)
//! makes of them: compressed or not, with a checksum that is made when they are written and checked where they are read, on whichever
//! machine.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

pub(super) use crate::packed::HEADER_BYTES;
use crate::packed::Header;
use crate::{Error, Result};

/// Marks a whole file, and its format.
const MAGIC: u32 = u32::from_le_bytes(*b"TBS2");
const FOOTER_BYTES: usize = 16;
const ENTRY_BYTES: usize = 24;

/// What is joined into one read: small batches would cost a call into the guest each.
pub(super) const READ_BYTES: usize = 256 << 10;

/// Travels instead of a bucket whose map output is gone: no entry is as long.
pub(super) const MISSING: [u8; HEADER_BYTES] = [u8::MAX; HEADER_BYTES];

/// Where one batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) bucket: u32,
    pub(super) header: Header,
    pub(super) offset: u64,
}

impl Entry {
    /// How many bytes the batches have that it stands for.
    pub(super) fn length(&self) -> u64 {
        self.header.length() as u64
    }

    /// How many bytes of the file are its own.
    pub(super) fn packed_length(&self) -> u64 {
        self.header.packed_length() as u64
    }

    /// Where the next one begins, if it lies behind this one.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.packed_length()
    }

    fn decode(bytes: &[u8]) -> Self {
        Self {
            bucket: u32_at(bytes, 0),
            header: Header::decode(bytes[4..16].try_into().expect("twelve bytes")),
            offset: u64_at(bytes, 16),
        }
    }
}

/// The entries of a file, by bucket.
#[derive(Debug)]
pub(super) struct Index(Vec<Entry>);

impl Index {
    /// Sorts entries that are in the order of writing.
    pub(super) fn new(mut entries: Vec<Entry>) -> Self {
        // Stable: batches of a bucket stay in order.
        entries.sort_by_key(|entry| entry.bucket);
        Self(entries)
    }

    /// Returns the entries of a bucket, in the order of writing.
    pub(super) fn bucket(&self, bucket: u32) -> &[Entry] {
        let start = self.0.partition_point(|entry| entry.bucket < bucket);
        let end = self.0.partition_point(|entry| entry.bucket <= bucket);
        &self.0[start..end]
    }

    /// Returns how many bytes each of the first `buckets` buckets has, not compressed.
    pub(super) fn sizes(&self, buckets: u32) -> Vec<u64> {
        let mut sizes = vec![0; buckets as usize];
        for entry in &self.0 {
            sizes[entry.bucket as usize] += entry.length();
        }
        sizes
    }

    /// Returns what it takes to hold it.
    pub(super) fn memory_bytes(&self) -> usize {
        self.0.len() * ENTRY_BYTES
    }

    /// Returns the index and the footer as they stand in the file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut index = Vec::with_capacity(self.0.len() * ENTRY_BYTES + FOOTER_BYTES);
        for entry in &self.0 {
            index.extend(entry.bucket.to_le_bytes());
            index.extend(entry.header.encode());
            index.extend(entry.offset.to_le_bytes());
        }
        let checksum = crc32fast::hash(&index);
        index.extend((self.0.len() as u64).to_le_bytes());
        index.extend(checksum.to_le_bytes());
        index.extend(MAGIC.to_le_bytes());
        index
    }

    /// Reads the index of a file.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Invalid`] if it is damaged, or what the system says.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let damaged =
            || Error::Invalid(format!("`{}` is not a whole shuffle file", path.display()));
        let file = File::open(path).map_err(Error::io("open", path))?;
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        let footer_at = length
            .checked_sub(FOOTER_BYTES as u64)
            .ok_or_else(damaged)?;
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, footer_at)
            .map_err(Error::io("read", path))?;
        let (entries, checksum, magic) =
            (u64_at(&footer, 0), u32_at(&footer, 8), u32_at(&footer, 12));
        let index_bytes = entries
            .checked_mul(ENTRY_BYTES as u64)
            .ok_or_else(damaged)?;
        let index_at = footer_at.checked_sub(index_bytes).ok_or_else(damaged)?;
        let mut index = vec![0; usize::try_from(index_bytes).map_err(|_| damaged())?];
        file.read_exact_at(&mut index, index_at)
            .map_err(Error::io("read", path))?;
        if magic != MAGIC || checksum != crc32fast::hash(&index) {
            return Err(damaged());
        }
        let entries = index.chunks_exact(ENTRY_BYTES).map(Entry::decode).collect();
        let index = Self(entries);
        index
            .is_sound(index_at)
            .then_some(index)
            .ok_or_else(damaged)
    }

    /// Whether it is sorted, and its entries lie in the file and are together no more than it: a small file cannot be made to
    /// look like a large one.
    fn is_sound(&self, data_bytes: u64) -> bool {
        let is_sorted = self.0.is_sorted_by_key(|entry| entry.bucket);
        let mut left = data_bytes;
        is_sorted
            && self.0.iter().all(|entry| {
                let length = entry.packed_length();
                let end = entry.offset.checked_add(length);
                let fits = end.is_some_and(|end| end <= data_bytes) && length <= left;
                left = left.saturating_sub(length);
                fits && entry.header.is_sound()
            })
    }
}

/// How many of these entries are read together: up to [`READ_BYTES`], and at least one.
///
/// It depends on their lengths alone, so that a task sees the same batches wherever it runs.
pub(super) fn together(lengths: impl Iterator<Item = u64>) -> usize {
    let mut bytes = 0;
    let fits = |length: &u64| {
        let first = bytes == 0;
        bytes += *length;
        first || bytes <= READ_BYTES as u64
    };
    lengths.take_while(fits).count()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
