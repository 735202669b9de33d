//! An application's own folder for scratch files, gone when the application is.
//!
//! A process that is killed removes nothing: the next one does it instead. It knows by a lock on the folder, which the system
//! lets go with the process, whether somebody still lives there.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::{Error, Result};

/// A folder that is removed, with what is in it, when this is dropped.
#[derive(Debug)]
pub struct WorkFolder {
    path: PathBuf,
    /// Says that the folder is in use.
    _lock: File,
}

impl WorkFolder {
    /// Makes a folder of its own below `parent` (Spark: `local.dir`), readable by this user alone.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn create(parent: &Path) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tinderbox-{}-{number}", std::process::id());
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
        remove_abandoned(parent);
        // It gets the name under which others look for it when it is locked.
        let (new, path) = (parent.join(format!(".{name}")), parent.join(name));
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&new)
            .map_err(Error::io("create", &new))?;
        let lock = File::open(&new).map_err(Error::io("open", &new))?;
        lock.try_lock()
            .map_err(|error| Error::io("lock", &new)(error.into()))?;
        fs::rename(&new, &path).map_err(Error::io("create", &path))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes a folder with all that is in it. Nobody is left to be told of what cannot be removed.
///
/// The system takes milliseconds for a large file, whose pages it gives back: the files of each folder are shared among threads.
fn remove(folder: &Path) {
    let entries = || fs::read_dir(folder).into_iter().flatten().flatten();
    let (folders, files): (Vec<_>, Vec<_>) = entries()
        .map(|entry| entry.path())
        .partition(|path| path.is_dir() && !path.is_symlink());
    folders.iter().for_each(|folder| remove(folder));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for files in files.chunks(files.len().div_ceil(threads).max(FILES_MIN)) {
            scope.spawn(|| files.iter().for_each(|file| drop(fs::remove_file(file))));
        }
    });
    let _ = fs::remove_dir(folder);
}

/// Fewer files are not worth a thread.
const FILES_MIN: usize = 8;

/// Removes what processes left that were killed. What cannot be looked at or removed is another user's.
fn remove_abandoned(parent: &Path) {
    let folders = fs::read_dir(parent).into_iter().flatten().flatten();
    let ours = folders.filter(|folder| is_work_folder(&folder.file_name().to_string_lossy()));
    for path in ours.map(|folder| folder.path()) {
        let lock = File::open(&path)
            .ok()
            .filter(|file| file.try_lock().is_ok());
        if lock.is_some() {
            remove(&path);
        }
    }
}

/// Whether a name is one that [`WorkFolder::create`] gives. Others begin like it: those of a cluster for trying out.
fn is_work_folder(name: &str) -> bool {
    let numbers = name
        .strip_prefix("tinderbox-")
        .and_then(|rest| rest.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(process, number)| is_number(process) && is_number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_abandoned_goes_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let used = WorkFolder::create(parent.path()).unwrap();
        fs::write(used.path().join("file"), "").unwrap();
        let names = [
            "tinderbox-1-0",
            "others",
            "tinderbox-cluster-x1",
            "tinderbox-1-",
        ];
        let [abandoned, others @ ..] = names.map(|name| parent.path().join(name));
        for folder in others.iter().chain([&abandoned]) {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("file"), "").unwrap();
        }
        let another = WorkFolder::create(parent.path()).unwrap();
        assert!(!abandoned.exists() && others.iter().all(|other| other.exists()));
        assert!(used.path().join("file").exists() && another.path().exists());
        let paths = [used, another].map(|folder| folder.path().to_path_buf());
        assert!(paths.iter().all(|path| !path.exists()));
    }
}
