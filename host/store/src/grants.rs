//! What an application may read and write.
//!
//! A grant is a path and all below it. Links and `..` are resolved before anything is compared, so neither leads out.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::{Error, Result};

/// The files and folders that an application was given.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
}

impl Grants {
    /// Grants reading and writing below the given paths, which need not exist yet.
    ///
    /// # Errors
    ///
    /// If a path cannot be resolved.
    pub fn new(read: &[PathBuf], write: &[PathBuf]) -> Result<Self> {
        let resolved = |paths: &[PathBuf]| -> Result<Vec<_>> {
            paths
                .iter()
                .map(|path| resolve(path).map_err(Error::io("resolve", path)))
                .collect()
        };
        Ok(Self {
            read: resolved(read)?,
            write: resolved(write)?,
        })
    }

    /// What may be read, with all below it.
    pub fn read_paths(&self) -> &[PathBuf] {
        &self.read
    }

    /// What may be written, with all below it.
    pub fn write_paths(&self) -> &[PathBuf] {
        &self.write
    }

    /// The real path of a file that may be read; what may be written may be read back.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], or [`Error::NotFound`] for what is granted but not there.
    pub fn readable(&self, uri: &str) -> Result<PathBuf> {
        let real = within(self.read.iter().chain(&self.write), uri, "--allow-read")?;
        match real.symlink_metadata() {
            Ok(_) => Ok(real),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::NotFound(uri.into()))
            }
            Err(error) => Err(Error::io("read", Path::new(uri))(error)),
        }
    }

    /// The real path of a file or folder that may be written; it need not exist.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`].
    pub fn writable(&self, uri: &str) -> Result<PathBuf> {
        within(&self.write, uri, "--allow-write")
    }
}

fn within<'g>(
    granted: impl IntoIterator<Item = &'g PathBuf>,
    uri: &str,
    flag: &'static str,
) -> Result<PathBuf> {
    let denied = || Error::Denied {
        path: uri.into(),
        flag,
    };
    // A path that cannot be resolved is not looked at further: it might be outside.
    let real = resolve(path_of(uri)?).map_err(|_| denied())?;
    if granted.into_iter().any(|prefix| real.starts_with(prefix)) {
        Ok(real)
    } else {
        Err(denied())
    }
}

/// The local path that a URI names: `data.txt`, `file:///data.txt`.
pub(crate) fn path_of(uri: &str) -> Result<&Path> {
    match uri.split_once("://") {
        None => Ok(Path::new(uri)),
        Some(("file", path)) => Ok(Path::new(path)),
        Some((scheme, _)) => Err(Error::Invalid(format!(
            "`{uri}`: `{scheme}://` is not supported; use a local path"
        ))),
    }
}

/// Resolves links and `..` as far as the path exists; what does not exist yet is taken as it is written.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut existing = std::path::absolute(path)?;
    let mut missing = Vec::new();
    loop {
        match existing.canonicalize() {
            Ok(real) => {
                return Ok(missing
                    .iter()
                    .rev()
                    .fold(real, |path, name| path.join(name)));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(error) => {
                // `..` after a name that does not exist would be resolved by guessing, and a dangling link leads anywhere.
                let Some(Component::Normal(name)) = existing.components().next_back() else {
                    return Err(error);
                };
                if existing.is_symlink() {
                    return Err(error);
                }
                missing.push(name.to_owned());
                existing.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        grants: Grants,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("in/a.txt"), "a").unwrap();
        fs::write(folder.path().join("secret.txt"), "s").unwrap();
        let grants =
            Grants::new(&[folder.path().join("in")], &[folder.path().join("out")]).unwrap();
        Fixture { folder, grants }
    }

    impl Fixture {
        fn read(&self, path: &str) -> Result<PathBuf> {
            self.grants
                .readable(self.folder.path().join(path).to_str().unwrap())
        }
    }

    #[test]
    fn what_is_below_a_grant_may_be_read() {
        let fixture = fixture();
        assert!(fixture.read("in/a.txt").is_ok());
        assert!(fixture.read("in/../in/a.txt").is_ok());
        let uri = format!(
            "file://{}",
            fixture.folder.path().join("in/a.txt").display()
        );
        assert!(fixture.grants.readable(&uri).is_ok());
    }

    #[test]
    fn neither_dots_nor_links_nor_likeness_lead_out() {
        let fixture = fixture();
        symlink(
            fixture.folder.path().join("secret.txt"),
            fixture.folder.path().join("in/link"),
        )
        .unwrap();
        symlink(
            fixture.folder.path().join("nowhere"),
            fixture.folder.path().join("in/dangling"),
        )
        .unwrap();
        fs::write(fixture.folder.path().join("in2"), "").unwrap();
        for path in [
            "secret.txt",
            "in/../secret.txt",
            "in/link",
            "in/dangling",
            "in2",
            "in/none/../../secret.txt",
        ] {
            assert!(
                matches!(fixture.read(path), Err(Error::Denied { .. })),
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_missing_is_said_only_below_a_grant() {
        let fixture = fixture();
        assert!(matches!(
            fixture.read("in/none.txt"),
            Err(Error::NotFound(_))
        ));
        assert!(matches!(
            fixture.read("none.txt"),
            Err(Error::Denied { .. })
        ));
    }

    #[test]
    fn a_folder_to_be_made_may_be_granted() {
        let fixture = fixture();
        let out = fixture.folder.path().join("out/part");
        assert_eq!(
            fixture.grants.writable(out.to_str().unwrap()).unwrap(),
            out.canonicalize().unwrap_or(out)
        );
        assert!(matches!(
            fixture.grants.writable("/tmp/elsewhere"),
            Err(Error::Denied { .. })
        ));
        assert!(matches!(
            fixture.grants.writable("s3://bucket/x"),
            Err(Error::Invalid(_))
        ));
    }
}
