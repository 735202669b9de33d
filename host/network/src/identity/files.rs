//! Files that hold private keys: nobody else may read them, and a crash leaves a whole one or none.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::{Error, tls};

const OWNER_ONLY: u32 = 0o600;

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::File {
        path: path.to_owned(),
        source,
    }
}

/// Writes a file that the owner alone may read, in place of what is there.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let temporary = temporary(path)?;
    write_new(&temporary, text)
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(at(path))
}

/// Writes a file that the owner alone may read, unless there is one. Returns whether there was none.
pub(super) fn write_first(path: &Path, text: &str) -> Result<bool, Error> {
    let temporary = temporary(path)?;
    write_new(&temporary, text).map_err(at(path))?;
    // A link, unlike a rename, fails where the name is taken: of two masters that start at once one wins.
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary).map_err(at(&temporary))?;
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(at(path)(error)),
    }
}

/// A name beside it that nobody else writes to.
fn temporary(path: &Path) -> Result<PathBuf, Error> {
    let number = u64::from_le_bytes(tls::random()?);
    Ok(path.with_extension(format!("{number:x}.new")))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(OWNER_ONLY);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Reads a file that the owner alone may read; none where there is no file.
pub(super) fn read(path: &Path) -> Result<Option<String>, Error> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(path)(error)),
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Error::KeyReadable {
            path: path.to_owned(),
        });
    }
    fs::read_to_string(path).map(Some).map_err(at(path))
}
