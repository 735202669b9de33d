//! The columns that an attempt reads and writes.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use columns::{ColumnReader, ColumnWriter, ParquetFile, Source};
use sandbox::{Column, Error, Split};
use store::Files;

use super::cost::Cost;
use crate::column::{Pages, column_error, taken};
use crate::store_wait::StoreWait;

/// Opens columns of a split, whose pages and rows take at most `memory` bytes each. The store may have no such file, or the file no such
/// columns.
pub(super) fn open(
    files: &Files,
    wait: &StoreWait,
    split: &Split,
    names: &[String],
    (cost, memory): (&Cost, u64),
) -> Result<store::Result<ColumnReader>, Error> {
    let opened = wait.run(|stopper| files.open(&split.uri, stopper));
    let file = match opened {
        Ok(file) => file,
        Err(error) => return Ok(Err(error)),
    };
    let name = file.info().uri.clone();
    let cost = cost.clone();
    let counted = Counted {
        file: Pages(file),
        cost,
    };
    let reader = wait.run(|_| {
        let file = ParquetFile::open(&name, Arc::new(counted), memory)?;
        let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let groups = place(split.start)..place(split.start.saturating_add(split.length));
        file.read(groups, names)
    });
    reader.map(Ok).map_err(|error| column_error(&error))
}

/// A file, and who counts what is read of it.
struct Counted {
    file: Pages,
    cost: Cost,
}

impl Source for Counted {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        self.cost.add(|metrics| &mut metrics.bytes_read, length);
        self.file.read(offset, length)
    }
}

/// A file of an output: the output's number, and the file's name.
type OutputFile = (u32, String);

/// The Parquet files that an attempt has begun.
#[derive(Default)]
pub(super) struct ColumnFiles(BTreeMap<OutputFile, ColumnWriter>);

impl ColumnFiles {
    /// Adds rows to a file, and returns what of it is ready.
    pub(super) fn write(
        &mut self,
        (output, name): (u32, &str),
        columns: Vec<Column>,
    ) -> Result<Vec<u8>, Error> {
        let columns: Vec<_> = columns.into_iter().map(taken).collect();
        let file = (output, name.to_owned());
        let written = match self.0.entry(file) {
            std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                ColumnWriter::new(&columns).map(|writer| entry.insert(writer))
            }
        };
        let written = written.and_then(|writer| {
            writer.write(columns)?;
            Ok(writer.take_bytes())
        });
        written.map_err(|error| column_error(&error))
    }

    /// Ends all files, and returns the last bytes of each.
    pub(super) fn finish(
        &mut self,
    ) -> impl Iterator<Item = Result<(OutputFile, Vec<u8>), Error>> + use<> {
        let files = std::mem::take(&mut self.0).into_iter();
        files.map(|(file, writer)| match writer.finish() {
            Ok(rest) => Ok((file, rest)),
            Err(error) => Err(column_error(&error)),
        })
    }
}
