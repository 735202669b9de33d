//! The columns that an attempt reads and writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use columns::{ColumnReader, ColumnWriter, ParquetFile, Source};
use sandbox::{Column, Error, Split};

use super::cost::Cost;
use crate::column::{column_error, taken};

/// Opens columns of a split, whose pages and rows take at most `memory` bytes each.
pub(super) fn open(
    path: &Path,
    split: &Split,
    names: &[String],
    (cost, memory): (&Cost, u64),
) -> Result<ColumnReader, Error> {
    let opened = File::open(path).map_err(|source| columns::Error::Io {
        file: split.uri.clone(),
        source,
    });
    let reader = opened.and_then(|file| {
        let cost = cost.clone();
        let file = ParquetFile::open(&split.uri, Arc::new(Counted { file, cost }), memory)?;
        let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let groups = place(split.start)..place(split.start.saturating_add(split.length));
        file.read(groups, names)
    });
    reader.map_err(|error| column_error(&error))
}

/// A file, and who counts what is read of it.
struct Counted {
    file: File,
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
