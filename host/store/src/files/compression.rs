//! Compressed files, which are read from front to back.

use std::fmt;
use std::io::{self, BufReader, Read, Write};

use super::stream::{Stream, stream_error};
use crate::{Error, Result};

/// Compressed bytes read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// How the bytes of a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, one member or several. Names end with `.gz`.
    Gzip,
    /// RFC 8878, one frame or several. Names end with `.zst`.
    Zstd,
}

/// Compressed as others do it, and not read here: as text it would be nonsense.
const UNKNOWN: [&str; 7] = [".bz2", ".xz", ".lz4", ".snappy", ".deflate", ".lzo", ".br"];

impl Compression {
    /// What a file's name says; none: it is not compressed.
    ///
    /// # Errors
    ///
    /// If it is compressed in a way that cannot be read.
    pub fn of_name(uri: &str) -> Result<Option<Self>> {
        let name = uri.to_ascii_lowercase();
        if let Some(ending) = UNKNOWN.iter().find(|ending| name.ends_with(**ending)) {
            return Err(Error::Invalid(format!(
                "`{uri}` is compressed in a way that cannot be read (`{ending}`); use gzip (`.gz`) or zstd (`.zst`)"
            )));
        }
        Ok(if name.ends_with(".gz") {
            Some(Self::Gzip)
        } else if name.ends_with(".zst") {
            Some(Self::Zstd)
        } else {
            None
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

type Buffered = BufReader<Stream>;

enum Decoder {
    Gzip(Box<flate2::bufread::MultiGzDecoder<Buffered>>),
    Zstd(Box<zstd::Decoder<'static, Buffered>>),
}

/// Reads what a file was before it was compressed.
pub(crate) struct Decompressed {
    decoder: Decoder,
    uri: String,
    /// How much came out.
    produced: u64,
}

impl fmt::Debug for Decompressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressed")
            .field("uri", &self.uri)
            .field("produced", &self.produced)
            .finish_non_exhaustive()
    }
}

impl Decompressed {
    pub(crate) fn new(codec: Compression, stream: Stream) -> Result<Self> {
        let uri = stream.file().info().uri.clone();
        let buffered = BufReader::with_capacity(BUFFER_BYTES, stream);
        let decoder = match codec {
            Compression::Gzip => {
                Decoder::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(buffered)))
            }
            Compression::Zstd => {
                let decoder = zstd::Decoder::with_buffer(buffered);
                let decoder = decoder.map_err(|error| Error::Invalid(error.to_string()))?;
                Decoder::Zstd(Box::new(decoder))
            }
        };
        Ok(Self {
            decoder,
            uri,
            produced: 0,
        })
    }

    /// Adds what comes next to `batch`, at most `most` bytes; returns how many, 0 at the end.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is damaged or cut.
    pub(crate) fn append(&mut self, batch: &mut Vec<u8>, most: usize) -> Result<usize> {
        batch.reserve(most);
        let read = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.take(most as u64).read_to_end(batch),
            Decoder::Zstd(decoder) => decoder.take(most as u64).read_to_end(batch),
        };
        let read = read.map_err(|error| self.explain(error))?;
        self.produced += read as u64;
        Ok(read)
    }

    fn explain(&self, error: io::Error) -> Error {
        let what = match stream_error(error) {
            Ok(error) => return error,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "it ends in the middle, as if it had been cut".to_owned()
            }
            Err(error) => error.to_string(),
        };
        Error::Damaged {
            path: self.uri.clone(),
            reason: format!(
                "{what}; {} bytes of it were read, from which came at least {} bytes. Write it again, or test it with `{}`",
                self.consumed(),
                self.produced,
                match self.decoder {
                    Decoder::Gzip(_) => "gzip -t",
                    Decoder::Zstd(_) => "zstd -t",
                }
            ),
        }
    }

    /// How many compressed bytes were used.
    fn consumed(&self) -> u64 {
        let buffered = match &self.decoder {
            Decoder::Gzip(decoder) => decoder.get_ref(),
            Decoder::Zstd(decoder) => decoder.get_ref(),
        };
        buffered.get_ref().position() - buffered.buffer().len() as u64
    }
}

/// Compresses what is written through it.
pub(crate) enum Encoder<W: Write> {
    Plain(W),
    Gzip(flate2::write::GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    pub(crate) fn new(codec: Option<Compression>, to: W) -> io::Result<Self> {
        Ok(match codec {
            None => Self::Plain(to),
            Some(Compression::Gzip) => Self::Gzip(flate2::write::GzEncoder::new(
                to,
                flate2::Compression::default(),
            )),
            Some(Compression::Zstd) => Self::Zstd(zstd::Encoder::new(to, 0)?),
        })
    }

    /// Writes the end, and gives back what was written to.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(to) => Ok(to),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(to) => to.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(to) => to.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

impl<W: Write> fmt::Debug for Encoder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}
