//! What an image is made of, and its pages: what a driver tells an executor, and what it serves.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use blake3::Hash;

use super::chunk::{Chunk, PAGES_PER_CHUNK};
use super::{ClockReading, Image, ImageHash};

/// All of an image but the bytes of its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The name of the program ([`Program::hash`](crate::Program::hash)).
    pub program: Hash,
    /// Bytes of linear memory, zeros included.
    pub memory_bytes: u64,
    /// The written globals, as raw bits.
    pub globals: Vec<u64>,
    /// Where the clocks of forks start.
    pub clock: ClockReading,
    /// The application's seed.
    pub seed: u64,
    /// What `changed` is a difference to; `None`: to zeros.
    pub parent: Option<ImageHash>,
    /// The pages that differ, in ascending order.
    pub changed: Vec<PageRun>,
}

/// Neighbouring pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRun {
    /// The number of the first: its address is so many times [`PAGE_BYTES`](crate::PAGE_BYTES).
    pub first: u32,
    /// The hash of each.
    pub hashes: Vec<Hash>,
}

impl Outline {
    /// Returns how many pages differ. Of several parents, the one for which they are fewest is the nearest.
    pub fn pages(&self) -> usize {
        self.changed.iter().map(|run| run.hashes.len()).sum()
    }
}

impl Image {
    /// Returns what this image is made of, as a difference to `parent` or to zeros. Nothing is hashed for it.
    pub fn outline(&self, parent: Option<&Self>) -> Outline {
        let mut changed: Vec<PageRun> = Vec::new();
        for page in self.changed_from(parent) {
            let number = u32::try_from(page).expect("a memory below 4 GiB has at most 2^20 pages");
            let hash = self.0.chunks[page / PAGES_PER_CHUNK].pages[page % PAGES_PER_CHUNK];
            match changed.last_mut() {
                Some(run) if run.first as usize + run.hashes.len() == page => run.hashes.push(hash),
                _ => changed.push(PageRun {
                    first: number,
                    hashes: vec![hash],
                }),
            }
        }
        let rest = &self.0.rest;
        Outline {
            program: rest.program,
            memory_bytes: self.memory_bytes() as u64,
            globals: rest.globals.clone(),
            clock: rest.clock,
            seed: rest.seed,
            parent: parent.map(Self::hash),
            changed,
        }
    }
}

/// A page of an image, held without a copy.
#[derive(Clone)]
pub struct Page {
    chunk: Arc<Chunk>,
    number: usize,
}

impl Page {
    /// Returns its blake3.
    pub fn hash(&self) -> Hash {
        self.chunk.pages[self.number]
    }
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        self.chunk.page(self.number)
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Page").field(&self.hash()).finish()
    }
}

/// Finds pages by their hashes in `images`, and among zeros; in the order of `wanted`, `None` for one that is nowhere.
///
/// It looks at each page's hash once (16 KiB of hashes for a MiB of memory, chunks that images share but once), so it pays to ask for
/// many pages at a time.
pub fn find_pages<'i>(
    images: impl IntoIterator<Item = &'i Image>,
    wanted: &[Hash],
) -> Vec<Option<Page>> {
    let mut found: HashMap<Hash, Option<Page>> = wanted.iter().map(|hash| (*hash, None)).collect();
    let mut missing = found.len();
    let mut seen = HashSet::new();
    let chunks = images.into_iter().flat_map(|image| &image.0.chunks);
    for chunk in std::iter::once(Chunk::zero()).chain(chunks) {
        if missing == 0 {
            break;
        }
        if !seen.insert(Arc::as_ptr(chunk)) {
            continue;
        }
        for (number, hash) in chunk.pages.iter().enumerate() {
            if let Some(place @ None) = found.get_mut(hash) {
                let chunk = Arc::clone(chunk);
                *place = Some(Page { chunk, number });
                missing -= 1;
            }
        }
    }
    wanted.iter().map(|hash| found[hash].clone()).collect()
}
