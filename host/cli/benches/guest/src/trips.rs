//! Taxi trips, made and read in each format.

use serde::{Deserialize, Serialize};
use tinderbox::{Context, CsvOptions, Error, Rdd, Result};

#[derive(Deserialize, Serialize)]
struct Trip {
    id: u64,
    city: String,
    zone: String,
    passengers: u8,
    distance: f64,
    fare: f64,
    tip: Option<f64>,
    paid: bool,
}

const CITIES: [&str; 5] = ["Oslo", "Bergen", "Trondheim", "Stavanger", "Kristiansand"];

/// A number that looks like any.
fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

fn trip(id: u64) -> Trip {
    let mixed = mixed(id + 1);
    let cents = |shift: u64, most: u64| ((mixed >> shift) % most) as f64 / 100.0;
    Trip {
        id,
        city: CITIES[(mixed % 5) as usize].to_owned(),
        zone: format!("zone {}", mixed % 263),
        passengers: (mixed % 6) as u8,
        distance: cents(8, 3000),
        fare: cents(16, 9000),
        tip: (!mixed.is_multiple_of(4)).then(|| cents(24, 1500)),
        paid: !mixed.is_multiple_of(10),
    }
}

/// Writes so many trips in each format, in a folder each.
pub(crate) fn make(cx: &Context, rows: u64, folder: &str) -> Result<()> {
    let trips = cx.range_in(0..rows, 2).map(trip);
    trips.save_as_csv(&format!("{folder}/csv"), CsvOptions::new())?;
    trips.save_as_json_lines(&format!("{folder}/json"))?;
    trips.save_as_parquet(&format!("{folder}/parquet"))
}

/// Adds up what every field of every trip says.
pub(crate) fn read(cx: &Context, format: &str, path: &str) -> Result<()> {
    let trips: Rdd<'_, Trip> = match format {
        "csv" => cx.csv(path, CsvOptions::new())?,
        "json" => cx.json_lines(path)?,
        "parquet" => cx.parquet(path)?,
        _ => return Err(Error::new(format!("there is no format `{format}`"))),
    };
    let sums = trips.map_partitions(|trips| {
        let mut sum = (0u64, 0.0);
        trips.for_each(|trip| {
            sum.0 += trip.id + u64::from(trip.passengers) + u64::from(trip.paid);
            sum.0 += (trip.city.len() + trip.zone.len()) as u64;
            sum.1 += trip.distance + trip.fare + trip.tip.unwrap_or(0.0);
        });
        [sum]
    });
    let (whole, parts) = sums.reduce(|a, b| (a.0 + b.0, a.1 + b.1))?;
    println!("{whole} {parts:.0}");
    Ok(())
}
