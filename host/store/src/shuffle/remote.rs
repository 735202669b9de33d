//! Buckets that come from another machine: what is asked for, and how it is read.

use std::io::{self, Read, Take};

use scheduler::{Address, AttemptId, ShuffleId};

use super::format::{HEADER_BYTES, MISSING, READ_BYTES};
use crate::packed::{Damaged, Header};

/// A map output's name within its shuffle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapOutputName {
    /// The map partition.
    pub partition: u32,
    /// The attempt whose output counts.
    pub attempt: AttemptId,
}

/// One bucket of several map outputs that one worker serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketsWanted {
    /// Of which shuffle.
    pub shuffle: ShuffleId,
    /// Which reduce partition.
    pub bucket: u32,
    /// Of which map outputs, in the order in which they are to come. At most 1,024.
    pub outputs: Vec<MapOutputName>,
}

/// What a worker answers: what [`ServedBuckets`](super::ServedBuckets) gave there.
pub struct FetchedBuckets {
    /// How many bytes each bucket has, in the order in which they were asked for.
    pub lengths: Vec<u64>,
    /// The buckets, one after another. Dropped before the end when there is no room for the rest, which is asked for again later.
    pub bytes: Box<dyn Read + Send>,
}

impl std::fmt::Debug for FetchedBuckets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FetchedBuckets")
            .field("lengths", &self.lengths)
            .finish_non_exhaustive()
    }
}

/// Fetches buckets over a network. Called by several threads at a time, none of which is a task's.
pub trait RemoteBuckets: Send + Sync {
    /// Asks `worker` for buckets, and returns when it has said how long they are: their bytes are read, and waited for, after that.
    ///
    /// # Errors
    ///
    /// Why they are not to be had, in words. It is final: whatever is worth trying again has been tried. A reader that ends early or
    /// fails midway is another matter: what is left is asked for again, a few times.
    fn fetch(&self, worker: &Address, wanted: &BucketsWanted) -> Result<FetchedBuckets, String>;
}

/// Why a bucket did not come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It may come when it is asked for again.
    Cut(String),
    /// It came, and is not what was written, or is not there: it is asked for once more.
    Damaged(String),
    /// It is no use.
    Gone(String),
}

/// Batches that have come and were checked. They are unpacked where they are read, so that what waits takes no more memory than it
/// took on its way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arrived {
    entries: Vec<Header>,
    bytes: Vec<u8>,
    /// Of the batches.
    length: usize,
}

impl Arrived {
    /// How many bytes are held.
    pub(super) fn held_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Returns the batches, one behind the other.
    pub(super) fn unpack(self) -> Result<Vec<u8>, Damaged> {
        if self.entries.iter().all(|entry| entry.is_plain()) {
            return Ok(self.bytes);
        }
        let mut batch = vec![0; self.length];
        let (mut packed, mut rest) = (&self.bytes[..], &mut batch[..]);
        for entry in &self.entries {
            let (own, others) = packed.split_at(entry.packed_length());
            let (place, behind) = rest.split_at_mut(entry.length());
            entry.expand(own, place)?;
            (packed, rest) = (others, behind);
        }
        Ok(batch)
    }

    /// What a test says has come.
    #[cfg(test)]
    pub(super) fn plain(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }
}

/// Reads one bucket as it comes, and checks it.
pub(super) struct Arrival<'r> {
    bytes: Take<&'r mut (dyn Read + Send)>,
    /// What was read of the next entry: its header.
    header: Option<[u8; HEADER_BYTES]>,
}

impl<'r> Arrival<'r> {
    pub(super) fn new(bytes: &'r mut (dyn Read + Send), length: u64) -> Self {
        Self {
            bytes: bytes.take(length),
            header: None,
        }
    }

    /// The next batches, as [`together`](super::format::together) has them; `None` at the end.
    pub(super) fn read(&mut self) -> Result<Option<Arrived>, Broken> {
        let mut arrived = Arrived::default();
        while let Some(bytes) = self.next_header()? {
            let header = Header::decode(&bytes);
            let length = arrived.length.saturating_add(header.length());
            if arrived.length > 0 && length > READ_BYTES {
                self.header = Some(bytes);
                break;
            }
            self.read_entry(header, &mut arrived.bytes)?;
            arrived.entries.push(header);
            arrived.length = length;
        }
        Ok(Some(arrived).filter(|arrived| !arrived.entries.is_empty()))
    }

    fn next_header(&mut self) -> Result<Option<[u8; HEADER_BYTES]>, Broken> {
        if let Some(header) = self.header.take() {
            return Ok(Some(header));
        }
        if self.bytes.limit() == 0 {
            return Ok(None);
        }
        let mut header = [0; HEADER_BYTES];
        self.bytes
            .read_exact(&mut header)
            .map_err(|error| cut(&error))?;
        if header == MISSING {
            return Err(Broken::Damaged("is gone or damaged".into()));
        }
        Ok(Some(header))
    }

    /// Room is made as bytes come, not as they are promised.
    fn read_entry(&mut self, header: Header, bytes: &mut Vec<u8>) -> Result<(), Broken> {
        let length = header.packed_length() as u64;
        if length > self.bytes.limit() {
            return Err(Broken::Damaged(
                "is damaged: an entry is longer than its bucket".into(),
            ));
        }
        let start = bytes.len();
        let mut entry = self.bytes.by_ref().take(length);
        entry.read_to_end(bytes).map_err(|error| cut(&error))?;
        if entry.limit() > 0 {
            return Err(cut(&io::ErrorKind::UnexpectedEof.into()));
        }
        let checked = header.check(&bytes[start..]);
        checked.map_err(|Damaged| Broken::Damaged("is damaged".into()))
    }
}

fn cut(error: &io::Error) -> Broken {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Broken::Cut("ended early".into()),
        _ => Broken::Cut(format!("broke off: {error}")),
    }
}
