//! Sorts records of 100 bytes by their first ten.

use tinderbox::{Bytes, Context, Error, Order, Random, Record, Result};

const USAGE: &str = "usage: terasort INPUT OUTPUT [--partitions N]
       terasort --generate RECORDS OUTPUT [--partitions N]";

const RECORD_BYTES: u32 = 100;
const KEY_BYTES: usize = 10;

struct Options {
    partitions: u32,
    /// So many records are made instead of sorted.
    generate: Option<u64>,
    paths: Vec<String>,
}

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let options = parse(args)?;
    match (options.generate, &*options.paths) {
        (None, [input, output]) => sort(cx, input, output, options.partitions),
        (Some(records), [output]) => generate(cx, records, output, options.partitions),
        _ => Err(Error::new(format!("which folders?\n{USAGE}"))),
    }
}

/// The parts, one behind the other, are the whole in order.
fn sort(cx: &Context, input: &str, output: &str, partitions: u32) -> Result<()> {
    cx.binary_records(input, RECORD_BYTES)?
        .key_by(key)
        .sort_by_key_in(Order::Ascending, partitions)
        .values()
        .save_as_binary_records(output)
}

/// Ten bytes as numbers, which compare as the bytes do, and faster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Record)]
struct Key {
    high: u64,
    low: u16,
}

fn key(record: &Bytes) -> Key {
    let (mut high, mut low) = ([0; 8], [0; 2]);
    high.copy_from_slice(&record[..8]);
    low.copy_from_slice(&record[8..KEY_BYTES]);
    Key {
        high: u64::from_be_bytes(high),
        low: u16::from_be_bytes(low),
    }
}

/// Records that can be read: ten random letters and digits, the record's number, filling, and a line end.
fn generate(cx: &Context, records: u64, output: &str, partitions: u32) -> Result<()> {
    cx.range_in(0..records, partitions)
        .map(record)
        .save_as_binary_records(output)
}

fn record(number: u64) -> String {
    const SIGNS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bits = Random::of_partition(number, 0).next_u64();
    let mut record = String::new();
    for _ in 0..KEY_BYTES {
        record.push(char::from(SIGNS[(bits % 32) as usize]));
        bits /= 32;
    }
    let filling = char::from(b'A' + (number % 26) as u8);
    record.push_str(&format!("  {number:016x}  "));
    while record.len() + 1 < RECORD_BYTES as usize {
        record.push(filling);
    }
    record.push('\n');
    record
}

fn parse(args: Vec<String>) -> Result<Options> {
    let mut options = Options {
        partitions: 16,
        generate: None,
        paths: Vec::new(),
    };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--partitions" => options.partitions = number(&arg, args.next())?,
            "--generate" => options.generate = Some(number(&arg, args.next())?),
            _ if arg.starts_with("--") => {
                return Err(Error::new(format!("unknown option `{arg}`\n{USAGE}")));
            }
            _ => options.paths.push(arg),
        }
    }
    Ok(options)
}

fn number<N: std::str::FromStr>(option: &str, value: Option<String>) -> Result<N> {
    let value = value.ok_or_else(|| Error::new(format!("{option} needs a number\n{USAGE}")))?;
    value
        .parse()
        .map_err(|_| Error::new(format!("{option} needs a number, not `{value}`\n{USAGE}")))
}
