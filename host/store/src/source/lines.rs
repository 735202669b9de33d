//! The lines of a split.
//!
//! A split owns the lines that begin in it: the last one to its end, wherever that is. So each line is read by exactly one
//! split, and no split has to know its neighbours. Lines end with `\n`.

use memchr::{memchr, memrchr};

use crate::files::{Compression, Decompressed, SourceFile, Stream};
use crate::{Error, Result};

/// Bytes read at a time: they stay in the second-level cache until the guest has copied them.
const READ_BYTES: usize = 256 << 10;

/// Bytes behind a split that are read with it: its last line mostly ends there.
const REST_BYTES: u64 = 64 << 10;

/// What lines are cut from.
#[derive(Debug)]
enum Input {
    Plain(Box<Stream>),
    Compressed(Decompressed),
}

impl Input {
    fn append(&mut self, batch: &mut Vec<u8>) -> Result<usize> {
        match self {
            Self::Plain(stream) => stream.append(batch, READ_BYTES),
            Self::Compressed(decompressed) => decompressed.append(batch, READ_BYTES),
        }
    }
}

/// Reads the lines that begin in a range of a file.
#[derive(Debug)]
pub struct LineReader {
    input: Input,
    uri: String,
    /// How long a line may be.
    line_bytes_max: usize,
    /// Offset of what is read next, in the text.
    position: u64,
    /// The line that holds the byte before this offset is the last.
    end: u64,
    /// What was read after the last line of the batch before.
    rest: Vec<u8>,
    finished: bool,
}

impl LineReader {
    /// Opens the lines that begin in the `length` bytes at `start`; of a compressed file all lines.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a compressed one is to be read in parts.
    pub fn open(file: SourceFile, start: u64, length: u64, line_bytes_max: usize) -> Result<Self> {
        let uri = file.info().uri.clone();
        let codec = Compression::of_name(&uri)?;
        // From the byte before: a line begins at `start` only if that one is a line end.
        let position = start.saturating_sub(1);
        let (end, wanted) = match codec {
            None => {
                let end = start.saturating_add(length);
                (end, end.saturating_add(REST_BYTES))
            }
            Some(_) if (start, length) == (0, file.length()) => (u64::MAX, u64::MAX),
            Some(codec) => {
                return Err(Error::Invalid(format!(
                    "`{uri}` is compressed by {codec}, and can only be read whole"
                )));
            }
        };
        let stream = Stream::new(file, position, wanted);
        let mut reader = Self {
            input: match codec {
                None => Input::Plain(Box::new(stream)),
                Some(codec) => Input::Compressed(Decompressed::new(codec, stream)?),
            },
            uri,
            line_bytes_max,
            position,
            end,
            rest: Vec::new(),
            finished: length == 0,
        };
        if start > 0 && !reader.finished {
            reader.skip_line()?;
        }
        Ok(reader)
    }

    /// The next whole lines; empty at the end. What is not UTF-8 is replaced by U+FFFD.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or a line is longer than allowed.
    pub fn read(&mut self) -> Result<String> {
        self.read_bytes().map(text_of)
    }

    /// The next whole lines as they are, whether UTF-8 or not; empty at the end.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_bytes(&mut self) -> Result<Vec<u8>> {
        if self.finished {
            return Ok(Vec::new());
        }
        let mut batch = std::mem::take(&mut self.rest);
        let mut searched = 0;
        loop {
            if let Some(cut) = self.cut(&batch, searched) {
                self.rest = batch.split_off(cut);
                self.check_end()?;
                return Ok(batch);
            }
            searched = batch.len();
            self.refuse_long(searched)?;
            if self.fill(&mut batch)? == 0 {
                self.finished = true;
                return Ok(batch);
            }
        }
    }

    /// Where the batch may end: behind the split's last line, or else behind the last whole line.
    fn cut(&mut self, batch: &[u8], searched: usize) -> Option<usize> {
        let batch_start = self.position - batch.len() as u64;
        // The split ends with the line that holds its last byte.
        match usize::try_from(self.end - 1 - batch_start.min(self.end - 1)) {
            Ok(last_byte) if last_byte < batch.len() => {
                let from = last_byte.max(searched);
                let line_end = memchr(b'\n', &batch[from..])? + from + 1;
                self.finished = true;
                Some(line_end)
            }
            _ => memrchr(b'\n', &batch[searched..]).map(|at| searched + at + 1),
        }
    }

    fn skip_line(&mut self) -> Result<()> {
        let mut skipped = Vec::new();
        while self.position < self.end || skipped.is_empty() {
            skipped.clear();
            if self.fill(&mut skipped)? == 0 {
                break;
            }
            if let Some(at) = memchr(b'\n', &skipped) {
                let line_start = self.position - (skipped.len() - at - 1) as u64;
                self.rest = skipped.split_off(at + 1);
                self.finished = line_start >= self.end;
                return Ok(());
            }
        }
        self.finished = true;
        Ok(())
    }

    fn fill(&mut self, batch: &mut Vec<u8>) -> Result<usize> {
        let read = self.input.append(batch)?;
        self.position += read as u64;
        Ok(read)
    }

    /// The end of the file has been looked at where it was met, that of a split is here.
    fn check_end(&self) -> Result<()> {
        match &self.input {
            Input::Plain(stream) if self.finished => stream.finish(),
            _ => Ok(()),
        }
    }

    fn refuse_long(&self, line_bytes: usize) -> Result<()> {
        if line_bytes <= self.line_bytes_max {
            return Ok(());
        }
        let offset = self.position - line_bytes as u64;
        Err(Error::LineTooLong {
            path: self.uri.clone(),
            offset,
            limit_bytes: self.line_bytes_max,
        })
    }
}

