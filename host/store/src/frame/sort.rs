//! Sorts framed records by their prefixes, in bounded memory (Spark: `ExternalSorter`, `UnsafeExternalSorter`).
//!
//! Records of one prefix stay in the order in which they came. What does not fit is sorted piece by piece, put aside in runs, and
//! merged: neighbours with neighbours, so that the order of equals is kept.

use std::mem;
use std::path::PathBuf;

use scheduler::AttemptId;

use super::merge::{Aside, Merge};
use super::{Batch, Cursor, LENGTH, PREFIX};
use crate::Result;

/// Of batches that are handed on: they stay in the second-level cache.
pub(super) const BATCH_BYTES: usize = 128 << 10;
/// Flags of records of which no more needs to be known.
const BARE: u8 = 0;

/// Which prefix comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameOrder {
    /// The smallest.
    Ascending,
    /// The largest.
    Descending,
}

impl FrameOrder {
    /// A number that grows with the place in this order.
    pub(super) fn rank(self, prefix: u64) -> u64 {
        match self {
            Self::Ascending => prefix,
            Self::Descending => !prefix,
        }
    }
}

/// Where a record lies that is to be sorted.
#[derive(Clone, Copy, Debug)]
struct Place {
    rank: u64,
    batch: usize,
    /// Behind its length.
    at: usize,
}

/// What a record costs beside its bytes: sorting takes as much again.
const PLACE_BYTES: usize = 2 * size_of::<Place>();

/// Takes framed records in.
#[derive(Debug)]
pub struct FrameSorter {
    order: FrameOrder,
    /// Bytes that may be held.
    budget: usize,
    held: usize,
    batches: Vec<Vec<u8>>,
    places: Vec<Place>,
    aside: Aside,
}

impl FrameSorter {
    /// Sorts within `budget` bytes. What an attempt puts aside is in a file in `folder`.
    pub fn new(order: FrameOrder, budget: usize, folder: PathBuf, attempt: AttemptId) -> Self {
        Self {
            order,
            budget,
            held: 0,
            batches: Vec::new(),
            places: Vec::new(),
            aside: Aside::new(folder, attempt),
        }
    }

    /// Adds batches that lie one behind the other.
    ///
    /// # Errors
    ///
    /// If they are malformed or have no prefix, or there is no room on the disk.
    pub fn push(&mut self, bytes: Vec<u8>) -> Result<()> {
        if self.held + bytes.len() > self.budget && !self.places.is_empty() {
            self.put_aside()?;
        }
        let batch = self.batches.len();
        let before = self.places.len();
        let mut cursor = Cursor::new();
        while let Some(frame) = cursor.next(&bytes, PREFIX | LENGTH)? {
            self.places.push(Place {
                rank: self.order.rank(frame.prefix),
                batch,
                at: frame.record.start,
            });
        }
        self.held += bytes.len() + (self.places.len() - before) * PLACE_BYTES;
        self.batches.push(bytes);
        Ok(())
    }

    /// Ends the taking in.
    ///
    /// # Errors
    ///
    /// If there is no room on the disk.
    pub fn finish(mut self) -> Result<SortedFrames> {
        if self.aside.is_empty() {
            self.places.sort_by_key(|place| place.rank);
            let places = mem::take(&mut self.places).into_iter();
            return Ok(SortedFrames {
                sorted: Sorted::Held {
                    batches: self.batches,
                    places,
                },
                spilled: 0,
            });
        }
        self.put_aside()?;
        self.batches = Vec::new();
        let order = self.order;
        let spilled = self.aside.bytes();
        let merge = self.aside.merged(order)?;
        Ok(SortedFrames {
            sorted: Sorted::Merged(merge),
            spilled,
        })
    }

    fn put_aside(&mut self) -> Result<()> {
        self.places.sort_by_key(|place| place.rank);
        let mut run = self.aside.begin(self.order)?;
        for place in &self.places {
            run.push(place.rank, record(&self.batches, *place))?;
        }
        run.finish()?;
        self.places.clear();
        self.batches.clear();
        self.held = 0;
        Ok(())
    }
}

fn record(batches: &[Vec<u8>], place: Place) -> &[u8] {
    let (before, rest) = batches[place.batch].split_at(place.at);
    let length = before.last_chunk().expect("its length was read");
    &rest[..u32::from_le_bytes(*length) as usize]
}

/// Records in the order of their prefixes.
#[derive(Debug)]
pub struct SortedFrames {
    sorted: Sorted,
    spilled: usize,
}

#[derive(Debug)]
enum Sorted {
    Held {
        batches: Vec<Vec<u8>>,
        places: std::vec::IntoIter<Place>,
    },
    Merged(Merge),
}

impl SortedFrames {
    /// The next records, bare, behind a header with their number; empty at the end.
    ///
    /// # Errors
    ///
    /// If what was put aside cannot be read.
    pub fn read(&mut self) -> Result<Vec<u8>> {
        let mut batch = Batch::default();
        while batch.len() < BATCH_BYTES {
            let more = match &mut self.sorted {
                Sorted::Held { batches, places } => places.next().is_some_and(|place| {
                    batch.push(BARE, 0, record(batches, place));
                    true
                }),
                Sorted::Merged(merge) => merge.next(|_, record| {
                    batch.push(BARE, 0, record);
                    Ok(())
                })?,
            };
            if !more {
                break;
            }
        }
        Ok(batch.finish())
    }

    /// Bytes that were put aside.
    pub fn spilled_bytes(&self) -> usize {
        self.spilled
    }
}
