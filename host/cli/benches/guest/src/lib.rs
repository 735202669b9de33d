//! What the benches run: one program, the first argument says what.

mod lines;
mod trips;

use std::hint::black_box;
use std::time::{Duration, Instant};

use tinderbox::{Bytes, Context, Error, HashMap, Random, Rdd, Result, StorageLevel};

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["tasks", count, rounds] => tasks(cx, count.parse()?, rounds.parse()?),
        ["latency", heap_mib, rounds] => latency(cx, heap_mib.parse()?, rounds.parse()?),
        ["borrowed", ref paths @ ..] => borrowed(cx, paths),
        ["points", count, output] => points(cx, count.parse()?, output),
        ["group"] => group(cx),
        ["group-skewed"] => group_skewed(cx),
        ["join"] => join(cx),
        ["cached"] => cached(cx),
        ["shuffle"] => shuffle(cx),
        ["lines", what, path, wanted] => lines::pass(cx, what, path, wanted.parse()?),
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

/// Makes points of 8 coordinates around 16 centers.
fn points(cx: &Context, count: u64, output: &str) -> Result<()> {
    const FILES: u32 = 8;
    cx.range_in(0..count, FILES)
        .map(|number| {
            let mut random = Random::of_partition(number, 0);
            let center = random.next_u64() % 16;
            let coordinate = |at: u64| (center * at % 7) as f64 * 10.0;
            let mut near =
                |at| coordinate(at) + (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            let point: [f64; 8] = std::array::from_fn(|at| near(at as u64));
            Bytes::from(
                point
                    .iter()
                    .flat_map(|x| x.to_le_bytes())
                    .collect::<Vec<u8>>(),
            )
        })
        .save_as_binary_records(output)
}

const PARTITIONS: u32 = 8;
const KEYS: u64 = 1_000_000;
const ROUNDS: u32 = 5;

fn pairs(cx: &Context, count: u64) -> Rdd<'_, (u64, u64)> {
    cx.range_in(0..count, PARTITIONS)
        .map(|number| (number * 7919 % KEYS, number))
}

/// Times the grouping of four values a key.
fn group(cx: &Context) -> Result<()> {
    times(ROUNDS, || {
        let sums = pairs(cx, 4 * KEYS)
            .group_by_key_in(PARTITIONS)
            .map_values(|values| values.sum::<u64>());
        expect(sums.values().reduce(|a, b| a + b)?, 7_999_998_000_000)
    })
}

/// Times the join of two datasets of one value a key.
fn join(cx: &Context) -> Result<()> {
    times(ROUNDS, || {
        let joined = pairs(cx, KEYS).join_in(&pairs(cx, KEYS), PARTITIONS);
        expect(joined.filter(|(_, (a, b))| a == b).count()?, KEYS)
    })
}

/// Times small pairs on their way: making them, moving them, and reading again what has moved. Prints the three in microseconds,
/// a round a line.
fn shuffle(cx: &Context) -> Result<()> {
    const PAIRS: u64 = 32 << 20;
    let timed = |pairs: &Rdd<'_, (u64, u64)>| -> Result<u128> {
        let start = Instant::now();
        expect(pairs.count()?, PAIRS)?;
        Ok(start.elapsed().as_micros())
    };
    for _ in 0..ROUNDS {
        let made = pairs(cx, PAIRS);
        let moved = made.partition_by(PARTITIONS);
        println!("{} {} {}", timed(&made)?, timed(&moved)?, timed(&moved)?);
    }
    Ok(())
}

/// Times the sum of numbers that are in memory.
fn cached(cx: &Context) -> Result<()> {
    const NUMBERS: u64 = 32 << 20;
    let numbers = cx
        .range_in(0..NUMBERS, PARTITIONS)
        .map(|number| number as f64)
        .persist(StorageLevel::MemoryOnly);
    numbers.count()?;
    times(ROUNDS, || {
        let sum = numbers.reduce(|a, b| a + b)?;
        expect(u64::from(sum > 0.0), 1)
    })
}

/// Groups a gigabyte of values of a thousand bytes, of which three in ten have one key.
fn group_skewed(cx: &Context) -> Result<()> {
    const VALUES: u64 = 1_000_000;
    const COMMON: u64 = u64::MAX;
    let groups = cx
        .range_in(0..VALUES, 16)
        .map(|number| {
            let key = if number % 10 < 3 {
                COMMON
            } else {
                number / 100
            };
            (key, vec![number as u8; 1000])
        })
        .group_by_key_in(PARTITIONS)
        .map_values(|values| {
            values.fold((0u64, 0u64), |(count, bytes), value| {
                (count + 1, bytes + value.len() as u64)
            })
        });
    let largest = groups.values().reduce(|a, b| a.max(b))?;
    println!("{} values, {} bytes", largest.0, largest.1);
    expect(largest.0, VALUES / 10 * 3)
}

fn expect(found: u64, wanted: u64) -> Result<()> {
    if found == wanted {
        Ok(())
    } else {
        Err(Error::new(format!("{found} instead of {wanted}")))
    }
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
