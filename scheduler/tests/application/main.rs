//! An application's own side of the cluster: how it grows and shrinks with its work, and how it keeps its executors.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asker;
mod cluster;
mod growing;
mod heartbeats;
mod idling;
mod laws;
mod leaving;
#[path = "../proptests/mod.rs"]
mod proptests;
mod registering;
mod running;
mod shrinking;
mod site;
