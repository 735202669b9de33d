//! The bytes of a split of fixed-size records, or of a whole file.

use crate::files::{Compression, Decompressed, SourceFile, Stream};
use crate::{Error, Result};

#[derive(Debug)]
enum Input {
    Plain {
        stream: Box<Stream>,
        /// Bytes that are to come.
        left: u64,
    },
    Compressed(Decompressed),
}

/// Reads a range of a file in batches.
#[derive(Debug)]
pub struct ByteReader {
    input: Input,
}

impl ByteReader {
    /// Opens the `length` bytes at `start`, as they are.
    pub fn open(file: SourceFile, start: u64, length: u64) -> Self {
        Self {
            input: Input::Plain {
                stream: Box::new(Stream::new(file, start, start.saturating_add(length))),
                left: length,
            },
        }
    }

    /// Opens a whole file, as it was before it was compressed, if its name says that it is.
    ///
    /// # Errors
    ///
    /// If it is compressed in a way that cannot be read.
    pub fn open_whole(file: SourceFile) -> Result<Self> {
        let length = file.length();
        let Some(codec) = Compression::of_name(&file.info().uri)? else {
            return Ok(Self::open(file, 0, length));
        };
        Ok(Self {
            input: Input::Compressed(Decompressed::new(codec, Stream::new(file, 0, length))?),
        })
    }

    /// The next bytes, at most `batch_bytes`; empty at the end.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or the file has changed.
    pub fn read(&mut self, batch_bytes: usize) -> Result<Vec<u8>> {
        let mut batch = Vec::new();
        match &mut self.input {
            Input::Plain { stream, left } => {
                let wanted = (*left).min(batch_bytes as u64);
                while (batch.len() as u64) < wanted {
                    let missing = usize::try_from(wanted).unwrap_or(batch_bytes) - batch.len();
                    if stream.append(&mut batch, missing)? == 0 {
                        return Err(Error::Changed(stream.file().info().uri.clone()));
                    }
                }
                *left -= wanted;
                if *left == 0 {
                    stream.finish()?;
                }
            }
            Input::Compressed(decompressed) => {
                decompressed.append(&mut batch, batch_bytes)?;
            }
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use scheduler::Settings;

    use super::*;
    use crate::{Files, Grants, Stopper};

    fn open(path: &Path, start: u64, length: u64) -> ByteReader {
        let grants = Grants::new(&[path.to_path_buf()], &[]).unwrap();
        let files = Files::new(grants, &Settings::default());
        let file = files.open(path.to_str().unwrap(), &Stopper::default());
        ByteReader::open(file.unwrap(), start, length)
    }

    #[test]
    fn a_range_is_read_in_batches() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, b"0123456789").unwrap();
        let mut reader = open(&path, 2, 6);
        assert_eq!(reader.read(4).unwrap(), b"2345");
        assert_eq!(reader.read(4).unwrap(), b"67");
        assert_eq!(reader.read(4).unwrap(), b"");
    }

    #[test]
    fn a_file_that_shrank_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, b"0123").unwrap();
        let error = open(&path, 2, 6).read(8).unwrap_err();
        assert!(matches!(error, Error::Changed(_)), "{error}");
    }
}
