//! Makes an image of its outline, of images that are there already, and of pages that come from elsewhere.
//!
//! Nothing is believed: an outline is held against its [`Terms`] before room is made for it, each page against its hash, and the whole
//! against the name that was asked for.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use blake3::Hash;

use super::chunk::{Chunk, PAGES_PER_CHUNK};
use super::outline::{Outline, find_pages};
use super::terms::{ShipError, Terms};
use super::{CHUNK_BYTES, Image, ImageHash, PAGE_BYTES, Rest};

/// A chunk on its way.
enum Slot {
    /// The same as in another image.
    Shared(Arc<Chunk>),
    /// Its hashes are known, its bytes are filled in as they come.
    Draft {
        bytes: Box<[u8; CHUNK_BYTES]>,
        pages: Box<[Hash; PAGES_PER_CHUNK]>,
    },
}

/// An image that may still lack pages.
pub struct Assembly {
    asked: ImageHash,
    rest: Rest,
    slots: Vec<Slot>,
    /// Where each page that is lacking belongs.
    lacking: HashMap<Hash, Vec<usize>>,
    /// The same pages, as they come first in memory.
    order: Vec<Hash>,
}

impl Assembly {
    /// Begins to make the image `asked` of its outline, which is a difference to one of the `known` images or to zeros.
    ///
    /// # Errors
    ///
    /// If the outline is not one that `terms` allow, is malformed, or is a difference to an image that is not `known`.
    pub fn begin(
        asked: ImageHash,
        outline: Outline,
        known: &[Image],
        terms: &Terms,
    ) -> Result<Self, ShipError> {
        terms.check(&outline)?;
        let parent = parent(&outline, known)?;
        let mut assembly = Self {
            asked,
            slots: lay_out(&outline, parent, terms)?,
            rest: Rest {
                program: outline.program,
                globals: outline.globals,
                clock: outline.clock,
                seed: outline.seed,
            },
            lacking: HashMap::new(),
            order: Vec::new(),
        };
        assembly.note_lacking(parent);
        Ok(assembly)
    }

    /// Takes in what is lacking of the pages of some images, and of zeros. If anything is, it looks at all their pages.
    pub fn search(&mut self, images: &[Image]) {
        let lacking: Vec<_> = self.lacking().collect();
        for page in find_pages(images, &lacking).into_iter().flatten() {
            self.fill(page.hash(), page.as_ref());
        }
    }

    /// Returns the hashes of the pages that are lacking, each once, as they come first in memory.
    pub fn lacking(&self) -> impl Iterator<Item = Hash> {
        let lacking = |hash: &&Hash| self.lacking.contains_key(*hash);
        self.order.iter().filter(lacking).copied()
    }

    /// Takes in a page that is lacking.
    ///
    /// # Errors
    ///
    /// [`ShipError::UnknownPage`] if it is none of those: one byte of it may be wrong.
    pub fn add(&mut self, page: &[u8]) -> Result<(), ShipError> {
        if page.len() == PAGE_BYTES && self.fill(blake3::hash(page), page) {
            return Ok(());
        }
        Err(ShipError::UnknownPage { bytes: page.len() })
    }

    /// Returns the image.
    ///
    /// # Errors
    ///
    /// If pages are lacking, or it is another image than the one that was asked for.
    pub fn finish(self) -> Result<Image, ShipError> {
        if let Some(first) = self.lacking().next() {
            let pages = self.lacking.len();
            return Err(ShipError::Incomplete { pages, first });
        }
        let chunks = self.slots.into_iter().map(Slot::into_chunk).collect();
        let image = Image::new(self.rest, chunks);
        if image.hash() == self.asked {
            return Ok(image);
        }
        Err(ShipError::OtherImage {
            asked: self.asked,
            made: image.hash(),
        })
    }

