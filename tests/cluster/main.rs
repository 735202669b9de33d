//! A cluster of real processes, as its users and operators meet it: programs that run, processes that are killed,
//! machines that are taken away, and what is typed wrong.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support"]
mod support {
    pub(crate) mod command;
    pub(crate) mod damage;
    pub(crate) mod guests;
    pub(crate) mod processes;
    pub(crate) mod samples;
}

mod counting;
mod decommission;
mod drivers;
mod ends;
mod faults;
mod fixture;
mod keeping;
mod refusals;
mod samples;
