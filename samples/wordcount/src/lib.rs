//! Counts the words of text files.

use std::cmp::Reverse;

use tinderbox::{Context, Error, Result};

const USAGE: &str = "usage: wordcount PATH... [--top N]";

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let (paths, top) = parse(args)?;
    let counts = cx
        .text_files(&paths)?
        .flat_map(|line| line.words())
        .map(|word| (word.to_string(), 1u64))
        .reduce_by_key(|a, b| a + b);

    // The largest count first; of equal counts, the word that comes first in the alphabet.
    for (word, count) in
        counts.top_by(top, |a, b| (a.1, Reverse(&a.0)).cmp(&(b.1, Reverse(&b.0))))?
    {
        println!("{word}\t{count}");
    }
    Ok(())
}

fn parse(args: Vec<String>) -> Result<(Vec<String>, usize)> {
    let mut paths = Vec::new();
    let mut top = 10;
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if arg == "--top" {
            let value = args
                .next()
                .ok_or_else(|| Error::new(format!("--top needs a number\n{USAGE}")))?;
            top = value
                .parse()
                .map_err(|_| Error::new(format!("--top needs a number, not `{value}`\n{USAGE}")))?;
        } else if arg.starts_with("--") {
            return Err(Error::new(format!("unknown option `{arg}`\n{USAGE}")));
        } else {
            paths.push(arg);
        }
    }
    if paths.is_empty() {
        return Err(Error::new(format!("which files?\n{USAGE}")));
    }
    Ok((paths, top))
}
