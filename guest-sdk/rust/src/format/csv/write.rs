//! Records as rows of CSV.

use std::io::Write;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::format::cells::{Sink, Value, take_apart};
use crate::format::invalid;
use crate::format::misfit::Misfit;

use super::CsvOptions;

/// Writes the rows of one file.
pub(super) struct RowWriter {
    options: CsvOptions,
    /// Whether a header is still to be written.
    header: bool,
    /// Each name, and below each cell, behind a delimiter; so that one without text leaves something.
    names: Vec<u8>,
    cells: Vec<u8>,
}

impl RowWriter {
    pub(super) fn new(options: CsvOptions) -> Self {
        Self {
            header: options.header,
            options,
            names: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Adds a record to what the file holds.
    pub(super) fn append(&mut self, record: &impl Serialize, file: &mut Vec<u8>) -> Result<()> {
        let taken = take_apart(record, self);
        taken
            .map_err(|misfit| invalid(format_args!("a record cannot be saved as CSV: {misfit}")))?;
        if std::mem::take(&mut self.header) && !self.names.is_empty() {
            self.options.line(&mut self.names, file)?;
        }
        self.options.line(&mut self.cells, file)
    }
}

impl Sink for RowWriter {
    fn cell(&mut self, name: Option<&'static str>, value: Value<'_>) -> Result<(), Misfit> {
        if let Some(name) = name.filter(|_| self.header) {
            self.options.text(name, &mut self.names)?;
        }
        let (options, cells) = (&self.options, &mut self.cells);
        let mut plain = |value: &dyn std::fmt::Display| {
            cells.push(options.delimiter);
            write!(cells, "{value}").map_err(Misfit::new)
        };
        match value {
            Value::Null => plain(&options.null),
            Value::Bool(value) => plain(&value),
            Value::Signed(value) => plain(&value),
            Value::Unsigned(value) => plain(&value),
            Value::Float32(value) => plain(&value),
            Value::Float64(value) => plain(&value),
            Value::Text(text) => options.text(text, cells),
            Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => options.text(text, cells),
                Err(_) => Err(Misfit::new("bytes that are not UTF-8 are no text")),
            },
        }
    }
}

impl CsvOptions {
    /// Adds a delimiter and a cell's text, in quotes if it needs them.
    fn text(&self, text: &str, cells: &mut Vec<u8>) -> Result<(), Misfit> {
        let is_first = cells.is_empty();
        cells.push(self.delimiter);
        let special = |byte: &u8| {
            *byte == self.delimiter || self.quote == Some(*byte) || matches!(byte, b'\r' | b'\n')
        };
        let looks_a_comment =
            is_first && self.comment.is_some() && text.as_bytes().first().copied() == self.comment;
        if looks_a_comment || text.as_bytes().iter().any(special) {
            return self.quoted(text, cells);
        }
        cells.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn quoted(&self, text: &str, cells: &mut Vec<u8>) -> Result<(), Misfit> {
        let Some(quote) = self.quote else {
            return Err(Misfit::new(format_args!(
                "`{text}` needs quotes, and the options say that there are none"
            )));
        };
        cells.push(quote);
        for byte in text.bytes() {
            if byte == quote || self.escape == Some(byte) {
                cells.push(self.escape.unwrap_or(quote));
            }
            cells.push(byte);
        }
        cells.push(quote);
        Ok(())
    }

    /// Moves a row's cells to the file.
    fn line(&self, cells: &mut Vec<u8>, file: &mut Vec<u8>) -> Result<()> {
        match cells.get(1..) {
            // An empty line would be no row.
            Some([]) => self.quoted("", file).map_err(Error::from)?,
            cells => file.extend_from_slice(cells.unwrap_or_default()),
        }
        file.push(b'\n');
        cells.clear();
        Ok(())
    }
}
