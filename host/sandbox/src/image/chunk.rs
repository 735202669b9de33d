//! What an image is made of: chunks that images share, and the hashes of their pages.

use std::sync::{Arc, OnceLock};

use blake3::Hash;

use super::{CHUNK_BYTES, PAGE_BYTES};

pub(super) const PAGES_PER_CHUNK: usize = CHUNK_BYTES / PAGE_BYTES;

/// One WebAssembly page of an image's memory.
pub(super) struct Chunk {
    pub(super) bytes: Box<[u8; CHUNK_BYTES]>,
    pub(super) pages: [Hash; PAGES_PER_CHUNK],
    /// Of the page hashes.
    pub(super) hash: Hash,
}

impl Chunk {
    /// Copies `bytes`; hashes are taken from `previous` where its pages are the same.
    pub(super) fn new(bytes: &[u8; CHUNK_BYTES], previous: Option<&Self>) -> Self {
        let pages = std::array::from_fn(|page| {
            let range = page * PAGE_BYTES..(page + 1) * PAGE_BYTES;
            match previous {
                Some(previous) if previous.bytes[range.clone()] == bytes[range.clone()] => {
                    previous.pages[page]
                }
                _ => blake3::hash(&bytes[range]),
            }
        });
        Self::of(Box::new(*bytes), pages)
    }

    /// A chunk whose pages have these hashes.
    pub(super) fn of(bytes: Box<[u8; CHUNK_BYTES]>, pages: [Hash; PAGES_PER_CHUNK]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for page in &pages {
            hasher.update(page.as_bytes());
        }
        Self {
            bytes,
            pages,
            hash: hasher.finalize(),
        }
    }

    /// The chunk of zeros, of which a fresh memory has many.
    pub(super) fn zero() -> &'static Arc<Self> {
        static ZERO: OnceLock<Arc<Chunk>> = OnceLock::new();
        ZERO.get_or_init(|| Arc::new(Self::new(&[0; CHUNK_BYTES], None)))
    }

    /// The bytes of one of its pages.
    pub(super) fn page(&self, page: usize) -> &[u8] {
        &self.bytes[page * PAGE_BYTES..(page + 1) * PAGE_BYTES]
    }
}

/// The previous chunk, if nothing in it changed.
pub(super) fn share_or_copy(
    bytes: &[u8; CHUNK_BYTES],
    previous: Option<&Arc<Chunk>>,
) -> Arc<Chunk> {
    match previous {
        Some(previous) if *previous.bytes == *bytes => Arc::clone(previous),
        _ if is_zero(bytes) => Arc::clone(Chunk::zero()),
        _ => Arc::new(Chunk::new(bytes, previous.map(Arc::as_ref))),
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}
