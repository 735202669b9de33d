//! Shuffle files as real files.

mod cluster;
mod folder;
mod local;
mod workers;
