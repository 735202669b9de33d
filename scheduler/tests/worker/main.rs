//! Workers, executors and clients, each alone: its masters and its driver are played by the test.

mod client;
mod drivers;
mod executor;
mod executors;
mod folders;
mod host;
mod laws;
mod life;
#[path = "../proptests/mod.rs"]
mod proptests;
mod registration;
mod submission;
