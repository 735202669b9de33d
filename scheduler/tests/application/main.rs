//! An application's own side of the cluster: how it grows and shrinks with its work, and how it keeps its executors.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asker;
mod growing;
mod idling;
mod laws;
mod shrinking;
