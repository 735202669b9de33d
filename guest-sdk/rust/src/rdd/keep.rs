//! Partitions that are kept once they are computed.

use super::Rdd;
use crate::batch::{self, Codec};
use crate::lineage::{self, StorageLevel};
use crate::record::Record;

impl<'a, T: 'a> Rdd<'a, T> {
    /// Keeps the partitions in memory once they are computed; the same as `persist(StorageLevel::MemoryOnly)`.
    ///
    /// Where there is no room, a partition is computed again when it is asked for again.
    #[must_use]
    pub fn cache(&self) -> Self
    where
        T: Record,
    {
        self.persist(StorageLevel::MemoryOnly)
    }

    /// Says where the partitions are to be kept once they are computed. It holds from the next action on.
    ///
    /// A partition passes through the task batch by batch: it may be larger than the task's memory. One that is damaged
    /// on disk, or for which a disk has no room, is computed again.
    #[must_use]
    pub fn persist(&self, level: StorageLevel) -> Self
    where
        T: Record,
    {
        self.meta.codec.set(Some(Codec {
            offer: batch::offer::<T>,
            decode_all: T::decode_all,
        }));
        lineage::persist(self, level);
        self.clone()
    }

    /// Lets the kept partitions go.
    pub fn unpersist(&self) {
        lineage::persist(self, StorageLevel::None);
    }

    /// How the partitions are kept.
    pub fn storage_level(&self) -> StorageLevel {
        self.meta.header.storage()
    }
}
