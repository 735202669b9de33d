//! What a program may touch on this machine: the paths of `--allow-read` and `--allow-write`, and those
//! that the user typed as the program's arguments, for reading.
//!
//! A path is made absolute and free of links here, once, so that what is checked later is what was meant.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Files and folders, with all that is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// May be read.
    pub read: Vec<PathBuf>,
    /// May be written, made and read.
    pub write: Vec<PathBuf>,
}

impl Grants {
    /// Collects what was granted by options and, for reading, what `arguments` name that exists.
    ///
    /// Relative paths start at `folder`. Fails where a granted path cannot be resolved.
    pub fn collect(
        read: &[PathBuf],
        write: &[PathBuf],
        arguments: &[String],
        folder: &Path,
    ) -> io::Result<Self> {
        let absolute = |paths: &[PathBuf]| {
            paths
                .iter()
                .map(|path| resolve(&folder.join(path)))
                .collect::<io::Result<Vec<_>>>()
        };
        let mut grants = Self {
            read: absolute(read)?,
            write: absolute(write)?,
        };
        grants.read.extend(named(arguments, folder));
        for paths in [&mut grants.read, &mut grants.write] {
            paths.sort();
            paths.dedup();
        }
        Ok(grants)
    }
}

/// Returns the files and folders that `arguments` name, in full and as they exist.
fn named(arguments: &[String], folder: &Path) -> Vec<PathBuf> {
    let arguments = arguments.iter().filter(|argument| !argument.is_empty());
    arguments
        .filter_map(|argument| folder.join(argument).canonicalize().ok())
        .collect()
}

/// Makes a path canonical as far as it exists: an output folder may be granted before it is made.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (Some(parent), Some(Component::Normal(name))) =
                (path.parent(), path.components().next_back())
            else {
                return Err(error);
            };
            Ok(resolve(parent)?.join(name))
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        fs::write(path.join("text.txt"), "a b").unwrap();
        fs::create_dir(path.join("data")).unwrap();
        (folder, path)
    }

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn arguments_that_exist_may_be_read() {
        let (_keep, folder) = folder();
        let arguments = strings(&[
            "text.txt",
            "--top",
            "5",
            "data",
            "absent.txt",
            "",
            "text.txt",
            "--in=text.txt",
        ]);
        let grants = Grants::collect(&[], &[], &arguments, &folder).unwrap();
        assert_eq!(
            grants,
            Grants {
                read: vec![folder.join("data"), folder.join("text.txt")],
                write: vec![]
            }
        );
    }

    #[test]
    fn a_link_grants_what_it_points_to() {
        let (_keep, folder) = folder();
        symlink(folder.join("text.txt"), folder.join("link")).unwrap();
        let grants =
            Grants::collect(&[], &[], &strings(&["link", "data/../text.txt"]), &folder).unwrap();
        assert_eq!(grants.read, [folder.join("text.txt")]);
    }

    #[test]
    fn options_grant_what_does_not_exist_yet() {
        let (_keep, folder) = folder();
        symlink(folder.join("data"), folder.join("link")).unwrap();
        let write = [PathBuf::from("link/out/deep"), PathBuf::from("data")];
        let grants = Grants::collect(&["later".into()], &write, &[], &folder).unwrap();
        assert_eq!(grants.read, [folder.join("later")]);
        assert_eq!(
            grants.write,
            [folder.join("data"), folder.join("data/out/deep")]
        );
    }

    #[test]
    fn a_path_through_nothing_and_back_is_refused() {
        let (_keep, folder) = folder();
        assert!(Grants::collect(&[], &["absent/..".into()], &[], &folder).is_err());
        assert!(Grants::collect(&[], &["absent/../data".into()], &[], &folder).is_err());
    }
}