    /// Notes which pages of drafts are not those of the parent, whose bytes the drafts begin with.
    fn note_lacking(&mut self, parent: Option<&Image>) {
        for (index, slot) in self.slots.iter().enumerate() {
            let Slot::Draft { pages, .. } = slot else {
                continue;
            };
            let old = chunk_of(parent, index);
            for (page, hash) in pages.iter().enumerate() {
                if *hash != old.pages[page] {
                    let places = self.lacking.entry(*hash).or_default();
                    if places.is_empty() {
                        self.order.push(*hash);
                    }
                    places.push(index * PAGES_PER_CHUNK + page);
                }
            }
        }
    }

    /// Puts a page wherever it belongs. False: nowhere.
    fn fill(&mut self, hash: Hash, page: &[u8]) -> bool {
        let Some(places) = self.lacking.remove(&hash) else {
            return false;
        };
        for place in places {
            if let Slot::Draft { bytes, .. } = &mut self.slots[place / PAGES_PER_CHUNK] {
                bytes[place % PAGES_PER_CHUNK * PAGE_BYTES..][..PAGE_BYTES].copy_from_slice(page);
            }
        }
        true
    }
}

impl Slot {
    fn into_chunk(self) -> Arc<Chunk> {
        match self {
            Self::Shared(chunk) => chunk,
            Self::Draft { bytes, pages } => Arc::new(Chunk::of(bytes, *pages)),
        }
    }
}

fn parent<'k>(outline: &Outline, known: &'k [Image]) -> Result<Option<&'k Image>, ShipError> {
    let Some(name) = outline.parent else {
        return Ok(None);
    };
    let parent = known.iter().find(|image| image.hash() == name);
    parent.map(Some).ok_or(ShipError::ParentMissing(name))
}

/// The chunk at this place of an image, or the one of zeros.
fn chunk_of(image: Option<&Image>, index: usize) -> &Arc<Chunk> {
    let chunk = image.and_then(|image| image.0.chunks.get(index));
    chunk.unwrap_or_else(|| Chunk::zero())
}

/// Lays out the memory. Room is made only when it is clear that all of it may be had.
fn lay_out(
    outline: &Outline,
    parent: Option<&Image>,
    terms: &Terms,
) -> Result<Vec<Slot>, ShipError> {
    let chunks = usize::try_from(outline.memory_bytes).unwrap_or(usize::MAX) / CHUNK_BYTES;
    let changed = changed_chunks(outline, parent);
    let zero = Chunk::zero();
    let shared = (0..chunks)
        .filter(|index| !changed.contains_key(index))
        .filter(|index| !Arc::ptr_eq(chunk_of(parent, *index), zero));
    let drafts = changed.values().filter(|pages| **pages != zero.pages);
    let bytes = ((shared.count() + drafts.count()) * CHUNK_BYTES) as u64;
    let bytes_max = terms.occupied_bytes_max;
    if bytes > bytes_max {
        return Err(ShipError::TooLarge { bytes, bytes_max });
    }
    let slot = |index: usize| match changed.get(&index) {
        None => Slot::Shared(Arc::clone(chunk_of(parent, index))),
        Some(pages) if *pages == zero.pages => Slot::Shared(Arc::clone(zero)),
        Some(pages) => Slot::Draft {
            bytes: chunk_of(parent, index).bytes.clone(),
            pages: Box::new(*pages),
        },
    };
    Ok((0..chunks).map(slot).collect())
}

/// The page hashes of the chunks that are not the parent's.
fn changed_chunks(
    outline: &Outline,
    parent: Option<&Image>,
) -> HashMap<usize, [Hash; PAGES_PER_CHUNK]> {
    let mut changed = HashMap::new();
    for run in &outline.changed {
        for (page, hash) in (run.first as usize..).zip(&run.hashes) {
            let index = page / PAGES_PER_CHUNK;
            let pages = changed
                .entry(index)
                .or_insert_with(|| chunk_of(parent, index).pages);
            pages[page % PAGES_PER_CHUNK] = *hash;
        }
    }
    changed.retain(|index, pages| *pages != chunk_of(parent, *index).pages);
    changed
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly")
            .field("asked", &self.asked)
            .field("lacking", &self.lacking.len())
            .finish_non_exhaustive()
    }
}
