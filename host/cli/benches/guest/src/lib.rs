//! What the benches run: one program, the first argument says what.

mod trips;

use std::hint::black_box;
use std::time::{Duration, Instant};

use tinderbox::{Context, Error, HashMap, Result};

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["tasks", count, rounds] => tasks(cx, count.parse()?, rounds.parse()?),
        ["latency", heap_mib, rounds] => latency(cx, heap_mib.parse()?, rounds.parse()?),
        ["borrowed", ref paths @ ..] => borrowed(cx, paths),
        ["trips-make", rows, folder] => trips::make(cx, rows.parse()?, folder),
        ["trips", format, path] => trips::read(cx, format, path),
        ["spin"] => for_ever(cx, || black_box(())),
        ["fill"] => fill(cx),
        ["sleep"] => for_ever(cx, || std::thread::sleep(Duration::from_secs(3600))),
        _ => Err(Error::new(format!("unknown: {args:?}"))),
    }
}

/// Times stages of tasks that do next to nothing. Prints microseconds, a round a line.
fn tasks(cx: &Context, count: u32, rounds: u32) -> Result<()> {
    let numbers = cx.range_in(0..u64::from(count), count);
    times(rounds, || match numbers.count()? {
        found if found == u64::from(count) => Ok(()),
        found => Err(Error::new(format!("{found} instead of {count}"))),
    })
}

/// Times jobs of one task, with a heap of so many MiB in the driver.
fn latency(cx: &Context, heap_mib: usize, rounds: u32) -> Result<()> {
    let heap: Vec<u64> = (0..heap_mib as u64 * (1 << 20) / 8).collect();
    let numbers = cx.range_in(0..1, 1);
    times(rounds, || numbers.count().map(drop))?;
    black_box(heap);
    Ok(())
}

fn times(rounds: u32, mut run: impl FnMut() -> Result<()>) -> Result<()> {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed());
    }
    for time in times {
        println!("{}", time.as_micros());
    }
    Ok(())
}

/// The word count of somebody in a hurry: words are borrowed from the line, a `String` is made for new ones only.
///
/// The SDK's map, since what a partition gives must come in the same order in every attempt, and the standard library's
/// has a random one.
fn borrowed(cx: &Context, paths: &[&str]) -> Result<()> {
    let counts = cx
        .text_files(paths)?
        .map_partitions(|lines| {
            let mut counts: HashMap<String, u64> = HashMap::default();
            for line in lines {
                for word in line.split_ascii_whitespace() {
                    match counts.get_mut(word) {
                        Some(count) => *count += 1,
                        None => drop(counts.insert(word.to_owned(), 1)),
                    }
                }
            }
            counts
        })
        .reduce_by_key(|a, b| a + b);
    for (word, count) in counts.top_by(10, |a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))? {
        println!("{word}\t{count}");
    }
    Ok(())
}

/// A task that never ends.
fn for_ever(cx: &Context, step: impl Fn()) -> Result<()> {
    cx.range_in(0..1, 1).for_each(|_| {
        loop {
            step()
        }
    })
}

/// A task that never ends, in operations on much memory.
fn fill(cx: &Context) -> Result<()> {
    cx.range_in(0..1, 1).for_each(|_| {
        let mut memory = vec![0u8; 256 << 20];
        loop {
            memory.fill(black_box(1));
            black_box(&memory);
        }
    })
}
