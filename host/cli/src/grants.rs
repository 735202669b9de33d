//! What a program may touch on this machine: the paths of `--allow-read` and `--allow-write`, and those that the user typed
//! as the program's arguments, for reading.

use std::path::{Path, PathBuf};

use store::{Grants, Location, is_object_url};

/// Collects what was granted by options and, for reading, what `arguments` name that exists.
///
/// Relative paths start at `folder`.
///
/// # Errors
///
/// Where a granted path cannot be resolved.
pub fn collect(
    read: &[PathBuf],
    write: &[PathBuf],
    arguments: &[String],
    folder: &Path,
) -> store::Result<Grants> {
    let (read, write) = paths(read, write, arguments, folder);
    Grants::new(&read, &write)
}

/// Returns the paths that may be read, and those that may be written, of what [`collect`] grants.
pub fn paths(
    read: &[PathBuf],
    write: &[PathBuf],
    arguments: &[String],
    folder: &Path,
) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let absolute = |path: &PathBuf| match path.to_str() {
        Some(url) if is_object_url(url) => path.clone(),
        _ => folder.join(path),
    };
    let mut read: Vec<_> = read.iter().map(absolute).collect();
    read.extend(named(arguments, folder));
    (read, write.iter().map(absolute).collect())
}

/// Returns the files and folders that `arguments` name, where they exist, and the URLs of objects.
fn named(arguments: &[String], folder: &Path) -> impl Iterator<Item = PathBuf> {
    let arguments = arguments.iter().filter(|argument| !argument.is_empty());
    arguments.filter_map(|argument| {
        if is_object_url(argument) {
            // One that makes no sense grants nothing; the program is told when it names it.
            return Location::parse(argument).is_ok().then(|| argument.into());
        }
        Some(folder.join(argument)).filter(|path| path.exists())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        fs::write(path.join("text.txt"), "a b").unwrap();
        fs::write(path.join("other.txt"), "c").unwrap();
        fs::create_dir(path.join("data")).unwrap();
        (folder, path)
    }

    fn granted(grants: &Grants, path: &Path) -> (bool, bool) {
        let path = path.to_str().unwrap();
        (grants.readable(path).is_ok(), grants.writable(path).is_ok())
    }

    #[test]
    fn arguments_that_exist_may_be_read() {
        let (_keep, folder) = folder();
        let words = [
            "text.txt",
            "--top",
            "5",
            "data",
            "absent.txt",
            "",
            "--in=other.txt",
        ];
        let arguments = words.map(str::to_owned);
        let grants = collect(&[], &[], &arguments, &folder).unwrap();
        assert_eq!(granted(&grants, &folder.join("text.txt")), (true, false));
        assert_eq!(granted(&grants, &folder.join("data")), (true, false));
        assert_eq!(granted(&grants, &folder.join("other.txt")), (false, false));
        assert_eq!(granted(&grants, &folder), (false, false));
    }

    #[test]
    fn a_link_grants_what_it_points_to() {
        let (_keep, folder) = folder();
        symlink(folder.join("text.txt"), folder.join("link")).unwrap();
        let grants = collect(&[], &[], &["link".to_owned()], &folder).unwrap();
        assert_eq!(granted(&grants, &folder.join("text.txt")), (true, false));
    }

    #[test]
    fn options_grant_what_does_not_exist_yet() {
        let (_keep, folder) = folder();
        let write = [PathBuf::from("data/out/deep")];
        let grants = collect(&[], &write, &[], &folder).unwrap();
        assert!(granted(&grants, &folder.join("data/out/deep/part")).1);
        assert!(!granted(&grants, &folder.join("data/out")).1);
    }

    #[test]
    fn a_path_through_nothing_and_back_is_refused() {
        let (_keep, folder) = folder();
        assert!(collect(&[], &["absent/../data".into()], &[], &folder).is_err());
    }
}
