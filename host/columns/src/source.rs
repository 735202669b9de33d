//! Where a file's bytes come from: whoever can read a range.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::Bytes;

/// A file, wherever it is.
pub trait Source: Send + Sync {
    /// Its length in bytes.
    ///
    /// # Errors
    ///
    /// Nobody can say.
    fn length(&self) -> io::Result<u64>;

    /// The `length` bytes at `offset`.
    ///
    /// # Errors
    ///
    /// They are not there, or cannot be read.
    fn read(&self, offset: u64, length: usize) -> io::Result<Bytes>;
}

impl Source for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; length];
        self.read_exact_at(&mut bytes, offset)?;
        Ok(bytes.into())
    }
}
