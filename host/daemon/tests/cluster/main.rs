//! Masters and workers as they run: real connections on loopback, real child processes.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

mod admission;
mod drivers;
mod executors;
mod leaders;
mod logs;
mod shuffles;
mod support;
