//! The bytes of a split of fixed-size records.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Take};
use std::path::Path;

use crate::{Error, Result};

/// Reads a range of a file in batches.
#[derive(Debug)]
pub struct ByteReader {
    file: Take<File>,
    path: std::path::PathBuf,
}

impl ByteReader {
    /// Opens the `length` bytes at `start`.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn open(path: &Path, start: u64, length: u64) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        file.seek(SeekFrom::Start(start))
            .map_err(Error::io("read", path))?;
        Ok(Self {
            file: file.take(length),
            path: path.to_path_buf(),
        })
    }

    /// The next bytes, at most `batch_bytes`; empty at the end.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or the file has become shorter.
    pub fn read(&mut self, batch_bytes: usize) -> Result<Vec<u8>> {
        let left = self.file.limit();
        let wanted = left.min(batch_bytes as u64);
        let mut batch = Vec::with_capacity(usize::try_from(wanted).unwrap_or(batch_bytes));
        (&mut self.file)
            .take(wanted)
            .read_to_end(&mut batch)
            .map_err(Error::io("read", &self.path))?;
        if (batch.len() as u64) < wanted {
            return Err(Error::Invalid(format!(
                "`{}` became shorter while it was read",
                self.path.display()
            )));
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_in_batches() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, b"0123456789").unwrap();
        let mut reader = ByteReader::open(&path, 2, 6).unwrap();
        assert_eq!(reader.read(4).unwrap(), b"2345");
        assert_eq!(reader.read(4).unwrap(), b"67");
        assert_eq!(reader.read(4).unwrap(), b"");
    }

    #[test]
    fn a_file_that_shrank_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, b"0123").unwrap();
        let error = ByteReader::open(&path, 2, 6).unwrap().read(8).unwrap_err();
        assert!(error.to_string().contains("became shorter"), "{error}");
    }
}
