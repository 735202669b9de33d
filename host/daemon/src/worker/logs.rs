//! What children print: captured, rolled at a size, read while it grows.
//!
//! A log's current part has the log's name; older parts carry the place of their first byte in theirs
//! (`stdout.00000000000016777216`). So a byte keeps its place for as long as it is kept, and nobody need remember it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;
use tracing::warn;
use wire::LogPart;

/// How much of a pipe is read at a time.
const PIECE: usize = 64 << 10;

/// When logs are rolled, and how much of them is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rolling {
    /// How large a part may become, in bytes.
    pub(super) size_max: u64,
    /// How many older parts are kept.
    pub(super) parts_kept: usize,
}

/// The logs that are being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Logs(Arc<Mutex<HashMap<PathBuf, Live>>>);

/// A log that is being written.
#[derive(Clone, Debug)]
struct Live {
    /// The place behind its last byte. Closed: it has ended.
    end: watch::Receiver<u64>,
    /// Held while parts change their names, or are looked for by them.
    rolling: Arc<Mutex<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Logs {
    /// Writes what comes out of a pipe to a log, in a thread of its own, until the last writer of the pipe is gone.
    pub(super) fn capture(
        &self,
        pipe: PipeReader,
        path: PathBuf,
        rolling: Rolling,
    ) -> io::Result<()> {
        let mut log = Log::open(path.clone(), rolling)?;
        let live = Live {
            end: log.end.subscribe(),
            rolling: Arc::clone(&log.renaming),
        };
        lock(&self.0).insert(path.clone(), live);
        let logs = self.clone();
        let thread = thread::Builder::new().name("log".into());
        thread.spawn(move || {
            log.copy(pipe);
            lock(&logs.0).remove(&path);
        })?;
        Ok(())
    }

    /// Reads a part of a log; at its end waits for more, up to `patience`, if there is any.
    pub(super) async fn read(
        &self,
        path: PathBuf,
        offset: u64,
        bytes_max: usize,
        patience: Option<Duration>,
    ) -> io::Result<LogPart> {
        let live = lock(&self.0).get(&path).cloned();
        if let (Some(live), Some(patience)) = (&live, patience) {
            let mut end = live.end.clone();
            let more = end.wait_for(|end| *end > offset);
            // It has more, has ended, or is left as it is.
            let _ = tokio::time::timeout(patience, more).await;
        }
        let read = tokio::task::spawn_blocking(move || {
            let ended = live.as_ref().is_none_or(Live::has_ended);
            let renaming = live.as_ref().map(|live| lock(&live.rolling));
            let (place, bytes, is_last) = read_part(&path, offset, bytes_max)?;
            drop(renaming);
            let ended = ended && is_last;
            Ok(LogPart {
                offset: place,
                bytes,
                ended,
            })
        });
        read.await.unwrap_or_else(|e| Err(io::Error::other(e)))
    }
}

impl Live {
    fn has_ended(&self) -> bool {
        self.end.has_changed().is_err()
    }
}

/// A log and the end of it that is written.
struct Log {
    path: PathBuf,
    rolling: Rolling,
    renaming: Arc<Mutex<()>>,
    file: File,
    /// The place of the current part's first byte.
    start: u64,
    end: watch::Sender<u64>,
}

impl Log {
    /// Opens a log at its end: of a driver that is started again it goes on.
    fn open(path: PathBuf, rolling: Rolling) -> io::Result<Self> {
        let file = append_to(&path)?;
        let current = parts(&path)?.pop();
        let (start, length) = current.map_or((0, 0), |part| (part.start, part.length));
        Ok(Self {
            path,
            rolling,
            renaming: Arc::default(),
            file,
            start,
            end: watch::Sender::new(start + length),
        })
    }

    /// Copies until the pipe ends. What the disk does not take is lost: a child must not wait for it.
    fn copy(&mut self, mut pipe: PipeReader) {
        let mut piece = vec![0; PIECE];
        let mut failing = false;
        while let Ok(read @ 1..) = pipe.read(&mut piece) {
            let written = self.write(&piece[..read]);
            if let Err(error) = &written
                && !failing
            {
                warn!("lost a part of the log {}: {error}", self.path.display());
            }
            failing = written.is_err();
        }
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let end = *self.end.borrow();
            let room = self.rolling.size_max.saturating_sub(end - self.start);
            if room == 0 && end > self.start {
                self.roll(end)?;
                continue;
            }
            let room = usize::try_from(room.max(1)).unwrap_or(usize::MAX);
            let (these, rest) = bytes.split_at(room.min(bytes.len()));
            self.file.write_all(these)?;
            self.end.send_replace(end + these.len() as u64);
            bytes = rest;
        }
        Ok(())
    }

