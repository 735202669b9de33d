//! Partitions that are kept between jobs.
//!
//! What is not there is computed once, and handed over batch by batch: the task holds one of them. Then its records come
//! from where it is kept. Where room ran out they come from what was taken, and go on from there.

use crate::batch::{Codec, Decoded, Source, of_reader};
use crate::error::{Error, Result};
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

fn nothing<'a>() -> Source<'a> {
    Box::new(|| Ok(Vec::new()))
}

fn once<'a>(batch: Vec<u8>) -> Source<'a> {
    let mut batch = Some(batch);
    Box::new(move || Ok(batch.take().unwrap_or_default()))
}

/// Offers a partition for keeping, and returns its records. One whose records ended early is not kept.
fn keep<'a, T: 'a>(
    (rdd, partition): Block,
    level: BlockLevel,
    codec: Codec<T>,
    mut records: Records<'a, T>,
) -> Result<Records<'a, T>> {
    let mut take =
        |batch: &[u8]| host::keep_block(rdd, partition, level, batch).map_err(Error::from_host);
    let refused = (codec.offer)(&mut records, &mut take)?;
    task::check()?;
    if refused.is_none() {
        host::commit_block(rdd, partition).map_err(Error::from_host)?;
    }
    let taken = open((rdd, partition))?.unwrap_or_else(nothing);
    let taken = decoded(taken, codec);
    Ok(match refused {
        None => taken,
        Some(batch) => Records::new(taken.chain(decoded(once(batch), codec)).chain(records)),
    })
}
