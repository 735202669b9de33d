//! What the host hands over piece by piece.
//!
//! A task may have few readers open at a time: each is closed at its end, or when nobody reads on.

use crate::bindings::tinderbox::job::types::Error;
use crate::host;

/// A reader of the host's, closed when it is dropped.
pub(crate) struct Reader(u32);

impl Reader {
    pub(crate) fn new(id: u32) -> Self {
        Self(id)
    }

    /// Reads the next piece; an empty one is the end.
    pub(crate) fn read_bytes(&self) -> Result<Vec<u8>, Error> {
        host::read_bytes(self.0)
    }

    /// Reads the columns of the next rows; none are the end.
    #[cfg(feature = "parquet")]
    pub(crate) fn read_columns(&self) -> Result<Vec<host::Column>, Error> {
        host::read_columns(self.0)
    }

    /// Reads the next lines; none are the end.
    pub(crate) fn read_lines(&self) -> Result<Vec<u8>, Error> {
        host::read_lines(self.0).map(String::into_bytes)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        host::close_reader(self.0);
    }
}
