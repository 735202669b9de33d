//! One batch on disk or on its way: compressed, and checked when it comes back.
//!
//! ```text
//! packed = checksum u32, length u32, length in the file u32, bytes
//! ```
//!
//! All little-endian. The checksum is of everything behind it. The bytes are an lz4 block, or the batch itself where that is not longer,
//! or a zstd frame: then the highest bit of the length in the file is set.
//! In a shuffle file the headers are in the index, apart from the bytes.

use std::cell::RefCell;
use std::fmt;

use scheduler::Codec;
use zstd::bulk::{Compressor, Decompressor};

/// Bytes before those of the batch.
pub(crate) const HEADER_BYTES: usize = 12;

/// What stands before the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    checksum: u32,
    length: u32,
    /// And whether it is zstd.
    packed_length: u32,
}

const ZSTD: u32 = 1 << 31;
/// Of zstd, as Spark: higher ones take much longer for little.
const ZSTD_LEVEL: i32 = 1;

/// The bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

/// Compressed bytes are never fewer than this part of what they stand for, which is all that lz4 can do: a small file cannot be made to
/// ask for a large room.
const RATIO_MAX: u64 = 255;

impl Header {
    /// Of a batch of so many bytes that is packed as these; `None` where that is too long to have one.
    fn new(length: usize, packed: &[u8], codec: Codec) -> Option<Self> {
        let short = |length: usize| u32::try_from(length).ok().filter(|short| *short < ZSTD);
        let zstd = if codec == Codec::Zstd { ZSTD } else { 0 };
        let mut header = Self {
            checksum: 0,
            length: short(length)?,
            packed_length: short(packed.len())? | zstd,
        };
        header.checksum = header.checksum(packed);
        Some(header)
    }

    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Self {
        let [checksum, length, packed_length] =
            [0, 4, 8].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte])));
        Self {
            checksum,
            length,
            packed_length,
        }
    }

    pub(crate) fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.checksum.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..].copy_from_slice(&self.packed_length.to_le_bytes());
        bytes
    }

    /// How many bytes the batch has.
    pub(crate) fn length(self) -> usize {
        self.length as usize
    }

    /// Whether the bytes are the batch itself.
    pub(crate) fn is_plain(self) -> bool {
        self.length == self.packed_length
    }

    fn is_zstd(self) -> bool {
        self.packed_length & ZSTD != 0
    }

    /// Whether there can be such a batch.
    pub(crate) fn is_sound(self) -> bool {
        let (length, packed) = (u64::from(self.length), self.packed_length() as u64);
        packed <= length && length <= packed * RATIO_MAX
    }

    /// How many bytes of the file belong to it.
    pub(crate) fn packed_length(self) -> usize {
        (self.packed_length & !ZSTD) as usize
    }

    fn checksum(self, packed: &[u8]) -> u32 {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&self.encode()[4..]);
        checksum.update(packed);
        checksum.finalize()
    }

    /// Whether these bytes are those that were written.
    pub(crate) fn check(self, packed: &[u8]) -> Result<(), Damaged> {
        let is_whole = packed.len() == self.packed_length() && self.is_sound();
        if is_whole && self.checksum(packed) == self.checksum {
            Ok(())
        } else {
            Err(Damaged)
        }
    }

    /// Returns the batch that these bytes are. Nothing is made of them before they are known to be what was written.
    pub(crate) fn unpack(self, packed: Vec<u8>) -> Result<Vec<u8>, Damaged> {
        self.check(&packed)?;
        if self.is_plain() {
            return Ok(packed);
        }
        let mut batch = vec![0; self.length()];
        self.expand(&packed, &mut batch)?;
        Ok(batch)
    }

    /// Makes bytes that were checked the batch that they are; `batch` is as long as that.
    pub(crate) fn expand(self, packed: &[u8], batch: &mut [u8]) -> Result<(), Damaged> {
        if self.is_plain() {
            batch.copy_from_slice(packed);
            return Ok(());
        }
        let length = if self.is_zstd() {
            UNZSTD.with_borrow_mut(|zstd| zstd.decompress_to_buffer(packed, batch).ok())
        } else {
            lz4_flex::block::decompress_into(packed, batch).ok()
        };
        if length == Some(batch.len()) {
            Ok(())
        } else {
            Err(Damaged)
        }
    }
}

thread_local! {
    /// It has tables that are not made anew for each batch.
    static UNZSTD: RefCell<Decompressor<'static>> = RefCell::new(Decompressor::default());
}

/// Makes `packed` the packed batch, header included. False where the batch is too long to have one.
pub(crate) fn pack(batch: &[u8], packed: &mut Vec<u8>) -> bool {
    packed.resize(
        HEADER_BYTES + lz4_flex::block::get_maximum_output_size(batch.len()),
        0,
    );
    let bytes = &mut packed[HEADER_BYTES..];
    let packed_length = lz4(batch, bytes).unwrap_or_else(|| {
        bytes[..batch.len()].copy_from_slice(batch);
        batch.len()
    });
    packed.truncate(HEADER_BYTES + packed_length);
    let Some(header) = Header::new(batch.len(), &packed[HEADER_BYTES..], Codec::Lz4) else {
        return false;
    };
    packed[..HEADER_BYTES].copy_from_slice(&header.encode());
    true
}

/// Packs one batch after another.
#[derive(Default)]
pub(crate) struct Packer {
    codec: Codec,
    room: Vec<u8>,
    zstd: Option<Compressor<'static>>,
}

impl Packer {
    /// Compresses with `codec`.
    pub(crate) fn new(codec: Codec) -> Self {
        let zstd = (codec == Codec::Zstd).then(|| Compressor::new(ZSTD_LEVEL).ok());
        Self {
            codec,
            room: Vec::new(),
            zstd: zstd.flatten(),
        }
    }

    /// The header of a batch and the bytes that it is packed as. `None` where it is too long.
    pub(crate) fn pack<'b>(&'b mut self, batch: &'b [u8]) -> Option<(Header, &'b [u8])> {
        let (codec, packed) = self.compress(batch).unwrap_or((Codec::None, batch));
        Some((Header::new(batch.len(), packed, codec)?, packed))
    }

    /// `None` where the batch does not get shorter.
    fn compress(&mut self, batch: &[u8]) -> Option<(Codec, &[u8])> {
        if self.codec == Codec::None {
            return None;
        }
        let most = lz4_flex::block::get_maximum_output_size(batch.len());
        self.room.resize(most.max(self.room.len()), 0);
        let zstd = self.zstd.as_mut();
        let zstd = zstd.and_then(|zstd| zstd.compress_to_buffer(batch, &mut self.room).ok());
        // What gets shorter than is believed is for lz4.
        let zstd = zstd.filter(|length| batch.len() as u64 <= *length as u64 * RATIO_MAX);
        let (codec, length) = match zstd {
            Some(length) => (Codec::Zstd, length),
            None => (Codec::Lz4, lz4(batch, &mut self.room)?),
        };
        (length < batch.len()).then(|| (codec, &self.room[..length]))
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Packer").field(&self.codec).finish()
    }
}

/// Compresses a batch. `None` where it does not get shorter.
fn lz4(batch: &[u8], room: &mut [u8]) -> Option<usize> {
    let length = lz4_flex::block::compress_into(batch, room).ok()?;
    Some(length).filter(|length| *length < batch.len())
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
