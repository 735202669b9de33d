//! The Rust SDK of Tinderbox: resilient distributed datasets with ordinary closures.
//!
//! A program is the driver. When it calls an action, its memory becomes an image, and each task is a fork of that
//! image: whatever a closure captured, borrowed locals included, is simply there.
//!
//! ```no_run
//! # mod job {
//! use tinderbox::{Context, Result};
//!
//! #[tinderbox::main]
//! fn main(cx: &Context, args: Vec<String>) -> Result<()> {
//!     let counts = cx
//!         .text_files(&args)?
//!         .flat_map(|line| line.words())
//!         .map(|word| (word.to_string(), 1u64))
//!         .reduce_by_key(|a, b| a + b);
//!     for (word, count) in counts.top_by(10, |a, b| a.1.cmp(&b.1))? {
//!         println!("{word}\t{count}");
//!     }
//!     Ok(())
//! }
//! # }
//! # fn main() {}
//! ```

// The derive writes `::tinderbox`, also in this crate's own tests.
extern crate self as tinderbox;

mod accumulator;
mod action;
#[cfg(any(target_family = "wasm", test))]
mod alloc;
mod approximate;
mod batch;
#[doc(hidden)]
pub mod bindings;
mod broadcast;
mod bytes;
mod cache;
mod checkpoint;
#[cfg(any(target_family = "wasm", test))]
mod compare;
mod context;
mod double;
mod driver;
mod error;
#[cfg(feature = "serde")]
mod format;
mod frames;
mod hash;
mod host;
mod hyperloglog;
mod lineage;
mod lines;
mod memory;
mod merge;
mod object_file;
mod pair;
#[doc(hidden)]
pub mod program;
mod random;
mod rdd;
mod reader;
pub mod record;
mod save;
mod scatter;
mod shuffle;
mod source;
mod spill;
mod stream;
mod table;
mod task;
mod text;
mod values;
mod whole_file;

pub use accumulator::{
    Accumulate, Accumulator, Collection, CollectionAccumulator, DoubleAccumulator, LongAccumulator,
    Sum,
};
pub use action::{FutureAction, LocalIterator};
pub use approximate::{BoundedDouble, PartialResult};
pub use broadcast::Broadcast;
pub use bytes::Bytes;
pub use context::Context;
pub use double::StatCounter;
pub use error::{Error, ErrorKind, Result};
#[cfg(feature = "csv")]
pub use format::{BadRows, CsvOptions};
#[cfg(feature = "serde")]
pub use format::{Date, Timestamp};
pub use hash::{FixedHasher, HashMap};
pub use lineage::StorageLevel;
pub use pair::{Order, Partitioner};
pub use random::Random;
pub use rdd::{Dependency, Rdd};
pub use record::Record;
pub use save::Compression;
pub use stream::Records;
pub use task::{TaskContext, task};
pub use text::{Text, Words};
pub use tinderbox_macros::{Record, main};
pub use values::{Cogrouped, Cogrouped3, Cogrouped4, Values};

#[cfg(test)]
mod spill_tests;
#[cfg(test)]
mod tests;
