//! A kept partition as bytes on their way to another executor: a byte for where it is kept, then each batch after its
//! length.

use std::sync::Arc;

use store::{Block, BlockLevel, BlockReader, BlockStore};

use crate::executor::{Memory, Transfer};

/// Bytes before a batch: its length, little-endian.
const LENGTH_BYTES: usize = 4;

/// The bytes of a block of this executor, or `None` where it has none to give: it is not here, damaged, or on disk and
/// larger than all that memory may hold of blocks, or there is no memory to send it. Whoever asked computes it. What comes
/// with the bytes answers for their memory.
pub(super) fn read(
    blocks: &Arc<BlockStore>,
    memory: &Arc<Memory>,
    wanted: wire::Block,
) -> Option<(Vec<u8>, Transfer)> {
    let level = blocks.level(wanted.rdd, wanted.partition)?;
    let reader = blocks.open(wanted.rdd, wanted.partition)?;
    if reader.bytes() > blocks.bytes_max() {
        return None;
    }
    let room = memory.transfer(reader.bytes() as u64)?;
    let bytes = encode(level, reader)
        .inspect_err(|error| tracing::warn!(%error, "a kept partition was not sent"));
    Some((bytes.ok()?, room))
}

/// Returns the bytes of a block.
fn encode(level: BlockLevel, mut block: BlockReader) -> store::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(1 + block.bytes());
    out.push(match level {
        BlockLevel::Memory => 0,
        BlockLevel::MemoryAndDisk => 1,
        BlockLevel::Disk => 2,
    });
    loop {
        let batch = block.read()?;
        if batch.is_empty() {
            return Ok(out);
        }
        let length = u32::try_from(batch.len()).expect("a batch is a guest's, below 4 GiB");
        out.extend(length.to_le_bytes());
        out.extend_from_slice(&batch);
    }
}

/// Returns the block that the bytes are, if they are one, and where it is kept.
pub(super) fn decode(mut bytes: &[u8]) -> Option<(BlockLevel, Block)> {
    let level = match bytes.split_off_first()? {
        0 => BlockLevel::Memory,
        1 => BlockLevel::MemoryAndDisk,
        2 => BlockLevel::Disk,
        _ => return None,
    };
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_le_bytes(*bytes.split_off(..LENGTH_BYTES)?.first_chunk()?);
        let batch = bytes.split_off(..usize::try_from(length).ok()?)?;
        batches.push(Arc::new(batch.to_vec()));
    }
    Some((level, batches.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_keeps_its_batches() {
        let block: Block = [&b"one"[..], b"three"]
            .map(|batch| Arc::new(batch.to_vec()))
            .into_iter()
            .collect();
        let reader = BlockReader::of_memory(Arc::clone(&block));
        let mut bytes = encode(BlockLevel::MemoryAndDisk, reader).unwrap();
        assert_eq!(decode(&bytes), Some((BlockLevel::MemoryAndDisk, block)));
        assert!(decode(&bytes[..bytes.len() - 1]).is_none());
        assert!(decode(&bytes[..3]).is_none() && decode(&[]).is_none());
        bytes[0] = 3;
        assert!(decode(&bytes).is_none(), "there is no such level");
    }
}
