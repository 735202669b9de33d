//! A job of many behaviours, good and bad: its first argument says which.
//!
//! What a behaviour prints on stdout depends on nothing but its arguments, so that a test can expect it word by word.

mod adding;
mod captures;
mod clocks;
mod failing;
mod files;
mod forging;
mod framing;
mod hoarding;
mod holding;
mod keeping;
mod memory;
mod operations;
mod pairing;
mod sources;
mod spilling;
mod spinning;

use tinderbox::{Context, Error, Result};

/// One behaviour; what follows its name on the command line is its arguments.
type Behaviour = fn(&Context, &[String]) -> Result<()>;

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let (name, args) = args
        .split_first()
        .ok_or_else(|| Error::new("which behaviour?"))?;
    let themes: &[&[(&str, Behaviour)]] = &[
        adding::ALL,
        captures::ALL,
        memory::ALL,
        clocks::ALL,
        files::ALL,
        sources::ALL,
        spilling::ALL,
        spinning::ALL,
        hoarding::ALL,
        holding::ALL,
        keeping::ALL,
        operations::ALL,
        pairing::ALL,
        failing::ALL,
        forging::ALL,
        framing::ALL,
    ];
    let found = themes
        .iter()
        .flat_map(|theme| theme.iter())
        .find(|(known, _)| known == name);
    let (_, behaviour) =
        found.ok_or_else(|| Error::new(format!("there is no behaviour `{name}`")))?;
    behaviour(cx, args)
}

/// The argument at this place, without the `@` that keeps a path among the arguments from being granted.
fn argument(args: &[String], at: usize) -> Result<&str> {
    let argument = args
        .get(at)
        .ok_or_else(|| Error::new(format!("argument {at} is missing")))?;
    Ok(argument.strip_prefix('@').unwrap_or(argument))
}

/// The number at this place.
fn number(args: &[String], at: usize) -> Result<u64> {
    Ok(argument(args, at)?.parse()?)
}
