//! What never ends by itself: a kill must end it.

use std::hint::black_box;
use std::time::Duration;

use tinderbox::{Context, Result};

use crate::Behaviour;

pub const ALL: &[(&str, Behaviour)] = &[
    ("driver-spins", driver_spins),
    ("driver-sleeps", driver_sleeps),
    ("task-spins", task_spins),
    ("task-fills", task_fills),
    ("task-copies", task_copies),
    ("task-sleeps", task_sleeps),
];

/// Says that it has begun, for a test that waits for it.
fn begun() {
    println!("spinning");
}

fn driver_spins(_: &Context, _: &[String]) -> Result<()> {
    begun();
    spin()
}

fn driver_sleeps(_: &Context, _: &[String]) -> Result<()> {
    begun();
    std::thread::sleep(Duration::MAX);
    Ok(())
}

fn task_spins(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..1, 1).for_each(|_| {
        begun();
        spin()
    })
}

fn spin() -> ! {
    let mut count = 0u64;
    loop {
        count = black_box(count + 1);
    }
}

const HUNDREDS_OF_MIB: usize = 256 << 20;

fn task_fills(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..1, 1).for_each(|n| {
        let mut data = vec![0u8; HUNDREDS_OF_MIB];
        begun();
        let mut value = n as u8;
        loop {
            black_box(&mut data).fill(value);
            value = value.wrapping_add(1);
        }
    })
}

fn task_copies(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..1, 1).for_each(|_| {
        let mut data = vec![1u8; HUNDREDS_OF_MIB];
        begun();
        loop {
            black_box(&mut data).copy_within(0..HUNDREDS_OF_MIB - 1, 1);
        }
    })
}

fn task_sleeps(cx: &Context, _: &[String]) -> Result<()> {
    cx.range_in(0..1, 1).for_each(|_| {
        begun();
        std::thread::sleep(Duration::MAX);
    })
}
