//! What one attempt writes to an output.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use scheduler::AttemptId;

use super::object::ObjectWriter;
use super::{Place, TEMPORARY};
use crate::files::{Encoder, stream_error};
use crate::{Compression, Error, Result, Stopper};

/// Files that an attempt may write on this machine, each of which is open until the end.
const FILES_MAX: usize = 256;

/// The same in a store of objects, where each holds the part that is filled and the one that is sent.
const OBJECTS_MAX: usize = 8;

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
    Object(Box<ObjectWriter>),
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
    pub(super) fn new(place: &Place, attempt: AttemptId, stopper: &Stopper) -> Self {
        let temporary = match place {
            Place::Local(folder) => folder.join(TEMPORARY).join(attempt.to_string()),
            Place::Object(_) => PathBuf::new(),
        };
        Self {
            place: place.clone(),
            temporary,
            files: BTreeMap::new(),
            stopper: stopper.clone(),
        }
    }

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
            self.refuse_many()?;
            let part = self.begin(name, compression)?;
            self.files.insert(name.to_owned(), part);
        }
        match self.files.get_mut(name) {
            Some(Part {
                open: Some(open),
                compression: known,
                ..
            }) if *known == compression => {
                open.write_all(bytes).map_err(|error| failed(error, &path))
            }
            _ => Err(Error::Invalid(format!(
                "`{name}` has its end already, or is compressed in another way"
            ))),
        }
    }

    fn refuse_many(&self) -> Result<()> {
        let most = match self.place {
            Place::Local(_) => FILES_MAX,
            Place::Object(_) => OBJECTS_MAX,
        };
        if self.files.len() < most {
            return Ok(());
        }
        Err(Error::Invalid(format!(
            "a task may write {most} files to an output of this kind; write more records to each"
        )))
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
                let writer = ObjectWriter::new(object.join(name)?, self.stopper.clone());
                Sink::Object(Box::new(writer))
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
