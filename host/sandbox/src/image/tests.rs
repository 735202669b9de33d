//! An image's name, what images share, and in what they differ.

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
