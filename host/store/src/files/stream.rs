//! A file from some place on, in order.
//!
//! Of an object the next ranges are on their way while one is used, so that a core that computes waits for none.

use std::collections::VecDeque;
use std::io;

use super::SourceFile;
use crate::object::Request;
use crate::{Error, Result};

/// Bytes that one request asks for: large enough that the way there is little beside the transfer.
const RANGE_BYTES: u64 = 4 << 20;

/// Requests that are on their way beside the range in use.
const RANGES_AHEAD: usize = 2;

/// Bytes that one request asks for behind what is known to be wanted: the rest of a line is mostly shorter.
const RANGE_BEHIND_BYTES: u64 = 64 << 10;

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
    requests: VecDeque<Request<Vec<u8>>>,
    range: Vec<u8>,
    /// How much of the range is used.
    used: usize,
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
            self.ask_ahead();
            let next = self.ahead.requests.pop_front();
            self.ahead.range =
                next.map_or_else(|| Ok(Vec::new()), |next| self.file.finish_read(next))?;
            self.ahead.used = 0;
            self.ask_ahead();
        }
        let rest = &self.ahead.range[self.ahead.used..];
        let piece = &rest[..rest.len().min(most)];
        self.ahead.used += piece.len();
        Ok(piece)
    }

    fn ask_ahead(&mut self) {
        while self.ahead.requests.len() < RANGES_AHEAD {
            let start = self.ahead.position;
            let end = if start < self.wanted {
                self.wanted.min(start + RANGE_BYTES)
            } else if self.ahead.requests.is_empty() {
                self.file.length().min(start + RANGE_BEHIND_BYTES)
            } else {
                return;
            };
            let Some(request) = (start < end)
                .then(|| self.file.begin_read(start..end))
                .flatten()
            else {
                return;
            };
            self.ahead.requests.push_back(request);
            self.ahead.position = end;
        }
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
