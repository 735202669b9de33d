//! The master against a small world of workers, drivers and a disk that do as they are told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod decommission;
mod drivers;
mod dynamic_allocation;
mod executors;
mod fault_tolerance;
mod laws;
mod persistence;
#[path = "../proptests/mod.rs"]
mod proptests;
mod reasons;
mod recovery;
mod scheduling;
mod selection;
mod tenants;
mod workers;
mod world;
