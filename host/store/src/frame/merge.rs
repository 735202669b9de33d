//! Runs of sorted records: put aside in a file, and merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;
use std::path::PathBuf;

use scheduler::AttemptId;

use super::sort::{BATCH_BYTES, FrameOrder};
use super::{Batch, Cursor, LENGTH, PREFIX};
use crate::{Result, SpillFile, SpillReader};

/// Runs that are merged at a time, each with a batch in memory.
const MERGED_MAX: usize = 64;

/// What was put aside.
#[derive(Debug)]
pub(super) struct Aside {
    folder: PathBuf,
    attempt: AttemptId,
    file: Option<SpillFile>,
    /// In the order of the records in them.
    runs: Vec<u32>,
    next: u32,
    bytes: usize,
}

/// A run that is being written.
pub(super) struct Run<'a> {
    aside: &'a mut Aside,
    order: FrameOrder,
    number: u32,
    batch: Batch,
}

impl Run<'_> {
    pub(super) fn push(&mut self, rank: u64, record: &[u8]) -> Result<()> {
        // Its own inverse.
        let prefix = self.order.rank(rank);
        self.batch.push(PREFIX | LENGTH, prefix, record);
        if self.batch.len() >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let batch = self.batch.finish();
        self.aside.bytes += batch.len();
        let file = self.aside.file.as_mut().expect("a run has begun");
        file.write(self.number, &batch).map(drop)
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.aside.runs.push(self.number);
        Ok(())
    }
}

impl Aside {
    /// Nothing yet; the file of the attempt will be in `folder`.
    pub(super) fn new(folder: PathBuf, attempt: AttemptId) -> Self {
        Self {
            folder,
            attempt,
            file: None,
            runs: Vec::new(),
            next: 0,
            bytes: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// All that was ever put aside.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn begin(&mut self, order: FrameOrder) -> Result<Run<'_>> {
        if self.file.is_none() {
            self.file = Some(SpillFile::create(&self.folder, self.attempt)?);
        }
        let number = self.next;
        self.next += 1;
        Ok(Run {
            aside: self,
            order,
            number,
            batch: Batch::default(),
        })
    }

    /// Merges until few are left, and those as they are read.
    pub(super) fn merged(&mut self, order: FrameOrder) -> Result<Merge> {
        while self.runs.len() > MERGED_MAX {
            let runs = mem::take(&mut self.runs);
            for some in runs.chunks(MERGED_MAX) {
                let mut merge = self.open(order, some)?;
                let mut run = self.begin(order)?;
                while merge.next(|rank, record| run.push(rank, record))? {}
                run.finish()?;
                let file = self.file.as_mut().expect("runs are in a file");
                some.iter().for_each(|run| file.remove(*run));
            }
        }
        self.open(order, &self.runs)
    }

    fn open(&self, order: FrameOrder, runs: &[u32]) -> Result<Merge> {
        let file = self.file.as_ref().expect("runs are in a file");
        let sources = runs.iter().map(|run| {
            Ok(Source {
                reader: file.open(*run)?,
                batch: Vec::new(),
                cursor: Cursor::new(),
            })
        });
        let mut merge = Merge {
            order,
            sources: sources.collect::<Result<_>>()?,
            heads: BinaryHeap::new(),
        };
        (0..runs.len()).try_for_each(|source| merge.advance(source))?;
        Ok(merge)
    }
}

/// A run that is being read.
#[derive(Debug)]
struct Source {
    reader: SpillReader,
    batch: Vec<u8>,
    cursor: Cursor,
}

/// Runs on their way to one.
#[derive(Debug)]
pub(super) struct Merge {
    order: FrameOrder,
    sources: Vec<Source>,
    /// What comes next of each source: by rank, then by source.
    heads: BinaryHeap<Reverse<Head>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    rank: u64,
    source: usize,
    start: usize,
    end: usize,
}

impl Merge {
    /// Hands on the next record with its rank; false at the end.
    pub(super) fn next(&mut self, hand_on: impl FnOnce(u64, &[u8]) -> Result<()>) -> Result<bool> {
        let Some(Reverse(head)) = self.heads.pop() else {
            return Ok(false);
        };
        let batch = &self.sources[head.source].batch;
        hand_on(head.rank, &batch[head.start..head.end])?;
        self.advance(head.source)?;
        Ok(true)
    }

    fn advance(&mut self, number: usize) -> Result<()> {
        let source = &mut self.sources[number];
        loop {
            let frame = source.cursor.next(&source.batch, PREFIX | LENGTH)?;
            if let Some(frame) = frame {
                self.heads.push(Reverse(Head {
                    rank: self.order.rank(frame.prefix),
                    source: number,
                    start: frame.record.start,
                    end: frame.record.end,
                }));
                return Ok(());
            }
            source.batch = source.reader.read()?;
            source.cursor = Cursor::new();
            if source.batch.is_empty() {
                return Ok(());
            }
        }
    }
}
