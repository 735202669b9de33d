//! A file from some place on, in order.
//!
//! Of an object the next ranges are on their way while one is used, so that a core that computes waits for none.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use super::SourceFile;
use super::room::Taken;
use crate::object::Request;
use crate::{Error, Result};

/// Bytes that one request asks for: large enough that the way there is little beside the transfer.
const RANGE_BYTES: u64 = 4 << 20;

/// Requests that are on their way beside the range in use.
const RANGES_AHEAD: usize = 2;

/// Bytes that the first request behind what is wanted asks for; each after it asks for as many as all before together.
const RANGE_BEHIND_BYTES: u64 = 64 << 10;

/// Bytes that a request asks for where the task has no room left: one reader of very many goes on so.
const RANGE_SMALL_BYTES: u64 = 256 << 10;

/// Reads a file in order.
#[derive(Debug)]
pub(crate) struct Stream {
    file: SourceFile,
    /// Offset of what is read next.
    position: u64,
    /// What lies before is sure to be read.
    wanted: u64,
    ahead: Ahead,
}

/// What was asked of an object's store.
#[derive(Debug, Default)]
struct Ahead {
    /// Offset of what is asked for next.
    position: u64,
    requests: VecDeque<Asked>,
    range: Vec<u8>,
    /// How much of the range is used.
    used: usize,
    /// The range's.
    room: Option<Taken>,
}

/// A range that is on its way.
#[derive(Debug)]
struct Asked {
    request: Request<Vec<u8>>,
    /// None: it is small.
    room: Option<Taken>,
}

impl Stream {
    /// Reads from `start` on, at least to `wanted`.
    pub(crate) fn new(file: SourceFile, start: u64, wanted: u64) -> Self {
        Self {
            position: start,
            wanted: wanted.min(file.length()),
            ahead: Ahead {
                position: start,
                ..Ahead::default()
            },
            file,
        }
    }

    /// What it reads.
    pub(crate) fn file(&self) -> &SourceFile {
        &self.file
    }

    /// Offset of what is read next.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Adds what comes next to `batch`, at most `most` bytes; returns how many, 0 at the end.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has changed.
    pub(crate) fn append(&mut self, batch: &mut Vec<u8>, most: usize) -> Result<usize> {
        let appended = if self.file.is_remote() {
            let piece = self.remote_piece(most)?;
            batch.extend_from_slice(piece);
            piece.len()
        } else {
            let left = self.file.length().saturating_sub(self.position);
            let most = left.min(most as u64);
            batch.reserve(usize::try_from(most).unwrap_or(usize::MAX));
            self.file.append_local(self.position, batch, most)?
        };
        self.position += appended as u64;
        if appended == 0 && most > 0 {
            self.finish()?;
        }
        Ok(appended)
    }

    /// To be called when nothing more is read: was it one file all the time?
    ///
    /// # Errors
    ///
    /// [`Error::Changed`].
    pub(crate) fn finish(&self) -> Result<()> {
        self.file.check_unchanged()
    }

    fn remote_piece(&mut self, most: usize) -> Result<&[u8]> {
        if self.ahead.used == self.ahead.range.len() {
            self.next_range()?;
        }
        let rest = &self.ahead.range[self.ahead.used..];
        let piece = &rest[..rest.len().min(most)];
        self.ahead.used += piece.len();
        Ok(piece)
    }

    /// Goes on to the next range, an empty one at the end of the file.
    fn next_range(&mut self) -> Result<()> {
        (self.ahead.range, self.ahead.used, self.ahead.room) = (Vec::new(), 0, None);
        self.ask_ahead();
        if self.ahead.requests.is_empty() {
            self.ask_now();
        }
        let Some(asked) = self.ahead.requests.pop_front() else {
            return Ok(());
        };
        self.ahead.range = self.file.finish_read(asked.request)?;
        self.ahead.room = asked.room;
        self.ask_ahead();
        Ok(())
    }

    /// Asks for what is wanted, as far as there is room.
    fn ask_ahead(&mut self) {
        while self.ahead.requests.len() < RANGES_AHEAD {
            let start = self.ahead.position;
            let end = self.wanted.min(start.saturating_add(RANGE_BYTES));
            let room = self.file.room().filter(|_| start < end);
            let Some(room) = room.and_then(|room| room.take(end - start)) else {
                return;
            };
            self.ask(start..end, Some(room));
        }
    }

    /// Asks for what must be read next: there was no room for it, or it lies behind what is wanted.
    fn ask_now(&mut self) {
        let start = self.ahead.position;
        let (end, most) = match start.checked_sub(self.wanted) {
            None => (self.wanted, RANGE_SMALL_BYTES),
            Some(behind) => (
                self.file.length(),
                behind.clamp(RANGE_BEHIND_BYTES, RANGE_BYTES),
            ),
        };
        let room = self.file.room().and_then(|room| room.take(most));
        let most = match room {
            Some(_) => most,
            None => most.min(RANGE_SMALL_BYTES),
        };
        let end = end.min(start.saturating_add(most));
        if start < end {
            self.ask(start..end, room);
        }
    }

    fn ask(&mut self, range: Range<u64>, room: Option<Taken>) {
        self.ahead.position = range.end;
        let request = self.file.begin_read(range);
        let asked = request.map(|request| Asked { request, room });
        self.ahead.requests.extend(asked);
    }
}

impl io::Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut piece = Vec::new();
        let read = self
            .append(&mut piece, buffer.len())
            .map_err(io::Error::other)?;
        buffer[..read].copy_from_slice(&piece);
        Ok(read)
    }
}

/// Takes an error of a [`Stream`] out of what the standard library carried it in.
pub(crate) fn stream_error(error: io::Error) -> Result<Error, io::Error> {
    error.downcast::<Error>()
}
