//! What a page claims to be, before it is believed.
//!
//! A page says how many bytes it is once decompressed, and a dictionary how many values it has, and memory is reserved for as
//! many. So the front of each page's header is read here first. It is a struct in Thrift's compact protocol
//! (parquet-format, `PageHeader`), whose fields all writers write in order:
//!
//! ```text
//! 0x15 type   0x15 uncompressed bytes   0x15 compressed bytes   [0x15 checksum]   0x_c dictionary's header: 0x15 values
//! ```

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::Result as ParquetResult;
use parquet::file::reader::{ChunkReader, Length};

use crate::{Error, Source};

/// Bytes of a header that are read at once: few are longer.
const HEADER_BYTES: usize = 512;

/// A file whose pages are checked.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) file: Arc<str>,
    pub(crate) length: u64,
    /// The most that a page may be, in bytes. None: the footer is being read, which is no page.
    pub(crate) page_bytes_max: Option<u64>,
    /// Why a read failed: the reader of Parquet hands on the words alone.
    pub(crate) failure: Arc<Mutex<Option<Error>>>,
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Pages {
    type T = PageStart;

    /// Asked for where a page or the footer begins.
    fn get_read(&self, start: u64) -> ParquetResult<PageStart> {
        Ok(PageStart {
            pages: self.clone(),
            next: start,
            bytes: Bytes::new(),
            is_checked: false,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.read(start, length)
            .map_err(|error| self.fail(error).into())
    }
}

impl Pages {
    fn read(&self, start: u64, length: usize) -> Result<Bytes, Error> {
        let left = self.length.saturating_sub(start);
        if length as u64 > left {
            return Err(self.damaged(format!(
                "{length} bytes are wanted at offset {start}, and it has {} bytes",
                self.length
            )));
        }
        self.source.read(start, length).map_err(|source| Error::Io {
            file: self.file.to_string(),
            source,
        })
    }

    /// Keeps an error for whoever asked for what is read.
    fn fail(&self, error: Error) -> io::Error {
        let words = error.to_string();
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
        io::Error::other(words)
    }

    /// Why reading failed, if it was not for what the bytes are.
    pub(crate) fn take_failure(&self) -> Option<Error> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }

    pub(crate) fn damaged(&self, reason: impl Into<String>) -> Error {
        Error::Damaged {
            file: self.file.to_string(),
            reason: reason.into(),
        }
    }

    /// Refuses a page that is too large.
    fn check(&self, header: &[u8]) -> Result<(), Error> {
        let Some(limit_bytes) = self.page_bytes_max else {
            return Ok(());
        };
        let claim = Claim::of(header).ok_or_else(|| self.damaged("a page has no header"))?;
        if claim.bytes > limit_bytes {
            return Err(Error::TooLarge {
                what: "a page",
                file: self.file.to_string(),
                bytes: claim.bytes,
                limit_bytes,
            });
        }
        if claim.values > claim.bytes {
            return Err(self.damaged("a dictionary has more values than bytes"));
        }
        Ok(())
    }
}

/// The bytes from the start of a page on.
pub(crate) struct PageStart {
    pages: Pages,
    next: u64,
    bytes: Bytes,
    is_checked: bool,
}

impl PageStart {
    fn fill(&mut self) -> Result<(), Error> {
        let left = self.pages.length.saturating_sub(self.next);
        let length = usize::try_from(left).unwrap_or(usize::MAX);
        self.bytes = self.pages.read(self.next, length.min(HEADER_BYTES))?;
        self.next += self.bytes.len() as u64;
        if !self.is_checked {
            self.pages.check(&self.bytes)?;
            self.is_checked = true;
        }
        Ok(())
    }
}

impl Read for PageStart {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            self.fill().map_err(|error| self.pages.fail(error))?;
        }
        let length = into.len().min(self.bytes.len());
        into[..length].copy_from_slice(&self.bytes.split_to(length));
        Ok(length)
    }
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    /// Once decompressed.
    bytes: u64,
    /// Of a dictionary, else 0.
    values: u64,
}

/// A field that is one behind the last, and a number.
const NEXT_NUMBER: u8 = 0x15;
/// The same, and a struct.
const STRUCT: u8 = 0x0c;
/// The type of a dictionary's page.
const DICTIONARY: u64 = 2;

impl Claim {
    /// The claim at the front of a header; none if it is none.
    fn of(mut header: &[u8]) -> Option<Self> {
        let header = &mut header;
        let page_type = number(header)?;
        let bytes = number(header)?;
        let _compressed = number(header)?;
        let mut values = 0;
        if page_type == DICTIONARY {
            if header.first() == Some(&NEXT_NUMBER) {
                header.split_off_first();
                let _checksum = varint(header)?;
            }
            let field = header.split_off_first()?;
            if field & 0x0f != STRUCT {
                return None;
            }
            values = number(header)?;
        }
        Some(Self { bytes, values })
    }
}

/// A number that is not negative, in the next field.
fn number(header: &mut &[u8]) -> Option<u64> {
    let field = header.split_off_first()?;
    let zigzag = varint(header)?;
    (*field == NEXT_NUMBER && zigzag % 2 == 0).then_some(zigzag / 2)
}

fn varint(header: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let byte = *header.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_read_from_the_front_of_a_header() {
        let data = [0x15, 0, 0x15, 0x80, 0x02, 0x15, 0x10, 0x2c, 0x15];
        assert_eq!(
            Claim::of(&data),
            Some(Claim {
                bytes: 128,
                values: 0
            })
        );
        let dictionary = [0x15, 4, 0x15, 0x20, 0x15, 0x20, 0x4c, 0x15, 0x06, 0x15];
        assert_eq!(
            Claim::of(&dictionary),
            Some(Claim {
                bytes: 16,
                values: 3
            })
        );
        let checked = [
            0x15, 4, 0x15, 0x20, 0x15, 0x20, 0x15, 0x81, 0x01, 0x3c, 0x15, 0x06,
        ];
        assert_eq!(
            Claim::of(&checked),
            Some(Claim {
                bytes: 16,
                values: 3
            })
        );
        for wrong in [
            &[][..],
            &[0x15, 1],
            &[0x25, 0, 0x15, 2, 0x15, 2],
            &[0x15; 9],
        ] {
            assert_eq!(Claim::of(wrong), None, "{wrong:?}");
        }
    }
}
