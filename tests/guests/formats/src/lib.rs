//! Reads one format and writes another: `FROM INPUT TO OUTPUT`, each format `csv`, `json` or `parquet`.
//!
//! `print FROM INPUT` prints what is read, a record a line; what follows are options of CSV.

use serde::{Deserialize, Serialize};
use tinderbox::{BadRows, Context, CsvOptions, Date, Error, Rdd, Record, Result, Timestamp};

#[derive(Clone, Debug, Deserialize, Record, Serialize)]
struct Trip {
    id: u32,
    city: String,
    fare: Option<f64>,
    paid: bool,
}

/// What only Parquet has types for.
#[derive(Clone, Deserialize, Serialize)]
struct Typed {
    small: i8,
    large: u64,
    ratio: f32,
    text: Option<String>,
    day: Date,
    moment: Option<Timestamp>,
}

#[tinderbox::main]
fn main(cx: &Context, args: Vec<String>) -> Result<()> {
    let args: Vec<&str> = args.iter().map(|arg| arg.trim_start_matches('@')).collect();
    match args[..] {
        ["print", from, input, ref options @ ..] => print(&read(cx, from, input, options)?),
        ["types", output] => types(cx, output),
        ["small", input] => small(cx, input),
        [from, input, to, output] => write(&read(cx, from, input, &[])?, to, output),
        _ => Err(Error::new(format!("unknown: {args:?}"))),
    }
}

fn read<'a>(cx: &Context, from: &str, input: &str, options: &[&str]) -> Result<Rdd<'a, Trip>> {
    match from {
        "csv" => cx.csv(input, csv_options(options)?),
        "json" => cx.json_lines(input),
        "parquet" => cx.parquet(input),
        _ => Err(Error::new(format!("there is no format `{from}`"))),
    }
}

fn csv_options(names: &[&str]) -> Result<CsvOptions> {
    names
        .iter()
        .try_fold(CsvOptions::new(), |options, name| match *name {
            "skip" => Ok(options.bad_rows(BadRows::Skip)),
            "pad" => Ok(options.bad_rows(BadRows::Pad)),
            "multi-line" => Ok(options.multi_line(true)),
            _ => Err(Error::new(format!("there is no option `{name}`"))),
        })
}

fn write(trips: &Rdd<'_, Trip>, to: &str, output: &str) -> Result<()> {
    match to {
        "csv" => trips.save_as_csv(output, CsvOptions::new()),
        "json" => trips.save_as_json_lines(output),
        "parquet" => trips.save_as_parquet(output),
        _ => Err(Error::new(format!("there is no format `{to}`"))),
    }
}

fn print(trips: &Rdd<'_, Trip>) -> Result<()> {
    for trip in trips.collect()? {
        println!("{}", serde_json::to_string(&trip)?);
    }
    Ok(())
}

/// Writes 20,000 rows, some of them null, and reads them back.
fn types(cx: &Context, output: &str) -> Result<()> {
    let typed = cx.range_in(0..20_000, 2).map(|number| Typed {
        small: (number % 100) as i8 - 50,
        large: u64::MAX - number,
        ratio: number as f32 / 2.0,
        text: (number % 3 > 0).then(|| format!("número {number}")),
        day: Date(number as i32),
        moment: (number % 7 > 0).then_some(Timestamp(number as i64 * 1_000_000)),
    });
    typed.save_as_parquet(output)?;
    let read = cx.parquet::<Typed>(output)?;
    let sums = read.map(|row| {
        (
            i64::from(row.small),
            u64::MAX - row.large,
            f64::from(row.ratio),
            row.text.map_or(0, |text| text.len() as u64),
            u64::from(row.day.0.unsigned_abs()),
            row.moment.map_or(0, |moment| moment.0 / 1_000_000),
        )
    });
    let add = |a: (i64, u64, f64, u64, u64, i64), b: (i64, u64, f64, u64, u64, i64)| {
        (
            a.0 + b.0,
            a.1 + b.1,
            a.2 + b.2,
            a.3 + b.3,
            a.4 + b.4,
            a.5 + b.5,
        )
    };
    println!("{} rows: {:?}", read.count()?, sums.reduce(add)?);
    Ok(())
}

/// Reads a column into a type that is too small for it.
fn small(cx: &Context, input: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Small {
        id: u8,
    }
    let sum = cx
        .parquet::<Small>(input)?
        .map(|row| u64::from(row.id))
        .reduce(|a, b| a + b)?;
    println!("{sum:?}");
    Ok(())
}
