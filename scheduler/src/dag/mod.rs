//! What is to be computed: datasets, shuffles, stages and jobs (Spark: `DAGScheduler`'s state,
//! `MapOutputTrackerMaster`, `BlockManagerMaster`'s locations).
//!
//! Plain bookkeeping: nothing here launches, kills or publishes. The flow is in `driver/`.

mod blocks;
mod checklist;
mod graph;
mod images;
mod job;
mod outputs;
mod preferences;
mod ranges;
mod stage;
mod walk;

pub(crate) use blocks::Blocks;
pub(crate) use checklist::Checklist;
pub(crate) use graph::{Gone, Graph};
pub(crate) use images::Images;
pub(crate) use job::Job;
pub(crate) use outputs::MapOutputs;
pub(crate) use preferences::{Wanted, Whereabouts};
pub(crate) use ranges::Ranges;
pub(crate) use stage::{Stage, State};
pub(crate) use walk::shuffles_needed;
