//! Partitions that are kept in memory between jobs.
//!
//! What is not there is computed once: while it is encoded for the cache the batches are held back, and the records
//! come from those, whether the cache takes them or not.

use std::collections::VecDeque;

use crate::batch::{Codec, Decoded, Source, of_reader};
use crate::error::{Error, Result};
use crate::host;
use crate::stream::Records;
use crate::task;

/// The records of a cached partition, computed if need be.
pub(crate) fn records<'a, T: 'a>(
    rdd: u32,
    partition: u32,
    codec: Codec<T>,
    compute: impl FnOnce() -> Records<'a, T>,
) -> Records<'a, T> {
    let source = match host::open_block(rdd, partition) {
        Ok(Some(reader)) => of_reader(reader),
        Ok(None) => match keep(rdd, partition, codec, compute()) {
            Ok(batches) => of_batches(batches),
            Err(error) => failed(error),
        },
        Err(error) => failed(Error::from_host(error)),
    };
    Records::of_batches(Decoded::new(source, codec.decode_all))
}

fn failed<'a>(error: Error) -> Source<'a> {
    task::fail(error);
    of_batches(VecDeque::new())
}

fn of_batches<'a>(mut batches: VecDeque<Vec<u8>>) -> Source<'a> {
    Box::new(move || Ok(batches.pop_front().unwrap_or_default()))
}

/// Computes the partition and offers it to the cache. A partition whose records ended early is not offered.
fn keep<T>(
    rdd: u32,
    partition: u32,
    codec: Codec<T>,
    records: Records<'_, T>,
) -> Result<VecDeque<Vec<u8>>> {
    let batches = (codec.encode)(records);
    task::check()?;
    for batch in &batches {
        host::write_block(rdd, partition, batch).map_err(Error::from_host)?;
    }
    // Without room for it the partition is computed again next time.
    host::commit_block(rdd, partition).map_err(Error::from_host)?;
    Ok(batches)
}
