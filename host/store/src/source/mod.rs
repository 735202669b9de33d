//! Files as splits: what one partition reads.
//!
//! The driver cuts files into splits without reading them; a task that reads a text split finds the lines' bounds itself.

mod bytes;
mod lines;

use std::fs;
use std::path::{Path, PathBuf};

pub use bytes::ByteReader;
pub use lines::LineReader;

use crate::grants::path_of;
use crate::{Error, Grants, Result};

/// A range of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSplit {
    /// As the program may name it again.
    pub path: String,
    /// Offset of the first byte.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

/// A last split that is this much larger than the others is not cut again. (Hadoop: `FileInputFormat.SPLIT_SLOP`.)
const SLOP_PERCENT: u64 = 110;

/// Cuts text files into at least `min_partitions` splits, as far as there are bytes, of at most `max_bytes` each.
///
/// `uri` is a file, a folder (its files, not its folders; names that begin with `.` or `_` are left out) or a glob.
/// Sizes as Hadoop's `FileInputFormat`. Empty files have no split.
///
/// # Errors
///
/// If there is no such file, or it may not be read.
pub fn text_splits(
    grants: &Grants,
    uri: &str,
    min_partitions: u32,
    max_bytes: u64,
) -> Result<Vec<FileSplit>> {
    splits(grants, uri, min_partitions, max_bytes, 1)
}

/// The same for files of fixed-size records: no split cuts a record.
///
/// # Errors
///
/// Also if a file's length is not a multiple of the record's.
pub fn record_splits(
    grants: &Grants,
    uri: &str,
    record_bytes: u32,
    min_partitions: u32,
    max_bytes: u64,
) -> Result<Vec<FileSplit>> {
    if record_bytes == 0 {
        return Err(Error::Invalid("a record has at least one byte".into()));
    }
    splits(
        grants,
        uri,
        min_partitions,
        max_bytes,
        u64::from(record_bytes),
    )
}

fn splits(
    grants: &Grants,
    uri: &str,
    min_partitions: u32,
    max_bytes: u64,
    unit: u64,
) -> Result<Vec<FileSplit>> {
    let files = files(grants, uri)?;
    if let Some((path, bytes)) = files.iter().find(|(_, bytes)| bytes % unit != 0) {
        return Err(Error::Invalid(format!(
            "`{}` has {bytes} bytes, which is not a whole number of records of {unit} bytes",
            path.display()
        )));
    }
    let total: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let goal = total.div_ceil(u64::from(min_partitions.max(1)));
    let target = goal.min(max_bytes).max(1).next_multiple_of(unit);
    files
        .iter()
        .map(|(path, bytes)| cut(path, *bytes, target))
        .collect::<Result<Vec<_>>>()
        .map(|splits| splits.concat())
}

fn cut(path: &Path, bytes: u64, target: u64) -> Result<Vec<FileSplit>> {
    let Some(path) = path.to_str() else {
        return Err(Error::Invalid(format!(
            "`{}` is not UTF-8: rename it",
            path.display()
        )));
    };
    let split = |start, length| FileSplit {
        path: path.into(),
        start,
        length,
    };
    let mut splits = Vec::new();
    let mut left = bytes;
    while left * 100 > target * SLOP_PERCENT {
        splits.push(split(bytes - left, target));
        left -= target;
    }
    if left > 0 {
        splits.push(split(bytes - left, left));
    }
    Ok(splits)
}

/// The files that a URI names with their lengths in bytes, by name: a file, those of a folder, or those of a glob.
///
/// # Errors
///
/// If there is no such file, or it may not be read.
pub fn files(grants: &Grants, uri: &str) -> Result<Vec<(PathBuf, u64)>> {
    if path_of(uri)?
        .to_str()
        .is_some_and(|path| path.contains(['*', '?', '[']))
        && grants.readable(uri).is_err()
    {
        return matching(grants, uri);
    }
    let path = grants.readable(uri)?;
    if path.is_dir() {
        in_folder(grants, &path)
    } else {
        Ok(vec![sized(path)?])
    }
}

