//! The actions that write files: a folder of a part a partition, visible when all are there.

use std::fmt;
use std::io::Write;
use std::panic::Location;

use crate::error::{Error, Result};
use crate::host;
use crate::rdd::Rdd;
use crate::stream::Records;
use crate::task;

/// How much of a file is handed over at once, in bytes.
const OUTPUT_BYTES: usize = 256 << 10;

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
        self.saved("save_as_text_file", site, path, |record, bytes| {
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
        self.saved("save_as_binary_records", site, path, |record, bytes| {
            bytes.extend_from_slice(record.as_ref());
            Ok(())
        })
    }

    fn saved(
        &self,
        name: &'static str,
        site: &'static Location<'static>,
        path: &str,
        append: impl Fn(T, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.save_parts(name, site, path, "", || &append)
    }

    /// Writes a file a partition, whose name ends so. `begin` gives what appends the records of one file.
    pub(crate) fn save_parts<F>(
        &self,
        name: &'static str,
        site: &'static Location<'static>,
        path: &str,
        suffix: &str,
        begin: impl Fn() -> F,
    ) -> Result<()>
    where
        F: FnMut(T, &mut Vec<u8>) -> Result<()>,
    {
        task::refuse_inside(&format!("`{name}`"))?;
        to_output(path, |output| {
            self.per_partition(name, site, |partition, records| {
                let file = format!("part-{partition:05}{suffix}");
                write_part(output, &file, records, begin())
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

fn write_part<T>(
    output: u32,
    name: &str,
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
            written = host::write_output(output, name, &bytes).map_err(Error::from_host);
            bytes.clear();
        }
    });
    written?;
    task::check()?;
    // Also where nothing is left: a partition without records is an empty file.
    host::write_output(output, name, &bytes).map_err(Error::from_host)
}
