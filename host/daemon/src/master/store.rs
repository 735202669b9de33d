//! What a master must not forget, on disk.
//!
//! A [`FileStore`] is a log of changes, one a line, each with its checksum. A line that a crash cut short was never
//! acknowledged and is dropped; any other damage is an error. The log is written anew when most of it is history.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use scheduler::Epoch;
use scheduler::cluster::{Change, Persisted};
use serde::{Deserialize, Serialize};

use crate::{Error, files};

/// Where a master writes down what it must not forget (Spark: `PersistenceEngine`).
pub trait Store: Send {
    /// Returns what is written down.
    fn persisted(&self) -> &Persisted;

    /// Begins a term above all before it, and writes that down before it returns.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    fn begin_term(&mut self) -> io::Result<Epoch>;

    /// Makes changes; they are durable when it returns. After an error nothing more is to be written.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    fn apply(&mut self, changes: &[Change]) -> io::Result<()>;
}

/// How many lines of history a log may have beyond one for each thing that is remembered.
const HISTORY_MAX: usize = 10_000;

const FIRST_LINE: &str = "tinderbox master log 1";
const FILE: &str = "master.log";

/// One line of a log.
#[derive(Debug, Serialize, Deserialize)]
enum Entry {
    Term(Epoch),
    Change(Change),
}

/// A log in a folder.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    log: File,
    epoch: Epoch,
    persisted: Persisted,
    lines: usize,
}

impl FileStore {
    /// Reads the log of a folder, or begins one there.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written, or is damaged.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(Error::file(&path))?,
        };
        let (epoch, persisted) = read(&path, &text)?;
        let (log, lines) = write_anew(&path, epoch, &persisted).map_err(Error::file(&path))?;
        Ok(Self {
            path,
            log,
            epoch,
            persisted,
            lines,
        })
    }

    fn append(&mut self, entries: impl Iterator<Item = Entry>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for entry in entries {
            write_line(&mut bytes, &entry)?;
            self.lines += 1;
        }
        self.log.write_all(&bytes)?;
        self.log.sync_data()
    }

    fn forget_history(&mut self) -> io::Result<()> {
        let Persisted {
            applications,
            drivers,
            workers,
        } = &self.persisted;
        let needed = applications.len() + drivers.len() + workers.len();
        if self.lines > 2 * needed + HISTORY_MAX {
            (self.log, self.lines) = write_anew(&self.path, self.epoch, &self.persisted)?;
        }
        Ok(())
    }
}

impl Store for FileStore {
    fn persisted(&self) -> &Persisted {
        &self.persisted
    }

    fn begin_term(&mut self) -> io::Result<Epoch> {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.append([Entry::Term(self.epoch)].into_iter())?;
        Ok(self.epoch)
    }

    fn apply(&mut self, changes: &[Change]) -> io::Result<()> {
        self.append(changes.iter().cloned().map(Entry::Change))?;
        for change in changes {
            self.persisted.apply(change);
        }
        self.forget_history()
    }
}

/// Writes a log without history, and opens it at its end. Returns how many lines it has.
fn write_anew(path: &Path, epoch: Epoch, persisted: &Persisted) -> io::Result<(File, usize)> {
    let mut bytes = format!("{FIRST_LINE}\n").into_bytes();
    let mut lines = 0;
    for entry in entries(epoch, persisted) {
        write_line(&mut bytes, &entry)?;
        lines += 1;
    }
    files::replace(path, &bytes)?;
    let log = OpenOptions::new().append(true).mode(0o600).open(path)?;
    Ok((log, lines))
}

fn entries(epoch: Epoch, persisted: &Persisted) -> impl Iterator<Item = Entry> {
    let applications = persisted.applications.iter();
    let applications = applications.map(|(id, spec)| Change::AddApplication {
        application: *id,
        spec: spec.clone(),
    });
    let drivers = persisted.drivers.iter();
    let drivers = drivers.map(|(id, spec)| Change::AddDriver {
        driver: *id,
        spec: spec.clone(),
    });
    let workers = persisted.workers.values().cloned().map(Change::AddWorker);
    let changes = applications.chain(drivers).chain(workers);
    [Entry::Term(epoch)]
        .into_iter()
        .chain(changes.map(Entry::Change))
}