fn matching(grants: &Grants, uri: &str) -> Result<Vec<(PathBuf, u64)>> {
    let pattern = path_of(uri)?.to_string_lossy();
    let paths = glob::glob(&pattern)
        .map_err(|error| Error::Invalid(format!("`{uri}` is not a pattern: {error}")))?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|error| Error::io("read", error.path())(io_error(&error)))?;
        let path = grants.readable(&path.to_string_lossy())?;
        if path.is_dir() {
            files.extend(in_folder(grants, &path)?);
        } else {
            files.push(sized(path)?);
        }
    }
    if files.is_empty() {
        return Err(Error::NotFound(uri.into()));
    }
    Ok(files)
}

fn io_error(error: &glob::GlobError) -> std::io::Error {
    std::io::Error::new(error.error().kind(), error.error().to_string())
}

fn in_folder(grants: &Grants, folder: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".")
            || entry.file_name().as_encoded_bytes().starts_with(b"_");
        let path = entry.path();
        if !hidden && path.is_file() {
            // A link may lead out of what is granted.
            files.push(sized(grants.readable(&path.to_string_lossy())?)?);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn sized(path: PathBuf) -> Result<(PathBuf, u64)> {
    let metadata = path.metadata().map_err(Error::io("read", &path))?;
    if !metadata.is_file() {
        return Err(Error::Invalid(format!(
            "`{}` is not a file",
            path.display()
        )));
    }
    Ok((path, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Grants) {
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
        (folder, grants)
    }

    fn shape(splits: &[FileSplit]) -> Vec<(&str, u64, u64)> {
        splits
            .iter()
            .map(|split| {
                (
                    split.path.rsplit('/').next().unwrap(),
                    split.start,
                    split.length,
                )
            })
            .collect()
    }

    #[test]
    fn a_folder_is_its_files_by_name() {
        let (folder, grants) = folder();
        let splits = text_splits(&grants, folder.path().to_str().unwrap(), 1, 1 << 20).unwrap();
        assert_eq!(shape(&splits), [("a.txt", 0, 50), ("b.txt", 0, 100)]);
    }

    #[test]
    fn splits_are_as_many_as_asked_for_and_no_larger_than_allowed() {
        let (folder, grants) = folder();
        let uri = folder.path().to_str().unwrap();
        let splits = text_splits(&grants, uri, 3, 1 << 20).unwrap();
        assert_eq!(
            shape(&splits),
            [("a.txt", 0, 50), ("b.txt", 0, 50), ("b.txt", 50, 50)]
        );
        let splits = text_splits(&grants, uri, 1, 40).unwrap();
        assert_eq!(shape(&splits)[..2], [("a.txt", 0, 40), ("a.txt", 40, 10)]);
        assert_eq!(splits.len(), 5);
    }

    #[test]
    fn a_pattern_names_what_matches_or_nothing() {
        let (folder, grants) = folder();
        let uri = |pattern: &str| folder.path().join(pattern).to_str().unwrap().to_owned();
        assert_eq!(
            shape(&text_splits(&grants, &uri("?.txt"), 1, 1 << 20).unwrap()).len(),
            2
        );
        assert!(matches!(
            text_splits(&grants, &uri("*.csv"), 1, 1 << 20),
            Err(Error::NotFound(_))
        ));
    }

    #[test]
    fn no_split_cuts_a_record() {
        let (folder, grants) = folder();
        let uri = folder.path().join("b.txt").to_str().unwrap().to_owned();
        let splits = record_splits(&grants, &uri, 20, 3, 1 << 20).unwrap();
        assert_eq!(
            shape(&splits),
            [("b.txt", 0, 40), ("b.txt", 40, 40), ("b.txt", 80, 20)]
        );
        let error = record_splits(&grants, &uri, 30, 1, 1 << 20)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("100 bytes") && error.contains("30 bytes"),
            "{error}"
        );
        assert!(record_splits(&grants, &uri, 0, 1, 1 << 20).is_err());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let (folder, grants) = folder();
        let uri = folder.path().join("none.txt").to_str().unwrap().to_owned();
        let error = text_splits(&grants, &uri, 1, 1).unwrap_err();
        assert_eq!(error.to_string(), format!("`{uri}` does not exist"));
    }
}
