//! The part of WASI 0.2 that holds no handle: clocks, randomness, an empty environment, exit.
//!
//! wasmtime-wasi is not used: its clocks and randomness are the machine's, its files and streams are handles,
//! and a fork may hold neither. What is left of WASI for a job is this page.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, LinkerInstance, Lower};

use crate::guest::Guest;

/// Stands for every WASI resource; none is ever made.
pub(crate) enum Handle {}

/// The guest called `exit` instead of returning.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the program called exit({0})")]
pub(crate) struct Exited(pub(crate) u8);

#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl Datetime {
    fn new(nanoseconds: u64) -> Self {
        const BILLION: u64 = 1_000_000_000;
        let rest = u32::try_from(nanoseconds % BILLION).expect("less than a billion");
        Self {
            seconds: nanoseconds / BILLION,
            nanoseconds: rest,
        }
    }
}

/// Both clocks count nanoseconds.
const RESOLUTION_NS: u64 = 1;

type Call<'s> = StoreContextMut<'s, Guest>;

/// Defines a function, if it is one of ours.
pub(crate) fn define(
    linker: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    function: &str,
) -> wasmtime::Result<bool> {
    match (interface, function) {
        ("wasi:cli/environment", "get-environment") => {
            linker.func_wrap(function, |_: Call<'_>, ()| {
                Ok((Vec::<(String, String)>::new(),))
            })?;
        }
        ("wasi:cli/environment", "get-arguments") => {
            linker.func_wrap(function, |_: Call<'_>, ()| Ok((Vec::<String>::new(),)))?;
        }
        ("wasi:cli/environment", "initial-cwd") => {
            linker.func_wrap(function, |_: Call<'_>, ()| Ok((None::<String>,)))?;
        }
        ("wasi:cli/exit", "exit") => {
            linker.func_wrap(
                function,
                |_: Call<'_>, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
                    Err(Exited(u8::from(status.is_err())).into())
                },
            )?;
        }
        ("wasi:cli/exit", "exit-with-code") => {
            linker.func_wrap(
                function,
                |_: Call<'_>, (code,): (u8,)| -> wasmtime::Result<()> { Err(Exited(code).into()) },
            )?;
        }
        ("wasi:clocks/wall-clock", "now") => {
            linker.func_wrap(function, |mut call: Call<'_>, ()| {
                Ok((Datetime::new(call.data_mut().clock.read().wall_ns),))
            })?;
        }
        ("wasi:clocks/wall-clock", "resolution") => {
            linker.func_wrap(function, |_: Call<'_>, ()| {
                Ok((Datetime::new(RESOLUTION_NS),))
            })?;
        }
        ("wasi:clocks/monotonic-clock", "now") => {
            linker.func_wrap(function, |mut call: Call<'_>, ()| {
                Ok((call.data_mut().clock.read().monotonic_ns,))
            })?;
        }
        ("wasi:clocks/monotonic-clock", "resolution") => {
            linker.func_wrap(function, |_: Call<'_>, ()| Ok((RESOLUTION_NS,)))?;
        }
        ("wasi:random/random", "get-random-bytes")
        | ("wasi:random/insecure", "get-insecure-random-bytes") => {
            linker.func_wrap(function, |mut call: Call<'_>, (length,): (u64,)| {
                const MOST: u64 = 1 << 20;
                if length > MOST {
                    return Err(wasmtime::Error::msg(format!(
                        "{length} random bytes at once are more than {MOST}"
                    )));
                }
                Ok((call.data_mut().random.bytes(usize::try_from(length)?),))
            })?;
        }
        ("wasi:random/random", "get-random-u64")
        | ("wasi:random/insecure", "get-insecure-random-u64") => {
            linker.func_wrap(function, |mut call: Call<'_>, ()| {
                Ok((call.data_mut().random.word(),))
            })?;
        }
        ("wasi:random/insecure-seed", "insecure-seed") => {
            linker.func_wrap(function, |mut call: Call<'_>, ()| {
                let random = &mut call.data_mut().random;
                Ok(((random.word(), random.word()),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}
