//! Files: sources and sinks within an application's grants, shuffle files, cached blocks, what tasks put aside.
//!
//! It moves bytes and knows what may be touched; what the bytes mean is the program's business, and who reads or
//! writes when is the scheduler's.

mod block;
mod error;
mod files;
mod frame;
mod grants;
mod location;
mod object;
mod output;
mod packed;
mod shuffle;
pub mod source;
mod spill;
mod stopper;
mod work_folder;

pub use block::{
    Block, BlockLevel, BlockReader, BlockStore, BlockWriter, FixedRoom, RemovedBlocks, Room,
};
pub use error::{Error, Result};
pub use files::{Compression, FileInfo, Files, SourceFile};
pub use frame::{FrameOrder, FrameRouter, FrameSorter, SortedFrames};
pub use grants::Grants;
pub use location::{Location, ObjectUrl, Scheme, is_object_url};
pub use output::{AttemptOutput, Output};
pub use shuffle::{
    BucketsWanted, ClusterShuffles, FetchedBuckets, FinishedMapOutput, IndexCache, MapOutputName,
    MapOutputPlace, MapOutputWriter, Place, ReadStopper, RemoteBuckets, ServedBuckets,
    ShuffleFiles, ShuffleFolder, ShuffleReader,
};
pub use spill::{SpillFile, SpillReader};
pub use stopper::Stopper;
pub use work_folder::WorkFolder;
