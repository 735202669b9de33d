//! CSV, JSON lines and Parquet to typed records, on one core; Parquet beside a plain Rust program that makes the same
//! records of the same columns.
//!
//! `cargo bench -p cli --bench formats -- FOLDER` (2,000,000 trips are made there, if there are none).

mod compare;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt8Type, UInt64Type};
use compare::{Contender, TINDERBOX, compare, guest, median, stdout};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const TRIPS: &str = "2000000";
const ROUNDS: usize = 5;

fn main() {
    let (folder, guest) = (compare::argument("a folder"), guest());
    if !folder.join("parquet").exists() {
        let made = Command::new(TINDERBOX)
            .args(["run", "--quiet", "--allow-write"])
            .arg(&folder)
            .arg(&guest)
            .args(["trips-make", TRIPS])
            .arg(&folder)
            .status();
        assert!(made.expect("the tinderbox binary").success());
    }
    for format in ["csv", "json"] {
        speed(format, &folder.join(format), &guest);
    }
    let columns = folder.join("parquet");
    compare(
        "Parquet, eight columns to records",
        Contender::new("native", || native(&columns)),
        Contender::new("tinderbox", || read("parquet", &columns, &guest)),
    );
}

/// Reads all trips in one task thread, and gives back what the guest found.
fn read(format: &str, path: &Path, guest: &Path) -> String {
    let mut command = Command::new(TINDERBOX);
    command.args(["run", "--quiet", "--master", "local[1]"]);
    stdout(command.arg(guest).args(["trips", format]).arg(path))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|file| !file.ends_with("_SUCCESS"));
    files.sort();
    files
}

fn speed(format: &str, folder: &Path, guest: &Path) {
    let sizes = files(folder)
        .into_iter()
        .map(|file| file.metadata().expect("a file").len());
    let bytes: u64 = sizes.sum();
    let seconds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        read(format, folder, guest);
        start.elapsed().as_secs_f64()
    });
    let seconds = median(seconds.collect());
    println!(
        "{format} to typed records: {:.0} MB/s a core, start included",
        bytes as f64 / 1e6 / seconds
    );
}

/// The guest's record.
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

fn native(folder: &Path) -> String {
    let (mut whole, mut parts) = (0u64, 0.0);
    for file in files(folder) {
        let file = File::open(file).expect("a file");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        for batch in reader.with_batch_size(8192).build().expect("a reader") {
            let batch = batch.expect("rows");
            for row in 0..batch.num_rows() {
                let trip = trip(&batch, row);
                whole += trip.id + u64::from(trip.passengers) + u64::from(trip.paid);
                whole += (trip.city.len() + trip.zone.len()) as u64;
                parts += trip.distance + trip.fare + trip.tip.unwrap_or(0.0);
            }
        }
    }
    format!("{whole} {parts:.0}\n")
}

fn trip(batch: &RecordBatch, row: usize) -> Trip {
    let float = |column: usize| batch.column(column).as_primitive::<Float64Type>();
    let text = |column: usize| {
        batch
            .column(column)
            .as_string::<i32>()
            .value(row)
            .to_owned()
    };
    let tip = float(6);
    Trip {
        id: batch.column(0).as_primitive::<UInt64Type>().value(row),
        city: text(1),
        zone: text(2),
        passengers: batch.column(3).as_primitive::<UInt8Type>().value(row),
        distance: float(4).value(row),
        fare: float(5).value(row),
        tip: arrow_array::Array::is_valid(tip, row).then(|| tip.value(row)),
        paid: batch.column(7).as_boolean().value(row),
    }
}