    fn roll(&mut self, end: u64) -> io::Result<()> {
        let _renaming = lock(&self.renaming);
        let mut older = self.path.clone().into_os_string();
        older.push(format!(".{:020}", self.start));
        fs::rename(&self.path, older)?;
        self.file = append_to(&self.path)?;
        self.start = end;
        let mut parts = parts(&self.path)?;
        // The current part is none of the older ones.
        let surplus = parts.len().saturating_sub(self.rolling.parts_kept + 1);
        parts
            .drain(..surplus)
            .try_for_each(|part| fs::remove_file(part.path))
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// A part of a log on disk.
struct Part {
    start: u64,
    length: u64,
    path: PathBuf,
}

/// Returns the parts of a log in order, the current one last.
fn parts(path: &Path) -> io::Result<Vec<Part>> {
    let (folder, name) = (
        path.parent(),
        path.file_name().and_then(|name| name.to_str()),
    );
    let (Some(folder), Some(name)) = (folder, name) else {
        return Ok(Vec::new());
    };
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let start = entry.file_name().to_str().and_then(|found| {
            let digits = found.strip_prefix(name)?.strip_prefix('.')?;
            digits.parse::<u64>().ok()
        });
        if let Some(start) = start {
            parts.push(Part {
                start,
                length: entry.metadata()?.len(),
                path: entry.path(),
            });
        }
    }
    parts.sort_by_key(|part| part.start);
    let start = parts.last().map_or(0, |last| last.start + last.length);
    parts.push(Part {
        start,
        length: fs::metadata(path)?.len(),
        path: path.to_owned(),
    });
    Ok(parts)
}

/// Returns bytes from `offset` on, their place, and whether they reach the end.
fn read_part(path: &Path, offset: u64, bytes_max: usize) -> io::Result<(u64, Vec<u8>, bool)> {
    let parts = parts(path)?;
    let end = parts.last().map_or(0, |last| last.start + last.length);
    let part = parts.iter().find(|part| offset < part.start + part.length);
    let Some(part) = part else {
        return Ok((end, Vec::new(), true));
    };
    let place = offset.max(part.start);
    let mut file = File::open(&part.path)?;
    file.seek(SeekFrom::Start(place - part.start))?;
    let mut bytes = Vec::new();
    file.take(bytes_max as u64).read_to_end(&mut bytes)?;
    let is_last = place + bytes.len() as u64 >= end;
    Ok((place, bytes, is_last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Rolling = Rolling {
        size_max: 10,
        parts_kept: 2,
    };

    fn whole(path: &Path) -> (u64, String) {
        let (mut text, mut first) = (Vec::new(), None);
        let mut offset = 0;
        loop {
            let (place, bytes, is_last) = read_part(path, offset, 4).unwrap();
            first.get_or_insert(place);
            offset = place + bytes.len() as u64;
            text.extend(bytes);
            if is_last {
                return (first.unwrap(), String::from_utf8(text).unwrap());
            }
        }
    }

    #[test]
    fn a_byte_keeps_its_place_when_the_log_is_rolled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout");
        let mut log = Log::open(path.clone(), SMALL).unwrap();
        log.write(b"01234567").unwrap();
        log.write(b"89abcdef").unwrap();
        assert_eq!(whole(&path), (0, "0123456789abcdef".into()));
        assert_eq!(read_part(&path, 9, 100).unwrap().1, b"9");
        assert_eq!(read_part(&path, 10, 100).unwrap().1, b"abcdef");
        // Two older parts are kept.
        log.write(b"ghijklmnopqrstuvwxyz").unwrap();
        assert_eq!(whole(&path), (10, "abcdefghijklmnopqrstuvwxyz".into()));
        assert_eq!(read_part(&path, u64::MAX, 1).unwrap(), (36, vec![], true));
    }

    #[test]
    fn a_log_that_is_opened_again_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stderr");
        let mut log = Log::open(path.clone(), SMALL).unwrap();
        log.write(b"01234567").unwrap();
        log.write(b"89").unwrap();
        log.write(b"ab").unwrap();
        drop(log);
        let mut log = Log::open(path.clone(), SMALL).unwrap();
        log.write(b"cdefghijkl").unwrap();
        assert_eq!(whole(&path), (0, "0123456789abcdefghijkl".into()));
    }

    #[tokio::test]
    async fn a_reader_waits_for_more_until_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout");
        let logs = Logs::default();
        let (reader, mut writer) = io::pipe().unwrap();
        logs.capture(reader, path.clone(), SMALL).unwrap();
        let long = Some(Duration::from_secs(60));
        let read = |offset| logs.read(path.clone(), offset, 100, long);
        let (first, ()) = tokio::join!(read(0), async { writer.write_all(b"one").unwrap() });
        let first = first.unwrap();
        assert_eq!((&*first.bytes, first.ended), (&b"one"[..], false));
        let (last, ()) = tokio::join!(read(3), async { drop(writer) });
        let last = last.unwrap();
        assert_eq!((last.offset, last.bytes.len(), last.ended), (3, 0, true));
        assert!(logs.0.lock().unwrap().is_empty());
    }
}
