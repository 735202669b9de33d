//! Files of columns: written, read back, damaged.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be is a failed test"
)]

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use columns::{Binaries, Column, ColumnWriter, Error, Kind, ParquetFile, Source, Values};
use proptest::prelude::*;

/// A file in memory.
struct Held(Bytes);

impl Source for Held {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let start = usize::try_from(offset).unwrap();
        Ok(self.0.slice(start..start + length))
    }
}

const MIB: u64 = 1 << 20;

fn open(bytes: Vec<u8>) -> Result<ParquetFile, Error> {
    ParquetFile::open("f.parquet", Arc::new(Held(bytes.into())), 16 * MIB)
}

fn written(batches: Vec<Vec<Column>>) -> Vec<u8> {
    let mut writer = ColumnWriter::new(&batches[0]).unwrap();
    let mut file = Vec::new();
    for batch in batches {
        writer.write(batch).unwrap();
        file.extend(writer.take_bytes());
    }
    file.extend(writer.finish().unwrap());
    file
}

/// All rows of the named columns.
fn read(file: &ParquetFile, names: &[&str]) -> Result<Vec<Vec<Column>>, Error> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let groups = file.splits(u64::MAX);
    let mut reader = file.read(groups[0].numbers.clone(), &names)?;
    let mut batches = Vec::new();
    loop {
        let batch = reader.read()?;
        if batch.is_empty() {
            return Ok(batches);
        }
        batches.push(batch);
    }
}

fn column(name: &str, kind: Kind, values: Values) -> Column {
    Column {
        name: name.into(),
        kind,
        nullable: false,
        valid: Vec::new(),
        values,
    }
}

fn texts(texts: &[&str]) -> Values {
    let mut binaries = Binaries::default();
    for text in texts {
        binaries.bytes.extend_from_slice(text.as_bytes());
        binaries
            .ends
            .push(u32::try_from(binaries.bytes.len()).unwrap());
    }
    Values::Binaries(binaries)
}

fn people() -> Vec<Column> {
    vec![
        column("id", Kind::Int64, Values::Int64s(vec![1, 2, 3])),
        column("name", Kind::Text, texts(&["Ada", "", "Grace"])),
    ]
}

/// Values of a kind; those of `valid`, where there are some, are zero where they are null.
#[expect(
    clippy::cast_possible_truncation,
    reason = "any numbers of the type will do"
)]
fn values(kind: Kind, numbers: &[i64], valid: &[bool]) -> Values {
    let numbers: Vec<i64> = numbers
        .iter()
        .zip(valid)
        .map(|(number, valid)| if *valid { *number } else { 0 })
        .collect();
    let narrow =
        |f: fn(i64) -> i32| Values::Int32s(numbers.iter().map(|number| f(*number)).collect());
    match kind {
        Kind::Bool => Values::Bools(numbers.iter().map(|number| (number & 1) as u8).collect()),
        Kind::Int8 => narrow(|number| i32::from(number as i8)),
        Kind::Int16 => narrow(|number| i32::from(number as i16)),
        Kind::Uint8 => narrow(|number| i32::from(number as u8)),
        Kind::Uint16 => narrow(|number| i32::from(number as u16)),
        Kind::Int32 | Kind::Date => narrow(|number| number as i32),
        Kind::Int64 | Kind::Timestamp => Values::Int64s(numbers),
        Kind::Uint32 => Values::Uint32s(numbers.iter().map(|number| *number as u32).collect()),
        Kind::Uint64 => Values::Uint64s(numbers.iter().map(|number| *number as u64).collect()),
        Kind::Float32 => Values::Float32s(numbers.iter().map(|number| *number as f32).collect()),
        Kind::Float64 => Values::Float64s(numbers.iter().map(|number| *number as f64).collect()),
        Kind::Text | Kind::Bytes | Kind::Other => {
            let words: Vec<String> = numbers
                .iter()
                .map(|number| format!("{}", number % 1000))
                .collect();
            let words = words
                .iter()
                .zip(valid)
                .map(|(word, valid)| if *valid { word } else { "" });
            texts(&words.collect::<Vec<_>>())
        }
    }
}

