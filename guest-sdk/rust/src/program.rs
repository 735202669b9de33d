//! The program as the host sees it: what `#[tinderbox::main]` exports.
//!
//! `main` runs once, in the driver; `run-task` once in each fork of it.

use std::io::Write;
use std::marker::PhantomData;

use crate::accumulator;
use crate::bindings::exports::tinderbox::job::application::{Guest, TaskSpec, TaskWork};
use crate::bindings::tinderbox::job::types;
use crate::context::Context;
use crate::driver;
use crate::error::{Error, ErrorKind, Result};
use crate::lineage::Lineage;
use crate::shuffle::find_shuffle;
use crate::task::{self, TaskContext};

/// The contract's version, as major * 10_000 + minor * 100 + patch.
pub const ABI_VERSION: u32 = 100;

/// A driver's entry point. `#[tinderbox::main]` implements it.
pub trait Main {
    /// Runs the driver.
    ///
    /// # Errors
    /// Whatever the program fails with.
    fn main(cx: &Context, args: Vec<String>) -> Result<()>;
}

/// Exports a [`Main`].
#[derive(Debug)]
pub struct Program<M>(PhantomData<M>);

impl<M: Main> Guest for Program<M> {
    fn abi_version() -> u32 {
        ABI_VERSION
    }

    fn main(args: Vec<String>) -> Result<(), types::Error> {
        report_panics();
        let done = M::main(&Context::new(), args);
        done.and_then(|()| flush()).map_err(Error::into_host)
    }

    fn run_task(spec: TaskSpec) -> Result<Vec<u8>, types::Error> {
        run_task(&spec).map_err(Error::into_host)
    }
}

pub(crate) fn run_task(spec: &TaskSpec) -> Result<Vec<u8>> {
    let context = TaskContext {
        stage: spec.stage,
        partition: spec.partition,
        seed: spec.seed,
        memory: spec.memory,
    };
    let result = task::run(context, || {
        driver::with_published(|published| match spec.work {
            TaskWork::Action => (published.action)(spec.partition),
            TaskWork::ShuffleMap(shuffle) => write_shuffle(published.root, shuffle, spec.partition),
        })
    });
    flush()?;
    let added = accumulator::take_added();
    let result = result?;
    accumulator::hand_over(added)?;
    Ok(result)
}

fn write_shuffle(root: &dyn Lineage, shuffle: u32, partition: u32) -> Result<Vec<u8>> {
    match find_shuffle(root, shuffle) {
        Some(shuffle) => shuffle.write(partition).map(|()| Vec::new()),
        None => Err(Error::of(
            ErrorKind::NotFound,
            format_args!("this image has no shuffle {shuffle}"),
        )),
    }
}

/// Hands over a last line that has no line end.
fn flush() -> Result<()> {
    Ok(std::io::stdout().flush()?)
}

/// Says why the program is about to trap, in its log and to the host, which makes it the failure's reason.
#[cfg(not(test))]
fn report_panics() {
    use crate::host::{Channel, log, panicked};

    std::panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        let place = info
            .location()
            .map_or_else(|| "unknown place".to_owned(), ToString::to_string);
        log(
            Channel::Stderr,
            format!("panicked at {place}: {message}\n").as_bytes(),
        );
        panicked(message, &place);
    }));
}

/// Tests panic to their own harness.
#[cfg(test)]
fn report_panics() {}
