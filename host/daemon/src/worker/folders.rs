//! The folders of a worker: where what is, how old it is, and how it goes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use scheduler::message::ExecutorName;
use scheduler::worker::Folder;
use scheduler::{ApplicationId, DriverId, Tenant};
use wire::{LogSource, LogStream};

/// Says whose a folder is: only that tenant's submitters read the logs in it.
const OWNER: &str = "owner";

/// Where what is.
#[derive(Clone, Debug)]
pub(super) struct Folders(pub(super) PathBuf);

impl Folders {
    pub(super) fn application(&self, application: ApplicationId) -> PathBuf {
        self.0.join(application.to_string())
    }

    pub(super) fn shuffle(&self, application: ApplicationId) -> PathBuf {
        self.application(application).join("shuffle")
    }

    pub(super) fn executor(&self, name: ExecutorName) -> PathBuf {
        self.application(name.application)
            .join(name.executor.to_string())
    }

    pub(super) fn driver(&self, driver: DriverId) -> PathBuf {
        self.0.join("drivers").join(driver.to_string())
    }

    /// Returns the folder that belongs to a tenant, and the log in it.
    pub(super) fn log(&self, source: LogSource, stream: LogStream) -> (PathBuf, PathBuf) {
        let (owned, folder) = match source {
            LogSource::Executor(application, executor) => {
                let name = ExecutorName {
                    application,
                    executor,
                };
                (self.application(application), self.executor(name))
            }
            LogSource::Driver(driver) => (self.driver(driver), self.driver(driver)),
        };
        (owned, folder.join(stream_name(stream)))
    }

    /// Finds the applications that have a folder here.
    pub(super) fn applications(&self) -> io::Result<Vec<Folder>> {
        let now = SystemTime::now();
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(application) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let changed = latest_change(&entry.path());
            let age = now.duration_since(changed).unwrap_or(Duration::ZERO);
            found.push(Folder { application, age });
        }
        found.sort_by_key(|folder| folder.application);
        Ok(found)
    }
}

pub(super) const fn stream_name(stream: LogStream) -> &'static str {
    match stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    }
}

/// Returns where a child keeps what is its own alone.
pub(super) fn scratch(child: &Path) -> PathBuf {
    child.join("scratch")
}

/// Makes a folder that belongs to a tenant.
pub(super) fn make(folder: &Path, owner: &Tenant) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(OWNER), &*owner.0)
}

/// Returns whose a folder is; none where nobody knows.
pub(super) fn owner(folder: &Path) -> Option<Tenant> {
    let owner = fs::read_to_string(folder.join(OWNER)).ok()?;
    Some((&*owner).into())
}

/// Removes a folder with all that is in it. None is as good as one that is gone.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Returns when anything in a folder was last changed. What vanishes meanwhile does not count.
fn latest_change(path: &Path) -> SystemTime {
    let own = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    let own = own.unwrap_or(SystemTime::UNIX_EPOCH);
    let Ok(entries) = fs::read_dir(path) else {
        return own;
    };
    let inside = entries
        .flatten()
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => latest_change(&entry.path()),
            _ => entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH),
        })
        .max();
    inside.map_or(own, |inside| inside.max(own))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use scheduler::Epoch;

    use super::*;

    const APPLICATION: ApplicationId = ApplicationId {
        epoch: Epoch(3),
        number: 7,
    };

    #[test]
    fn applications_are_found_by_their_names_and_are_as_old_as_their_latest_change() {
        let work = tempfile::tempdir().unwrap();
        let folders = Folders(work.path().to_owned());
        let shuffle = folders.shuffle(APPLICATION);
        fs::create_dir_all(&shuffle).unwrap();
        fs::create_dir_all(work.path().join("components")).unwrap();
        fs::create_dir_all(work.path().join("app-of-somebody")).unwrap();
        let old = SystemTime::now() - Duration::from_secs(3600);
        File::open(&shuffle).unwrap().set_modified(old).unwrap();
        let application = File::open(folders.application(APPLICATION)).unwrap();
        application.set_modified(old).unwrap();
        let [found] = folders.applications().unwrap()[..] else {
            panic!("one application has a folder");
        };
        assert_eq!(found.application, APPLICATION);
        assert!(found.age >= Duration::from_secs(3600));
        File::create(shuffle.join("attempt-1.map")).unwrap();
        assert!(folders.applications().unwrap()[0].age < Duration::from_secs(3600));
        remove(&folders.application(APPLICATION)).unwrap();
        remove(&folders.application(APPLICATION)).unwrap();
        assert!(folders.applications().unwrap().is_empty());
    }
}
