//! Batches in files, each with a checksum: what checkpoints and object files are made of.
//!
//! ```text
//! frame = length u32, checksum u64, batch        little-endian; both are the batch's
//! ```

use crate::batch::{self, Source};
use crate::cache;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::hash_of;
use crate::host::{self, FoundFile};
use crate::reader::Reader;
use crate::record::Record;
use crate::stream::Records;
use crate::task;

/// Bytes before a batch in a file.
const FRAME_BYTES: usize = 12;

/// What stands before the frames must fit.
const HEAD_BYTES_MAX: usize = 64 << 10;

fn checksum(batch: &[u8]) -> [u8; 8] {
    hash_of(batch).to_le_bytes()
}

/// Writes a file of a head and the records' batches, and returns its length in bytes.
pub(crate) fn write<T: Record>(
    output: u32,
    name: &str,
    head: &[u8],
    mut records: Records<'_, T>,
) -> Result<u64> {
    let put = |bytes: &[u8]| host::write_output(output, name, bytes).map_err(Error::from_host);
    // Also where there are neither: then the file is empty.
    put(head)?;
    let (mut length, mut frame) = (head.len() as u64, Vec::new());
    let mut write = |batch: &[u8]| {
        let too_long = |_| Error::of(ErrorKind::LimitExceeded, "a record is longer than 4 GiB");
        let bytes = u32::try_from(batch.len()).map_err(too_long)?;
        frame.clear();
        frame.extend_from_slice(&bytes.to_le_bytes());
        frame.extend_from_slice(&checksum(batch));
        frame.extend_from_slice(batch);
        length += frame.len() as u64;
        put(&frame)?;
        Ok(true)
    };
    batch::offer(&mut records, &mut write)?;
    task::check()?;
    Ok(length)
}

/// Reads a file of batches, each checked.
pub(crate) struct Frames {
    reader: Option<Reader>,
    name: String,
    /// What is said of a file that is not as it was written.
    damaged: &'static str,
    bytes: Vec<u8>,
    /// Bytes of the file that are still to be used.
    left: u64,
}

impl Frames {
    pub(crate) fn open(file: &FoundFile, damaged: &'static str) -> Result<Self> {
        let open = || host::open_bytes(&file.content).map_err(Error::from_host);
        let reader = match file.content.length {
            0 => None,
            _ => Some(Reader::new(open()?)),
        };
        Ok(Self {
            reader,
            name: file.name.clone(),
            damaged,
            bytes: Vec::new(),
            left: file.content.length,
        })
    }

    /// Takes what stands before the frames: all up to the first line end.
    pub(crate) fn head(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.bytes) {
                let head = self.bytes.drain(..=end).collect::<Vec<_>>();
                self.left = self.left.saturating_sub(head.len() as u64);
                return Ok(head);
            }
            if self.bytes.len() > HEAD_BYTES_MAX {
                return Err(self.damaged());
            }
            self.fill()?;
        }
    }

    /// The batches, one after the other.
    pub(crate) fn batches<'a>(mut self) -> Source<'a> {
        if self.left == 0 {
            return cache::nothing();
        }
        Box::new(move || self.next_batch())
    }

    fn next_batch(&mut self) -> Result<Vec<u8>> {
        if self.left == 0 {
            return Ok(Vec::new());
        }
        loop {
            if let Some(batch) = self.take_frame()? {
                self.left = self.left.saturating_sub((FRAME_BYTES + batch.len()) as u64);
                return Ok(batch);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        let piece = match &self.reader {
            Some(reader) => reader.read_bytes().map_err(Error::from_host)?,
            None => Vec::new(),
        };
        if piece.is_empty() {
            return Err(self.damaged());
        }
        self.bytes.extend_from_slice(&piece);
        Ok(())
    }

    /// The first batch, if it is whole.
    fn take_frame(&mut self) -> Result<Option<Vec<u8>>> {
        let Some((head, rest)) = self.bytes.split_first_chunk::<FRAME_BYTES>() else {
            return Ok(None);
        };
        let (length, sum) = head.split_at(4);
        let length = length
            .iter()
            .rev()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        let Some(batch) = rest.get(..length) else {
            return Ok(None);
        };
        if checksum(batch) != sum {
            return Err(self.damaged());
        }
        let batch = batch.to_vec();
        self.bytes.drain(..FRAME_BYTES + length);
        Ok(Some(batch))
    }

    fn damaged(&self) -> Error {
        Error::of(
            ErrorKind::Io,
            format_args!("`{}` {}", self.name, self.damaged),
        )
    }
}
