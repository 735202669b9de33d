//! Output folders: whole or not there.
//!
//! ```text
//! OUT/_temporary/attempt-7/part-00000    written by an attempt, seen by nobody
//! OUT/part-00000                         renamed when the attempt commits
//! OUT/_SUCCESS                           when the job has committed
//! ```
//!
//! A store of objects has no renaming: there an attempt uploads parts, which are an object only once the upload is
//! completed, and that is when the attempt commits.

mod attempt;
mod object;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use scheduler::AttemptId;

use crate::object::Object;
use crate::{Error, Files, Location, Result, Scheme, Stopper};
pub use attempt::AttemptOutput;

const TEMPORARY: &str = "_temporary";

/// What says that a folder is whole.
const MARK: &str = "_SUCCESS";

/// A folder that a job writes.
#[derive(Debug)]
pub struct Output {
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Local(PathBuf),
    Object(Object),
}

impl Output {
    /// Begins a folder that does not exist yet.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`], [`Error::Denied`], or what the system or the store says.
    pub fn create(files: &Files, uri: &str, stopper: &Stopper) -> Result<Self> {
        let place = match files.grants().writable(uri)? {
            Location::Local(folder) => {
                create_folder(&folder, uri)?;
                Place::Local(folder)
            }
            Location::Object(url) if url.scheme != Scheme::S3 => {
                return Err(Error::Invalid(format!(
                    "`{url}` can only be read; write to a local path or to s3://"
                )));
            }
            Location::Object(url) => {
                let object = files.objects().object(&url)?;
                object::refuse_existing(&object, stopper)?;
                Place::Object(object)
            }
        };
        Ok(Self { place })
    }

    /// An output that another process has begun, at the place that it told.
    ///
    /// # Errors
    ///
    /// If that is no place.
    pub fn at(files: &Files, place: &str) -> Result<Self> {
        let place = match Location::parse(place)? {
            Location::Local(folder) => Place::Local(folder),
            Location::Object(url) => Place::Object(files.objects().object(&url)?),
        };
        Ok(Self { place })
    }

    /// Where it is.
    pub fn place(&self) -> String {
        match &self.place {
            Place::Local(folder) => folder.to_string_lossy().into_owned(),
            Place::Object(object) => object.url.to_string(),
        }
    }

    /// Begins what one attempt writes.
    pub fn attempt(&self, attempt: AttemptId, stopper: &Stopper) -> AttemptOutput {
        AttemptOutput::new(&self.place, attempt, stopper)
    }

    /// Marks the folder as whole.
    ///
    /// # Errors
    ///
    /// If the mark cannot be written.
    pub fn commit(&self, stopper: &Stopper) -> Result<()> {
        let folder = match &self.place {
            Place::Local(folder) => folder,
            Place::Object(object) => return object.join(MARK)?.put(Vec::new(), stopper),
        };
        let temporary = folder.join(TEMPORARY);
        fs::remove_dir_all(&temporary).map_err(Error::io("remove", &temporary))?;
        let mark = folder.join(MARK);
        File::create(&mark)
            .map_err(Error::io("create", &mark))
            .map(drop)
    }

    /// Removes the folder.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn abort(&self, stopper: &Stopper) -> Result<()> {
        match &self.place {
            Place::Local(folder) => fs::remove_dir_all(folder).map_err(Error::io("remove", folder)),
            Place::Object(object) => object::remove_all(object, stopper),
        }
    }
}

fn create_folder(folder: &Path, uri: &str) -> Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::AlreadyExists(uri.into()));
        }
        created => created.map_err(Error::io("create", folder))?,
    }
    let temporary = folder.join(TEMPORARY);
    fs::create_dir(&temporary).map_err(Error::io("create", &temporary))
}

#[cfg(test)]
mod tests {
    use scheduler::Settings;

    use super::*;
    use crate::Grants;

    fn create(files: &Files, uri: &str) -> Result<Output> {
        Output::create(files, uri, &Stopper::default())
    }

    fn attempt(output: &Output, number: u32) -> AttemptOutput {
        output.attempt(AttemptId(number.into()), &Stopper::default())
    }

    fn output() -> (tempfile::TempDir, Files, String) {
        let folder = tempfile::tempdir().unwrap();
        let grants = Grants::new(&[], &[folder.path().to_path_buf()]).unwrap();
        let uri = folder.path().join("deep/out").to_str().unwrap().to_owned();
        (folder, Files::new(grants, &Settings::default()), uri)
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
        let (_folder, files, uri) = output();
        let output = create(&files, &uri).unwrap();
        let (mut won, mut lost) = (attempt(&output, 0), attempt(&output, 1));
        won.write("part-00000", None, b"one ").unwrap();
        lost.write("part-00000", None, b"other").unwrap();
        won.write("part-00000", None, b"two").unwrap();
        won.commit().unwrap();
        drop(lost);
        output.commit(&Stopper::default()).unwrap();
        assert_eq!(names(&uri), ["_SUCCESS", "part-00000"]);
        assert_eq!(fs::read(format!("{uri}/part-00000")).unwrap(), b"one two");
    }

    #[test]
    fn an_aborted_output_leaves_nothing() {
        let (_folder, files, uri) = output();
        let output = create(&files, &uri).unwrap();
        attempt(&output, 0).write("part-00000", None, b"x").unwrap();
        output.abort(&Stopper::default()).unwrap();
        assert!(!Path::new(&uri).exists());
    }

    #[test]
    fn a_folder_that_is_there_is_left_alone() {
        let (_folder, files, uri) = output();
        fs::create_dir_all(&uri).unwrap();
        let error = create(&files, &uri).unwrap_err();
        assert!(error.to_string().contains("exists already"), "{error}");
        assert_eq!(names(&uri), Vec::<String>::new());
    }

    #[test]
    fn a_name_stays_in_its_folder() {
        let (_folder, files, uri) = output();
        let output = create(&files, &uri).unwrap();
        for name in [
            "../x", "/etc/x", "a/b", "", ".", "..", "_SUCCESS", ".hidden",
        ] {
            assert!(
                attempt(&output, 0).write(name, None, b"x").is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn an_attempt_holds_so_many_files_and_no_more() {
        let (_folder, files, uri) = output();
        let mut attempt = attempt(&create(&files, &uri).unwrap(), 0);
        let mut write = |n: u32| attempt.write(&format!("part-{n}"), None, b"x");
        assert!((0..256).all(|n| write(n).is_ok()));
        assert!(write(7).is_ok(), "one that is open");
        let error = write(256).unwrap_err().to_string();
        assert!(error.contains("256 files"), "{error}");
    }

    #[test]
    fn what_was_not_granted_is_not_made() {
        let (_folder, _, uri) = output();
        assert!(matches!(
            create(&Files::new(Grants::default(), &Settings::default()), &uri),
            Err(Error::Denied { .. })
        ));
        assert!(!Path::new(&uri).exists());
    }
}
