//! Files as splits: what one partition reads.
//!
//! The driver cuts files into splits without reading them; a task that reads a text split finds the lines' bounds itself.

mod bytes;
mod lines;

pub use bytes::ByteReader;
pub use lines::LineReader;

use crate::files::Compression;
use crate::{Error, FileInfo, Files, Result, Stopper};

/// A range of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSplit {
    /// What [`Files::open`] takes: the name, and which version of the file was cut.
    pub uri: String,
    /// Offset of the first byte.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

/// A last split that is this much larger than the others is not cut again. (Hadoop: `FileInputFormat.SPLIT_SLOP`.)
const SLOP_PERCENT: u64 = 110;

/// How many splits are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// The fewest, as far as there are bytes.
    pub min_partitions: u32,
    /// The most bytes of one.
    pub max_bytes: u64,
}

impl Cut {
    /// Bytes of a split of files with so many bytes in all (Hadoop: `FileInputFormat.computeSplitSize`).
    fn target(self, total: u64, unit: u64) -> u64 {
        let goal = total.div_ceil(u64::from(self.min_partitions.max(1)));
        goal.min(self.max_bytes).max(1).next_multiple_of(unit)
    }
}

/// Cuts text files into splits. A compressed file is one split: it can only be read from its front. Empty files have none.
///
/// `uri` is what [`Files::list`] takes.
///
/// # Errors
///
/// If there is no such file, or it may not be read.
pub fn text_splits(
    files: &Files,
    uri: &str,
    wanted: Cut,
    stopper: &Stopper,
) -> Result<Vec<FileSplit>> {
    let found = files.list(uri, stopper)?;
    let target = wanted.target(total(&found), 1);
    let mut splits = Vec::new();
    for file in &found {
        match Compression::of_name(&file.uri)? {
            Some(_) => splits.extend(whole(file)),
            None => splits.extend(cut(file, target)),
        }
    }
    Ok(splits)
}

/// The same for files of fixed-size records: no split cuts a record.
///
/// # Errors
///
/// Also if a file's length is not a multiple of the record's.
pub fn record_splits(
    files: &Files,
    uri: &str,
    record_bytes: u32,
    wanted: Cut,
    stopper: &Stopper,
) -> Result<Vec<FileSplit>> {
    if record_bytes == 0 {
        return Err(Error::Invalid("a record has at least one byte".into()));
    }
    let unit = u64::from(record_bytes);
    let found = files.list(uri, stopper)?;
    if let Some(file) = found.iter().find(|file| file.length % unit != 0) {
        return Err(Error::Invalid(format!(
            "`{}` has {} bytes, which is not a whole number of records of {unit} bytes",
            file.uri, file.length
        )));
    }
    let target = wanted.target(total(&found), unit);
    Ok(found.iter().flat_map(|file| cut(file, target)).collect())
}

fn total(files: &[FileInfo]) -> u64 {
    files.iter().map(|file| file.length).sum()
}

fn whole(file: &FileInfo) -> Option<FileSplit> {
    (file.length > 0).then(|| FileSplit {
        uri: file.versioned_uri(),
        start: 0,
        length: file.length,
    })
}

fn cut(file: &FileInfo, target: u64) -> Vec<FileSplit> {
    let split = |start, length| FileSplit {
        uri: file.versioned_uri(),
        start,
        length,
    };
    let mut splits = Vec::new();
    let mut left = file.length;
    while left * 100 > target * SLOP_PERCENT {
        splits.push(split(file.length - left, target));
        left -= target;
    }
    if left > 0 {
        splits.push(split(file.length - left, left));
    }
    splits
}

#[cfg(test)]
mod tests {
    use std::fs;

    use scheduler::Settings;

    use super::*;
    use crate::Grants;

    fn text_splits(files: &Files, uri: &str, min: u32, max_bytes: u64) -> Result<Vec<FileSplit>> {
        let wanted = Cut {
            min_partitions: min,
            max_bytes,
        };
        super::text_splits(files, uri, wanted, &Stopper::default())
    }

    fn record_splits(files: &Files, uri: &str, record: u32, min: u32) -> Result<Vec<FileSplit>> {
        let wanted = Cut {
            min_partitions: min,
            max_bytes: 1 << 20,
        };
        super::record_splits(files, uri, record, wanted, &Stopper::default())
    }

    fn folder() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("b.txt", 100),
            ("a.txt", 50),
            ("empty.txt", 0),
            (".hidden", 9),
            ("_SUCCESS", 9),
        ] {
            fs::write(folder.path().join(name), vec![b'x'; bytes]).unwrap();
        }
        fs::create_dir(folder.path().join("below")).unwrap();
        let grants = Grants::new(&[folder.path().to_path_buf()], &[]).unwrap();
        (folder, Files::new(grants, &Settings::default()))
    }

    fn shape(splits: &[FileSplit]) -> Vec<(&str, u64, u64)> {
        splits
            .iter()
            .map(|split| {
                (
                    crate::files::plain_uri(&split.uri)
                        .rsplit('/')
                        .next()
                        .unwrap(),
                    split.start,
                    split.length,
                )
            })
            .collect()
    }

    #[test]
    fn a_folder_is_its_files_by_name() {
        let (folder, files) = folder();
        let splits = text_splits(&files, folder.path().to_str().unwrap(), 1, 1 << 20).unwrap();
        assert_eq!(shape(&splits), [("a.txt", 0, 50), ("b.txt", 0, 100)]);
    }

    #[test]
    fn splits_are_as_many_as_asked_for_and_no_larger_than_allowed() {
        let (folder, files) = folder();
        let uri = folder.path().to_str().unwrap();
        let splits = text_splits(&files, uri, 3, 1 << 20).unwrap();
        assert_eq!(
            shape(&splits),
            [("a.txt", 0, 50), ("b.txt", 0, 50), ("b.txt", 50, 50)]
        );
        let splits = text_splits(&files, uri, 1, 40).unwrap();
        assert_eq!(shape(&splits)[..2], [("a.txt", 0, 40), ("a.txt", 40, 10)]);
        assert_eq!(splits.len(), 5);
    }

    #[test]
    fn a_pattern_names_what_matches_or_nothing() {
        let (folder, files) = folder();
        let uri = |pattern: &str| folder.path().join(pattern).to_str().unwrap().to_owned();
        assert_eq!(
            shape(&text_splits(&files, &uri("?.txt"), 1, 1 << 20).unwrap()).len(),
            2
        );
        assert!(matches!(
            text_splits(&files, &uri("*.csv"), 1, 1 << 20),
            Err(Error::NoMatch(_))
        ));
    }

    #[test]
    fn no_split_cuts_a_record() {
        let (folder, files) = folder();
        let uri = folder.path().join("b.txt").to_str().unwrap().to_owned();
        let splits = record_splits(&files, &uri, 20, 3).unwrap();
        assert_eq!(
            shape(&splits),
            [("b.txt", 0, 40), ("b.txt", 40, 40), ("b.txt", 80, 20)]
        );
        let error = record_splits(&files, &uri, 30, 1).unwrap_err().to_string();
        assert!(
            error.contains("100 bytes") && error.contains("30 bytes"),
            "{error}"
        );
        assert!(record_splits(&files, &uri, 0, 1).is_err());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let (folder, files) = folder();
        let uri = folder.path().join("none.txt").to_str().unwrap().to_owned();
        let error = text_splits(&files, &uri, 1, 1).unwrap_err();
        assert_eq!(error.to_string(), format!("`{uri}` does not exist"));
    }
}