/// Bytes as text. Checking them as the standard library does takes as long as reading them where they are not ASCII.
#[expect(unsafe_code, reason = "checked a line above, by a faster check")]
fn text_of(bytes: Vec<u8>) -> String {
    match simdutf8::basic::from_utf8(&bytes) {
        // SAFETY: these very bytes are UTF-8.
        Ok(_) => unsafe { String::from_utf8_unchecked(bytes) },
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;
    use scheduler::Settings;

    use super::*;
    use crate::{Files, Grants, Stopper};

    fn open(path: &Path, start: u64, length: u64, longest: usize) -> Result<LineReader> {
        let grants = Grants::new(&[path.to_path_buf()], &[])?;
        let files = Files::new(grants, &Settings::default());
        let file = files.open(path.to_str().unwrap(), &Stopper::default())?;
        LineReader::open(file, start, length, longest)
    }

    fn read_all(path: &Path, start: u64, length: u64) -> String {
        let mut reader = open(path, start, length, 1 << 20).unwrap();
        std::iter::from_fn(|| Some(reader.read().unwrap()).filter(|batch| !batch.is_empty()))
            .collect()
    }

    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn a_split_owns_the_lines_that_begin_in_it() {
        let (_folder, path) = file(b"one\ntwo\nthree");
        assert_eq!(read_all(&path, 0, 1), "one\n");
        assert_eq!(read_all(&path, 0, 4), "one\n");
        assert_eq!(read_all(&path, 0, 5), "one\ntwo\n");
        assert_eq!(read_all(&path, 1, 3), "");
        assert_eq!(read_all(&path, 4, 1), "two\n");
        assert_eq!(read_all(&path, 5, 100), "three");
        assert_eq!(read_all(&path, 12, 1), "");
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        let (_folder, path) = file(b"a\xffb\n");
        assert_eq!(read_all(&path, 0, 4), "a\u{fffd}b\n");
    }

    #[test]
    fn a_line_longer_than_a_read_is_whole() {
        let mut text = vec![b'x'; 3 * 256 * 1024 + 17];
        text.extend(b"\nend\n");
        let (_folder, path) = file(&text);
        assert_eq!(read_all(&path, 0, 10).len(), text.len() - 4);
        assert_eq!(read_all(&path, 10, text.len() as u64), "end\n");
        let error = open(&path, 0, 10, 300_000).unwrap().read().unwrap_err();
        assert!(
            matches!(error, Error::LineTooLong { offset: 0, .. }),
            "{error}"
        );
    }

    #[test]
    fn an_empty_range_and_an_empty_file_have_no_lines() {
        let (_folder, path) = file(b"");
        assert_eq!(read_all(&path, 0, 0), "");
        assert_eq!(read_all(&path, 0, 9), "");
    }

    proptest! {
        #[test]
        fn each_line_is_read_once_however_a_file_is_cut(
            text in "[a\n\r]{0,60}", cuts in proptest::collection::vec(0u64..60, 0..6),
        ) {
            let (_folder, path) = file(text.as_bytes());
            let mut bounds: Vec<u64> = cuts.into_iter().map(|cut| cut.min(text.len() as u64)).collect();
            bounds.extend([0, text.len() as u64]);
            bounds.sort_unstable();
            let read: String = bounds.windows(2).map(|pair| read_all(&path, pair[0], pair[1] - pair[0])).collect();
            prop_assert_eq!(read, text);
        }
    }
}