fn write_line(out: &mut Vec<u8>, entry: &Entry) -> io::Result<()> {
    let json = serde_json::to_string(entry)?;
    writeln!(out, "{} {json}", checksum(&json))
}

/// Guards against torn and rotten bytes, not against forgers.
fn checksum(json: &str) -> String {
    let hash = blake3::hash(json.as_bytes());
    hash.to_hex()[..16].to_owned()
}

fn read(path: &Path, bytes: &[u8]) -> Result<(Epoch, Persisted), Error> {
    let (mut epoch, mut persisted) = (Epoch::default(), Persisted::default());
    let damaged = |line: usize, reason: &str| Error::StoreDamaged {
        path: path.to_owned(),
        line,
        reason: reason.to_owned(),
    };
    // What follows the last end of a line was cut short.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(&[][..], |end| &bytes[..end]);
    let mut lines = whole.split(|byte| *byte == b'\n').enumerate();
    match lines.next() {
        Some((_, first)) if first == FIRST_LINE.as_bytes() || bytes.is_empty() => {}
        _ => return Err(damaged(1, "it is not the log of a master of this version")),
    }
    for (at, line) in lines {
        let entry = read_line(line).map_err(|reason| damaged(at + 1, &reason))?;
        match entry {
            Entry::Term(term) => epoch = term,
            Entry::Change(change) => persisted.apply(&change),
        }
    }
    Ok((epoch, persisted))
}

fn read_line(line: &[u8]) -> Result<Entry, String> {
    let text = str::from_utf8(line).map_err(|error| error.to_string())?;
    let (written, json) = text.split_once(' ').ok_or("it has no checksum")?;
    if written != checksum(json) {
        return Err("its checksum is wrong".to_owned());
    }
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use scheduler::WorkerId;
    use scheduler::message::WorkerInfo;

    use super::*;

    fn worker(number: u64) -> WorkerInfo {
        WorkerInfo {
            id: WorkerId(number),
            address: "node-1:1".into(),
            host: "node-1".into(),
            rack: None,
            cores: 4,
            memory: 1 << 30,
        }
    }

    fn add(number: u64) -> Change {
        Change::AddWorker(worker(number))
    }

    #[test]
    fn what_was_written_is_read_again_and_each_term_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileStore::open(folder.path()).unwrap();
        assert_eq!(store.begin_term().unwrap(), Epoch(1));
        store.apply(&[add(1), add(2)]).unwrap();
        store.apply(&[Change::RemoveWorker(WorkerId(1))]).unwrap();
        let expected = store.persisted().clone();
        drop(store);
        let mut store = FileStore::open(folder.path()).unwrap();
        assert_eq!(*store.persisted(), expected);
        assert_eq!(expected.workers.len(), 1);
        assert_eq!(store.begin_term().unwrap(), Epoch(2));
    }

    #[test]
    fn a_line_that_was_cut_short_is_dropped_wherever_the_cut_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileStore::open(folder.path()).unwrap();
        store.apply(&[add(1)]).unwrap();
        let path = folder.path().join(FILE);
        let first = std::fs::read(&path).unwrap().len();
        store.apply(&[add(2)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in first..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let store = FileStore::open(folder.path()).unwrap();
            assert_eq!(store.persisted().workers.len(), 1, "{cut}");
        }
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileStore::open(folder.path()).unwrap();
        store.apply(&[add(1), add(2)]).unwrap();
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("\"cores\":4", "\"cores\":8", 1)).unwrap();
        let error = FileStore::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("line 3: its checksum is wrong"), "{error}");
        std::fs::write(&path, "something else\n").unwrap();
        let error = FileStore::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("line 1: it is not the log"), "{error}");
    }

    #[test]
    fn history_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FileStore::open(folder.path()).unwrap();
        let gone = (0..HISTORY_MAX as u64)
            .flat_map(|number| [add(number), Change::RemoveWorker(WorkerId(number))]);
        store.apply(&gone.collect::<Vec<_>>()).unwrap();
        assert_eq!(store.lines, 1);
        store.apply(&[add(1)]).unwrap();
        drop(store);
        let store = FileStore::open(folder.path()).unwrap();
        assert_eq!(store.persisted().workers.len(), 1);
    }
}
