//! Estimates pi by throwing darts at a square.

use tinderbox::{Context, Error, Random, Result};

const USAGE: &str = "usage: pi [--samples N] [--tasks N]";

struct Options {
    samples: u64,
    tasks: u32,
}

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let Options { samples, tasks } = parse(args)?;
    let inside = cx
        .range_in(0..u64::from(tasks), tasks)
        .map(|task| hits(task, share(samples, task, u64::from(tasks))))
        .reduce(|a, b| a + b)?;

    println!("inside\t{inside}");
    println!("pi\t{}", 4.0 * inside as f64 / samples as f64);
    Ok(())
}

/// How many of so many darts, thrown at the unit square, land within the quarter circle.
///
/// Each task has a sequence of its own, so the result depends on the number of tasks, and on nothing else.
fn hits(task: u64, darts: u64) -> u64 {
    let mut random = Random::new((task + 1).wrapping_mul(0xD1B5_4A32_D192_ED03));
    (0..darts)
        .filter(|_| {
            let (x, y) = (random.next_f64(), random.next_f64());
            x * x + y * y <= 1.0
        })
        .count() as u64
}

/// The darts of one task: they differ by at most one.
fn share(samples: u64, task: u64, tasks: u64) -> u64 {
    samples / tasks + u64::from(task < samples % tasks)
}

fn parse(args: Vec<String>) -> Result<Options> {
    let mut options = Options {
        samples: 10_000_000,
        tasks: 16,
    };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--samples" => options.samples = number(&arg, args.next())?,
            "--tasks" => options.tasks = number(&arg, args.next())?,
            _ => return Err(Error::new(format!("unknown option `{arg}`\n{USAGE}"))),
        }
    }
    if options.samples == 0 || options.tasks == 0 {
        return Err(Error::new(format!(
            "there is no pi without samples and tasks\n{USAGE}"
        )));
    }
    Ok(options)
}

fn number<T: std::str::FromStr>(option: &str, value: Option<String>) -> Result<T> {
    let value = value.ok_or_else(|| Error::new(format!("{option} needs a number\n{USAGE}")))?;
    value
        .parse()
        .map_err(|_| Error::new(format!("{option} needs a number, not `{value}`\n{USAGE}")))
}
