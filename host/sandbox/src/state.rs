//! Encodes an image as the core module that a fork imports its memory from: a memory and its bytes, no code.
//!
//! Restoring is then ordinary instantiation, which the engine's copy-on-write images make cheap.

use wasm_encoder::Encode;

use crate::image::{CHUNK_BYTES, Image};
use crate::link::BaseMemory;

/// What the sections other than the data may need, and per segment its header.
const MARGIN: usize = 64;

/// The state module of an image, for a memory that may grow to `maximum_pages`.
pub(crate) fn of_image(image: &Image, maximum_pages: u64) -> Vec<u8> {
    let runs = image.occupied_runs();
    let bytes: usize = runs.iter().map(|run| run.length + MARGIN).sum();
    let mut segments = Vec::with_capacity(bytes + MARGIN);
    runs.len().encode(&mut segments);
    for run in runs {
        segment_header(run.address, run.length, &mut segments);
        for piece in run.pieces {
            segments.extend_from_slice(piece);
        }
    }
    module(image.memory_bytes() / CHUNK_BYTES, maximum_pages, &segments)
}

/// The state module of a fresh driver: the program's own data segments.
pub(crate) fn of_base(base: &BaseMemory) -> Vec<u8> {
    let mut segments = Vec::with_capacity(base.bytes.len() + MARGIN);
    1usize.encode(&mut segments);
    segment_header(0, base.bytes.len(), &mut segments);
    segments.extend_from_slice(&base.bytes);
    let pages = usize::try_from(base.minimum_pages).expect("a 32-bit memory has at most 65,536 pages");
    module(pages, base.maximum_pages, &segments)
}

/// An active segment of memory 0 at a constant offset; its bytes follow.
fn segment_header(address: usize, length: usize, out: &mut Vec<u8>) {
    const ACTIVE_IN_MEMORY_0: u8 = 0;
    const I32_CONST: u8 = 0x41;
    const END: u8 = 0x0b;
    let address = u32::try_from(address).expect("memory is below 4 GiB").cast_signed();
    out.extend([ACTIVE_IN_MEMORY_0, I32_CONST]);
    address.encode(out);
    out.push(END);
    length.encode(out);
}

fn module(minimum_pages: usize, maximum_pages: u64, segments: &[u8]) -> Vec<u8> {
    let mut memories = wasm_encoder::MemorySection::new();
    memories.memory(wasm_encoder::MemoryType {
        minimum: minimum_pages as u64,
        maximum: Some(maximum_pages),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = wasm_encoder::ExportSection::new();
    exports.export("memory", wasm_encoder::ExportKind::Memory, 0);
    let mut module = Vec::with_capacity(segments.len() + MARGIN);
    module.extend(wasm_encoder::Module::HEADER);
    wasm_encoder::Section::append_to(&memories, &mut module);
    wasm_encoder::Section::append_to(&exports, &mut module);
    module.push(wasm_encoder::SectionId::Data as u8);
    segments.encode(&mut module);
    module
}
