//! An image: a content-addressed snapshot of a driver's memory, and what makes a fork of it exact.
//!
//! Pure: bytes in, hashes and differences out. Memory is held in chunks of one WebAssembly page; a chunk that
//! did not change since the previous image is shared with it, so an image costs what changed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use blake3::Hash;

/// Bytes of a page: the unit in which changes are found, hashed and shipped.
///
/// Typical Rust jobs dirty 28 KiB of 4 KiB pages between two actions, but 256 KiB of 64 KiB pages.
pub const PAGE_BYTES: usize = 4096;

/// Bytes of a chunk: the unit in which images share memory. One WebAssembly page, so memory is whole chunks.
pub(crate) const CHUNK_BYTES: usize = 65536;

const PAGES_PER_CHUNK: usize = CHUNK_BYTES / PAGE_BYTES;

/// Wall and monotonic time, both in nanoseconds (since the Unix epoch, and since the driver's start).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockReading {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub wall_ns: u64,
    /// Nanoseconds since the driver started.
    pub monotonic_ns: u64,
}

struct Chunk {
    bytes: Box<[u8; CHUNK_BYTES]>,
    pages: [Hash; PAGES_PER_CHUNK],
    /// Of the page hashes.
    hash: Hash,
}

impl Chunk {
    /// Copies `bytes`; hashes are taken from `previous` where its pages are the same.
    fn new(bytes: &[u8; CHUNK_BYTES], previous: Option<&Self>) -> Self {
        let pages = std::array::from_fn(|page| {
            let range = page * PAGE_BYTES..(page + 1) * PAGE_BYTES;
            match previous {
                Some(previous) if previous.bytes[range.clone()] == bytes[range.clone()] => {
                    previous.pages[page]
                }
                _ => blake3::hash(&bytes[range]),
            }
        });
        let mut hasher = blake3::Hasher::new();
        for page in &pages {
            hasher.update(page.as_bytes());
        }
        Self {
            bytes: Box::new(*bytes),
            pages,
            hash: hasher.finalize(),
        }
    }

    /// The chunk of zeros, of which a fresh memory has many.
    fn zero() -> &'static Arc<Self> {
        static ZERO: OnceLock<Arc<Chunk>> = OnceLock::new();
        ZERO.get_or_init(|| Arc::new(Self::new(&[0; CHUNK_BYTES], None)))
    }
}

/// What names an image: blake3 of its program, memory, globals, clock and seed.
pub type ImageHash = Hash;

/// A snapshot of a driver's memory. Cheap to clone.
#[derive(Clone)]
pub struct Image(Arc<Contents>);

