//! Reads one bucket of one file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::format::{Entry, Index, together};
use crate::packed::Damaged;

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
    /// What is being unpacked.
    packed: Vec<u8>,
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
            packed: Vec::new(),
        }))
    }
}

impl FileBucket {
    /// The next batches; `None` at the end. The error says what is wrong with the map output.
    pub(super) fn read(&mut self) -> Result<Option<Vec<u8>>, String> {
        let rest = &self.entries[self.next..];
        let run = &rest[..together(rest.iter().map(Entry::length))];
        self.next += run.len();
        if run.is_empty() {
            return Ok(None);
        }
        read_run(&self.file, run, &mut self.packed).map(Some)
    }
}

/// Reads entries into one batch: those that lie one behind the other at once, and in place where nothing is to be unpacked.
fn read_run(file: &File, run: &[Entry], packed: &mut Vec<u8>) -> Result<Vec<u8>, String> {
    let mut batch = vec![0; total(run, Entry::length)?];
    let mut rest = &mut batch[..];
    for stretch in run.chunk_by(|a, b| a.end() == b.offset) {
        let (batches, behind) = rest.split_at_mut(total(stretch, Entry::length)?);
        rest = behind;
        if stretch.iter().all(|entry| entry.header.is_plain()) {
            read_at(file, stretch, batches)?;
            each(stretch, batches, |entry, bytes| entry.header.check(bytes))?;
        } else {
            packed.resize(total(stretch, Entry::packed_length)?, 0);
            read_at(file, stretch, packed)?;
            unpack(stretch, packed, batches)?;
        }
    }
    Ok(batch)
}

fn total(entries: &[Entry], length: impl Fn(&Entry) -> u64) -> Result<usize, String> {
    let bytes = entries.iter().map(length).sum::<u64>();
    usize::try_from(bytes).map_err(|_| "is too large".to_owned())
}

fn read_at(file: &File, stretch: &[Entry], bytes: &mut [u8]) -> Result<(), String> {
    file.read_exact_at(bytes, stretch[0].offset)
        .map_err(|error| format!("cannot be read: {error}"))
}

fn unpack(stretch: &[Entry], packed: &[u8], mut batches: &mut [u8]) -> Result<(), String> {
    each(stretch, packed, |entry, bytes| {
        let (own, behind) = std::mem::take(&mut batches).split_at_mut(entry.header.length());
        batches = behind;
        entry.header.check(bytes)?;
        entry.header.expand(bytes, own)
    })
}

/// Does something with the bytes that each entry has in the file.
fn each(
    stretch: &[Entry],
    mut packed: &[u8],
    mut work: impl FnMut(&Entry, &[u8]) -> Result<(), Damaged>,
) -> Result<(), String> {
    for entry in stretch {
        let (own, behind) = packed.split_at(entry.header.packed_length());
        work(entry, own).map_err(|Damaged| format!("is damaged at offset {}", entry.offset))?;
        packed = behind;
    }
    Ok(())
}
