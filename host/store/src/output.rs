//! Output folders: whole or not there.
//!
//! ```text
//! OUT/_temporary/attempt-7/part-00000    written by an attempt, seen by nobody
//! OUT/part-00000                         renamed when the attempt commits
//! OUT/_SUCCESS                           when the job has committed
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use scheduler::AttemptId;

use crate::{Error, Grants, Result};

const TEMPORARY: &str = "_temporary";

/// A folder that a job writes.
#[derive(Debug)]
pub struct Output {
    folder: PathBuf,
}

impl Output {
    /// Begins a folder that does not exist yet.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`], [`Error::Denied`], or what the system says.
    pub fn create(grants: &Grants, uri: &str) -> Result<Self> {
        let folder = grants.writable(uri)?;
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        }
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(Error::AlreadyExists(uri.into()));
            }
            created => created.map_err(Error::io("create", &folder))?,
        }
        let temporary = folder.join(TEMPORARY);
        fs::create_dir(&temporary).map_err(Error::io("create", &temporary))?;
        Ok(Self { folder })
    }

    /// An output that another process has begun.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Begins what one attempt writes.
    pub fn attempt(&self, attempt: AttemptId) -> AttemptOutput {
        let temporary = self.folder.join(TEMPORARY).join(attempt.to_string());
        AttemptOutput {
            folder: self.folder.clone(),
            temporary,
            files: BTreeMap::new(),
        }
    }

    /// Marks the folder as whole.
    ///
    /// # Errors
    ///
    /// If the mark cannot be written.
    pub fn commit(&self) -> Result<()> {
        let temporary = self.folder.join(TEMPORARY);
        fs::remove_dir_all(&temporary).map_err(Error::io("remove", &temporary))?;
        let mark = self.folder.join("_SUCCESS");
        File::create(&mark)
            .map_err(Error::io("create", &mark))
            .map(drop)
    }

    /// Removes the folder.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn abort(&self) -> Result<()> {
        fs::remove_dir_all(&self.folder).map_err(Error::io("remove", &self.folder))
    }
}

/// The files that one attempt writes. Dropped without [`AttemptOutput::commit`], they go.
#[derive(Debug)]
pub struct AttemptOutput {
    folder: PathBuf,
    temporary: PathBuf,
    files: BTreeMap<String, BufWriter<File>>,
}

impl AttemptOutput {
    /// Adds bytes to a file.
    ///
    /// # Errors
    ///
    /// If the name is not a plain file name, or the file cannot be written.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.temporary.join(plain(name)?);
        let file = match self.files.entry(name.to_owned()) {
            std::collections::btree_map::Entry::Occupied(file) => file.into_mut(),
            std::collections::btree_map::Entry::Vacant(file) => {
                fs::create_dir_all(&self.temporary)
                    .map_err(Error::io("create", &self.temporary))?;
                file.insert(BufWriter::new(
                    File::create(&path).map_err(Error::io("create", &path))?,
                ))
            }
        };
        file.write_all(bytes).map_err(Error::io("write", &path))
    }

    /// Writes out what is buffered, so that committing cannot fail for want of room.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.files.iter_mut().try_for_each(|(name, file)| {
            file.flush()
                .map_err(Error::io("write", &self.temporary.join(name)))
        })
    }

    /// Makes the files visible.
    ///
    /// # Errors
    ///
    /// If they cannot be written or renamed.
    pub fn commit(mut self) -> Result<()> {
        self.flush()?;
        for name in self.files.keys() {
            let from = self.temporary.join(name);
            fs::rename(&from, self.folder.join(name)).map_err(Error::io("rename", &from))?;
        }
        Ok(())
    }
}

impl Drop for AttemptOutput {
    fn drop(&mut self) {
        if !self.files.is_empty() {
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

/// A name that stays in its folder, and is not one of ours.
fn plain(name: &str) -> Result<&Path> {
    let path = Path::new(name);
    if path.file_name().is_some_and(|file| file == name) && !name.starts_with(['_', '.']) {
        return Ok(path);
    }
    Err(Error::Invalid(format!(
        "`{name}` cannot name an output file: use a name without `/` that begins with a letter or digit"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> (tempfile::TempDir, Grants, String) {
        let folder = tempfile::tempdir().unwrap();
        let grants = Grants::new(&[], &[folder.path().to_path_buf()]).unwrap();
        let uri = folder.path().join("deep/out").to_str().unwrap().to_owned();
        (folder, grants, uri)
    }

    fn names(uri: &str) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(uri)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn only_what_was_committed_is_there_in_the_end() {
        let (_folder, grants, uri) = output();
        let output = Output::create(&grants, &uri).unwrap();
        let (mut won, mut lost) = (output.attempt(AttemptId(0)), output.attempt(AttemptId(1)));
        won.write("part-00000", b"one ").unwrap();
        lost.write("part-00000", b"other").unwrap();
        won.write("part-00000", b"two").unwrap();
        won.commit().unwrap();
        drop(lost);
        output.commit().unwrap();
        assert_eq!(names(&uri), ["_SUCCESS", "part-00000"]);
        assert_eq!(fs::read(format!("{uri}/part-00000")).unwrap(), b"one two");
    }

    #[test]
    fn an_aborted_output_leaves_nothing() {
        let (_folder, grants, uri) = output();
        let output = Output::create(&grants, &uri).unwrap();
        output
            .attempt(AttemptId(0))
            .write("part-00000", b"x")
            .unwrap();
        output.abort().unwrap();
        assert!(!Path::new(&uri).exists());
    }

    #[test]
    fn a_folder_that_is_there_is_left_alone() {
        let (_folder, grants, uri) = output();
        fs::create_dir_all(&uri).unwrap();
        let error = Output::create(&grants, &uri).unwrap_err();
        assert!(error.to_string().contains("exists already"), "{error}");
        assert_eq!(names(&uri), Vec::<String>::new());
    }

    #[test]
    fn a_name_stays_in_its_folder() {
        let (_folder, grants, uri) = output();
        let output = Output::create(&grants, &uri).unwrap();
        for name in [
            "../x", "/etc/x", "a/b", "", ".", "..", "_SUCCESS", ".hidden",
        ] {
            assert!(
                output.attempt(AttemptId(0)).write(name, b"x").is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn what_was_not_granted_is_not_made() {
        let (_folder, _, uri) = output();
        assert!(matches!(
            Output::create(&Grants::default(), &uri),
            Err(Error::Denied { .. })
        ));
        assert!(!Path::new(&uri).exists());
    }
}
