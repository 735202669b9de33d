//! An image arrives as it was, or not at all.

use proptest::prelude::*;

use super::*;

const GLOBALS: [u64; 2] = [7, 11];

fn program() -> Hash {
    blake3::hash(b"program")
}

fn take(memory: &[u8]) -> Image {
    let snapshot = Snapshot {
        program: program(),
        memory,
        globals: &GLOBALS,
        clock: ClockReading {
            wall_ns: 5,
            monotonic_ns: 6,
        },
        seed: 1,
    };
    Image::take(snapshot, None)
}

fn terms() -> Terms {
    Terms {
        program: program(),
        globals: GLOBALS.len(),
        memory_bytes: CHUNK_BYTES as u64..=1 << 32,
        occupied_bytes_max: 1 << 20,
    }
}

/// Memory of some chunks, in which some pages are filled with a byte each: few bytes, so pages are often alike.
fn memory() -> impl Strategy<Value = Vec<u8>> {
    let pages = prop::collection::vec((0..64_usize, 0..4_u8), 0..40);
    (1..5_usize, pages).prop_map(|(chunks, pages)| {
        let mut memory = vec![0; chunks * CHUNK_BYTES];
        for (page, byte) in pages {
            let start = page % (chunks * 16) * PAGE_BYTES;
            memory[start..start + PAGE_BYTES].fill(byte);
        }
        memory
    })
}

/// Ships `image`, one page after the other.
fn ship(image: &Image, outline: Outline, known: &[Image]) -> Result<Image, ShipError> {
    let mut assembly = Assembly::begin(image.hash(), outline, known, &terms())?;
    assembly.search(known);
    let lacking: Vec<_> = assembly.lacking().collect();
    for page in find_pages([image], &lacking) {
        assembly.add(page.expect("the image has its own pages").as_ref())?;
    }
    assembly.finish()
}

proptest! {
    #[test]
    fn any_image_arrives_whatever_it_is_a_difference_to(
        memory in memory(),
        parent in prop::option::of(memory()),
        other in memory(),
    ) {
        let image = take(&memory);
        let parent = parent.map(|memory| take(&memory));
        let outline = image.outline(parent.as_ref());
        let mut known = vec![take(&other)];
        known.extend(parent);
        let made = ship(&image, outline, &known).unwrap();
        prop_assert_eq!(made.hash(), image.hash());
        prop_assert_eq!(made.to_memory(), memory);
        prop_assert_eq!(made.occupied_bytes(), image.occupied_bytes());
        prop_assert_eq!(
            made.outline(None),
            image.outline(None),
            "what arrived can be shipped on"
        );
    }

    #[test]
    fn a_wrong_byte_anywhere_is_refused(memory in memory(), at in 0..PAGE_BYTES, bit in 0..8_u8) {
        let image = take(&memory);
        let mut assembly =
            Assembly::begin(image.hash(), image.outline(None), &[], &terms()).unwrap();
        let lacking: Vec<_> = assembly.lacking().collect();
        for page in find_pages([&image], &lacking).into_iter().flatten() {
            let mut bytes = page.as_ref().to_vec();
            bytes[at] ^= 1_u8 << bit;
            prop_assert_eq!(
                assembly.add(&bytes),
                Err(ShipError::UnknownPage { bytes: PAGE_BYTES })
            );
        }
    }

    #[test]
    fn an_outline_that_was_changed_makes_no_image(memory in memory(), run in any::<prop::sample::Index>()) {
        let image = take(&memory);
        let mut outline = image.outline(None);
        prop_assume!(!outline.changed.is_empty());
        let run = run.index(outline.changed.len());
        outline.changed.remove(run);
        let refused = ship(&image, outline, &[]).unwrap_err();
        let is_told = matches!(refused, ShipError::OtherImage { asked, .. } if asked == image.hash());
        prop_assert!(is_told);
    }
}

/// Two chunks: one with two pages that differ, one of zeros.
fn image() -> Image {
    let mut memory = vec![0; 2 * CHUNK_BYTES];
    memory[..PAGE_BYTES].fill(1);
    memory[PAGE_BYTES..2 * PAGE_BYTES].fill(2);
    take(&memory)
}

fn refused(outline: Outline) -> String {
    let begun = Assembly::begin(image().hash(), outline, &[], &terms());
    begun.unwrap_err().to_string()
}

