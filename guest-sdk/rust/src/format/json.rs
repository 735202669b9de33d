//! JSON lines: a value of JSON a line.

use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use memchr::memchr;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::host::Split;
use crate::lineage::Parent;
use crate::rdd::{Operation, Rdd};
use crate::source::Pieces;
use crate::stream::Records;
use crate::task;

use super::{invalid, line_of};

impl Context {
    /// The lines of files as records, each a value of JSON: the lines of a file, of a folder's files, or of all that a glob
    /// names. Empty lines are left out.
    ///
    /// A struct takes the members that are its fields; `serde_json::Value` takes all, whatever they are.
    ///
    /// ```no_run
    /// use serde::Deserialize;
    /// use tinderbox::{Context, Result};
    ///
    /// #[derive(Deserialize)]
    /// struct Event {
    ///     user: String,
    ///     #[serde(default)]
    ///     tags: Vec<String>,
    /// }
    ///
    /// fn tagged(cx: &Context) -> Result<u64> {
    ///     let events = cx.json_lines::<Event>("events.jsonl")?;
    ///     events.filter(|event| !event.tags.is_empty()).count()
    /// }
    /// ```
    ///
    /// # Errors
    /// There is no such file, or it may not be read. A line that is no JSON, or does not fit the type, fails the job; where
    /// such lines are to be left out, read them with [`text_file`](Self::text_file) and `serde_json::from_str(..).ok()`.
    #[track_caller]
    pub fn json_lines<'a, T>(&self, path: &str) -> Result<Rdd<'a, T>>
    where
        T: for<'de> Deserialize<'de> + 'a,
    {
        let splits = self.text_splits("`json_lines`", path)?;
        let site = Location::caller();
        Ok(
            self.of_splits("json_lines", site, splits, |splits| JsonRecords {
                splits,
                records: PhantomData,
            }),
        )
    }
}

impl<'a, T: Serialize + 'a> Rdd<'a, T> {
    /// Writes each record as a line of JSON: a folder of a file `part-00000.jsonl` and so on a partition, and `_SUCCESS`
    /// when all are there.
    ///
    /// # Errors
    /// The folder exists, may not be written, a record is no JSON (a map whose keys are no text), or the job failed; then
    /// nothing is left of it.
    #[track_caller]
    pub fn save_as_json_lines(&self, path: &str) -> Result<()> {
        let site = Location::caller();
        self.save_parts("save_as_json_lines", site, (path, ".jsonl", None), || {
            |record: T, file: &mut Vec<u8>| {
                serde_json::to_writer(&mut *file, &record).map_err(|error| {
                    invalid(format_args!("a record cannot be saved as JSON: {error}"))
                })?;
                file.push(b'\n');
                Ok(())
            }
        })
    }
}

struct JsonRecords<T> {
    splits: Vec<Split>,
    records: PhantomData<fn() -> T>,
}

impl<T: for<'de> Deserialize<'de>> Operation for JsonRecords<T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let lines = self.splits.get(partition as usize).map(Lines::open);
        Records::new(lines.into_iter().flatten())
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }
}

/// The lines of a split, as records.
struct Lines<T> {
    pieces: Pieces,
    split: Split,
    piece: Vec<u8>,
    at: usize,
    /// The number of the line that is next, from 1.
    line: u64,
    records: PhantomData<fn() -> T>,
}

impl<T: for<'de> Deserialize<'de>> Lines<T> {
    fn open(split: &Split) -> Self {
        Self {
            pieces: Pieces::of_lines(split),
            split: split.clone(),
            piece: Vec::new(),
            at: 0,
            line: 1,
            records: PhantomData,
        }
    }

    fn read(&mut self) -> Result<Option<T>> {
        loop {
            if self.at >= self.piece.len() {
                let Some(piece) = self.pieces.next_owned() else {
                    return Ok(None);
                };
                (self.piece, self.at) = (piece, 0);
            }
            let rest = &self.piece[self.at..];
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..length];
            self.at += length + 1;
            self.line += 1;
            if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
                let read = serde_json::from_slice(line);
                return read.map(Some).map_err(|error| self.located(&error));
            }
        }
    }

    #[cold]
    fn located(&self, error: &serde_json::Error) -> Error {
        let what = error.to_string();
        // Of one line it says that it is line 1.
        let (what, place) = match what.rsplit_once(" at line 1 column ") {
            Some((what, column)) => (what, format!(", column {column}")),
            None => (&*what, String::new()),
        };
        invalid(format_args!(
            "{}{place}: {what}; mend the line, or change the record's type",
            line_of(&self.split, self.line - 1)
        ))
    }
}

impl<T: for<'de> Deserialize<'de>> Iterator for Lines<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.read().unwrap_or_else(|error| {
            task::fail(error);
            None
        })
    }
}
