//! What an outline is held against, and why an image cannot be shipped.

use std::ops::RangeInclusive;

use blake3::Hash;

use super::outline::Outline;
use super::{CHUNK_BYTES, ImageHash, PAGE_BYTES};

/// What an image must be like for a program to take it ([`Program::terms`](crate::Program::terms)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The program's name.
    pub program: Hash,
    /// How many globals it writes.
    pub globals: usize,
    /// Bytes that its memory may have, zeros included.
    pub memory_bytes: RangeInclusive<u64>,
    /// The most bytes that an image may occupy (see [`Image::occupied_bytes`](super::Image::occupied_bytes)).
    pub occupied_bytes_max: u64,
}

/// Why an image was not assembled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShipError {
    /// Driver and executor run different builds, or an outline was mixed up.
    #[error(
        "the image is one of program {given}, not of {expected}: the driver runs another program, or another version of tinderbox; use the same one on all machines"
    )]
    OtherProgram {
        /// The program that is run here.
        expected: Hash,
        /// The outline's.
        given: Hash,
    },
    /// The program writes more globals, or fewer.
    #[error("the image has {given} globals, and its program writes {expected}")]
    Globals {
        /// What the program writes.
        expected: usize,
        /// What the outline has.
        given: usize,
    },
    /// The memory is not whole WebAssembly pages, or not such as the program has.
    #[error(
        "the image's memory has {bytes} bytes; its program's has {} to {}, in whole pages of 64 KiB", allowed.start(), allowed.end()
    )]
    MemorySize {
        /// What the outline says.
        bytes: u64,
        /// What the program allows.
        allowed: RangeInclusive<u64>,
    },
    /// The pages that are not zero are too many.
    #[error(
        "the image takes {bytes} bytes and may take {bytes_max}; keep less in the driver's memory, or raise `image.maxSize` and `executor.memory`"
    )]
    TooLarge {
        /// What it would occupy.
        bytes: u64,
        /// What it may.
        bytes_max: u64,
    },
    /// A run of pages is empty, is not behind the one before it, or reaches out of the memory.
    #[error(
        "the image's outline is malformed: a run of {pages} pages at page {first} is empty, out of order, or outside of the memory"
    )]
    Run {
        /// Its first page.
        first: u32,
        /// How many it has.
        pages: usize,
    },
    /// The outline is a difference to an image that is not here.
    #[error("the image's outline is a difference to image {0}, which is not here; ask again")]
    ParentMissing(ImageHash),
    /// It is not one that is lacking: damaged on its way, or never asked for.
    #[error("a page of {bytes} bytes is none of those that the image lacks")]
    UnknownPage {
        /// How long it is.
        bytes: usize,
    },
    /// Not all pages have come.
    #[error("the image still lacks {pages} pages, {first} among them")]
    Incomplete {
        /// How many.
        pages: usize,
        /// One of them.
        first: Hash,
    },
    /// All pages are right, but the whole is another image.
    #[error("the outline is one of image {made}, and {asked} was asked for")]
    OtherImage {
        /// What was asked for.
        asked: ImageHash,
        /// What it is.
        made: ImageHash,
    },
}

impl Terms {
    /// Nothing is allocated before this holds.
    pub(super) fn check(&self, outline: &Outline) -> Result<(), ShipError> {
        if outline.program != self.program {
            return Err(ShipError::OtherProgram {
                expected: self.program,
                given: outline.program,
            });
        }
        if outline.globals.len() != self.globals {
            return Err(ShipError::Globals {
                expected: self.globals,
                given: outline.globals.len(),
            });
        }
        let bytes = outline.memory_bytes;
        if !self.memory_bytes.contains(&bytes)
            || bytes > u64::from(u32::MAX)
            || !bytes.is_multiple_of(CHUNK_BYTES as u64)
        {
            return Err(ShipError::MemorySize {
                bytes,
                allowed: self.memory_bytes.clone(),
            });
        }
        check_runs(outline)
    }
}

fn check_runs(outline: &Outline) -> Result<(), ShipError> {
    let end = outline.memory_bytes / PAGE_BYTES as u64;
    let mut next = 0;
    for run in &outline.changed {
        let (first, pages) = (u64::from(run.first), run.hashes.len());
        if pages == 0 || first < next || first + pages as u64 > end {
            let first = run.first;
            return Err(ShipError::Run { first, pages });
        }
        next = first + pages as u64;
    }
    Ok(())
}