#[test]
fn only_what_is_lacking_is_asked_for_and_the_rest_is_shared() {
    let base = image();
    let mut memory = base.to_memory();
    memory[CHUNK_BYTES..][..PAGE_BYTES].fill(1);
    memory[CHUNK_BYTES + PAGE_BYTES..][..PAGE_BYTES].fill(9);
    let image = take(&memory);
    let outline = image.outline(Some(&base));
    assert_eq!(outline.pages(), 2);
    let known = [base.clone()];
    let mut assembly = Assembly::begin(image.hash(), outline.clone(), &known, &terms()).unwrap();
    assembly.search(&known);
    assert_eq!(
        assembly.lacking().collect::<Vec<_>>(),
        [blake3::hash(&[9; PAGE_BYTES])],
        "the other one is elsewhere in the parent"
    );
    let made = ship(&image, outline, &known).unwrap();
    assert!(Arc::ptr_eq(&made.0.chunks[0], &base.0.chunks[0]));
}

#[test]
fn a_memory_may_shrink_and_grow() {
    let (small, large) = (take(&vec![1; CHUNK_BYTES]), take(&vec![1; 3 * CHUNK_BYTES]));
    for (image, parent) in [(&small, &large), (&large, &small)] {
        let made = ship(
            image,
            image.outline(Some(parent)),
            std::slice::from_ref(parent),
        )
        .unwrap();
        assert_eq!(made.hash(), image.hash());
    }
}

#[test]
fn an_image_that_lacks_a_page_is_none() {
    let image = image();
    let mut assembly = Assembly::begin(image.hash(), image.outline(None), &[], &terms()).unwrap();
    assembly.add(&[1; PAGE_BYTES]).unwrap();
    assert_eq!(
        assembly.add(&[1; PAGE_BYTES]),
        Err(ShipError::UnknownPage { bytes: PAGE_BYTES }),
        "it came already"
    );
    assert!(assembly.add(&[2; PAGE_BYTES - 1]).is_err());
    let first = blake3::hash(&[2; PAGE_BYTES]);
    assert_eq!(
        assembly.finish().unwrap_err(),
        ShipError::Incomplete { pages: 1, first }
    );
}

#[test]
fn an_outline_of_another_program_is_refused() {
    let outline = Outline {
        program: blake3::hash(b"other"),
        ..image().outline(None)
    };
    assert!(refused(outline).contains("use the same one on all machines"));
}

#[test]
fn a_wrong_number_of_globals_is_refused() {
    let outline = Outline {
        globals: vec![7],
        ..image().outline(None)
    };
    assert_eq!(
        refused(outline),
        "the image has 1 globals, and its program writes 2"
    );
}

#[test]
fn a_memory_that_cannot_be_is_refused() {
    for memory_bytes in [0, CHUNK_BYTES as u64 + 1, 1 << 32, u64::MAX] {
        let outline = Outline {
            memory_bytes,
            ..image().outline(None)
        };
        assert!(
            refused(outline).starts_with(&format!("the image's memory has {memory_bytes} bytes")),
            "{memory_bytes}"
        );
    }
}

#[test]
fn runs_out_of_order_or_out_of_memory_are_refused() {
    let run = |first, pages| PageRun {
        first,
        hashes: vec![program(); pages],
    };
    for changed in [
        vec![run(0, 0)],
        vec![run(4, 1), run(3, 1)],
        vec![run(4, 2), run(5, 1)],
        vec![run(31, 2)],
        vec![run(u32::MAX, 1)],
    ] {
        let outline = Outline {
            changed,
            ..image().outline(None)
        };
        assert!(refused(outline).contains("malformed"));
    }
}

#[test]
fn what_takes_too_much_room_is_refused_before_it_does() {
    let outline = Outline {
        memory_bytes: 17 * CHUNK_BYTES as u64,
        changed: (0..17)
            .map(|chunk| PageRun {
                first: chunk * 16,
                hashes: vec![program()],
            })
            .collect(),
        ..image().outline(None)
    };
    assert_eq!(
        refused(outline),
        "the image takes 1114112 bytes and may take 1048576; keep less in the driver's memory, or raise `image.maxSize` and `executor.memory`"
    );
}

#[test]
fn a_parent_that_is_not_there_is_asked_for_again() {
    let (image, parent) = (image(), take(&vec![8; CHUNK_BYTES]));
    assert!(refused(image.outline(Some(&parent))).ends_with("is not here; ask again"));
}

#[test]
fn pages_are_found_in_any_image_and_missing_ones_are_told() {
    let images = [image(), take(&vec![3; CHUNK_BYTES])];
    let page = |byte: u8| blake3::hash(&[byte; PAGE_BYTES]);
    let found = find_pages(&images, &[page(3), page(5), page(2), page(3), page(0)]);
    let bytes: Vec<_> = found
        .iter()
        .map(|page| page.as_ref().map(|page| page.as_ref()[0]))
        .collect();
    assert_eq!(bytes, [Some(3), None, Some(2), Some(3), Some(0)]);
}
