//! An open file: any range of it, at any time.

use std::fs::{self, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use super::room::Room;
use super::{FileInfo, Files};
use crate::object::{Found, Object, Request};
use crate::{Error, Result, Stopper};

/// A file that is open for reading.
#[derive(Debug)]
pub struct SourceFile {
    info: FileInfo,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Local(fs::File, PathBuf),
    Object(Box<Remote>),
}

/// An object as it was found.
#[derive(Debug)]
struct Remote {
    object: Object,
    found: Found,
    stopper: Stopper,
    room: Room,
}

impl SourceFile {
    pub(super) fn local(path: PathBuf, expected: Option<&FileInfo>) -> Result<Self> {
        let file = fs::File::open(&path).map_err(Error::io("open", &path))?;
        let metadata = file.metadata().map_err(Error::io("read", &path))?;
        let uri = expected.map_or_else(|| path.display().to_string(), |info| info.uri.clone());
        let info = local_info(uri, &metadata);
        if expected.is_some_and(|expected| !is_same(expected, &info)) {
            return Err(Files::changed(&info.uri));
        }
        Ok(Self {
            info,
            place: Place::Local(file, path),
        })
    }

    pub(super) fn object(
        object: Object,
        expected: Option<FileInfo>,
        stopper: &Stopper,
        room: &Room,
    ) -> Result<Self> {
        let info = match expected {
            // Each request says which version it is about.
            Some(info) => info,
            None => object_info(object.find(stopper)?),
        };
        let found = Found {
            url: object.url.clone(),
            length: info.length,
            version: info.version.clone(),
        };
        Ok(Self {
            info,
            place: Place::Object(Box::new(Remote {
                object,
                found,
                stopper: stopper.clone(),
                room: room.clone(),
            })),
        })
    }

    /// Which one it is.
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// Bytes.
    pub fn length(&self) -> u64 {
        self.info.length
    }

    /// Whether reading may wait for a server: then whoever reads must be able to stop it.
    pub fn is_remote(&self) -> bool {
        self.room().is_some()
    }

    /// Where an object's ranges have room.
    pub(super) fn room(&self) -> Option<&Room> {
        match &self.place {
            Place::Object(remote) => Some(&remote.room),
            Place::Local(..) => None,
        }
    }

    /// The `length` bytes at `offset`, all of which are within [`length`](Self::length). Of an object it is one request.
    ///
    /// # Errors
    ///
    /// If they are not there, or not any more.
    pub fn read_at(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        match &self.place {
            Place::Local(file, path) => {
                let mut bytes = vec![0; length];
                match file.read_exact_at(&mut bytes, offset) {
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                        Err(Files::changed(&self.info.uri))
                    }
                    read => read.map(|()| bytes).map_err(Error::io("read", path)),
                }
            }
            Place::Object(_) => {
                let request = self.begin_read(offset..offset + length as u64);
                request.map_or_else(|| Ok(Vec::new()), |read| self.finish_read(read))
            }
        }
    }

    /// Has an object's store send a range. Of a file of this machine there is nothing to begin.
    pub(super) fn begin_read(&self, range: Range<u64>) -> Option<Request<Vec<u8>>> {
        match &self.place {
            Place::Object(remote) => Some(remote.object.begin_read(&remote.found, range)),
            Place::Local(..) => None,
        }
    }

    /// Waits for what was begun.
    pub(super) fn finish_read(&self, read: Request<Vec<u8>>) -> Result<Vec<u8>> {
        match &self.place {
            Place::Object(remote) => remote.object.finish("read", &remote.stopper, read),
            Place::Local(..) => Ok(Vec::new()),
        }
    }

    /// Adds what follows `offset` in a file of this machine to `batch`, at most `most` bytes; returns how many.
    pub(super) fn append_local(
        &self,
        offset: u64,
        batch: &mut Vec<u8>,
        most: u64,
    ) -> Result<usize> {
        let Place::Local(file, path) = &self.place else {
            return Ok(0);
        };
        let mut file = file;
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.take(most).read_to_end(batch))
            .map_err(Error::io("read", path))
    }

    /// Checks that the file is still the one that was opened. An object's every answer says so.
    ///
    /// # Errors
    ///
    /// [`Error::Changed`].
    pub fn check_unchanged(&self) -> Result<()> {
        let Place::Local(file, path) = &self.place else {
            return Ok(());
        };
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        if is_same(&self.info, &local_info(self.info.uri.clone(), &metadata)) {
            Ok(())
        } else {
            Err(Files::changed(&self.info.uri))
        }
    }
}

/// A file of this machine is the same while its length and its time of change are.
pub(super) fn local_info(uri: String, metadata: &Metadata) -> FileInfo {
    let modified = metadata.modified().ok();
    let since = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    let nanoseconds = since.unwrap_or_default().as_nanos();
    FileInfo {
        uri,
        length: metadata.len(),
        version: format!("{nanoseconds}@{}", machine()),
    }
}

/// Whether it is the file that was found. A machine may have a copy of its own, whose time is another one.
fn is_same(found: &FileInfo, now: &FileInfo) -> bool {
    let machine = |info: &FileInfo| info.version.split_once('@').map(|(_, id)| id.to_owned());
    let is_copy = machine(found) != machine(now);
    found.length == now.length && (is_copy || found.version == now.version)
}

/// What tells this machine from others, as long as it runs.
fn machine() -> &'static str {
    static MACHINE: OnceLock<String> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        id.map(|id| id.trim().to_owned()).unwrap_or_default()
    })
}

/// What a store found, as a file.
pub(super) fn object_info(found: Found) -> FileInfo {
    FileInfo {
        uri: found.url.to_string(),
        length: found.length,
        version: found.version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_on_another_machine_is_told_by_its_length() {
        let info = |length, version: &str| FileInfo {
            uri: "/data/a".into(),
            length,
            version: version.into(),
        };
        let found = info(7, "12@here");
        assert!(is_same(&found, &info(7, "12@here")));
        assert!(!is_same(&found, &info(7, "13@here")));
        assert!(is_same(&found, &info(7, "13@there")));
        assert!(!is_same(&found, &info(8, "12@there")));
    }
}