const KINDS: [Kind; 15] = [
    Kind::Bool,
    Kind::Int8,
    Kind::Int16,
    Kind::Int32,
    Kind::Int64,
    Kind::Uint8,
    Kind::Uint16,
    Kind::Uint32,
    Kind::Uint64,
    Kind::Float32,
    Kind::Float64,
    Kind::Text,
    Kind::Bytes,
    Kind::Date,
    Kind::Timestamp,
];

fn bits(valid: &[bool]) -> Vec<u8> {
    let mut bits = vec![0; valid.len().div_ceil(8)];
    for (row, _) in valid.iter().enumerate().filter(|(_, valid)| **valid) {
        bits[row / 8] |= 1 << (row % 8);
    }
    bits
}

/// What stands where a value is null is nobody's concern.
fn clear_nulls(column: &mut Column, valid: &[bool]) {
    fn clear<T: Default>(values: &mut [T], valid: &[bool]) {
        let nulls = values.iter_mut().zip(valid).filter(|(_, valid)| !**valid);
        nulls.for_each(|(value, _)| *value = T::default());
    }
    match &mut column.values {
        Values::Bools(values) => clear(values, valid),
        Values::Int32s(values) => clear(values, valid),
        Values::Int64s(values) => clear(values, valid),
        Values::Uint32s(values) => clear(values, valid),
        Values::Uint64s(values) => clear(values, valid),
        Values::Float32s(values) => clear(values, valid),
        Values::Float64s(values) => clear(values, valid),
        Values::Binaries(_) => {}
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        rows in proptest::collection::vec((any::<i64>(), any::<bool>()), 1..200), nullable in any::<bool>(),
    ) {
        let (numbers, valid): (Vec<i64>, Vec<bool>) = rows.into_iter().unzip();
        let valid: Vec<bool> = valid.iter().map(|valid| *valid || !nullable).collect();
        let has_nulls = valid.contains(&false);
        let columns: Vec<Column> = KINDS
            .iter()
            .map(|kind| Column {
                name: format!("{kind:?}"),
                kind: *kind,
                nullable,
                valid: if has_nulls { bits(&valid) } else { Vec::new() },
                values: values(*kind, &numbers, &valid),
            })
            .collect();
        let file = open(written(vec![columns.clone()])).unwrap();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let mut read = read(&file, &names).unwrap();
        read[0].iter_mut().for_each(|column| clear_nulls(column, &valid));
        prop_assert_eq!(read, vec![columns]);
    }

    /// Whatever a file is, reading it ends, and in words.
    #[test]
    fn a_damaged_file_is_an_error_or_other_values(at in 0usize..900, byte in any::<u8>()) {
        let mut bytes = written(vec![people()]);
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Err(error) = open(bytes).and_then(|file| read(&file, &["id", "name"])) {
            prop_assert!(error.to_string().contains("f.parquet"), "{}", error);
        }
    }
}

#[test]
fn columns_are_those_that_were_named_in_their_order() {
    let file = open(written(vec![people(), people()])).unwrap();
    let read_all = read(&file, &["name", "id", "name"]).unwrap();
    assert_eq!(read_all.len(), 1, "one row group");
    let names: Vec<&str> = read_all[0]
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(names, ["name", "id", "name"]);
    assert_eq!(
        read_all[0][1].values,
        Values::Int64s(vec![1, 2, 3, 1, 2, 3])
    );
    let types: Vec<_> = file
        .columns()
        .into_iter()
        .map(|column| (column.name, column.kind, column.nullable))
        .collect();
    assert_eq!(
        types,
        [
            ("id".to_owned(), Kind::Int64, false),
            ("name".to_owned(), Kind::Text, false)
        ]
    );
    assert_eq!(
        read(&file, &["age"]).unwrap_err().to_string(),
        "`f.parquet` has no column `age`; its columns are `id`, `name`"
    );
    assert!(
        read(&file, &[])
            .unwrap_err()
            .to_string()
            .contains("no column of `f.parquet` is wanted")
    );
}

