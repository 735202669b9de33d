//! Shuffle files: one for each map attempt, read by nobody until the attempt is committed.
//!
//! ```text
//! map task      MapOutputWriter ──▶ FOLDER/shuffle-3/attempt-7.map
//!                                     │              │        │
//! reduce task   ShuffleReader  ◀──────┘ in a local   │        │ in a cluster, on the same machine
//!               ShuffleReader  ◀────── run (local)   │ ◀──────┘
//!               ShuffleReader  ◀── RemoteBuckets ◀── ServedBuckets   in a cluster, from another machine
//! ```
//!
//! Who reads a bucket sees the same batches in the same order in all three cases, whatever the order of arrival: they follow from
//! the files alone. `format` says what is in a file, and what travels.

mod ahead;
mod cluster;
mod file;
mod folder;
mod format;
mod index_cache;
mod local;
mod read;
mod remote;
mod serve;
#[cfg(test)]
mod tests;
mod write;

pub use cluster::{ClusterShuffles, MapOutputPlace, Place};
pub use folder::ShuffleFolder;
pub use index_cache::IndexCache;
pub use local::ShuffleFiles;
pub use read::{ReadStopper, ShuffleReader};
pub use remote::{BucketsWanted, FetchedBuckets, MapOutputName, RemoteBuckets};
pub use serve::ServedBuckets;
pub use write::{FinishedMapOutput, MapOutputWriter};
