//! Shuffle files in a folder that several processes know: written, served, removed.

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use scheduler::{AttemptId, ShuffleId};

use crate::shuffle::format::{Index, MISSING};
use crate::{Error, IndexCache, ServedBuckets, ShuffleFolder};

const SHUFFLE: ShuffleId = ShuffleId(3);

struct Fixture {
    _root: tempfile::TempDir,
    folder: ShuffleFolder,
    indexes: Arc<IndexCache>,
}

fn fixture() -> Fixture {
    let root = tempfile::tempdir().unwrap();
    Fixture {
        folder: ShuffleFolder::new(root.path().join("shuffle")),
        _root: root,
        indexes: Arc::new(IndexCache::new(1 << 20)),
    }
}

impl Fixture {
    fn write(&self, attempt: u64, batches: &[(u32, &[u8])]) {
        let writer = self.folder.writer(SHUFFLE, 3, AttemptId(attempt));
        let mut writer = writer.unwrap();
        for (bucket, batch) in batches {
            writer.write(*bucket, batch).unwrap();
        }
        writer.finish().unwrap().keep();
    }

    fn serve(&self, bucket: u32, attempts: &[u64]) -> ServedBuckets {
        let attempts: Vec<_> = attempts.iter().copied().map(AttemptId).collect();
        self.folder
            .serve(&self.indexes, SHUFFLE, bucket, &attempts)
            .unwrap()
    }

    /// The served buckets, each apart.
    fn served(&self, bucket: u32, attempts: &[u64]) -> Vec<Vec<u8>> {
        let mut served = self.serve(bucket, attempts);
        let lengths = served.lengths().to_vec();
        let mut all = Vec::new();
        served.read_to_end(&mut all).unwrap();
        assert_eq!(all.len() as u64, served.length());
        let mut rest = &all[..];
        let apart = lengths.iter().map(|length| {
            let (bucket, behind) = rest.split_at(usize::try_from(*length).unwrap());
            rest = behind;
            bucket.to_vec()
        });
        apart.collect()
    }

    fn file(&self, attempt: u64) -> std::path::PathBuf {
        self.folder.output(SHUFFLE, AttemptId(attempt))
    }
}

fn entry(batch: &[u8]) -> Vec<u8> {
    let length = u32::try_from(batch.len()).unwrap().to_le_bytes();
    let checked = [&length[..], &length, batch].concat();
    [&crc32fast::hash(&checked).to_le_bytes()[..], &checked].concat()
}

#[test]
fn a_path_follows_from_numbers() {
    assert_eq!(
        ShuffleFolder::new("/srv/app/shuffle").output(ShuffleId(3), AttemptId(7)),
        std::path::Path::new("/srv/app/shuffle/shuffle-3/attempt-7.map")
    );
}

#[test]
fn buckets_are_served_as_they_were_written() {
    let fixture = fixture();
    fixture.write(7, &[(0, b"a"), (1, b"x"), (0, b"bc")]);
    fixture.write(8, &[(1, b"y")]);
    assert_eq!(
        fixture.served(0, &[8, 7]),
        [vec![], [entry(b"a"), entry(b"bc")].concat()]
    );
    assert_eq!(fixture.served(1, &[7, 8]), [entry(b"x"), entry(b"y")]);
    assert_eq!(fixture.served(99, &[7]), [Vec::<u8>::new()]);
}

#[test]
fn buckets_are_served_whatever_the_length_of_a_read() {
    let fixture = fixture();
    fixture.write(7, &[(0, b"abc"), (1, b"x"), (0, b"defgh")]);
    let whole = fixture.served(0, &[7]).concat();
    for length in 1..whole.len() {
        let mut served = fixture.serve(0, &[7]);
        let mut all = Vec::new();
        let mut buffer = vec![0; length];
        loop {
            let bytes = served.read(&mut buffer).unwrap();
            all.extend_from_slice(&buffer[..bytes]);
            if bytes < length {
                break;
            }
        }
        assert_eq!(all, whole, "{length}");
    }
}

#[test]
fn an_output_that_is_gone_or_damaged_is_served_as_missing() {
    let fixture = fixture();
    fixture.write(7, &[(0, b"a")]);
    fixture.write(8, &[(0, b"b")]);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(fixture.file(8))
        .unwrap();
    file.set_len(20).unwrap();
    assert_eq!(
        fixture.served(0, &[9, 7, 8]),
        [MISSING.to_vec(), entry(b"a"), MISSING.to_vec()]
    );
}

