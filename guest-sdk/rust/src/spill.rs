//! Records that do not fit in the task's memory: put aside in runs, read again, merged.
//!
//! A run is the host's to keep. Few are read at a time: where there are more, they are merged in passes, neighbours with
//! neighbours, so that equal records stay in order.

use std::cell::Cell;
use std::cmp::Ordering;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::batch::{BATCH_BYTES, Batch, DecodeAll, Decoded, Source};
use crate::error::{Error, Result};
use crate::host;
use crate::memory;
use crate::merge::Merge;
use crate::reader::Reader;
use crate::record::Record;

/// The least that a batch of a run grows to, in bytes.
const BATCH_BYTES_MIN: usize = 4 << 10;
/// Runs that are read at a time take this part of the task's memory, as long as there are not too few or too many.
const MERGED_PART: usize = 16;
const MERGED_MIN: usize = 4;
const MERGED_MAX: usize = 32;

thread_local! {
    static RUNS: Cell<u32> = const { Cell::new(0) };
}

fn batch_bytes() -> usize {
    memory::part(64).clamp(BATCH_BYTES_MIN, BATCH_BYTES)
}

/// How many runs are read at a time.
fn merged_at_once() -> usize {
    (memory::part(MERGED_PART) / batch_bytes()).clamp(MERGED_MIN, MERGED_MAX)
}

/// Records that were put aside, in their order. The host forgets them with the last handle.
#[derive(Debug)]
pub(crate) struct Run {
    number: u32,
    batches: u32,
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.batches > 0 {
            host::drop_spill(self.number);
        }
    }
}

impl Run {
    /// The records from the first on. They keep the run.
    pub(crate) fn records<T>(self: &Rc<Self>, decode_all: DecodeAll<T>) -> Decoded<'static, T> {
        Decoded::new(batches(Rc::clone(self)), decode_all)
    }
}

/// The batches of a run, which is opened when the first is asked for.
fn batches(run: Rc<Run>) -> Source<'static> {
    let mut run = Some(run).filter(|run| run.batches > 0);
    let mut reader: Option<Reader> = None;
    Box::new(move || {
        let Some(unread) = &run else {
            return Ok(Vec::new());
        };
        if reader.is_none() {
            let opened = host::open_spill(unread.number).map_err(Error::from_host)?;
            reader = Some(Reader::new(opened));
        }
        let read = reader.as_ref().map_or(Ok(Vec::new()), Reader::read_bytes);
        let batch = read.map_err(Error::from_host)?;
        if batch.is_empty() {
            (reader, run) = (None, None);
        }
        Ok(batch)
    })
}

/// Puts records aside.
pub(crate) struct RunWriter {
    run: Run,
    batch: Batch,
    full: usize,
}

impl RunWriter {
    pub(crate) fn new() -> Self {
        let number = RUNS.replace(RUNS.get().wrapping_add(1));
        Self {
            run: Run { number, batches: 0 },
            batch: Batch::default(),
            full: batch_bytes(),
        }
    }

    /// Adds a record, which the function encodes.
    #[inline]
    pub(crate) fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        self.batch.push(encode);
        if self.batch.len() >= self.full {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let Self { run, batch, .. } = self;
        batch.flush(|bytes| {
            host::write_spill(run.number, bytes).map_err(Error::from_host)?;
            run.batches += 1;
            Ok(())
        })
    }

    pub(crate) fn finish(mut self) -> Result<Rc<Run>> {
        self.flush()?;
        Ok(Rc::new(self.run))
    }
}

/// Runs of one order.
pub(crate) struct Runs<T> {
    /// In the order in which they were put aside.
    runs: Vec<Rc<Run>>,
    types: PhantomData<fn() -> T>,
}

impl<T: Record> Runs<T> {
    pub(crate) fn new() -> Self {
        Self {
            runs: Vec::new(),
            types: PhantomData,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn push(&mut self, run: Rc<Run>) {
        self.runs.push(run);
    }

    /// All records in order; of equal ones that of the earlier run first.
    pub(crate) fn merged<C>(mut self, compare: C) -> Result<Merge<Decoded<'static, T>, C>>
    where
        C: Fn(&T, &T) -> Ordering + Copy,
    {
        while self.runs.len() > merged_at_once() {
            self.runs = self
                .runs
                .chunks(merged_at_once())
                .map(|some| merged_run(some, compare))
                .collect::<Result<_>>()?;
        }
        Ok(merge(&self.runs, compare))
    }
}

fn merge<T: Record, C>(runs: &[Rc<Run>], compare: C) -> Merge<Decoded<'static, T>, C>
where
    C: Fn(&T, &T) -> Ordering,
{
    let open = |run: &Rc<Run>| run.records(T::decode_all);
    Merge::new(runs.iter().map(open).collect(), compare)
}

/// Makes one run of several.
fn merged_run<T: Record>(
    runs: &[Rc<Run>],
    compare: impl Fn(&T, &T) -> Ordering,
) -> Result<Rc<Run>> {
    let mut writer = RunWriter::new();
    for record in merge(runs, compare) {
        writer.push(|out| record.encode(out))?;
    }
    writer.finish()
}
