//! Reads one bucket of one file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::format::{Entry, Index, together};

/// A whole file: its index is held, its batches are read when asked for.
#[derive(Debug)]
pub(super) struct MapOutput {
    pub(super) path: PathBuf,
    pub(super) index: Arc<Index>,
}

/// What of a bucket is still to be read.
#[derive(Debug)]
pub(super) struct FileBucket {
    file: File,
    entries: Vec<Entry>,
    next: usize,
}

impl MapOutput {
    /// Opens a bucket; `None` if it is empty. The error says what is wrong with the map output.
    pub(super) fn open(&self, bucket: u32) -> Result<Option<FileBucket>, String> {
        let entries = self.index.bucket(bucket).to_vec();
        if entries.is_empty() {
            return Ok(None);
        }
        let file = File::open(&self.path).map_err(|error| format!("cannot be opened: {error}"))?;
        Ok(Some(FileBucket {
            file,
            entries,
            next: 0,
        }))
    }
}

impl FileBucket {
    /// The next batches; `None` at the end. The error says what is wrong with the map output.
    pub(super) fn read(&mut self) -> Result<Option<Vec<u8>>, String> {
        let rest = &self.entries[self.next..];
        let run = &rest[..together(rest.iter().map(|entry| entry.length))];
        self.next += run.len();
        if run.is_empty() {
            return Ok(None);
        }
        read_run(&self.file, run).map(Some)
    }
}

/// Reads entries into one batch: those that lie one behind the other at once.
fn read_run(file: &File, run: &[Entry]) -> Result<Vec<u8>, String> {
    let bytes: u64 = run.iter().map(|entry| entry.length).sum();
    let mut batch = vec![0; usize::try_from(bytes).map_err(|_| "is too large".to_owned())?];
    let mut rest = &mut batch[..];
    for stretch in run.chunk_by(|a, b| a.end() == b.offset) {
        let bytes: u64 = stretch.iter().map(|entry| entry.length).sum();
        let (bytes, behind) = rest.split_at_mut(usize::try_from(bytes).unwrap_or(usize::MAX));
        file.read_exact_at(bytes, stretch[0].offset)
            .map_err(|error| format!("cannot be read: {error}"))?;
        check(stretch, bytes)?;
        rest = behind;
    }
    Ok(batch)
}

fn check(stretch: &[Entry], mut bytes: &[u8]) -> Result<(), String> {
    for entry in stretch {
        let (own, behind) = bytes.split_at(usize::try_from(entry.length).unwrap_or(usize::MAX));
        if crc32fast::hash(own) != entry.checksum {
            return Err(format!("is damaged at offset {}", entry.offset));
        }
        bytes = behind;
    }
    Ok(())
}
