//! Rows with doubled or escaped quotes, or line ends within quotes: `csv-core`'s.

use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::CsvOptions;

/// A row with quotes, without them.
pub(super) struct Unquoted {
    core: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// How much of both is filled.
    text_length: usize,
    count: usize,
}

impl Unquoted {
    pub(super) fn new(options: &CsvOptions) -> Self {
        let mut builder = ReaderBuilder::new();
        builder.delimiter(options.delimiter);
        builder.quoting(options.quote.is_some());
        builder.quote(options.quote.unwrap_or(b'"'));
        builder.escape(options.escape);
        builder.double_quote(options.escape.is_none());
        // Of itself it would end a row at a lone carriage return too.
        builder.terminator(Terminator::Any(b'\n'));
        Self {
            core: builder.build(),
            text: Vec::new(),
            ends: Vec::new(),
            text_length: 0,
            count: 0,
        }
    }

    pub(super) fn begin(&mut self) {
        self.core.reset();
        (self.text_length, self.count) = (0, 0);
    }

    /// Takes text of the row, and returns how much of it was the row's if that ended.
    pub(super) fn feed(&mut self, text: &[u8]) -> Option<usize> {
        let mut taken = 0;
        loop {
            // No field is longer than what it is cut from.
            grow(&mut self.text, self.text_length + text.len() - taken + 1);
            grow(&mut self.ends, self.count + 1);
            let (result, read, written, ended) = self.core.read_record(
                &text[taken..],
                &mut self.text[self.text_length..],
                &mut self.ends[self.count..],
            );
            taken += read;
            self.text_length += written;
            self.count += ended;
            match result {
                ReadRecordResult::Record => return Some(taken),
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return None,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
            }
        }
    }

    /// The row's text, which it is in UTF-8: only whole characters were taken out of what was fed.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.text[..self.text_length]).unwrap_or_default()
    }

    /// Says where the fields are in the text, but for a carriage return that belongs to the line end.
    pub(super) fn fields(&self, has_return: bool, fields: &mut Vec<Range<usize>>) {
        let mut start = 0;
        fields.clear();
        for end in &self.ends[..self.count] {
            fields.push(start..*end);
            start = *end;
        }
        if let Some(last) = fields.last_mut().filter(|_| has_return) {
            last.end = last.start.max(last.end - 1);
        }
    }
}

/// Makes a buffer so long at least. What it had before is not cleared: a row may be a few bytes in a piece of many.
fn grow<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length.next_power_of_two(), T::default());
    }
}
