//! Cuts text into rows and rows into fields.
//!
//! A row without quotes is cut where the delimiters are, and copied nowhere. One with quotes is `csv-core`'s.

use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr3_iter};

use crate::error::Result;
use crate::format::{invalid, line_of};
use crate::host::Split;
use crate::source::Pieces;

use super::CsvOptions;

/// The rows of a split, one at a time.
pub(super) struct Rows {
    pieces: Pieces,
    split: Split,
    options: CsvOptions,
    piece: String,
    /// What was cut of the piece.
    at: usize,
    /// The number of the line that is next, from 1.
    line: u64,
    /// The fields of the row, in the piece or in what was unquoted.
    fields: Vec<Range<usize>>,
    unquoted: Unquoted,
    is_unquoted: bool,
}

impl Rows {
    /// Opens the rows that begin in a split.
    pub(super) fn open(split: &Split, options: &CsvOptions) -> Self {
        Self {
            pieces: Pieces::of_lines(split),
            split: split.clone(),
            options: options.clone(),
            piece: String::new(),
            at: 0,
            line: 1,
            fields: Vec::new(),
            unquoted: Unquoted::new(options),
            is_unquoted: false,
        }
    }

    /// Goes to the next row; false: there is none.
    pub(super) fn advance(&mut self) -> Result<bool> {
        loop {
            let rest = &self.piece.as_bytes()[self.at..];
            let skipped = match rest {
                [] => match self.load()? {
                    true => continue,
                    false => return Ok(false),
                },
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                [first, ..] if self.options.comment == Some(*first) => {
                    memchr(b'\n', rest).map_or(rest.len(), |end| end + 1)
                }
                _ => break,
            };
            self.at += skipped;
            self.line += 1;
        }
        self.cut()?;
        Ok(true)
    }

    /// Where the row's text is, and the fields in it.
    pub(super) fn row(&self) -> (&str, &[Range<usize>]) {
        let text = if self.is_unquoted {
            // It is: only whole characters were taken out of the piece.
            std::str::from_utf8(&self.unquoted.text).unwrap_or_default()
        } else {
            &self.piece
        };
        (text, &self.fields)
    }

    /// The fields of the row as they are.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let (text, fields) = self.row();
        fields.iter().map(|field| &text[field.clone()])
    }

    /// The number of the line that is next.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next lines; false: there are none.
    fn load(&mut self) -> Result<bool> {
        let is_first = self.piece.is_empty();
        let Some(piece) = self.pieces.next_owned() else {
            return Ok(false);
        };
        self.piece = String::from_utf8(piece).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = self.line + lines(valid);
            invalid(format_args!(
                "{} is not UTF-8: convert the file, such as with `iconv -f latin1 -t utf-8`",
                line_of(&self.split, line)
            ))
        })?;
        let marked = is_first && self.split.start == 0 && self.piece.starts_with('\u{feff}');
        self.at = if marked { 3 } else { 0 };
        Ok(true)
    }

    /// Cuts the row that begins here.
    #[inline]
    fn cut(&mut self) -> Result<()> {
        self.fields.clear();
        self.is_unquoted = false;
        let bytes = self.piece.as_bytes();
        let delimiter = self.options.delimiter;
        let quote = self.options.quote.unwrap_or(delimiter);
        let mut start = self.at;
        for found in memchr3_iter(delimiter, b'\n', quote, &bytes[self.at..]) {
            let end = self.at + found;
            let byte = bytes[end];
            if byte == delimiter {
                self.fields.push(start..end);
                start = end + 1;
            } else if byte == b'\n' {
                let is_return = end > start && bytes[end - 1] == b'\r';
                self.fields.push(start..end - usize::from(is_return));
                self.at = end + 1;
                self.line += 1;
                return Ok(());
            } else if end == start {
                return self.unquote();
            }
        }
        self.fields.push(start..bytes.len());
        self.at = bytes.len();
        self.line += 1;
        Ok(())
    }

    #[cold]
    fn never_ends(&self, first: u64) -> crate::Error {
        let why = if self.options.multi_line {
            "its closing quote is missing"
        } else {
            "close it, or set `multi_line` if fields may hold line ends"
        };
        invalid(format_args!(
            "{} has a quoted field that does not end: {why}",
            line_of(&self.split, first)
        ))
    }

    /// Cuts the row that begins here, which has quotes.
    fn unquote(&mut self) -> Result<()> {
        let first = self.line;
        self.unquoted.begin();
        loop {
            let rest = &self.piece.as_bytes()[self.at..];
            let line = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let part = if self.options.multi_line {
                rest
            } else {
                &rest[..line]
            };
            let ended = self.unquoted.feed(part);
            let ends_line = part.ends_with(b"\n");
            let taken = match ended {
                Some(taken) if self.options.multi_line => taken,
                _ => part.len(),
            };
            self.line += lines(&part[..taken]);
            self.at += taken;
            if ended.is_some() {
                break;
            }
            if self.options.multi_line && self.load()? {
                continue;
            }
            // The last line of a file need not end.
            if ends_line || self.unquoted.feed(b"\n").is_none() {
                return Err(self.never_ends(first));
            }
            break;
        }
        self.is_unquoted = true;
        self.unquoted.fields(&mut self.fields);
        Ok(())
    }
}

fn lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// A row with quotes, without them.
struct Unquoted {
    core: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// How much of both is filled.
    text_length: usize,
    count: usize,
}

impl Unquoted {
    fn new(options: &CsvOptions) -> Self {
        let mut builder = ReaderBuilder::new();
        builder.delimiter(options.delimiter);
        builder.quoting(options.quote.is_some());
        builder.quote(options.quote.unwrap_or(b'"'));
        builder.escape(options.escape);
        builder.double_quote(options.escape.is_none());
        Self {
            core: builder.build(),
            text: Vec::new(),
            ends: Vec::new(),
            text_length: 0,
            count: 0,
        }
    }

    fn begin(&mut self) {
        self.core.reset();
        (self.text_length, self.count) = (0, 0);
    }

    /// Takes text of the row, and returns how much of it was the row's if that ended.
    fn feed(&mut self, text: &[u8]) -> Option<usize> {
        let mut taken = 0;
        loop {
            // No field is longer than what it is cut from.
            self.text.resize(self.text_length + text.len() + 1, 0);
            self.ends.resize((self.count + 1) * 2, 0);
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

    /// Where the fields are.
    fn fields(&mut self, fields: &mut Vec<Range<usize>>) {
        self.text.truncate(self.text_length);
        let mut start = 0;
        fields.clear();
        for end in &self.ends[..self.count] {
            fields.push(start..*end);
            start = *end;
        }
    }
}
