//! What is to be computed: datasets, shuffles, stages and jobs (Spark: `DAGScheduler`'s state,
//! `MapOutputTrackerMaster`, `BlockManagerMaster`'s locations).
//!
//! Plain bookkeeping: nothing here launches, kills or publishes. The flow is in `driver/`.

mod blocks;
mod checklist;
mod copies;
mod graph;
mod images;
mod job;
mod labels;
mod nearness;
mod outputs;
mod ranges;
mod shuffles;
mod sizes;
mod stage;
mod walk;

pub(crate) use blocks::Blocks;
pub(crate) use checklist::Checklist;
pub(crate) use copies::Copies;
pub(crate) use graph::{Gone, Graph};
pub(crate) use images::Images;
pub(crate) use job::{Job, Wanted};
pub(crate) use labels::Labels;
pub(crate) use nearness::{Near, Nearness};
pub(crate) use outputs::MapOutputs;
pub(crate) use ranges::Ranges;
pub(crate) use shuffles::{Forgotten, Shuffles};
pub use sizes::{BucketSizes, Told};
pub(crate) use stage::{Failures, Fault, Stage, State};
pub(crate) use walk::shuffles_needed;
