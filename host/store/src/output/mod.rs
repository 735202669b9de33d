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

mod object;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use scheduler::AttemptId;

use crate::files::{Encoder, stream_error};
use crate::object::Object;
use crate::{Compression, Error, Files, Location, Result, Scheme, Stopper};
use object::ObjectWriter;

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
        let temporary = match &self.place {
            Place::Local(folder) => folder.join(TEMPORARY).join(attempt.to_string()),
            Place::Object(_) => PathBuf::new(),
        };
        AttemptOutput {
            place: self.place.clone(),
            temporary,
            files: BTreeMap::new(),
            stopper: stopper.clone(),
        }
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

/// The files that one attempt writes. Dropped without [`AttemptOutput::commit`], they go.
#[derive(Debug)]
pub struct AttemptOutput {
    place: Place,
    temporary: PathBuf,
    files: BTreeMap<String, Part>,
    stopper: Stopper,
}

/// A file that is being written.
#[derive(Debug)]
struct Part {
    compression: Option<Compression>,
    /// None once it has its end.
    open: Option<Encoder<Sink>>,
    written: Option<Sink>,
}

/// Where the bytes of a file go.
#[derive(Debug)]
enum Sink {
    Local(BufWriter<File>),
    Object(ObjectWriter),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Local(file) => file.write(bytes),
            Self::Object(object) => object.write(bytes).map_err(io::Error::other),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Local(file) => file.flush(),
            Self::Object(object) => object.flush().map_err(io::Error::other),
        }
    }
}

impl AttemptOutput {
    /// Adds bytes to a file, which is compressed as its first bytes were.
    ///
    /// # Errors
    ///
    /// If the name is not a plain file name, or the file cannot be written.
    pub fn write(
        &mut self,
        name: &str,
        compression: Option<Compression>,
        bytes: &[u8],
    ) -> Result<()> {
        let path = self.temporary.join(plain(name)?);
        if !self.files.contains_key(name) {
            let part = self.begin(name, compression)?;
            self.files.insert(name.to_owned(), part);
        }
        let Entry::Occupied(part) = self.files.entry(name.to_owned()) else {
            return Ok(());
        };
        let part = part.into_mut();
        match &mut part.open {
            Some(open) if part.compression == compression => {
                open.write_all(bytes).map_err(|error| failed(error, &path))
            }
            _ => Err(Error::Invalid(format!(
                "`{name}` has its end already, or is compressed in another way"
            ))),
        }
    }

    fn begin(&self, name: &str, compression: Option<Compression>) -> Result<Part> {
        let path = self.temporary.join(name);
        let sink = match &self.place {
            Place::Local(_) => {
                fs::create_dir_all(&self.temporary)
                    .map_err(Error::io("create", &self.temporary))?;
                let file = File::create(&path).map_err(Error::io("create", &path))?;
                Sink::Local(BufWriter::new(file))
            }
            Place::Object(object) => {
                Sink::Object(ObjectWriter::new(object.join(name)?, self.stopper.clone()))
            }
        };
        let encoder = Encoder::new(compression, sink).map_err(|error| failed(error, &path))?;
        Ok(Part {
            compression,
            open: Some(encoder),
            written: None,
        })
    }

    /// Ends the files and writes out what is buffered, so that committing cannot fail for want of room.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        for (name, part) in &mut self.files {
            let Some(open) = part.open.take() else {
                continue;
            };
            let ended = open.finish().and_then(|mut sink| {
                sink.flush()?;
                Ok(sink)
            });
            part.written = Some(ended.map_err(|error| failed(error, &self.temporary.join(name)))?);
        }
        Ok(())
    }

    /// Makes the files visible.
    ///
    /// # Errors
    ///
    /// If they cannot be written or renamed.
    pub fn commit(mut self) -> Result<()> {
        self.flush()?;
        for (name, part) in &mut self.files {
            match (part.written.take(), &self.place) {
                (Some(Sink::Object(object)), _) => object.commit()?,
                (_, Place::Local(folder)) => {
                    let from = self.temporary.join(name);
                    fs::rename(&from, folder.join(name)).map_err(Error::io("rename", &from))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for AttemptOutput {
    fn drop(&mut self) {
        if !self.files.is_empty() && matches!(self.place, Place::Local(_)) {
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}

fn failed(error: io::Error, path: &Path) -> Error {
    stream_error(error).unwrap_or_else(Error::io("write", path))
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
    fn what_was_not_granted_is_not_made() {
        let (_folder, _, uri) = output();
        assert!(matches!(
            create(&Files::new(Grants::default(), &Settings::default()), &uri),
            Err(Error::Denied { .. })
        ));
        assert!(!Path::new(&uri).exists());
    }
}
