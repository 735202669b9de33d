//! The program that `tests/compat` keeps, compiled, for each released version of the contract.
//!
//! It reads lines, shuffles, caches and prints: a call of each kind that the contract has.

use tinderbox::{Context, Error, Result};

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let path = args.first().ok_or_else(|| Error::new("which file?"))?;
    let scale = 3u64;
    let lengths = cx
        .text_file(path)?
        .map(|line| (line.len() as u64 % 2, scale))
        .cache();
    for (odd, sum) in lengths.reduce_by_key_in(|a, b| a + b, 1).collect()? {
        println!("{odd}: {sum}");
    }
    println!("{} lines", lengths.count()?);
    Ok(())
}
