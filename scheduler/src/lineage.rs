//! The shape of the program's datasets, as the program tells it (Spark: `RDD`, `Dependency`).
//!
//! Closures stay in the program. What comes here is checked before it is kept, and a parent is always older
//! than its children, so that there are no cycles.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Host, RddId, ShuffleId};

/// The most partitions that a dataset or a shuffle may have.
pub const PARTITIONS_MAX: u32 = 1_000_000;

/// Whether a dataset's partitions are kept once they are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StorageLevel {
    /// They are not.
    #[default]
    None,
    /// In the executors' memory, as far as there is room.
    MemoryOnly,
}

/// Which partitions of a parent one partition needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartitionMap {
    /// Partition i needs the parent's partition i.
    OneToOne,
    /// Partitions `out_start .. out_start + length` need the parent's from `in_start` on, in order.
    Span {
        /// The parent's first partition.
        in_start: u32,
        /// The child's first partition.
        out_start: u32,
        /// How many.
        length: u32,
    },
    /// Partition i needs the listed partitions of the parent.
    Lists(Vec<Vec<u32>>),
}

/// What a dataset is computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dependency {
    /// In the same task.
    Narrow {
        /// The parent.
        parent: RddId,
        /// Which of its partitions.
        partitions: PartitionMap,
    },
    /// From all of the parent's partitions, moved to buckets.
    Shuffle {
        /// The parent.
        parent: RddId,
        /// The shuffle's number.
        shuffle: ShuffleId,
        /// How many buckets.
        partitions: u32,
    },
}

impl Dependency {
    /// Returns the parent.
    pub fn parent(&self) -> RddId {
        match self {
            Self::Narrow { parent, .. } | Self::Shuffle { parent, .. } => *parent,
        }
    }
}

/// One dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rdd {
    /// The program's own counter.
    pub id: RddId,
    /// The transformation, for people: `flat_map`.
    pub name: Arc<str>,
    /// `file:line` in the user's program.
    pub call_site: Arc<str>,
    /// How many partitions it has.
    pub partitions: u32,
    /// What it is computed from.
    pub dependencies: Vec<Dependency>,
    /// Whether its partitions are kept.
    pub storage: StorageLevel,
    /// For a source: the machines that have each partition, in the order of partitions (Spark:
    /// `RDD.preferredLocations`). Partitions beyond the end are equally far from everywhere.
    #[serde(default)]
    pub preferences: Vec<Vec<Host>>,
}

/// What is wrong with a definition. Nothing of a refused call is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineageError {
    /// A parent was never defined, or is gone.
    UnknownParent {
        /// The child.
        rdd: RddId,
        /// The parent.
        parent: RddId,
    },
    /// A parent is not older than its child.
    YoungerParent {
        /// The child.
        rdd: RddId,
        /// The parent.
        parent: RddId,
    },
    /// More than [`PARTITIONS_MAX`] partitions.
    TooManyPartitions {
        /// The dataset.
        rdd: RddId,
        /// How many it, or its shuffle, has.
        partitions: u32,
    },
    /// A one-to-one map between datasets of unequal size, or lists that are not one for each partition.
    UnequalPartitions {
        /// The child.
        rdd: RddId,
        /// How many partitions it has.
        partitions: u32,
        /// The parent.
        parent: RddId,
        /// How many partitions, or lists, there are on the other side.
        others: u32,
    },
    /// A map names a partition that its parent, or the dataset itself, does not have.
    OutsideParent {
        /// The child.
        rdd: RddId,
        /// The dataset whose partition it would be.
        of: RddId,
        /// The first that is not there.
        partition: u64,
        /// How many there are.
        partitions: u32,
    },
    /// A shuffle's number that is taken by a different shuffle.
    ShuffleReused {
        /// The dataset that reuses it.
        rdd: RddId,
        /// The number.
        shuffle: ShuffleId,
        /// The parent of the shuffle that has the number.
        parent: RddId,
        /// Its buckets.
        partitions: u32,
    },
    /// A dataset that is known with another shape. Only its storage level may change.
    Redefined {
        /// The dataset.
        rdd: RddId,
    },
}

impl fmt::Display for LineageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownParent { rdd, parent } => {
                write!(f, "{rdd} depends on {parent}, which is not defined")
            }
            Self::YoungerParent { rdd, parent } => {
                write!(f, "{rdd} depends on {parent}, which is not older")
            }
            Self::TooManyPartitions { rdd, partitions } => {
                write!(
                    f,
                    "{rdd} has {partitions} partitions, {PARTITIONS_MAX} are allowed"
                )
            }
            Self::UnequalPartitions {
                rdd,
                partitions,
                parent,
                others,
            } => write!(
                f,
                "{rdd} has {partitions} partitions, but its map to {parent} is for {others}"
            ),
            Self::OutsideParent {
                rdd,
                of,
                partition,
                partitions,
            } => write!(
                f,
                "a map of {rdd} names partition {partition} of {of}, which has {partitions}"
            ),
            Self::ShuffleReused {
                rdd,
                shuffle,
                parent,
                partitions,
            } => write!(
                f,
                "{rdd} defines {shuffle} differently: it moves {parent} to {partitions} partitions"
            ),
            Self::Redefined { rdd } => write!(f, "{rdd} is already defined with another shape"),
        }
    }
}

impl std::error::Error for LineageError {}

impl PartitionMap {
    /// Checks that the map leads from partitions of `rdd` to partitions of its parent.
    pub(crate) fn check(
        &self,
        rdd: &Rdd,
        parent: RddId,
        parent_partitions: u32,
    ) -> Result<(), LineageError> {
        match self {
            Self::OneToOne => equal(rdd, parent, parent_partitions),
            Self::Span {
                in_start,
                out_start,
                length,
            } => {
                within(
                    rdd,
                    rdd.id,
                    u64::from(*out_start) + u64::from(*length),
                    rdd.partitions,
                )?;
                within(
                    rdd,
                    parent,
                    u64::from(*in_start) + u64::from(*length),
                    parent_partitions,
                )
            }
            Self::Lists(lists) => {
                equal(rdd, parent, u32::try_from(lists.len()).unwrap_or(u32::MAX))?;
                let mut named = lists.iter().flatten();
                match named.find(|partition| **partition >= parent_partitions) {
                    Some(partition) => {
                        within(rdd, parent, u64::from(*partition) + 1, parent_partitions)
                    }
                    None => Ok(()),
                }
            }
        }
    }
}

fn equal(rdd: &Rdd, parent: RddId, others: u32) -> Result<(), LineageError> {
    if rdd.partitions == others {
        return Ok(());
    }
    Err(LineageError::UnequalPartitions {
        rdd: rdd.id,
        partitions: rdd.partitions,
        parent,
        others,
    })
}

/// Checks that partitions up to `end` (not itself) are there.
fn within(rdd: &Rdd, of: RddId, end: u64, partitions: u32) -> Result<(), LineageError> {
    if end <= u64::from(partitions) {
        return Ok(());
    }
    Err(LineageError::OutsideParent {
        rdd: rdd.id,
        of,
        partition: end - 1,
        partitions,
    })
}
