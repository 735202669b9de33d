//! In what an image differs from zeros or from another image, as runs of pages.

use std::sync::Arc;

use super::chunk::{Chunk, PAGES_PER_CHUNK};
use super::{CHUNK_BYTES, Image, PAGE_BYTES};

/// A run of bytes in which two images differ; whole pages.
#[derive(Clone, Debug)]
pub struct Patch {
    /// Where it belongs in memory.
    pub address: u32,
    /// The bytes of the newer image.
    pub bytes: Arc<[u8]>,
}

impl Image {
    /// Runs of pages that are not all zero, as (address, pieces): what a state module is made of.
    pub(crate) fn occupied_runs(&self) -> Vec<Run<'_>> {
        let zero = Chunk::zero();
        self.page_runs(|chunk, page| {
            !Arc::ptr_eq(chunk, zero) && chunk.pages[page] != zero.pages[0]
        })
    }

    /// How to make this image out of `base`: the pages that differ, in runs, or `None` if they are more than `limit` bytes or
    /// the base's memory is the larger one.
    pub fn patches_from(&self, base: &Self, limit: usize) -> Option<Vec<Patch>> {
        if base.0.chunks.len() > self.0.chunks.len() {
            return None;
        }
        let most = limit / PAGE_BYTES;
        let changed: Vec<_> = self.changed_from(Some(base)).take(most + 1).collect();
        (changed.len() <= most).then(|| self.patches_of(&changed))
    }

    /// The numbers of the pages in which this image differs from `base`, or from zeros, in ascending order.
    pub(super) fn changed_from<'i>(
        &'i self,
        base: Option<&'i Self>,
    ) -> impl Iterator<Item = usize> + 'i {
        let zero = Chunk::zero();
        let old = base.map_or(&[][..], |base| &base.0.chunks);
        let old = old.iter().chain(std::iter::repeat(zero));
        let chunks = self.0.chunks.iter().zip(old).enumerate();
        chunks
            .filter(|(_, (chunk, old))| !Arc::ptr_eq(chunk, old))
            .flat_map(|(index, (chunk, old))| {
                (0..PAGES_PER_CHUNK)
                    .filter(|&page| chunk.pages[page] != old.pages[page])
                    .map(move |page| index * PAGES_PER_CHUNK + page)
            })
    }

    /// Joins neighbouring pages: a run is one call into the fork, a page of its own would be one each.
    fn patches_of(&self, pages: &[usize]) -> Vec<Patch> {
        pages
            .chunk_by(|a, b| a + 1 == *b)
            .map(|run| {
                let bytes: Vec<u8> = run
                    .iter()
                    .flat_map(|&page| self.page_bytes(page))
                    .copied()
                    .collect();
                let address = u32::try_from(run[0] * PAGE_BYTES).expect("memory is below 4 GiB");
                Patch {
                    address,
                    bytes: bytes.into(),
                }
            })
            .collect()
    }

    /// Returns the bytes of a page, by its number.
    ///
    /// # Panics
    ///
    /// If the memory has no such page.
    pub fn page_bytes(&self, page: usize) -> &[u8] {
        self.0.chunks[page / PAGES_PER_CHUNK].page(page % PAGES_PER_CHUNK)
    }

    fn page_runs(&self, wanted: impl Fn(&Arc<Chunk>, usize) -> bool) -> Vec<Run<'_>> {
        let mut runs: Vec<Run<'_>> = Vec::new();
        for (index, chunk) in self.0.chunks.iter().enumerate() {
            for page in (0..PAGES_PER_CHUNK).filter(|&page| wanted(chunk, page)) {
                let address = index * CHUNK_BYTES + page * PAGE_BYTES;
                let bytes = chunk.page(page);
                match runs.last_mut() {
                    Some(run) if run.address + run.length == address => run.push(bytes),
                    _ => runs.push(Run {
                        address,
                        length: PAGE_BYTES,
                        pieces: vec![bytes],
                    }),
                }
            }
        }
        runs
    }
}

/// Neighbouring pages of an image.
pub(crate) struct Run<'a> {
    pub(crate) address: usize,
    pub(crate) length: usize,
    pub(crate) pieces: Vec<&'a [u8]>,
}

impl<'a> Run<'a> {
    fn push(&mut self, bytes: &'a [u8]) {
        self.length += bytes.len();
        self.pieces.push(bytes);
    }
}
