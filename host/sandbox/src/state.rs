//! Encodes an image as the core module that a fork imports its memory from: a memory and its bytes, no code. Beside it is
//! the interrupt memory, which belongs to no image.
//!
//! Restoring is then ordinary instantiation, which the engine's copy-on-write images make cheap.

use wasm_encoder::Encode;

use crate::image::{CHUNK_BYTES, Image};
use crate::link::{BaseMemory, STATE_INTERRUPT, STATE_MEMORY};

/// The most that a segment's header takes, and the most that everything but the segments takes.
const HEADER_BYTES_MAX: usize = 16;
const FRAME_BYTES_MAX: usize = 64;

/// A run of memory, in the pieces in which it is held.
struct Segment<'a> {
    address: usize,
    length: usize,
    pieces: Vec<&'a [u8]>,
}

/// The state module of an image, for a memory that may grow to `maximum_pages`.
pub(crate) fn of_image(image: &Image, maximum_pages: u64) -> Vec<u8> {
    let runs = image.occupied_runs().into_iter();
    let segments: Vec<_> = runs
        .map(|run| Segment {
            address: run.address,
            length: run.length,
            pieces: run.pieces,
        })
        .collect();
    module(image.memory_bytes() / CHUNK_BYTES, maximum_pages, &segments)
}

/// The state module of a fresh driver: the program's own data.
pub(crate) fn of_base(base: &BaseMemory) -> Vec<u8> {
    // The stack lies below the data and is all zero.
    let start = base
        .bytes
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(base.bytes.len());
    let data = &base.bytes[start..];
    let pages =
        usize::try_from(base.minimum_pages).expect("a 32-bit memory has at most 65,536 pages");
    module(
        pages,
        base.maximum_pages,
        &[Segment {
            address: start,
            length: data.len(),
            pieces: vec![data],
        }],
    )
}

/// Everything is copied once, to its place: images are large.
fn module(minimum_pages: usize, maximum_pages: u64, segments: &[Segment<'_>]) -> Vec<u8> {
    let data_bytes: usize = segments
        .iter()
        .map(|segment| segment.length + HEADER_BYTES_MAX)
        .sum();
    let mut module = Vec::with_capacity(data_bytes + FRAME_BYTES_MAX);
    module.extend(wasm_encoder::Module::HEADER);
    let mut memories = wasm_encoder::MemorySection::new();
    memories.memory(memory(minimum_pages as u64, maximum_pages));
    memories.memory(memory(1, 1));
    wasm_encoder::Section::append_to(&memories, &mut module);
    let mut exports = wasm_encoder::ExportSection::new();
    exports.export(STATE_MEMORY, wasm_encoder::ExportKind::Memory, 0);
    exports.export(STATE_INTERRUPT, wasm_encoder::ExportKind::Memory, 1);
    wasm_encoder::Section::append_to(&exports, &mut module);
    data_section(segments, &mut module);
    module
}

fn memory(minimum: u64, maximum: u64) -> wasm_encoder::MemoryType {
    wasm_encoder::MemoryType {
        minimum,
        maximum: Some(maximum),
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

fn data_section(segments: &[Segment<'_>], module: &mut Vec<u8>) {
    let mut count = Vec::new();
    (segments.len() + 1).encode(&mut count);
    let headers: Vec<_> = segments.iter().map(header).collect();
    let bytes: usize = headers
        .iter()
        .zip(segments)
        .map(|(header, segment)| header.len() + segment.length)
        .sum();
    module.push(wasm_encoder::SectionId::Data as u8);
    (count.len() + bytes + INTERRUPT_SEGMENT.len()).encode(module);
    module.extend_from_slice(&count);
    for (header, segment) in headers.iter().zip(segments) {
        module.extend_from_slice(header);
        segment
            .pieces
            .iter()
            .for_each(|piece| module.extend_from_slice(piece));
    }
    module.extend_from_slice(&INTERRUPT_SEGMENT);
}

/// One byte at the end of memory 1, which no check reads (`link::safepoint`): a memory with data is reset in place like
/// the linear memory; one without is unmapped after each attempt, and threads wait for each other to do it.
const INTERRUPT_SEGMENT: [u8; 9] = [
    2, 1, // active, in memory 1
    0x41, 0xff, 0xff, 0x03, // i32.const 65535
    0x0b, // end
    1, 1, // one byte: 1
];

/// An active segment of memory 0 at a constant offset; its bytes follow.
fn header(segment: &Segment<'_>) -> Vec<u8> {
    const ACTIVE_IN_MEMORY_0: u8 = 0;
    const I32_CONST: u8 = 0x41;
    const END: u8 = 0x0b;
    let address = u32::try_from(segment.address)
        .expect("memory is below 4 GiB")
        .cast_signed();
    let mut header = Vec::with_capacity(HEADER_BYTES_MAX);
    header.extend([ACTIVE_IN_MEMORY_0, I32_CONST]);
    address.encode(&mut header);
    header.push(END);
    segment.length.encode(&mut header);
    header
}
