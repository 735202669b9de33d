//! A cached partition as bytes on their way to another executor: each batch after its length.

use std::sync::Arc;

use store::Block;

/// Bytes before a batch: its length, little-endian.
const LENGTH_BYTES: usize = 4;

/// Returns the bytes of a block.
pub(super) fn encode(block: &Block) -> Vec<u8> {
    let bytes = block.iter().map(|batch| batch.len() + LENGTH_BYTES).sum();
    let mut out = Vec::with_capacity(bytes);
    for batch in block.iter() {
        let length = u32::try_from(batch.len()).expect("a batch is a guest's, below 4 GiB");
        out.extend(length.to_le_bytes());
        out.extend_from_slice(batch);
    }
    out
}

/// Returns the block that the bytes are, if they are one.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Block> {
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_le_bytes(*bytes.split_off(..LENGTH_BYTES)?.first_chunk()?);
        let batch = bytes.split_off(..usize::try_from(length).ok()?)?;
        batches.push(Arc::new(batch.to_vec()));
    }
    Some(batches.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_keeps_its_batches() {
        let block: Block = [&b"one"[..], b"", b"three"]
            .map(|batch| Arc::new(batch.to_vec()))
            .into_iter()
            .collect();
        let bytes = encode(&block);
        assert_eq!(decode(&bytes).as_deref(), Some(&*block));
        assert!(decode(&bytes[..bytes.len() - 1]).is_none());
        assert!(decode(&bytes[..2]).is_none());
    }
}
