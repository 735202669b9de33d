//! Shuffle files as real files.

mod cluster;
mod flips;
mod folder;
mod local;
mod workers;
