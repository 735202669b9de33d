//! The operations that begin a lineage.
//!
//! Each reads its partition piece by piece: what a task holds does not grow with the partition.

use std::ops::Range;
use std::rc::Rc;

use crate::bytes::Bytes;
use crate::error::{Error, Result};
use crate::host::{self, Split};
use crate::lineage::{Parent, expect_partitions};
use crate::rdd::Operation;
use crate::reader::Reader;
use crate::stream::{Records, Stream};
use crate::task;

/// The driver's own items.
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
    pub(crate) partitions: u32,
}

/// Numbers that follow each other.
pub(crate) struct Numbers {
    pub(crate) numbers: Range<u64>,
    pub(crate) partitions: u32,
}

/// The fixed-size records of files.
pub(crate) struct BinaryRecords {
    pub(crate) splits: Vec<Split>,
    pub(crate) record_length: u32,
}

/// The part of `0..length` that is this partition's: parts differ in length by at most one (Spark's `ParallelCollectionRDD`).
fn part(length: u64, partition: u32, partitions: u32) -> Range<u64> {
    let (each, rest) = (
        length / u64::from(partitions),
        length % u64::from(partitions),
    );
    let cut = |at: u32| each * u64::from(at) + rest * u64::from(at) / u64::from(partitions);
    cut(partition)..cut(partition + 1)
}

/// A place among the driver's items: their number fits, so it does.
#[expect(
    clippy::cast_possible_truncation,
    reason = "at most the length of a list in memory"
)]
fn place(at: u64) -> usize {
    at as usize
}

impl<T: Clone> Operation for Items<T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let part = part(self.items.len() as u64, partition, self.partitions);
        Records::new((place(part.start)..place(part.end)).map(move |at| self.items[at].clone()))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }

    fn prepare(&self) -> Result<()> {
        if self.items.is_empty() {
            Ok(())
        } else {
            expect_partitions(self.partitions)
        }
    }
}

impl Operation for Numbers {
    type Item = u64;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, u64> {
        let length = self.numbers.end.saturating_sub(self.numbers.start);
        let part = part(length, partition, self.partitions);
        Records::new(self.numbers.start + part.start..self.numbers.start + part.end)
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }

    fn prepare(&self) -> Result<()> {
        if self.numbers.is_empty() {
            Ok(())
        } else {
            expect_partitions(self.partitions)
        }
    }
}

impl Operation for BinaryRecords {
    type Item = Bytes;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, Bytes> {
        let length = self.record_length as usize;
        let pieces = Pieces::of(
            &self.splits,
            partition,
            host::open_bytes,
            Reader::read_bytes,
        );
        Records::of_stream(FixedRecords {
            pieces: WholeRecords::new(pieces, length),
            length,
            piece: CutPiece::default(),
        })
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }
}

/// The records of pieces.
struct FixedRecords {
    pieces: WholeRecords,
    length: usize,
    /// What is left of the current piece.
    piece: CutPiece,
}

/// A piece from the first record on that is left in it.
#[derive(Default)]
struct CutPiece {
    bytes: Rc<Vec<u8>>,
    at: usize,
}

impl CutPiece {
    /// How many whole records are left.
    fn count(&self, length: usize) -> usize {
        (self.bytes.len() - self.at) / length
    }

    #[inline]
    fn record(&self, number: usize, length: usize) -> Bytes {
        let start = self.at + number * length;
        Bytes::of_batch(&self.bytes, start..start + length)
    }
}

impl FixedRecords {
    /// Does something with each piece.
    fn each(self, mut work: impl FnMut(&CutPiece)) {
        let Self { pieces, piece, .. } = self;
        work(&piece);
        pieces.for_each(|(bytes, at)| work(&CutPiece { bytes, at }));
    }
}

