//! The files that an application may touch, wherever they are: found, opened and read by one set of functions.
//!
//! Files of this machine are read as such, since nothing is faster; what is behind a URL by its store. A file that was
//! found carries its version (length and time of change, or the store's tag), and whoever opens it later, in whatever
//! process, gets those bytes or [`Error::Changed`].

mod compression;
mod find;
mod open;
mod pattern;
mod room;
mod stream;

pub use compression::Compression;
pub(crate) use compression::{Decompressed, Encoder};
pub use open::SourceFile;
use room::Room;
pub(crate) use stream::{Stream, stream_error};

use std::sync::Arc;

use scheduler::Settings;

use crate::object::{Config, Objects};
use crate::{Error, Grants, Location, Result, Stopper};

/// Between a file's name and its version.
const VERSION_MARK: &str = "#version=";

/// A file as it was when it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileInfo {
    /// Its name: a real path or a URL, as a program may use it.
    pub uri: String,
    /// Bytes.
    pub length: u64,
    /// Another one for other bytes.
    pub version: String,
}

impl FileInfo {
    /// The name together with the version: what [`Files::open`] takes.
    pub fn versioned_uri(&self) -> String {
        format!("{}{VERSION_MARK}{}-{}", self.uri, self.length, self.version)
    }

    /// What [`versioned_uri`](Self::versioned_uri) said; a name alone has no version.
    fn parse(versioned: &str) -> (&str, Option<Self>) {
        let Some((uri, version)) = versioned.rsplit_once(VERSION_MARK) else {
            return (versioned, None);
        };
        let info = version.split_once('-').and_then(|(length, version)| {
            Some(Self {
                uri: uri.to_owned(),
                length: length.parse().ok()?,
                version: version.to_owned(),
            })
        });
        (uri, info)
    }
}

/// The name of a file without its version.
#[cfg(test)]
pub(crate) fn plain_uri(versioned: &str) -> &str {
    FileInfo::parse(versioned).0
}

/// What an application may touch, and how objects among it are reached. Clones share connections, and the room
/// for what is read ahead.
#[derive(Clone, Debug)]
pub struct Files {
    grants: Arc<Grants>,
    objects: Objects,
    /// For what is read ahead.
    room: Room,
}

impl Files {
    /// The files within `grants`.
    pub fn new(grants: Grants, settings: &Settings) -> Self {
        Self {
            grants: Arc::new(grants),
            objects: Objects::new(Config::of(settings)),
            room: Room::default(),
        }
    }

    /// The same files with room of their own for what is read ahead, as a task has it.
    #[must_use]
    pub fn of_task(&self) -> Self {
        Self {
            room: Room::default(),
            ..self.clone()
        }
    }

    /// What may be touched.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The files that a URI names, sorted by name: a file, a folder (its files, not its folders), or a pattern with `*`,
    /// `?`, `[..]`, `{a,b}` and `**` for any folders. Of folders and patterns, names that begin with `.` or `_` are left out.
    ///
    /// # Errors
    ///
    /// If nothing is there, it may not be read, or its store does not answer.
    pub fn list(&self, uri: &str, stopper: &Stopper) -> Result<Vec<FileInfo>> {
        find::find(self, uri, stopper)
    }

    /// Opens a file that was found, in this process or another; a name without a version opens what is there now.
    ///
    /// # Errors
    ///
    /// If it is not there, may not be read, or has changed.
    pub fn open(&self, versioned_uri: &str, stopper: &Stopper) -> Result<SourceFile> {
        let (uri, info) = FileInfo::parse(versioned_uri);
        match self.grants.readable(uri)? {
            Location::Local(path) => SourceFile::local(path, info.as_ref()),
            Location::Object(url) => {
                let object = self.objects.object(&url)?;
                SourceFile::object(object, info, stopper, &self.room)
            }
        }
    }

    fn changed(uri: &str) -> Error {
        Error::Changed(uri.to_owned())
    }
}
