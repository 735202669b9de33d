//! An image: a content-addressed snapshot of a driver's memory, and what makes a fork of it exact.
//!
//! Pure: bytes in, hashes and differences out. Memory is held in chunks of one WebAssembly page; a chunk that
//! did not change since the previous image is shared with it, so an image costs what changed.
//!
//! ```text
//! driver:    memory --take--> Image --outline--> Outline ----+   find_pages
//!                                                            v       v
//! executor:                          images that it has -> Assembly <- pages that it lacks --finish--> the same Image
//! ```

mod assembly;
mod chunk;
mod difference;
mod outline;
#[cfg(test)]
mod ship_tests;
mod terms;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use blake3::Hash;

pub use assembly::Assembly;
use chunk::{Chunk, share_or_copy};
pub use difference::Patch;
pub use outline::{Outline, Page, PageRun, find_pages};
pub use terms::{ShipError, Terms};

/// Bytes of a page: the unit in which changes are found, hashed and shipped.
///
/// Typical Rust jobs dirty 28 KiB of 4 KiB pages between two actions, but 256 KiB of 64 KiB pages.
pub const PAGE_BYTES: usize = 4096;

/// Bytes of a chunk: the unit in which images share memory. One WebAssembly page, so memory is whole chunks.
pub(crate) const CHUNK_BYTES: usize = 65536;

/// Wall and monotonic time, both in nanoseconds (since the Unix epoch, and since the driver's start).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockReading {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub wall_ns: u64,
    /// Nanoseconds since the driver started.
    pub monotonic_ns: u64,
}

/// What names an image: blake3 of its program, memory, globals, clock and seed.
pub type ImageHash = Hash;

/// A snapshot of a driver's memory. Cheap to clone.
#[derive(Clone)]
pub struct Image(Arc<Contents>);

struct Contents {
    hash: ImageHash,
    chunks: Vec<Arc<Chunk>>,
    rest: Rest,
}

/// All of an image but its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rest {
    program: Hash,
    globals: Vec<u64>,
    clock: ClockReading,
    seed: u64,
}

impl Rest {
    /// The name of an image of these chunks.
    fn name(&self, chunks: &[Arc<Chunk>]) -> ImageHash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.program.as_bytes());
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&self.clock.wall_ns.to_le_bytes());
        hasher.update(&self.clock.monotonic_ns.to_le_bytes());
        // Their number, so that a global cannot be taken for a part of the memory.
        hasher.update(&(self.globals.len() as u64).to_le_bytes());
        for global in &self.globals {
            hasher.update(&global.to_le_bytes());
        }
        for chunk in chunks {
            hasher.update(chunk.hash.as_bytes());
        }
        hasher.finalize()
    }
}

/// What a snapshot is taken of.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Hash of the linked component: images of two programs are never the same.
    pub program: Hash,
    /// The whole linear memory, in whole chunks.
    pub memory: &'a [u8],
    /// The written globals, as raw bits.
    pub globals: &'a [u64],
    /// Where the clocks of forks start.
    pub clock: ClockReading,
    /// The application's seed.
    pub seed: u64,
}

impl Image {
    /// Takes an image, sharing with `previous` what did not change.
    ///
    /// # Panics
    ///
    /// If the memory is not whole chunks, which WebAssembly rules out.
    pub fn take(snapshot: Snapshot<'_>, previous: Option<&Self>) -> Self {
        let (chunks, rest) = snapshot.memory.as_chunks::<CHUNK_BYTES>();
        assert!(
            rest.is_empty(),
            "a linear memory is whole WebAssembly pages"
        );
        let previous = previous.map_or(&[][..], |image| &image.0.chunks);
        let chunks: Vec<_> = chunks
            .iter()
            .enumerate()
            .map(|(index, bytes)| share_or_copy(bytes, previous.get(index)))
            .collect();
        let rest = Rest {
            program: snapshot.program,
            globals: snapshot.globals.to_vec(),
            clock: snapshot.clock,
            seed: snapshot.seed,
        };
        Self::new(rest, chunks)
    }

    fn new(rest: Rest, chunks: Vec<Arc<Chunk>>) -> Self {
        Self(Arc::new(Contents {
            hash: rest.name(&chunks),
            chunks,
            rest,
        }))
    }

    /// The image's name.
    pub fn hash(&self) -> ImageHash {
        self.0.hash
    }

    /// Bytes of linear memory, zeros included.
    pub fn memory_bytes(&self) -> usize {
        self.0.chunks.len() * CHUNK_BYTES
    }

    /// Bytes in chunks that are not all zero: what the image costs to hold and to ship.
    pub fn occupied_bytes(&self) -> usize {
        self.0
            .chunks
            .iter()
            .filter(|chunk| !Arc::ptr_eq(chunk, Chunk::zero()))
            .count()
            * CHUNK_BYTES
    }

    /// The written globals, as raw bits.
    pub fn globals(&self) -> &[u64] {
        &self.0.rest.globals
    }

    /// Where the clocks of forks start.
    pub fn clock(&self) -> ClockReading {
        self.0.rest.clock
    }

    /// The application's seed.
    pub fn seed(&self) -> u64 {
        self.0.rest.seed
    }

    /// The eight bytes at `address`, little-endian.
    ///
    /// # Panics
    ///
    /// If they are outside the memory, or lie across two chunks.
    pub fn word(&self, address: usize) -> u64 {
        let offset = address % CHUNK_BYTES;
        let bytes = &self.0.chunks[address / CHUNK_BYTES].bytes[offset..offset + 8];
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    }

    /// The whole memory, copied. For tests and for looking at images.
    pub fn to_memory(&self) -> Vec<u8> {
        self.0
            .chunks
            .iter()
            .flat_map(|chunk| chunk.bytes.iter())
            .copied()
            .collect()
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("hash", &self.0.hash)
            .field("memory_bytes", &self.memory_bytes())
            .field("occupied_bytes", &self.occupied_bytes())
            .finish_non_exhaustive()
    }
}