struct Contents {
    hash: ImageHash,
    chunks: Vec<Arc<Chunk>>,
    globals: Vec<u64>,
    clock: ClockReading,
    seed: u64,
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

/// A run of bytes in which two images differ; whole pages.
#[derive(Clone, Debug)]
pub struct Patch {
    /// Where it belongs in memory.
    pub address: u32,
    /// The bytes of the newer image.
    pub bytes: Arc<[u8]>,
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
        let mut hasher = blake3::Hasher::new();
        hasher.update(snapshot.program.as_bytes());
        hasher.update(&snapshot.seed.to_le_bytes());
        hasher.update(&snapshot.clock.wall_ns.to_le_bytes());
        hasher.update(&snapshot.clock.monotonic_ns.to_le_bytes());
        for global in snapshot.globals {
            hasher.update(&global.to_le_bytes());
        }
        for chunk in &chunks {
            hasher.update(chunk.hash.as_bytes());
        }
        Self(Arc::new(Contents {
            hash: hasher.finalize(),
            chunks,
            globals: snapshot.globals.to_vec(),
            clock: snapshot.clock,
            seed: snapshot.seed,
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
        &self.0.globals
    }

    /// Where the clocks of forks start.
    pub fn clock(&self) -> ClockReading {
        self.0.clock
    }

    /// The application's seed.
    pub fn seed(&self) -> u64 {
        self.0.seed
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
        let zero = Chunk::zero();
        let mut changed = Vec::new();
        let mut changed_bytes = 0;
        for (index, chunk) in self.0.chunks.iter().enumerate() {
            let old = base.0.chunks.get(index).unwrap_or(zero);
            if Arc::ptr_eq(chunk, old) {
                continue;
            }
            for page in (0..PAGES_PER_CHUNK).filter(|&page| chunk.pages[page] != old.pages[page]) {
                changed.push(index * PAGES_PER_CHUNK + page);
                changed_bytes += PAGE_BYTES;
            }
            if changed_bytes > limit {
                return None;
            }
        }
        Some(self.patches_of(&changed))
    }

    /// Joins neighbouring pages: a run is one call into the fork, a page of its own would be one each.
    fn patches_of(&self, pages: &[usize]) -> Vec<Patch> {
        pages
            .chunk_by(|a, b| a + 1 == *b)
            .map(|run| {
                let bytes: Vec<u8> = run
                    .iter()
                    .flat_map(|&page| self.page(page))
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

    fn page(&self, page: usize) -> &[u8] {
        let start = page % PAGES_PER_CHUNK * PAGE_BYTES;
        &self.0.chunks[page / PAGES_PER_CHUNK].bytes[start..start + PAGE_BYTES]
    }

    fn page_runs(&self, wanted: impl Fn(&Arc<Chunk>, usize) -> bool) -> Vec<Run<'_>> {
        let mut runs: Vec<Run<'_>> = Vec::new();
        for (index, chunk) in self.0.chunks.iter().enumerate() {
            for page in (0..PAGES_PER_CHUNK).filter(|&page| wanted(chunk, page)) {
                let address = index * CHUNK_BYTES + page * PAGE_BYTES;
                let bytes = &chunk.bytes[page * PAGE_BYTES..(page + 1) * PAGE_BYTES];
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

fn share_or_copy(bytes: &[u8; CHUNK_BYTES], previous: Option<&Arc<Chunk>>) -> Arc<Chunk> {
    match previous {
        Some(previous) if *previous.bytes == *bytes => Arc::clone(previous),
        _ if is_zero(bytes) => Arc::clone(Chunk::zero()),
        _ => Arc::new(Chunk::new(bytes, previous.map(Arc::as_ref))),
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn take(memory: &[u8], previous: Option<&Image>) -> Image {
        let snapshot = Snapshot {
            program: blake3::hash(b"program"),
            memory,
            globals: &[7],
            clock: ClockReading::default(),
            seed: 1,
        };
        Image::take(snapshot, previous)
    }

    #[test]
    fn an_unchanged_memory_has_the_same_name_and_shares_every_chunk() {
        let memory = vec![3; 4 * CHUNK_BYTES];
        let first = take(&memory, None);
        let second = take(&memory, Some(&first));
        assert_eq!(first.hash(), second.hash());
        assert!(
            first
                .0
                .chunks
                .iter()
                .zip(&second.0.chunks)
                .all(|(a, b)| Arc::ptr_eq(a, b))
        );
    }

    #[test]
    fn the_name_does_not_depend_on_what_came_before() {
        let mut memory = vec![0; 3 * CHUNK_BYTES];
        let first = take(&memory, None);
        memory[CHUNK_BYTES + 5] = 1;
        assert_eq!(
            take(&memory, Some(&first)).hash(),
            take(&memory, None).hash()
        );
        assert_ne!(take(&memory, None).hash(), first.hash());
    }

    #[test]
    fn patches_make_the_new_memory_of_the_old() {
        let mut memory = vec![0; 2 * CHUNK_BYTES];
        memory[10] = 1;
        let base = take(&memory, None);
        memory.resize(3 * CHUNK_BYTES, 0);
        for address in [
            10,
            PAGE_BYTES,
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            3 * CHUNK_BYTES - 1,
        ] {
            memory[address] = 9;
        }
        let image = take(&memory, Some(&base));
        let patches = image.patches_from(&base, usize::MAX).expect("no limit");
        assert_eq!(
            patches
                .iter()
                .map(|patch| patch.bytes.len() / PAGE_BYTES)
                .collect::<Vec<_>>(),
            [2, 2, 1]
        );
        let mut made = base.to_memory();
        made.resize(memory.len(), 0);
        for patch in patches {
            made[patch.address as usize..][..patch.bytes.len()].copy_from_slice(&patch.bytes);
        }
        assert_eq!(made, memory);
    }

    #[test]
    fn a_page_that_becomes_zero_again_is_a_change() {
        let mut memory = vec![5; CHUNK_BYTES];
        let base = take(&memory, None);
        memory.fill(0);
        let image = take(&memory, Some(&base));
        assert_eq!(
            image.patches_from(&base, usize::MAX).expect("no limit")[0]
                .bytes
                .len(),
            CHUNK_BYTES
        );
        assert!(image.occupied_runs().is_empty());
    }

    #[test]
    fn too_large_a_difference_or_a_smaller_memory_is_no_patch() {
        let base = take(&vec![0; 2 * CHUNK_BYTES], None);
        let image = take(&vec![1; 2 * CHUNK_BYTES], Some(&base));
        assert!(image.patches_from(&base, CHUNK_BYTES).is_none());
        assert!(
            take(&[0; CHUNK_BYTES], None)
                .patches_from(&base, usize::MAX)
                .is_none()
        );
    }

    #[test]
    fn globals_clock_and_seed_are_part_of_the_name() {
        let memory = vec![0; CHUNK_BYTES];
        let snapshot = Snapshot {
            program: blake3::hash(b"program"),
            memory: &memory,
            globals: &[1, 2],
            clock: ClockReading::default(),
            seed: 1,
        };
        let hash = Image::take(snapshot, None).hash();
        assert_ne!(
            hash,
            Image::take(
                Snapshot {
                    globals: &[1, 3],
                    ..snapshot
                },
                None
            )
            .hash()
        );
        assert_ne!(
            hash,
            Image::take(
                Snapshot {
                    seed: 2,
                    ..snapshot
                },
                None
            )
            .hash()
        );
        let clock = ClockReading {
            wall_ns: 1,
            monotonic_ns: 0,
        };
        assert_ne!(
            hash,
            Image::take(Snapshot { clock, ..snapshot }, None).hash()
        );
    }

    #[test]
    fn runs_cover_what_is_not_zero() {
        let mut memory = vec![0; 2 * CHUNK_BYTES];
        memory[CHUNK_BYTES - 1] = 1;
        memory[CHUNK_BYTES] = 1;
        let image = take(&memory, None);
        let runs = image.occupied_runs();
        assert_eq!(runs.len(), 1);
        assert_eq!(
            (runs[0].address, runs[0].length),
            (CHUNK_BYTES - PAGE_BYTES, 2 * PAGE_BYTES)
        );
        assert_eq!(image.word(CHUNK_BYTES - 8), 1 << 56);
    }
}
