//! One batch in a scratch file: compressed, and checked when it comes back.
//!
//! ```text
//! packed = checksum u32, length u32, length in the file u32, bytes
//! ```
//!
//! All little-endian. The checksum is of everything behind it. The bytes are an lz4 block, or the batch itself where that is not longer.

/// Bytes before those of the batch.
pub(crate) const HEADER_BYTES: usize = 12;

/// What stands before the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    checksum: u32,
    length: u32,
    packed_length: u32,
}

/// The bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl Header {
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Self {
        let [checksum, length, packed_length] =
            [0, 4, 8].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte])));
        Self {
            checksum,
            length,
            packed_length,
        }
    }

    fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.checksum.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..].copy_from_slice(&self.packed_length.to_le_bytes());
        bytes
    }

    /// How many bytes of the file belong to it.
    pub(crate) fn packed_length(self) -> usize {
        self.packed_length as usize
    }

    fn checksum(self, packed: &[u8]) -> u32 {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&self.encode()[4..]);
        checksum.update(packed);
        checksum.finalize()
    }

    /// Returns the batch that these bytes are. Nothing is made of them before they are known to be what was written.
    pub(crate) fn unpack(self, packed: Vec<u8>) -> Result<Vec<u8>, Damaged> {
        if packed.len() != self.packed_length() || self.checksum(&packed) != self.checksum {
            return Err(Damaged);
        }
        if self.packed_length == self.length {
            return Ok(packed);
        }
        let mut batch = vec![0; self.length as usize];
        match lz4_flex::block::decompress_into(&packed, &mut batch) {
            Ok(length) if length == batch.len() => Ok(batch),
            _ => Err(Damaged),
        }
    }
}

/// Makes `packed` the packed batch, header included. False where the batch is too long to have one.
pub(crate) fn pack(batch: &[u8], packed: &mut Vec<u8>) -> bool {
    let Ok(length) = u32::try_from(batch.len()) else {
        return false;
    };
    packed.resize(
        HEADER_BYTES + lz4_flex::block::get_maximum_output_size(batch.len()),
        0,
    );
    let bytes = &mut packed[HEADER_BYTES..];
    let packed_length = match lz4_flex::block::compress_into(batch, bytes) {
        Ok(shorter) if shorter < batch.len() => shorter,
        _ => {
            bytes[..batch.len()].copy_from_slice(batch);
            batch.len()
        }
    };
    packed.truncate(HEADER_BYTES + packed_length);
    let mut header = Header {
        checksum: 0,
        length,
        packed_length: u32::try_from(packed_length).unwrap_or(length),
    };
    header.checksum = header.checksum(&packed[HEADER_BYTES..]);
    packed[..HEADER_BYTES].copy_from_slice(&header.encode());
    true
}

/// Bytes that no compression makes shorter.
#[cfg(test)]
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let step = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        Some(state.to_le_bytes()[3])
    };
    let mut state = 0x9E37_79B9_7F4A_7C15;
    std::iter::from_fn(|| step(&mut state))
        .take(length)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(batch: &[u8]) -> Vec<u8> {
        let mut bytes = vec![7; 3];
        assert!(pack(batch, &mut bytes));
        bytes
    }

    fn unpacked(packed: &[u8]) -> Result<Vec<u8>, Damaged> {
        let (header, bytes) = packed.split_first_chunk().unwrap();
        Header::decode(header).unpack(bytes.to_vec())
    }

    #[test]
    fn what_repeats_gets_shorter_and_nothing_gets_longer() {
        assert!(packed(&[b'x'; 10_000]).len() < 200);
        let noise = noise(10_000);
        assert_eq!(packed(&noise).len(), HEADER_BYTES + noise.len());
        assert_eq!(unpacked(&packed(&noise)).unwrap(), noise);
    }

    proptest! {
        #[test]
        fn a_batch_comes_back_and_any_flipped_bit_is_noticed(
            batch in proptest::collection::vec(0u8..4, 0..400),
            bit in 0usize..1 << 20,
        ) {
            let mut bytes = packed(&batch);
            prop_assert_eq!(unpacked(&bytes), Ok(batch));
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(unpacked(&bytes), Err(Damaged));
        }
    }
}
