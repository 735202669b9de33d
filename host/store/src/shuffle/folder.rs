//! Where an application's shuffle files are. A path follows from numbers alone, so nothing that a peer says can name another file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scheduler::{AttemptId, ShuffleId};

use super::write::MapOutputWriter;
use crate::{Error, Result};

/// The folder of an application's shuffle files. Whoever knows it can write, read, serve and remove them, in any process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShuffleFolder(PathBuf);

impl ShuffleFolder {
    /// Names the folder. It need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Begins the file of a map attempt.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub fn writer(
        &self,
        shuffle: ShuffleId,
        buckets: u32,
        attempt: AttemptId,
    ) -> Result<MapOutputWriter> {
        let folder = self.shuffle(shuffle);
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        MapOutputWriter::create(folder.join(format!("{attempt}.part")), buckets)
    }

    /// Returns where the whole file of a map attempt is.
    pub fn output(&self, shuffle: ShuffleId, attempt: AttemptId) -> PathBuf {
        self.shuffle(shuffle).join(format!("{attempt}.map"))
    }

    /// Removes what a map attempt wrote, whole or not, if it is there.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn remove_output(&self, shuffle: ShuffleId, attempt: AttemptId) -> Result<()> {
        let whole = self.output(shuffle, attempt);
        let part = whole.with_extension("part");
        [whole, part]
            .iter()
            .try_for_each(|path| gone(fs::remove_file(path), path))
    }

    /// Removes a shuffle, if it is there. Whoever reads it goes on with the open files.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn remove_shuffle(&self, shuffle: ShuffleId) -> Result<()> {
        let folder = self.shuffle(shuffle);
        gone(fs::remove_dir_all(&folder), &folder)
    }

    /// Removes the whole folder, if it is there: the application has ended.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn remove(&self) -> Result<()> {
        gone(fs::remove_dir_all(&self.0), &self.0)
    }

    fn shuffle(&self, shuffle: ShuffleId) -> PathBuf {
        self.0.join(shuffle.to_string())
    }
}

fn gone(removed: io::Result<()>, path: &Path) -> Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(Error::io("remove", path)),
    }
}
