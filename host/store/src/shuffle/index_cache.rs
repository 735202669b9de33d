//! Indexes of shuffle files, so that a thousand buckets of a file are not a thousand readings of its index.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::format::Index;
use crate::Result;

/// What an entry takes besides its index, about: names and the table.
const OVERHEAD_BYTES: usize = 256;

/// The indexes that were used last, within a budget of bytes. A file is never written again, so none gets old.
#[derive(Debug)]
pub struct IndexCache {
    budget_bytes: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    indexes: HashMap<PathBuf, Use>,
    bytes: usize,
    /// Counts uses: the index with the lowest number was used longest ago.
    uses: u64,
}

#[derive(Debug)]
struct Use {
    index: Arc<Index>,
    last: u64,
}

impl IndexCache {
    /// A cache that holds at most `budget_bytes`, and never less than one index. A file of 1,000 buckets takes some 24 KiB.
    pub fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes,
            held: Mutex::default(),
        }
    }

    /// Returns how many bytes are held.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// The index of a file, read if it is not held.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound), [`Error::Invalid`](crate::Error::Invalid) if it is damaged, or what the system
    /// says.
    pub(super) fn get(&self, path: &Path) -> Result<Arc<Index>> {
        if let Some(index) = self.lock().find(path) {
            return Ok(index);
        }
        // Not under the lock: whoever needs another file need not wait for this one.
        let index = Arc::new(Index::read(path)?);
        let mut held = self.lock();
        held.insert(path, Arc::clone(&index));
        while held.bytes > self.budget_bytes && held.indexes.len() > 1 {
            held.drop_oldest();
        }
        Ok(index)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn find(&mut self, path: &Path) -> Option<Arc<Index>> {
        self.uses += 1;
        let held = self.indexes.get_mut(path)?;
        held.last = self.uses;
        Some(Arc::clone(&held.index))
    }

    fn insert(&mut self, path: &Path, index: Arc<Index>) {
        self.uses += 1;
        let last = self.uses;
        self.bytes += cost(&index);
        if let Some(old) = self.indexes.insert(path.to_owned(), Use { index, last }) {
            self.bytes -= cost(&old.index);
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self.indexes.iter().min_by_key(|(_, held)| held.last);
        let Some(path) = oldest.map(|(path, _)| path.clone()) else {
            return;
        };
        if let Some(held) = self.indexes.remove(&path) {
            self.bytes -= cost(&held.index);
        }
    }
}

fn cost(index: &Index) -> usize {
    index.memory_bytes() + OVERHEAD_BYTES
}
