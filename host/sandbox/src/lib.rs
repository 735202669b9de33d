//! Runs a stranger's program, once as a driver and many times as tasks, and gives back its result or the reason it has none.
//!
//! A program sees nothing but its arguments and what a [`DriverHost`] or a [`TaskHost`] answers. This crate knows no
//! scheduler's state, no network and no file but the cache of compiled programs.
//!
//! ```text
//! component --link--> linked --compile, cache--> Program --fresh--> driver --checkpoint--> Image
//!                                                   |                                        |
//!                                                   +--------------- prepare ----------------+--> Prepared --fork--> attempt
//! ```

mod attempt;
mod cache;
mod clock;
mod contract;
mod driver;
mod engine;
mod failure;
mod guest;
mod image;
mod kill;
pub mod link;
mod load;
mod prepare;
mod program;
mod state;
mod wasi;

pub use attempt::{Attempt, AttemptLimits, Finished};
pub use cache::ArtefactCache;
pub use contract::{
    ABI_VERSION, AccumulatorUpdate, BinaryValues, BlockLevel, Channel, Column, ColumnFile,
    ColumnKind, ColumnType, ColumnValues, Compression, Dependency, DriverHost, Error, ErrorKind,
    FoundFile, GuestError, JobProgress, JobSpec, NarrowDependency, PartitionMap, PartitionResult,
    PartitionSpan, RddNode, ShuffleDependency, Split, StorageLevel, TaskHost, TaskSpec, TaskWork,
};
pub use driver::run_driver;
pub use engine::THREAD_STACK_BYTES;
pub use image::{
    Assembly, ClockReading, Image, ImageHash, Outline, PAGE_BYTES, Page, PageRun, Patch, ShipError,
    Snapshot, Terms, find_pages,
};
pub use kill::{KillReason, KillSwitch};
pub use load::{LoadError, Sandbox};
pub use prepare::{PATCH_BYTES_MAX, Prepared, PreparedImages};
pub use program::Program;
