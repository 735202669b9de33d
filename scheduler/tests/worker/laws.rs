//! Laws: what holds whatever masters, drivers and processes say, in whatever order, and however often.
//!
//! A failure prints a small input that shows it.

mod client;
mod executor;
mod worker;

use proptest::prelude::*;
use scheduler::message::ExecutorName;
use scheduler::{Address, ApplicationId, Epoch, ExecutorId};

/// One of two masters, and a stranger.
fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        4 => Just("a:7077".into()),
        4 => Just("b:7077".into()),
        1 => Just("x:1".into()),
    ]
}

fn epoch() -> impl Strategy<Value = Epoch> {
    prop_oneof![9 => 0..4_u64, 1 => Just(u64::MAX - 1)].prop_map(Epoch)
}

fn application() -> impl Strategy<Value = ApplicationId> {
    let epoch = Epoch(1);
    (0..2_u32).prop_map(move |number| ApplicationId { epoch, number })
}

fn executor_id() -> impl Strategy<Value = ExecutorId> {
    prop_oneof![19 => 0..6_u32, 1 => Just(u32::MAX)].prop_map(ExecutorId)
}

fn executor_name() -> impl Strategy<Value = ExecutorName> {
    (application(), executor_id()).prop_map(|(application, executor)| ExecutorName {
        application,
        executor,
    })
}

fn cores() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..5_u32, 1 => Just(9), 1 => Just(u32::MAX)]
}

fn memory() -> impl Strategy<Value = u64> {
    prop_oneof![8 => (0..4_u64).prop_map(|gibi| gibi << 30), 1 => Just(u64::MAX)]
}
