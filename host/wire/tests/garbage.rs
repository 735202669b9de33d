//! Bytes of a bad peer: each is an error or some message, never a panic, never more memory than was sent times a few.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

mod samples;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use samples::{greetings, samples};
use wire::{
    CONTROL_FRAME_MAX, Data, Envelope, Error, Frames, Greeting, Invalid, Kind, Message,
    PREFIX_BYTES, decode, encode, frame,
};

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator is unsafe to write")]
// SAFETY: the system's allocator does all of it; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends may allocate when its counter is gone.
        let _ = ALLOCATED.try_with(|bytes| bytes.set(bytes.get() + layout.size()));
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a byte of a frame may cost: an `Address` in a list takes eight bytes of a frame, and a place in the list, a
/// counter and its own bytes in memory.
const BYTES_PER_BYTE: usize = 16;

fn bounded<T>(bytes: &[u8], read: impl FnOnce(&[u8]) -> T) -> T {
    let before = ALLOCATED.get();
    let value = read(bytes);
    let allocated = ALLOCATED.get() - before;
    let limit = 1024 + BYTES_PER_BYTE * bytes.len();
    assert!(
        allocated <= limit,
        "{allocated} bytes for a frame of {}",
        bytes.len()
    );
    value
}

fn read_all(bytes: &[u8]) {
    let _ = bounded(bytes, Envelope::decode);
    let _ = bounded(bytes, Greeting::decode);
    if let Ok(message) = bounded(bytes, decode) {
        // What was read can be said again: both directions have the same limits.
        let mut again = Vec::new();
        encode(&message, &mut again).unwrap();
        assert_eq!(decode(&again), Ok(message));
    }
}

fn frames() -> Vec<Vec<u8>> {
    let messages = samples().into_iter().map(|(_, message)| {
        let mut bytes = Vec::new();
        encode(&message, &mut bytes).unwrap();
        bytes
    });
    let greetings = greetings().into_iter().map(|(_, greeting)| {
        let mut bytes = Vec::new();
        greeting.encode(&mut bytes).unwrap();
        bytes
    });
    messages.chain(greetings).collect()
}

/// The same cases on every run; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` reach others.
fn config() -> ProptestConfig {
    let given = ProptestConfig::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    ProptestConfig {
        cases: given.cases.max(20_000),
        rng_seed,
        ..given
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn garbage_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    /// Numbers of messages that there are, fields that are not theirs.
    #[test]
    fn garbage_that_begins_well_is_read_without_harm(
        group in 1..10_u8,
        number in 1..18_u8,
        fields in prop::collection::vec(prop_oneof![Just(0), Just(0xff), any::<u8>()], 0..300),
    ) {
        read_all(&[&[group, number][..], &fields].concat());
    }

    #[test]
    fn damaged_messages_are_read_without_harm(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        thread_local! {
            static FRAMES: Vec<Vec<u8>> = frames();
        }
        let mut bytes = FRAMES.with(|frames| which.get(frames).clone());
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        read_all(&bytes);
    }

    #[test]
    fn a_stream_of_garbage_is_read_without_harm(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20),
    ) {
        let mut frames = Frames::new(40);
        for piece in pieces {
            frames.feed(&piece);
            loop {
                match frames.next_frame() {
                    Ok(Some(contents)) => read_all(contents),
                    Ok(None) => break,
                    Err(error) => {
                        let is_too_long = matches!(error, Error::FrameTooLong { .. });
                        prop_assert!(is_too_long);
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Of a stream that ends amid a frame nothing is read; and a sender that cuts its own frames does no harm.
#[test]
fn what_is_cut_short_is_not_read() {
    for (name, message) in samples() {
        let mut bytes = Vec::new();
        let envelope = |out: &mut Vec<u8>| {
            Envelope::encode(
                Kind::Ask {
                    id: 1,
                    within_ms: 2,
                },
                &message,
                out,
            )
        };
        frame(&mut bytes, CONTROL_FRAME_MAX, envelope).unwrap();
        for length in 0..bytes.len() {
            let mut frames = Frames::new(CONTROL_FRAME_MAX);
            frames.feed(&bytes[..length]);
            assert_eq!(frames.next_frame(), Ok(None), "{length} bytes of {name}");
            assert_eq!(frames.is_amid_frame(), length > 0);
            read_all(&bytes[PREFIX_BYTES.min(length)..length]);
        }
    }
}

/// Two entries of a list that share their bytes would let a small frame become a large value.
#[test]
fn a_list_whose_entries_share_their_bytes_is_malformed() {
    let reason = "x".repeat(100);
    let hosts = vec![(&*reason).into(), (&*reason).into()];
    let message = scheduler::Message::ToMaster(
        scheduler::message::ToMaster::DecommissionWorkersOnHosts(hosts),
    );
    let mut bytes = Vec::new();
    encode(&message.into(), &mut bytes).unwrap();
    assert!(decode(&bytes).is_ok());
    // Two texts of 100 bytes, then for each its length and its distance. The second is made to point at the first.
    let second = bytes.len() - 8 - 8;
    let distance = second + 4..second + 8;
    let old = i32::from_le_bytes(bytes[distance.clone()].try_into().unwrap());
    bytes[distance].copy_from_slice(&(old - 100).to_le_bytes());
    assert_eq!(
        decode(&bytes),
        Err(Error::Malformed {
            message: "DecommissionWorkersOnHosts"
        })
    );
}

#[test]
fn what_makes_no_sense_is_refused_in_both_directions() {
    let refused = |message: Message| encode(&message, &mut Vec::new()).unwrap_err();
    let samples = samples();
    let image = |change: &dyn Fn(&mut wire::ImageHeader)| {
        let (_, sample) = samples.iter().find(|(name, _)| name == "Image").unwrap();
        let Message::Data(Data::Image(mut header)) = sample.clone() else {
            unreachable!("the sample is an image");
        };
        change(&mut header);
        refused(Data::Image(header).into())
    };
    let invalid = |error| match error {
        Error::Invalid { message, invalid } => (message, invalid),
        other => unreachable!("{other}"),
    };
    assert_eq!(
        invalid(image(&|header| header.changed[1].first = 64)),
        (
            "Image",
            Invalid::PageTable {
                page: 64,
                pages: 64
            }
        )
    );
    for bytes in [4095, 4 * 4096] {
        assert_eq!(
            invalid(image(&|header| header.pages = vec![0; bytes])),
            (
                "Image",
                Invalid::PageBytes {
                    bytes: bytes as u64,
                    bytes_max: 3 * 4096
                }
            )
        );
    }
    assert_eq!(
        invalid(image(&|header| header.changed[1].first = 1)),
        ("Image", Invalid::PageTable { page: 1, pages: 64 })
    );
    assert_eq!(
        invalid(image(&|header| header.memory_bytes = 5000)),
        ("Image", Invalid::MemoryBytes(5000))
    );
    let heard = scheduler::message::ToWorker::ReconnectWorker {
        master: "a\n:7077".into(),
    };
    assert_eq!(
        invalid(refused(
            scheduler::Message::ToWorker(scheduler::Epoch(1), heard).into()
        )),
        ("ReconnectWorker", Invalid::ControlCharacter)
    );
    let bulk = wire::Bulk {
        content: wire::Content::Buckets {
            lengths: vec![10, u64::MAX],
        },
        length: 9,
    };
    assert_eq!(
        invalid(refused(wire::Transfer::Bulk(bulk).into())),
        (
            "Bulk",
            Invalid::Parts {
                length: 9,
                sum: u64::MAX
            }
        )
    );
}