#[test]
fn an_output_that_goes_while_it_is_served_cuts_the_stream() {
    let fixture = fixture();
    fixture.write(7, &[(0, b"a")]);
    let mut served = fixture.serve(0, &[7]);
    fixture.folder.remove_shuffle(SHUFFLE).unwrap();
    assert!(served.read(&mut [0; 64]).is_err());
}

#[test]
fn an_index_is_read_once() {
    let fixture = fixture();
    fixture.write(7, &[(0, b"a"), (1, b"b")]);
    let first = fixture.indexes.get(&fixture.file(7)).unwrap();
    assert_eq!(fixture.served(1, &[7]), [entry(b"b")]);
    let again = fixture.indexes.get(&fixture.file(7)).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
}

#[test]
fn the_index_used_longest_ago_goes_first() {
    let fixture = fixture();
    for attempt in 0..3 {
        fixture.write(attempt, &[(0, b"a")]);
    }
    let one = IndexCache::new(0);
    one.get(&fixture.file(0)).unwrap();
    let two = IndexCache::new(2 * one.bytes());
    let first = two.get(&fixture.file(0)).unwrap();
    let second = two.get(&fixture.file(1)).unwrap();
    two.get(&fixture.file(0)).unwrap();
    two.get(&fixture.file(2)).unwrap();
    assert_eq!(two.bytes(), 2 * one.bytes());
    assert!(Arc::ptr_eq(&first, &two.get(&fixture.file(0)).unwrap()));
    assert!(!Arc::ptr_eq(&second, &two.get(&fixture.file(1)).unwrap()));
}

#[test]
fn an_index_that_lies_is_refused() {
    let fixture = fixture();
    fixture.write(7, &[(0, b"abcd"), (1, b"efgh")]);
    let path = fixture.file(7);
    let bytes = fs::read(&path).unwrap();
    // The entries' lengths and offsets, with a checksum that is right.
    let lengths = |length: u64, packed: u64| packed << 32 | length;
    for (at, value) in [
        (8 + 8, lengths(9, 9)),
        (8 + 16, 5),
        (8 + 8, u64::MAX),
        (8 + 32, lengths(5, 5)),
        (8 + 8, lengths(4 * 255 + 1, 4)),
    ] {
        let mut bytes = bytes.clone();
        bytes[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
        let footer = bytes.len() - 16;
        let checksum = crc32fast::hash(&bytes[8..footer]);
        bytes[footer + 8..footer + 12].copy_from_slice(&checksum.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        assert!(
            matches!(Index::read(&path), Err(Error::Invalid(_))),
            "{value} at {at}"
        );
    }
}

#[test]
fn a_flipped_bit_of_the_index_is_noticed() {
    let fixture = fixture();
    fixture.write(7, &[(0, b"abcd"), (1, b"efgh")]);
    let path = fixture.file(7);
    let bytes = fs::read(&path).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for (at, byte) in bytes.iter().enumerate().skip(8) {
        file.write_all_at(&[byte ^ 1], at as u64).unwrap();
        assert!(matches!(Index::read(&path), Err(Error::Invalid(_))), "{at}");
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    assert!(Index::read(&path).is_ok());
}

#[test]
fn what_lost_and_what_was_not_finished_is_removed_by_its_number() {
    let fixture = fixture();
    fixture.write(7, &[(0, b"won")]);
    fixture.write(8, &[(0, b"lost")]);
    // Its process was killed.
    std::mem::forget(fixture.folder.writer(SHUFFLE, 3, AttemptId(9)).unwrap());
    for attempt in [8, 9, 10] {
        let removed = fixture.folder.remove_output(SHUFFLE, AttemptId(attempt));
        removed.unwrap();
    }
    let folder = fixture.file(7).parent().unwrap().to_owned();
    let left: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["attempt-7.map"]);
    fixture.folder.remove_shuffle(SHUFFLE).unwrap();
    fixture.folder.remove_shuffle(SHUFFLE).unwrap();
    assert_eq!(fs::read_dir(fixture.folder.path()).unwrap().count(), 0);
    fixture.folder.remove().unwrap();
    assert!(!fixture.folder.path().exists());
}
