//! Records in frames, through the raw contract: the host partitions and sorts them, as for a program that is slow at both.

use tinderbox::bindings::tinderbox::job::task;
use tinderbox::{Context, Result};

use crate::{Behaviour, number};

pub const ALL: &[(&str, Behaviour)] = &[("sorts-frames", sorts_frames), ("no-frames", no_frames)];

const PARTITIONS: u32 = 8;
/// Frames of a batch.
const BATCH: usize = 1000;
/// There is one shuffle.
const SHUFFLE: u32 = 0;
/// Bytes of a batch before its first frame: count, version, flags.
const HEADER_BYTES: usize = 8;
const RECORD_BYTES: usize = 8;

/// Each number goes to the bucket of its hash, and comes back in the order of the remainders, equal ones in their own.
fn sorts_frames(cx: &Context, args: &[String]) -> Result<()> {
    let (count, divisor) = (number(args, 0)?, number(args, 1)?);
    let counts = cx
        .range_in(0..count, PARTITIONS)
        .map_partitions(move |numbers| {
            let numbers: Vec<u64> = numbers.collect();
            for some in numbers.chunks(BATCH) {
                task::write_frames(&frames(some, divisor)).expect("a batch of frames");
            }
            // The SDK has nothing to write.
            std::iter::empty::<(u64, ())>()
        })
        .partition_by(PARTITIONS)
        .map_partitions_with_index(move |partition, _| {
            [false, true].map(|descending| in_order(partition, divisor, descending))
        })
        .collect()?;
    let found: u64 = counts.iter().sum();
    println!("{} of {count} numbers in order, twice", found / 2);
    Ok(())
}

fn frames(numbers: &[u64], divisor: u64) -> Vec<u8> {
    let mut bytes = (numbers.len() as u32).to_le_bytes().to_vec();
    bytes.extend([1, 1 | 2 | 4, 0, 0]);
    for number in numbers {
        let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        bytes.extend(hash.to_le_bytes());
        bytes.extend((number % divisor).to_le_bytes());
        bytes.extend((RECORD_BYTES as u32).to_le_bytes());
        bytes.extend(number.to_le_bytes());
    }
    bytes
}

/// Reads a bucket, and counts what is in its place.
fn in_order(partition: u32, divisor: u64, descending: bool) -> u64 {
    let reader = task::open_sorted(SHUFFLE, partition, descending).expect("a shuffle of frames");
    let (mut count, mut last) = (0, None);
    loop {
        let batch = task::read_bytes(reader).expect("sorted records");
        if batch.is_empty() {
            return count;
        }
        for record in batch[HEADER_BYTES..].chunks_exact(RECORD_BYTES) {
            let number = u64::from_le_bytes(record.try_into().expect("eight bytes"));
            let remainder = number % divisor;
            let rank = if descending { !remainder } else { remainder };
            assert!(last < Some((rank, number)), "{number} is out of order");
            (last, count) = (Some((rank, number)), count + 1);
        }
    }
}

/// What is no frame is refused, and the task is told why.
fn no_frames(cx: &Context, _: &[String]) -> Result<()> {
    let refused = cx
        .range_in(0..1, 1)
        .map_partitions(|_| {
            let refused = task::write_frames(b"plain text").expect_err("no frames");
            [(refused.message, ())]
        })
        .partition_by(1)
        .keys()
        .first()?;
    println!("{refused}");
    let outside = task::write_frames(&[]).expect_err("a driver has no shuffle");
    println!("{}", outside.message);
    Ok(())
}
