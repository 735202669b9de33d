//! Bits that turn over on disk: each is noticed, wherever it lies in a file, and whoever reads it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use scheduler::{AttemptId, Codec, Random};

use super::workers::{SHUFFLE, Workers, address};
use crate::packed::noise;
use crate::{Error, IndexCache, MapOutputPlace, Place, ShuffleReader};

const FLIPS: usize = 1000;
const BUCKETS: u32 = 3;

/// A file of some entries a bucket: small batches that are joined, large ones, some that no compression makes shorter.
fn write(workers: &Workers, codec: Codec) {
    let writer = workers.folder(0).writer(SHUFFLE, BUCKETS, AttemptId(0));
    let mut writer = writer.unwrap().with_codec(codec);
    for bucket in (0..BUCKETS).cycle().take(7) {
        writer.write(bucket, b"small, ").unwrap();
        writer.write(bucket, &b"repeated".repeat(20)).unwrap();
    }
    writer.write(1, &noise(40_000)).unwrap();
    writer.write(2, &b"and again ".repeat(4_000)).unwrap();
    writer.finish().unwrap().keep();
}

/// All buckets by somebody who has not seen the file before.
fn read(workers: &Arc<Workers>, place: &Place) -> Vec<Result<Vec<u8>, Error>> {
    let output = MapOutputPlace {
        partition: 0,
        attempt: AttemptId(0),
        place: place.clone(),
    };
    let buckets = (0..BUCKETS).map(|bucket| {
        let indexes = Arc::new(IndexCache::new(0));
        read_all(workers.open_anew(bucket, &output, indexes))
    });
    buckets.collect()
}

fn read_all(mut reader: ShuffleReader) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    loop {
        let batch = reader.read()?;
        if batch.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(batch);
    }
}

#[track_caller]
fn each_flip_is_noticed(codec: Codec, place: impl Fn(&Workers) -> Place) {
    let workers = Workers::new();
    write(&workers, codec);
    let place = place(&workers);
    let path = workers.folder(0).output(SHUFFLE, AttemptId(0));
    let whole = fs::read(&path).unwrap();
    let right: Vec<_> = read(&workers, &place)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let file = File::options().write(true).open(&path).unwrap();
    let mut random = Random::new(42);
    for _ in 0..FLIPS {
        let bit = usize::try_from(random.below(whole.len() as u64 * 8)).unwrap();
        let (at, old) = (bit / 8, whole[bit / 8]);
        file.write_all_at(&[old ^ 1 << (bit % 8)], at as u64)
            .unwrap();
        let mut failed = 0;
        for (read, right) in read(&workers, &place).into_iter().zip(&right) {
            match read {
                Ok(bytes) => assert!(bytes == *right, "bit {bit}: wrong bytes"),
                Err(Error::FetchFailed { .. }) => failed += 1,
                Err(other) => panic!("bit {bit}: {other}"),
            }
        }
        assert!(failed > 0, "bit {bit} was not noticed");
        file.write_all_at(&[old], at as u64).unwrap();
    }
}

#[test]
fn a_thousand_flipped_bits_are_noticed_on_the_same_machine() {
    for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
        each_flip_is_noticed(codec, |workers| Place::Here(workers.folder(0)));
    }
}

#[test]
fn a_thousand_flipped_bits_are_noticed_by_another_machine() {
    for codec in [Codec::None, Codec::Lz4, Codec::Zstd] {
        each_flip_is_noticed(codec, |_| Place::There(address(0)));
    }
}
