//! Whole files as records: many small ones to a partition.

use std::panic::Location;
use std::rc::Rc;

use crate::bytes::Bytes;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::host::{self, FoundFile};
use crate::lineage::{Header, Parent};
use crate::memory;
use crate::rdd::{Operation, Rdd};
use crate::reader::Reader;
use crate::stream::Records;
use crate::task;

/// A file may take this part of what a task may use: growing takes as much again, and the program wants some, too.
const FILE_PART: usize = 3;

impl Context {
    /// The files of a folder or a pattern, each as its name and its text. Bytes that are not UTF-8 are replaced by U+FFFD;
    /// files whose names end with `.gz` or `.zst` are decompressed.
    ///
    /// Small files share a partition, in the order of their names: as many as the
    /// [default parallelism](Self::default_parallelism) makes equal parts of (Spark: `CombineFileInputFormat`).
    ///
    /// ```no_run
    /// # fn example(cx: &tinderbox::Context) -> tinderbox::Result<()> {
    /// let longest = cx
    ///     .whole_text_files("s3://library/poems/*.txt")?
    ///     .map(|(name, text)| (text.lines().count(), name))
    ///     .top_by(1, |a, b| a.0.cmp(&b.0))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// There is no such file, or it may not be read. The job fails where a file is larger than a third of a task's memory.
    #[track_caller]
    pub fn whole_text_files<'a>(&self, path: &str) -> Result<Rdd<'a, (String, String)>> {
        self.whole_text_files_in(path, self.default_parallelism())
    }

    /// The same, in about so many partitions.
    ///
    /// # Errors
    /// As [`whole_text_files`](Self::whole_text_files).
    #[track_caller]
    pub fn whole_text_files_in<'a>(
        &self,
        path: &str,
        partitions: u32,
    ) -> Result<Rdd<'a, (String, String)>> {
        let site = Location::caller();
        let read = |file: &FoundFile| {
            let bytes = read_whole(file, host::open_file)?;
            let text = String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            Ok((file.name.clone(), text))
        };
        whole_files("whole_text_files", site, (path, partitions), read)
    }

    /// The files of a folder or a pattern, each as its name and its bytes, as they are.
    ///
    /// Partitions are those of [`whole_text_files`](Self::whole_text_files).
    ///
    /// # Errors
    /// As [`whole_text_files`](Self::whole_text_files).
    #[track_caller]
    pub fn binary_files<'a>(&self, path: &str) -> Result<Rdd<'a, (String, Bytes)>> {
        self.binary_files_in(path, self.default_parallelism())
    }

    /// The same, in about so many partitions.
    ///
    /// # Errors
    /// As [`whole_text_files`](Self::whole_text_files).
    #[track_caller]
    pub fn binary_files_in<'a>(
        &self,
        path: &str,
        partitions: u32,
    ) -> Result<Rdd<'a, (String, Bytes)>> {
        let site = Location::caller();
        let read = |file: &FoundFile| {
            let bytes = read_whole(file, host::open_bytes)?;
            Ok((file.name.clone(), Bytes::from(bytes)))
        };
        whole_files("binary_files", site, (path, partitions), read)
    }
}

fn whole_files<'a, T: 'a>(
    name: &'static str,
    site: &'static Location<'static>,
    (path, partitions): (&str, u32),
    read: fn(&FoundFile) -> Result<T>,
) -> Result<Rdd<'a, T>> {
    task::refuse_inside(&format!("`{name}`"))?;
    let found = host::list_files(path).map_err(Error::from_host)?;
    let packs = pack(found, partitions);
    let partitions = u32::try_from(packs.len()).unwrap_or(u32::MAX);
    let header = Header::new(name, site, partitions, None);
    Ok(Rdd::new(header, WholeFiles { packs, read }))
}

/// Puts files together until each pack has its equal part of the bytes.
fn pack(files: Vec<FoundFile>, partitions: u32) -> Vec<Vec<FoundFile>> {
    let total: u64 = files.iter().map(|file| file.content.length).sum();
    let part = total.div_ceil(u64::from(partitions.max(1)));
    let mut packs: Vec<Vec<FoundFile>> = Vec::new();
    let mut room = 0;
    for file in files {
        let length = file.content.length;
        match packs.last_mut() {
            Some(pack) if room > 0 || length == 0 => pack.push(file),
            _ => {
                packs.push(vec![file]);
                room = part;
            }
        }
        room = room.saturating_sub(length);
    }
    packs
}

/// The whole content of a file, if the task has room for it.
fn read_whole(
    file: &FoundFile,
    open: fn(&host::Split) -> Result<u32, crate::bindings::tinderbox::job::types::Error>,
) -> Result<Vec<u8>> {
    let most = memory::part(FILE_PART);
    let known = usize::try_from(file.content.length).unwrap_or(usize::MAX);
    if known > most {
        return Err(too_large(file, known, most));
    }
    if known == 0 {
        return Ok(Vec::new());
    }
    let reader = Reader::new(open(&file.content).map_err(Error::from_host)?);
    let mut bytes = Vec::with_capacity(known);
    loop {
        let piece = reader.read_bytes().map_err(Error::from_host)?;
        if piece.is_empty() {
            return Ok(bytes);
        }
        if bytes.len() + piece.len() > most {
            return Err(too_large(file, bytes.len() + piece.len(), most));
        }
        bytes.extend_from_slice(&piece);
    }
}

fn too_large(file: &FoundFile, bytes: usize, most: usize) -> Error {
    Error::of(
        ErrorKind::LimitExceeded,
        format_args!(
            "`{}` has at least {bytes} bytes, and a task can hold whole files of at most {most} bytes; raise `executor.memory`, \
             or read it in pieces, with `text_file` or `binary_records`",
            file.name
        ),
    )
}

struct WholeFiles<T> {
    packs: Vec<Vec<FoundFile>>,
    read: fn(&FoundFile) -> Result<T>,
}

impl<T> Operation for WholeFiles<T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let count = self.packs.get(partition as usize).map_or(0, Vec::len);
        Records::new((0..count).map_while(move |at| {
            let read = (self.read)(&self.packs[partition as usize][at]);
            read.map_err(task::fail).ok()
        }))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fake::with;

    fn put(files: &[(&str, &[u8])]) {
        with(|host| {
            for (name, bytes) in files {
                host.files.insert((*name).to_owned(), bytes.to_vec());
            }
        });
    }

    #[test]
    fn small_files_share_a_partition() {
        put(&[
            ("d/a", b"one"),
            ("d/b", b""),
            ("d/c", "zwei \u{e4}".as_bytes()),
            ("d/d", b"\xff!"),
        ]);
        let cx = Context::new();
        let texts = cx.whole_text_files_in("d", 1).unwrap();
        assert_eq!(texts.partitions(), 1);
        let expected = [
            ("d/a", "one"),
            ("d/b", ""),
            ("d/c", "zwei \u{e4}"),
            ("d/d", "\u{fffd}!"),
        ];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(texts.collect().unwrap(), expected);
        let bytes = cx.binary_files_in("d", 2).unwrap();
        assert_eq!(bytes.partitions(), 2);
        let found = bytes.collect().unwrap();
        assert_eq!(&*found[3].1, b"\xff!");
    }

    #[test]
    fn a_file_that_a_task_cannot_hold_is_named() {
        put(&[("big", &[b'x'; 400])]);
        with(|host| host.task_memory = Some(900));
        let read = Context::new().binary_files("big").unwrap().count();
        let error = read.unwrap_err().to_string();
        assert!(
            error.contains("`big`") && error.contains("300 bytes"),
            "{error}"
        );
    }
}
