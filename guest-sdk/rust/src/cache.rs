//! Partitions that are kept between jobs.
//!
//! What is not there is computed once, and handed over batch by batch: the task holds one of them. Then its records come
//! from where it is kept. Where room ran out they come from what was taken, and go on from there.

use crate::batch::{Codec, Decoded, Source, of_reader};
use crate::error::{Error, ErrorKind, Result};
use crate::host::{self, BlockLevel};
use crate::stream::Records;
use crate::task;

/// The number of a dataset and a partition of it.
type Block = (u32, u32);

/// The records of a partition that is to be kept, computed if need be.
pub(crate) fn records<'a, T: 'a>(
    block: Block,
    level: BlockLevel,
    codec: Codec<T>,
    compute: impl FnOnce() -> Records<'a, T>,
) -> Records<'a, T> {
    let found = match open(block) {
        Ok(None) => keep(block, level, codec, compute()),
        found => found.map(|source| decoded(source.unwrap_or_else(nothing), codec)),
    };
    found.unwrap_or_else(|error| {
        task::fail(error);
        Records::new(std::iter::empty())
    })
}

fn open<'a>((rdd, partition): Block) -> Result<Option<Source<'a>>> {
    let reader = host::open_block(rdd, partition).map_err(Error::from_host)?;
    Ok(reader.map(of_reader))
}

fn decoded<'a, T: 'a>(source: Source<'a>, codec: Codec<T>) -> Records<'a, T> {
    Records::of_batches(Decoded::new(source, codec.decode_all))
}

pub(crate) fn nothing<'a>() -> Source<'a> {
    Box::new(|| Ok(Vec::new()))
}

fn once<'a>(batch: Vec<u8>) -> Source<'a> {
    let mut batch = Some(batch);
    Box::new(move || Ok(batch.take().unwrap_or_default()))
}

/// Keeps a partition.
///
/// # Errors
/// There is no room, or the records cannot be computed.
pub(crate) fn put<T>(
    block: Block,
    level: BlockLevel,
    codec: Codec<T>,
    mut records: Records<'_, T>,
) -> Result<()> {
    if offer(block, level, codec, &mut records)?.is_some() {
        let full =
            "there is neither memory nor disk left to keep it; `local.dir` says where the disk is";
        return Err(Error::of(ErrorKind::LimitExceeded, full));
    }
    Ok(())
}

/// Offers records for keeping. Returns the batch that was not taken, if there is no room.
fn offer<T>(
    (rdd, partition): Block,
    level: BlockLevel,
    codec: Codec<T>,
    records: &mut Records<'_, T>,
) -> Result<Option<Vec<u8>>> {
    let mut take =
        |batch: &[u8]| host::keep_block(rdd, partition, level, batch).map_err(Error::from_host);
    let refused = (codec.offer)(records, &mut take)?;
    task::check()?;
    if refused.is_none() {
        host::commit_block(rdd, partition).map_err(Error::from_host)?;
    }
    Ok(refused)
}

/// Offers a partition for keeping, and returns its records. One whose records ended early is not kept.
fn keep<'a, T: 'a>(
    block: Block,
    level: BlockLevel,
    codec: Codec<T>,
    mut records: Records<'a, T>,
) -> Result<Records<'a, T>> {
    let refused = offer(block, level, codec, &mut records)?;
    let taken = open(block)?.unwrap_or_else(nothing);
    let taken = decoded(taken, codec);
    Ok(match refused {
        None => taken,
        Some(batch) => Records::new(taken.chain(decoded(once(batch), codec)).chain(records)),
    })
}
