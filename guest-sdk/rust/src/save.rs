//! The actions that write files: a folder of a part a partition, visible when all are there.

use std::fmt;
use std::io::Write;
use std::panic::Location;

use crate::error::{Error, Result};
use crate::host;
use crate::host::Compression as HostCompression;
use crate::rdd::Rdd;
use crate::stream::Records;
use crate::task;

/// How much of a file is handed over at once, in bytes.
const OUTPUT_BYTES: usize = 256 << 10;

/// How the files of a saved dataset are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip: what everything reads. Files end with `.gz`.
    Gzip,
    /// Zstandard: smaller, and several times as fast. Files end with `.zst`.
    Zstd,
}

impl Compression {
    fn ending(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    fn host(self) -> HostCompression {
        match self {
            Self::Gzip => HostCompression::Gzip,
            Self::Zstd => HostCompression::Zstd,
        }
    }
}

impl<'a, T: 'a> Rdd<'a, T> {
    /// Writes each record as a line: a folder of a file `part-00000` and so on a partition, and `_SUCCESS` when all are there.
    ///
    /// # Errors
    /// The folder exists, may not be written, or the job failed; then nothing is left of it.
    #[track_caller]
    pub fn save_as_text_file(&self, path: &str) -> Result<()>
    where
        T: fmt::Display,
    {
        let site = Location::caller();
        self.saved("save_as_text_file", site, (path, None), |record, bytes| {
            writeln!(bytes, "{record}").map_err(Error::from)
        })
    }

    /// The same, compressed: `part-00000.gz` and so on. [`text_file`](crate::Context::text_file) reads each as one partition.
    ///
    /// # Errors
    /// As [`save_as_text_file`](Self::save_as_text_file).
    #[track_caller]
    pub fn save_as_text_file_with(&self, path: &str, compression: Compression) -> Result<()>
    where
        T: fmt::Display,
    {
        let site = Location::caller();
        let to = (path, Some(compression));
        self.saved("save_as_text_file", site, to, |record, bytes| {
            writeln!(bytes, "{record}").map_err(Error::from)
        })
    }

    /// Writes the bytes of each record behind those of the one before it, with nothing between: what
    /// [`binary_records`](crate::Context::binary_records) reads, where all records have one length. The files are those of
    /// [`save_as_text_file`](Self::save_as_text_file).
    ///
    /// # Errors
    /// As [`save_as_text_file`](Self::save_as_text_file).
    #[track_caller]
    pub fn save_as_binary_records(&self, path: &str) -> Result<()>
    where
        T: AsRef<[u8]>,
    {
        let site = Location::caller();
        self.saved(
            "save_as_binary_records",
            site,
            (path, None),
            |record, bytes| {
                bytes.extend_from_slice(record.as_ref());
                Ok(())
            },
        )
    }

    fn saved(
        &self,
        name: &'static str,
        site: &'static Location<'static>,
        (path, compression): (&str, Option<Compression>),
        append: impl Fn(T, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let ending = compression.map_or("", Compression::ending);
        self.save_parts(name, site, (path, ending, compression), || &append)
    }

    /// Writes a file a partition, whose name ends so. `begin` gives what appends the records of one file.
    pub(crate) fn save_parts<F>(
        &self,
        name: &'static str,
        site: &'static Location<'static>,
        (path, ending, compression): (&str, &str, Option<Compression>),
        begin: impl Fn() -> F,
    ) -> Result<()>
    where
        F: FnMut(T, &mut Vec<u8>) -> Result<()>,
    {
        task::refuse_inside(&format!("`{name}`"))?;
        to_output(path, |output| {
            self.per_partition(name, site, |partition, records| {
                let name = part_name(partition, ending);
                let put = |bytes: &[u8]| match compression {
                    None => host::write_output(output, &name, bytes),
                    Some(how) => host::write_compressed(output, &name, how.host(), bytes),
                };
                write_part(
                    |bytes| put(bytes).map_err(Error::from_host),
                    records,
                    begin(),
                )
            })
        })?;
        Ok(())
    }
}

/// Makes a folder whose files are written by a job, and shows it if that goes well.
pub(crate) fn to_output<R>(path: &str, write: impl FnOnce(u32) -> Result<R>) -> Result<R> {
    let output = host::create_output(path).map_err(Error::from_host)?;
    match write(output) {
        Ok(written) => {
            host::commit_output(output).map_err(Error::from_host)?;
            Ok(written)
        }
        Err(error) => {
            // The first failure is the one to tell of.
            let _ = host::abort_output(output);
            Err(error)
        }
    }
}

/// The name of a partition's file.
pub(crate) fn part_name(partition: u32, ending: &str) -> String {
    format!("part-{partition:05}{ending}")
}

fn write_part<T>(
    put: impl Fn(&[u8]) -> Result<()>,
    records: Records<'_, T>,
    mut append: impl FnMut(T, &mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut bytes = Vec::new();
    let mut written = Ok(());
    records.for_each(|record| {
        if written.is_ok() {
            written = append(record, &mut bytes);
        }
        if bytes.len() >= OUTPUT_BYTES && written.is_ok() {
            written = put(&bytes);
            bytes.clear();
        }
    });
    written?;
    task::check()?;
    // Also where nothing is left: a partition without records is an empty file.
    put(&bytes)
}
