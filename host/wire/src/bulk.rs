//! The bytes of a transfer: after the header as many as it says, then their checksum.
//!
//! The checksum comes last, so that a sender need not read what it sends twice. TLS answers for the way between two
//! processes; the checksum answers for the way between file, memory and TLS at either end.

use xxhash_rust::xxh3::Xxh3Default;

use crate::Error;

/// How many bytes a checksum takes, after those that it is of.
pub const CHECKSUM_BYTES: usize = 8;

/// The running checksum of a transfer (XXH3, 64 bits).
#[derive(Clone, Default)]
pub struct Checksum {
    /// Half a kilobyte, which nobody wants to move.
    hasher: Box<Xxh3Default>,
    bytes: u64,
}

impl std::fmt::Debug for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Checksum(of {} bytes)", self.bytes)
    }
}

impl Checksum {
    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Returns what follows the bytes on the stream.
    pub fn trailer(&self) -> [u8; CHECKSUM_BYTES] {
        self.hasher.digest().to_le_bytes()
    }

    /// Compares with what followed the bytes on the stream.
    ///
    /// # Errors
    ///
    /// [`Error::WrongChecksum`].
    pub fn check(&self, trailer: [u8; CHECKSUM_BYTES]) -> Result<(), Error> {
        if self.trailer() == trailer {
            return Ok(());
        }
        Err(Error::WrongChecksum { bytes: self.bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_is_noticed_and_the_cut_into_pieces_is_not() {
        let mut whole = Checksum::default();
        whole.update(b"buckets in order");
        let mut pieces = Checksum::default();
        pieces.update(b"buckets ");
        pieces.update(b"in order");
        assert_eq!(pieces.check(whole.trailer()), Ok(()));
        let mut changed = Checksum::default();
        changed.update(b"buckets in Order");
        assert_eq!(
            changed.check(whole.trailer()),
            Err(Error::WrongChecksum { bytes: 16 })
        );
        // Part of the protocol: XXH3 of nothing, seed 0.
        assert_eq!(
            Checksum::default().trailer(),
            0x2d06_8005_38d3_94c2_u64.to_le_bytes()
        );
    }
}
