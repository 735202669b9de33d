//! What a task has open, numbered in the order of opening.

use std::collections::BTreeMap;
use std::sync::Arc;

use columns::ColumnReader;
use sandbox::{Error, ErrorKind, KillSwitch};
use store::source::{ByteReader, LineReader};
use store::{BlockReader, ShuffleReader, SpillReader};

use super::cost::Counter;
use super::fetch;
use super::sorted::SortedReader;
use crate::store_wait::StoreWait;

/// Bytes of a record source handed over at a time: they stay in the second-level cache.
const BATCH_BYTES: usize = 256 << 10;

/// Readers that a task may have open at a time: each may hold a file, and those are the whole process's.
const READERS_MAX: usize = 256;

pub(super) enum Reader {
    Lines(LineReader),
    Bytes(ByteReader),
    Columns(Box<ColumnReader>),
    Shuffle(ShuffleReader),
    Sorted(Box<SortedReader>),
    Spill(SpillReader),
    Block(BlockReader),
}

/// The readers of one attempt.
#[derive(Default)]
pub(super) struct Readers {
    open: BTreeMap<u32, Reader>,
    next: u32,
}

impl Readers {
    pub(super) fn open(&mut self, reader: Reader) -> Result<u32, Error> {
        if self.open.len() >= READERS_MAX {
            let message =
                format!("a task may have {READERS_MAX} readers open at a time; close some");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.open.insert(number, reader);
        Ok(number)
    }

    pub(super) fn close(&mut self, number: u32) {
        self.open.remove(&number);
    }

    fn get(&mut self, number: u32) -> Result<&mut Reader, Error> {
        let missing = || format!("reader {number} is not open");
        let reader = self.open.get_mut(&number);
        reader.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, missing()))
    }

    /// The next lines, or why the store has none.
    pub(super) fn read_lines(
        &mut self,
        number: u32,
        wait: &StoreWait,
    ) -> Result<store::Result<String>, Error> {
        match self.get(number)? {
            Reader::Lines(lines) => Ok(wait.run(|_| lines.read())),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                "only what `open-lines` opened has lines",
            )),
        }
    }

    /// The columns of the next rows, or why there are none.
    pub(super) fn read_columns(
        &mut self,
        number: u32,
        wait: &StoreWait,
    ) -> Result<columns::Result<Vec<columns::Column>>, Error> {
        match self.get(number)? {
            Reader::Columns(columns) => Ok(wait.run(|_| columns.read())),
            _ => Err(Error::new(
                ErrorKind::InvalidArgument,
                "only what `open-columns` opened has columns",
            )),
        }
    }

    /// The next bytes, or why the store has none, such as a kill while they were waited for; and where they are counted, if not when they were written.
    #[expect(clippy::type_complexity, reason = "two answers, each by its own type")]
    pub(super) fn read(
        &mut self,
        number: u32,
        kill: &KillSwitch,
        wait: &StoreWait,
    ) -> Result<(store::Result<Arc<Vec<u8>>>, Option<Counter>), Error> {
        Ok(match self.get(number)? {
            Reader::Lines(reader) => (
                reader.read_bytes().map(Arc::new),
                Some(|metrics| &mut metrics.bytes_read),
            ),
            Reader::Columns(_) => {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    "columns are read with `read-columns`",
                ));
            }
            Reader::Bytes(reader) => (
                wait.run(|_| reader.read(BATCH_BYTES)).map(Arc::new),
                Some(|metrics| &mut metrics.bytes_read),
            ),
            Reader::Shuffle(reader) => (
                fetch::read(kill, reader).map(Arc::new),
                Some(|metrics| &mut metrics.shuffle_read_bytes),
            ),
            Reader::Sorted(reader) => (reader.read(kill).map(Arc::new), None),
            Reader::Spill(reader) => (reader.read().map(Arc::new), None),
            Reader::Block(block) => (block.read(), Some(|metrics| &mut metrics.blocks_read_bytes)),
        })
    }
}
