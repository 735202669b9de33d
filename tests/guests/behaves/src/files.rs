//! Files: read, written, and asked for without a grant.

use tinderbox::bindings::tinderbox::job::{driver, task, types::Split};
use tinderbox::{Context, Result};

use crate::{Behaviour, argument, number};

pub const ALL: &[(&str, Behaviour)] = &[
    ("lines", lines),
    ("longest-line", longest_line),
    ("copies", copies),
    ("writes-much", writes_much),
    ("writes-files-named", writes_files_named),
    ("reads-in-a-task", reads_in_a_task),
];

/// Each line of a file as the program sees it.
fn lines(cx: &Context, args: &[String]) -> Result<()> {
    let lines = cx.text_file(argument(args, 0)?)?;
    for line in lines.map(|line| line.to_string()).collect()? {
        println!("{line:?}");
    }
    Ok(())
}

/// The lengths of the longest line, and how many lines there are.
fn longest_line(cx: &Context, args: &[String]) -> Result<()> {
    let lengths = cx
        .text_file(argument(args, 0)?)?
        .map(|line| line.len() as u64)
        .aggregate(
            (0u64, 0u64),
            |(longest, count), length| (longest.max(length), count + 1),
            |a, b| (a.0.max(b.0), a.1 + b.1),
        )?;
    println!("{lengths:?}");
    Ok(())
}

/// Writes the lines of one path to another.
fn copies(cx: &Context, args: &[String]) -> Result<()> {
    cx.text_file(argument(args, 0)?)?
        .save_as_text_file(argument(args, 1)?)
}

/// Writes so many MiB to a path.
fn writes_much(cx: &Context, args: &[String]) -> Result<()> {
    const LINE_BYTES: u64 = 1024;
    let line = "x".repeat(LINE_BYTES as usize - 1);
    let lines = number(args, 1)? * (1 << 20) / LINE_BYTES;
    cx.range_in(0..lines, 2)
        .map(|_| line.clone())
        .save_as_text_file(argument(args, 0)?)
}

/// Asks for output files of the given names, past the SDK, which never would.
fn writes_files_named(cx: &Context, args: &[String]) -> Result<()> {
    let output = driver::create_output(argument(args, 0)?)
        .map_err(|error| tinderbox::Error::new(error.message))?;
    for name in &args[1..] {
        let answers = cx
            .range_in(0..1, 1)
            .map(|_| {
                task::write_output(output, name, b"x")
                    .err()
                    .map(|error| error.message)
            })
            .collect()?;
        println!("{answers:?}");
    }
    driver::abort_output(output).map_err(|error| tinderbox::Error::new(error.message))
}

/// Opens a split of a file that the driver never asked for.
fn reads_in_a_task(cx: &Context, args: &[String]) -> Result<()> {
    let uri = argument(args, 0)?;
    let answers = cx
        .range_in(0..1, 1)
        .map(|_| {
            let split = Split {
                uri: uri.to_owned(),
                start: 0,
                length: 1 << 20,
            };
            let lines = task::open_lines(&split).and_then(task::read_lines);
            let bytes = task::open_bytes(&split).and_then(task::read_bytes);
            let told = |read: Result<usize, String>| match read {
                Ok(length) => format!("{length} bytes"),
                Err(why) => why,
            };
            [
                told(
                    lines
                        .map(|lines| lines.len())
                        .map_err(|error| error.message),
                ),
                told(
                    bytes
                        .map(|bytes| bytes.len())
                        .map_err(|error| error.message),
                ),
            ]
        })
        .collect()?;
    for answer in answers.iter().flatten() {
        println!("{answer}");
    }
    Ok(())
}
