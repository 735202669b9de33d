//! Processes of one cluster, over real connections on loopback: each test is a process for each endpoint.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

mod addresses;
mod applications;
mod strangers;
mod support;
mod talk;
mod transfers;