impl Stream<Bytes> for FixedRecords {
    fn pull(&mut self) -> Option<Bytes> {
        while self.piece.count(self.length) == 0 {
            let (bytes, at) = self.pieces.next()?;
            self.piece = CutPiece { bytes, at };
        }
        let record = self.piece.record(0, self.length);
        self.piece.at += self.length;
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.piece.count(self.length), None)
    }

    fn drain(self: Box<Self>, sink: &mut dyn FnMut(Bytes)) {
        let length = self.length;
        (*self).each(|piece| {
            (0..piece.count(length)).for_each(|number| sink(piece.record(number, length)));
        });
    }

    fn count(self: Box<Self>) -> u64 {
        let (length, mut count) = (self.length, 0);
        (*self).each(|piece| count += piece.count(length) as u64);
        count
    }

    /// What is passed over is not looked at.
    fn skim(self: Box<Self>, take: &mut dyn FnMut(Bytes) -> u64) -> u64 {
        let (length, mut before, mut next) = (self.length, 0, 0);
        (*self).each(|piece| {
            let behind = before + piece.count(length) as u64;
            while next < behind {
                next += 1 + take(piece.record(place(next - before), length));
            }
            before = behind;
        });
        before
    }
}

type HostResult<T> = Result<T, crate::bindings::tinderbox::job::types::Error>;

/// The pieces in which the host hands over a split. Where it fails, they end and the task fails with the reason.
pub(crate) struct Pieces {
    reader: Option<Reader>,
    read: fn(&Reader) -> HostResult<Vec<u8>>,
}

impl Pieces {
    pub(crate) fn of(
        splits: &[Split],
        partition: u32,
        open: fn(&Split) -> HostResult<u32>,
        read: fn(&Reader) -> HostResult<Vec<u8>>,
    ) -> Self {
        let reader = splits
            .get(partition as usize)
            .and_then(|split| noted(open(split)))
            .map(Reader::new);
        Self { reader, read }
    }

    /// The lines of one split as they are: bytes that are not UTF-8 are for the reader to find.
    #[cfg(any(feature = "csv", feature = "json"))]
    pub(crate) fn of_lines(split: &Split) -> Self {
        let splits = std::slice::from_ref(split);
        Self::of(splits, 0, host::open_lines, Reader::read_bytes)
    }

    /// The next piece, for whoever shares it with nobody.
    #[cfg(any(feature = "csv", feature = "json"))]
    pub(crate) fn next_owned(&mut self) -> Option<Vec<u8>> {
        self.next().map(Rc::unwrap_or_clone)
    }
}

impl Iterator for Pieces {
    type Item = Rc<Vec<u8>>;

    fn next(&mut self) -> Option<Rc<Vec<u8>>> {
        let piece = noted((self.read)(self.reader.as_ref()?)).filter(|piece| !piece.is_empty());
        if piece.is_none() {
            self.reader = None;
        }
        piece.map(Rc::new)
    }
}

/// Pieces, each with the offset of its first whole record. A record that two of them share is a piece of its own between
/// them.
struct WholeRecords {
    pieces: Pieces,
    length: usize,
    /// The front of a record, whose rest is in the next piece.
    front: Vec<u8>,
    /// What comes behind the record that was cut.
    behind: Option<(Rc<Vec<u8>>, usize)>,
}

impl WholeRecords {
    fn new(pieces: Pieces, length: usize) -> Self {
        Self {
            pieces,
            length,
            front: Vec::new(),
            behind: None,
        }
    }
}

impl Iterator for WholeRecords {
    type Item = (Rc<Vec<u8>>, usize);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(behind) = self.behind.take() {
            return Some(behind);
        }
        let piece = self.pieces.next()?;
        let missing = (self.length - self.front.len()) % self.length;
        let Some((rest, whole)) = piece.split_at_checked(missing) else {
            // Not even this one ends the record.
            self.front.extend_from_slice(&piece);
            return Some((Rc::default(), 0));
        };
        let mut cut = std::mem::take(&mut self.front);
        cut.extend_from_slice(rest);
        self.front = whole[whole.len() / self.length * self.length..].to_vec();
        if cut.is_empty() {
            return Some((piece, 0));
        }
        self.behind = Some((piece, missing));
        Some((Rc::new(cut), 0))
    }
}

fn noted<T>(result: HostResult<T>) -> Option<T> {
    result
        .map_err(|error| task::fail(Error::from_host(error)))
        .ok()
}