#[test]
fn a_value_that_a_million_rows_share_is_handed_over_in_parts() {
    let long = "x".repeat(100_000);
    let rows: Vec<&str> = (0..1000).map(|_| long.as_str()).collect();
    let bytes = written(vec![vec![column("text", Kind::Text, texts(&rows))]]);
    assert!(bytes.len() < 1_000_000, "a dictionary: {}", bytes.len());
    let file = open(bytes.clone()).unwrap();
    let batches = read(&file, &["text"]).unwrap();
    assert!(
        batches
            .iter()
            .all(|batch| batch[0].values.bytes() <= 2 << 20)
    );
    let count: usize = batches.iter().map(|batch| batch[0].values.rows()).sum();
    assert_eq!((count, batches.len()), (1000, 100));
    let small = ParquetFile::open("f.parquet", Arc::new(Held(bytes.into())), 50_000).unwrap();
    assert_eq!(
        read(&small, &["text"]).unwrap_err().to_string(),
        "a page of `f.parquet` takes 100004 bytes, and a task can hold 50000; raise `executor.memory`"
    );
}

#[test]
fn what_is_no_parquet_is_an_error_that_names_it() {
    let whole = written(vec![people()]);
    for (name, bytes, why) in [
        ("empty", Vec::new(), "EOF"),
        (
            "text",
            b"id,name\n1,Ada\n2,Grace\n".to_vec(),
            "Corrupt footer",
        ),
        ("cut", whole[..whole.len() - 20].to_vec(), "Corrupt footer"),
        ("headless", whole[100..].to_vec(), ""),
    ] {
        let error = open(bytes)
            .and_then(|file| read(&file, &["id"]))
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("`f.parquet` cannot be read as Parquet: ") && message.contains(why),
            "{name}: {message}"
        );
    }
}

#[test]
fn row_groups_are_put_together_and_never_cut() {
    let mut writer = ColumnWriter::new(&people()).unwrap();
    let many = i64::from(3 << 20);
    let numbers = column("id", Kind::Int64, Values::Int64s((0..many).collect()));
    let mut single = ColumnWriter::new(std::slice::from_ref(&numbers)).unwrap();
    single.write(vec![numbers]).unwrap();
    let file = open(single.finish().unwrap()).unwrap();
    let sizes = |target| -> Vec<_> {
        let splits = file.splits(target);
        splits.into_iter().map(|split| split.numbers).collect()
    };
    assert_eq!(sizes(0), [0..1, 1..2, 2..3]);
    assert_eq!(sizes(u64::MAX), [0..3; 1]);
    assert!(file.read(2..4, &["id".to_owned()]).is_err());
    writer.write(people()).unwrap();
}

#[test]
fn what_makes_no_sense_is_not_written() {
    let wrong = |columns: Vec<Column>| {
        let mut writer = ColumnWriter::new(&people()).unwrap();
        writer.write(columns).unwrap_err().to_string()
    };
    assert!(wrong(vec![]).contains("2 columns, and 0"));
    let swapped = wrong(people().into_iter().rev().collect());
    assert!(
        swapped.contains("column `id` of the file is Int64, and Utf8 was written as `name`"),
        "{swapped}"
    );
    let mut short = people();
    short[0].values = Values::Int64s(vec![1]);
    assert!(wrong(short).contains("same length"));
    let mut not_text = people();
    not_text[1].values = Values::Binaries(Binaries {
        ends: vec![1, 1, 1],
        bytes: vec![0xff],
    });
    assert!(wrong(not_text).contains("UTF-8"));
    let mut over = people();
    over[1].values = Values::Binaries(Binaries {
        ends: vec![1, 0, 9],
        bytes: vec![],
    });
    assert!(wrong(over).contains("do not end where"));
    let mut other = people();
    other[0].values = Values::Int32s(vec![1, 2, 3]);
    assert!(wrong(other).contains("the values of column `id` are not Int64"));
    let twice = ColumnWriter::new(&[people(), people()].concat());
    assert!(
        twice
            .unwrap_err()
            .to_string()
            .contains("two columns are called `id`")
    );
}
