//! Opens what a task reads from outside the cluster.

use sandbox::Split;
use store::Files;
use store::source::{ByteReader, LineReader};

use super::readers::Reader;
use crate::store_wait::StoreWait;

/// Opens the lines of a split, none of which may be longer than `longest` bytes.
pub(super) fn open_lines(
    files: &Files,
    wait: &StoreWait,
    split: &Split,
    longest: usize,
) -> store::Result<Reader> {
    wait.run(|stopper| {
        let file = files.open(&split.uri, stopper)?;
        LineReader::open(file, split.start, split.length, longest).map(Reader::Lines)
    })
}

/// Opens the bytes of a split, as they are.
pub(super) fn open_bytes(files: &Files, wait: &StoreWait, split: &Split) -> store::Result<Reader> {
    wait.run(|stopper| {
        let file = files.open(&split.uri, stopper)?;
        Ok(Reader::Bytes(ByteReader::open(
            file,
            split.start,
            split.length,
        )))
    })
}

/// Opens a whole file, decompressed.
pub(super) fn open_file(files: &Files, wait: &StoreWait, split: &Split) -> store::Result<Reader> {
    wait.run(|stopper| {
        let file = files.open(&split.uri, stopper)?;
        ByteReader::open_whole(file).map(Reader::Bytes)
    })
}
