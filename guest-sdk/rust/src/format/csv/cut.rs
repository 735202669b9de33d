//! Cuts text into rows and rows into fields.
//!
//! A row is cut where the delimiters are, and copied nowhere. Only where a quote within quotes, or a line end, must be taken
//! out or looked behind it is unquoted first.

use std::ops::Range;

use memchr::memchr;

use crate::error::Error;
use crate::format::{invalid, line_of};
use crate::host::Split;
use crate::source::Pieces;

use super::CsvOptions;
use super::marks::Marks;
use super::unquote::Unquoted;

/// Why text cannot be cut.
pub(super) enum Uncut {
    /// A row, behind which the next begins.
    Row(Error),
    /// All that follows.
    Rest(Error),
}

/// The rows of a split, one at a time.
pub(super) struct Rows {
    pieces: Pieces,
    split: Split,
    options: CsvOptions,
    piece: String,
    /// The delimiters, quotes and line ends of the piece.
    marks: Marks,
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
            marks: Marks::new([
                options.delimiter,
                b'\n',
                options.quote.unwrap_or(options.delimiter),
            ]),
            at: 0,
            line: 1,
            fields: Vec::new(),
            unquoted: Unquoted::new(options),
            is_unquoted: false,
        }
    }

    /// Goes to the next row; false: there is none.
    pub(super) fn advance(&mut self) -> Result<bool, Uncut> {
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
            self.unquoted.text()
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
    fn load(&mut self) -> Result<bool, Uncut> {
        let is_first = self.piece.is_empty();
        let Some(piece) = self.pieces.next_owned() else {
            return Ok(false);
        };
        self.piece = String::from_utf8(piece).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = self.line + lines(valid);
            Uncut::Rest(invalid(format_args!(
                "{} is not UTF-8: convert the file, such as with `iconv -f latin1 -t utf-8`",
                line_of(&self.split, line)
            )))
        })?;
        let marked = is_first && self.split.start == 0 && self.piece.starts_with('\u{feff}');
        self.at = if marked { 3 } else { 0 };
        self.marks.begin(self.piece.as_bytes());
        Ok(true)
    }

    /// Cuts the row that begins here.
    #[inline]
    fn cut(&mut self) -> Result<(), Uncut> {
        self.fields.clear();
        self.is_unquoted = false;
        match self.cut_in_place() {
            Some(next) => {
                self.at = next;
                self.line += 1;
                Ok(())
            }
            None => self.unquote(),
        }
    }

    /// Cuts the row where its marks are, and returns where the next begins; none: it must be unquoted.
    #[inline]
    fn cut_in_place(&mut self) -> Option<usize> {
        let bytes = self.piece.as_bytes();
        let mut start = self.at;
        loop {
            let mark = self.marks.next().unwrap_or(bytes.len());
            match bytes.get(mark) {
                // What was skipped, or unquoted, has marks too.
                _ if mark < start => {}
                Some(byte) if *byte == self.options.delimiter => {
                    self.fields.push(start..mark);
                    start = mark + 1;
                }
                Some(b'\n') => {
                    let is_return = mark > start && bytes[mark - 1] == b'\r';
                    self.fields.push(start..mark - usize::from(is_return));
                    return Some(mark + 1);
                }
                None => {
                    self.fields.push(start..mark);
                    return Some(mark);
                }
                // A quote within a field is a byte like any.
                Some(_) if mark > start => {}
                Some(quote) => {
                    if self.options.escape.is_some() {
                        return None;
                    }
                    let closing = self.marks.closing(bytes, *quote)?;
                    self.fields.push(start + 1..closing);
                    start = match bytes[closing + 1..] {
                        [byte, ..] if byte == self.options.delimiter => closing + 2,
                        [b'\n', ..] => return Some(closing + 2),
                        [b'\r', b'\n', ..] => return Some(closing + 3),
                        [] => return Some(bytes.len()),
                        _ => return None,
                    };
                }
            }
        }
    }

    #[cold]
    fn never_ends(&self, first: u64) -> Uncut {
        let place = line_of(&self.split, first);
        let error = |why: &str| {
            invalid(format_args!(
                "{place} has a quoted field that does not end: {why}"
            ))
        };
        if self.options.multi_line {
            Uncut::Rest(error("its closing quote is missing"))
        } else {
            Uncut::Row(error(
                "close it, leave such rows out (`BadRows::Skip`), or set `multi_line` if fields may hold line ends",
            ))
        }
    }

    /// Cuts the row that begins here, which has quotes.
    fn unquote(&mut self) -> Result<(), Uncut> {
        let first = self.line;
        self.unquoted.begin();
        let has_return = loop {
            let rest = &self.piece.as_bytes()[self.at..];
            let part = if self.options.multi_line {
                rest
            } else {
                &rest[..memchr(b'\n', rest).map_or(rest.len(), |end| end + 1)]
            };
            let ended = self.unquoted.feed(part);
            let taken = &part[..ended.unwrap_or(part.len())];
            self.line += lines(taken);
            self.at += taken.len();
            if ended.is_some() {
                break taken.ends_with(b"\r\n");
            }
            let ends_line = taken.ends_with(b"\n");
            if self.options.multi_line && self.load()? {
                continue;
            }
            // The last line of a file need not end.
            if ends_line || self.unquoted.feed(b"\n").is_none() {
                return Err(self.never_ends(first));
            }
            break false;
        };
        self.is_unquoted = true;
        self.unquoted.fields(has_return, &mut self.fields);
        Ok(())
    }
}

fn lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
