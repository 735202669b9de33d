//! What an application may read and write.
//!
//! A grant is a path or a URL, and all below it. Links and `..` are resolved before anything is compared, so neither leads
//! out; [`Location::parse`] does the same for URLs.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::{Error, Location, Result, is_object_url};

/// The files, folders and URLs that an application was given.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    read: Vec<Location>,
    write: Vec<Location>,
}

impl Grants {
    /// Grants reading and writing below the given paths and URLs, which need not exist yet.
    ///
    /// # Errors
    ///
    /// If a path cannot be resolved, or a URL makes no sense.
    pub fn new(read: &[PathBuf], write: &[PathBuf]) -> Result<Self> {
        let resolved = |paths: &[PathBuf]| {
            paths
                .iter()
                .map(|path| granted(path))
                .collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            read: resolved(read)?,
            write: resolved(write)?,
        })
    }

    /// What may be read, with all below it.
    pub fn read_places(&self) -> &[Location] {
        &self.read
    }

    /// What may be written, with all below it.
    pub fn write_places(&self) -> &[Location] {
        &self.write
    }

    /// The real place of a file that may be read; what may be written may be read back. Whether an object exists is not
    /// known here.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`], or [`Error::NotFound`] for what is granted but not there.
    pub fn readable(&self, uri: &str) -> Result<Location> {
        let real = within(self.read.iter().chain(&self.write), uri, "--allow-read")?;
        let Location::Local(path) = &real else {
            return Ok(real);
        };
        match path.symlink_metadata() {
            Ok(_) => Ok(real),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::NotFound(uri.into()))
            }
            Err(error) => Err(Error::io("read", Path::new(uri))(error)),
        }
    }

    /// The real place of a file or folder that may be written; it need not exist.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`].
    pub fn writable(&self, uri: &str) -> Result<Location> {
        within(&self.write, uri, "--allow-write")
    }
}

/// What an option grants.
fn granted(path: &Path) -> Result<Location> {
    match path.to_str().filter(|text| is_object_url(text)) {
        Some(url) => Location::parse(url),
        None => resolve(path)
            .map(Location::Local)
            .map_err(Error::io("resolve", path)),
    }
}

fn within<'g>(
    granted: impl IntoIterator<Item = &'g Location>,
    uri: &str,
    flag: &'static str,
) -> Result<Location> {
    let denied = || Error::Denied {
        path: uri.into(),
        flag,
    };
    let real = match Location::parse(uri)? {
        // A path that cannot be resolved is not looked at further: it might be outside.
        Location::Local(path) => Location::Local(resolve(&path).map_err(|_| denied())?),
        url => url,
    };
    if granted.into_iter().any(|prefix| covers(prefix, &real)) {
        Ok(real)
    } else {
        Err(denied())
    }
}

fn covers(prefix: &Location, place: &Location) -> bool {
    match (prefix, place) {
        (Location::Local(prefix), Location::Local(path)) => path.starts_with(prefix),
        (Location::Object(prefix), Location::Object(url)) => url.is_within(prefix),
        _ => false,
    }
}

/// Resolves links and `..` as far as the path exists; what does not exist yet is taken as it is written.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    // Without a `/` at its end, behind which a link would not be seen.
    let mut existing: PathBuf = std::path::absolute(path)?.components().collect();
    let mut missing = Vec::new();
    loop {
        match existing.canonicalize() {
            Ok(real) => {
                return Ok(missing
                    .iter()
                    .rev()
                    .fold(real, |path, name| path.join(name)));
            }
            Err(error) if !is_missing(&error) => return Err(error),
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

/// Nothing is there, or below a file, where nothing can be.
fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
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
        fn read(&self, path: &str) -> Result<Location> {
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
            "in/link/",
            "in/link/x",
            "in/a.txt/../../secret.txt",
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
    fn a_file_is_no_folder() {
        let fixture = fixture();
        assert!(fixture.read("in/a.txt/").is_ok());
        let below = fixture.read("in/a.txt/b").unwrap_err().to_string();
        assert!(
            below.contains("a.txt/b") && below.contains("Not a directory"),
            "{below}"
        );
    }

    #[test]
    fn a_folder_to_be_made_may_be_granted() {
        let fixture = fixture();
        let out = fixture.folder.path().join("out/part");
        assert_eq!(
            fixture.grants.writable(out.to_str().unwrap()).unwrap(),
            Location::Local(out.canonicalize().unwrap_or(out))
        );
        assert!(matches!(
            fixture.grants.writable("/tmp/elsewhere"),
            Err(Error::Denied { .. })
        ));
        assert!(matches!(
            fixture.grants.writable("s3://bucket/x"),
            Err(Error::Denied { .. })
        ));
    }

    #[test]
    fn a_url_is_granted_with_all_below_it() {
        let grants = Grants::new(
            &["s3://bucket/in/".into(), "https://host/data".into()],
            &["s3a://bucket/out".into()],
        )
        .unwrap();
        let may_read = |uri| grants.readable(uri).is_ok();
        for uri in [
            "s3://bucket/in",
            "s3a://bucket/in/x",
            "s3://bucket/out/part-00000",
            "https://HOST:443/data/./x",
        ] {
            assert!(may_read(uri), "{uri}");
        }
        for uri in [
            "s3://bucket",
            "s3://bucket/in2",
            "s3://bucket2/in/x",
            "http://host/data/x",
            "https://host/data/%2e%2e/secret",
            "https://host.evil/data/x",
            "/bucket/in/x",
        ] {
            assert!(
                matches!(grants.readable(uri), Err(Error::Denied { .. })),
                "{uri}"
            );
        }
        for uri in [
            "s3://bucket/in/../secret",
            "https://host/data%2f..%2fsecret",
        ] {
            assert!(
                matches!(grants.readable(uri), Err(Error::Invalid(_))),
                "{uri}"
            );
        }
        assert!(grants.writable("s3://bucket/out/x").is_ok());
        let denied = grants.writable("s3://bucket/in/x").unwrap_err().to_string();
        assert!(
            denied.contains("--allow-write s3://bucket/in/x"),
            "{denied}"
        );
    }
}
