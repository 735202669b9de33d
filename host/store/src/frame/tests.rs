use proptest::prelude::*;
use scheduler::{AttemptId, ShuffleId};

use super::*;
use crate::ShuffleFiles;

const ALL: u8 = HASH | PREFIX | LENGTH;

/// A batch as a program writes it.
fn batch(frames: &[(u64, u64, &[u8])]) -> Vec<u8> {
    let header = Header {
        count: u32::try_from(frames.len()).unwrap(),
        flags: ALL,
    };
    let mut bytes = header.encode().to_vec();
    for (hash, prefix, record) in frames {
        bytes.extend(hash.to_le_bytes());
        bytes.extend(prefix.to_le_bytes());
        bytes.extend(u32::try_from(record.len()).unwrap().to_le_bytes());
        bytes.extend(*record);
    }
    bytes
}

/// The format is a promise to programs that were built before.
#[test]
fn a_batch_is_these_bytes() {
    let bytes = batch(&[(0x0102_0304_0506_0708, 9, b"ab"), (1, u64::MAX, b"")]);
    let golden = [
        "02000000 01 07 0000",
        "0807060504030201 0900000000000000 02000000 6162",
        "0100000000000000 ffffffffffffffff 00000000",
    ];
    let golden = golden.concat().replace(' ', "");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden);
    let mut cursor = Cursor::new();
    let first = cursor.next(&bytes, ALL).unwrap().unwrap();
    assert_eq!(
        (first.hash, first.prefix, &bytes[first.record]),
        (0x0102_0304_0506_0708, 9, &b"ab"[..])
    );
    let second = cursor.next(&bytes, ALL).unwrap().unwrap();
    assert_eq!(
        (second.hash, second.prefix, second.record.len()),
        (1, u64::MAX, 0)
    );
    assert_eq!(cursor.next(&bytes, ALL).unwrap(), None);
}

fn sorter(order: FrameOrder, budget: usize, folder: &tempfile::TempDir) -> FrameSorter {
    FrameSorter::new(order, budget, folder.path().to_owned(), AttemptId(0))
}

/// The records of what a sorter gives, which are four bytes each.
fn records(mut sorted: SortedFrames) -> Vec<u32> {
    let mut found = Vec::new();
    loop {
        let bytes = sorted.read().unwrap();
        if bytes.is_empty() {
            return found;
        }
        let header = Header::take(&mut &*bytes).unwrap();
        let records = bytes[HEADER_BYTES..].chunks_exact(4);
        assert_eq!((header.flags, header.count as usize), (0, records.len()));
        found.extend(records.map(|record| u32::from_le_bytes(record.try_into().unwrap())));
    }
}

proptest! {
    #[test]
    fn records_come_in_the_order_of_their_prefixes_whatever_fits_in_memory(
        prefixes in proptest::collection::vec(0u64..40, 0..600),
        in_batch in 1usize..50,
        budget in prop_oneof![Just(0), Just(400), Just(5_000), Just(usize::MAX)],
        descending in any::<bool>(),
    ) {
        let order = if descending { FrameOrder::Descending } else { FrameOrder::Ascending };
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = sorter(order, budget, &folder);
        let numbered: Vec<(u64, [u8; 4])> = prefixes.iter().zip(0u32..).map(|(prefix, at)| (*prefix, at.to_le_bytes())).collect();
        for some in numbered.chunks(in_batch) {
            let frames: Vec<_> = some.iter().map(|(prefix, record)| (0, *prefix, &record[..])).collect();
            sorter.push(batch(&frames)).unwrap();
        }
        let sorted = sorter.finish().unwrap();
        if budget == usize::MAX || numbered.len() <= in_batch {
            prop_assert_eq!(sorted.spilled_bytes(), 0);
        } else if budget < numbered.len() * 16 {
            prop_assert!(sorted.spilled_bytes() > 0);
        }
        let mut expected: Vec<u32> = (0u32..).take(prefixes.len()).collect();
        expected.sort_by_key(|at| order.rank(prefixes[*at as usize]));
        prop_assert_eq!(records(sorted), expected);
    }

    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), frames in any::<bool>()) {
        let mut bytes = bytes;
        if frames && bytes.len() >= HEADER_BYTES {
            bytes[1..HEADER_BYTES].copy_from_slice(&[0, 0, 0, VERSION, ALL, 0, 0]);
        }
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = sorter(FrameOrder::Ascending, usize::MAX, &folder);
        if sorter.push(bytes).is_ok() {
            sorter.finish().unwrap().read().unwrap();
        }
    }
}

#[test]
fn what_is_no_frame_is_said() {
    let whole = batch(&[(0, 0, b"abc")]);
    let mut of_another_version = whole.clone();
    of_another_version[4] = 2;
    let mut without_prefix = whole.clone();
    without_prefix[5] = LENGTH;
    for (bytes, reason) in [
        (
            whole[..whole.len() - 1].to_vec(),
            "a frame is longer than its batch",
        ),
        (of_another_version, "frames of version 1 are known, not 2"),
        (
            without_prefix,
            "frames lack a hash, a prefix or a length that is needed here",
        ),
        (
            b"plain text".to_vec(),
            "a batch of frames begins with its count, 1, its flags and 0",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = sorter(FrameOrder::Ascending, 0, &folder)
            .push(bytes)
            .unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn each_record_goes_to_the_bucket_of_its_hash_in_order() {
    const BUCKETS: u32 = 7;
    let folder = tempfile::tempdir().unwrap();
    let files = ShuffleFiles::new(folder.path());
    files.declare(ShuffleId(0), BUCKETS);
    let mut output = files.writer(ShuffleId(0), AttemptId(0)).unwrap();
    let mut router = FrameRouter::new(BUCKETS);
    let numbers: Vec<[u8; 4]> = (0..100_000u32).map(u32::to_le_bytes).collect();
    let hash = |number: &[u8; 4]| {
        u64::from(u32::from_le_bytes(*number)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    };
    for some in numbers.chunks(1000) {
        let frames: Vec<_> = some
            .iter()
            .map(|number| (hash(number), hash(number) >> 40, &number[..]))
            .collect();
        router.write(&batch(&frames), &mut output).unwrap();
    }
    router.finish(&mut output).unwrap();
    files.commit(ShuffleId(0), 0, output.finish().unwrap());
    let mut found = 0;
    for bucket in 0..BUCKETS {
        let mut reader = files.open(ShuffleId(0), bucket);
        let mut last = None;
        loop {
            let bytes = reader.read().unwrap();
            if bytes.is_empty() {
                break;
            }
            let mut cursor = Cursor::new();
            while let Some(frame) = cursor.next(&bytes, PREFIX | LENGTH).unwrap() {
                let number: [u8; 4] = bytes[frame.record].try_into().unwrap();
                assert_eq!(
                    ((hash(&number) >> 32) * u64::from(BUCKETS)) >> 32,
                    u64::from(bucket)
                );
                assert_eq!(frame.prefix, hash(&number) >> 40);
                assert!(last < Some(u32::from_le_bytes(number)));
                last = Some(u32::from_le_bytes(number));
                found += 1;
            }
        }
    }
    assert_eq!(found, numbers.len());
}
