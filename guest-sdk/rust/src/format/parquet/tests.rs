//! Files of columns, written and read by whole jobs.

use serde::{Deserialize, Serialize};

use crate::host::fake::with;
use crate::host::{ColumnKind, ColumnValues};
use crate::{Bytes, Context, Date, Error, Text, Timestamp};

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
enum Colour {
    Red,
    Green,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Wide {
    flag: bool,
    small: i8,
    byte: u8,
    short: i16,
    port: u16,
    int: i32,
    count: u32,
    long: i64,
    id: u64,
    ratio: f32,
    mean: Option<f64>,
    name: String,
    word: Option<Text>,
    raw: Bytes,
    colour: Colour,
    #[serde(rename = "on")]
    date: Date,
    at: Option<Timestamp>,
}

fn wide(number: u8) -> Wide {
    let is_odd = number % 2 == 1;
    Wide {
        flag: is_odd,
        small: -5,
        byte: number,
        short: -300,
        port: 65535,
        int: i32::MIN,
        count: u32::MAX,
        long: i64::MIN,
        id: u64::MAX,
        ratio: 0.5,
        mean: is_odd.then_some(1.25),
        name: format!("näme {number}"),
        word: is_odd.then(|| "a long word that is not in place".into()),
        raw: vec![number, 0xff].into(),
        colour: if is_odd { Colour::Red } else { Colour::Green },
        date: Date(19_000),
        at: is_odd.then_some(Timestamp(-1)),
    }
}

fn json<T: Serialize>(records: &[T]) -> Vec<String> {
    records
        .iter()
        .map(|record| serde_json::to_string(record).unwrap())
        .collect()
}

fn context() -> Context {
    with(|host| {
        host.settings
            .insert("default.parallelism".into(), "2".into())
    });
    Context::new()
}

fn why<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().message().to_owned()
}

#[test]
fn every_type_is_read_as_it_was_written() {
    let cx = context();
    let all: Vec<Wide> = (0..20).map(wide).collect();
    cx.parallelize(all.clone()).save_as_parquet("wide").unwrap();
    let read = cx.parquet::<Wide>("wide").unwrap();
    let lines = read.map(|record| serde_json::to_string(&record).unwrap());
    assert_eq!(lines.collect().unwrap(), json(&all));
    let kinds: Vec<_> = with(|host| {
        let columns = &host.columns["wide/part-00000.parquet"][0];
        columns
            .iter()
            .map(|column| (column.kind, column.nullable))
            .collect()
    });
    assert_eq!(
        kinds,
        [
            (ColumnKind::Boolean, false),
            (ColumnKind::Int8, false),
            (ColumnKind::Uint8, false),
            (ColumnKind::Int16, false),
            (ColumnKind::Uint16, false),
            (ColumnKind::Int32, false),
            (ColumnKind::Uint32, false),
            (ColumnKind::Int64, false),
            (ColumnKind::Uint64, false),
            (ColumnKind::Float32, false),
            (ColumnKind::Float64, true),
            (ColumnKind::Text, false),
            (ColumnKind::Text, true),
            (ColumnKind::Binary, false),
            (ColumnKind::Text, false),
            (ColumnKind::Date, false),
            (ColumnKind::Timestamp, true),
        ]
    );
}

#[test]
fn only_the_columns_that_a_type_names_are_read() {
    #[derive(Deserialize)]
    struct Narrow {
        name: String,
        nickname: Option<String>,
        byte: u64,
    }
    let cx = context();
    cx.parallelize([wide(1), wide(2)])
        .save_as_parquet("wide")
        .unwrap();
    let narrow = cx.parquet::<Narrow>("wide").unwrap();
    let found = narrow
        .map(|row| (row.name, row.nickname, row.byte))
        .collect();
    assert_eq!(
        found.unwrap(),
        [("näme 1".into(), None, 1), ("näme 2".into(), None, 2)]
    );
    let tuples = cx
        .parquet::<(bool, i64)>("wide")
        .unwrap()
        .collect()
        .unwrap();
    assert_eq!(tuples, [(true, -5), (false, -5)]);
}

#[test]
fn tuples_and_empty_partitions_are_files_too() {
    let cx = context();
    let pairs = cx.parallelize_in([("a".to_owned(), Some(1u32))], 2);
    pairs.save_as_parquet("pairs").unwrap();
    let rows: Vec<_> = with(|host| {
        let groups = host.columns.values().map(|groups| &groups[0]);
        groups
            .map(|columns| {
                let names: Vec<_> = columns.iter().map(|column| column.name.clone()).collect();
                let ColumnValues::Uint32s(values) = &columns[1].values else {
                    panic!("{:?}", columns[1].kind)
                };
                (names.join(" "), values.len())
            })
            .collect()
    });
    assert_eq!(rows, [("_1 _2".to_owned(), 0), ("_1 _2".to_owned(), 1)]);
    let read = cx.parquet::<(String, Option<u32>)>("pairs").unwrap();
    assert_eq!(read.collect().unwrap(), [("a".to_owned(), Some(1))]);
}

#[test]
fn what_does_not_fit_is_named() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "never made")]
    struct Other {
        count: u8,
        mean: f64,
        name: i64,
        gone: bool,
    }
    let cx = context();
    cx.parallelize_in([wide(2)], 1)
        .save_as_parquet("wide")
        .unwrap();
    let count = |result: Result<crate::Rdd<'_, _>, Error>| {
        why(result.and_then(|rows: crate::Rdd<'_, ()>| rows.count()))
    };
    let number = |name: &str| {
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "never made")]
        struct Count {
            count: u8,
        }
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "never made")]
        struct Mean {
            mean: f64,
        }
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "never made")]
        struct Name {
            name: i64,
        }
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "never made")]
        struct Gone {
            name: String,
            gone: bool,
        }
        match name {
            "count" => count(cx.parquet::<Count>("wide").map(|rows| rows.map(drop))),
            "mean" => count(cx.parquet::<Mean>("wide").map(|rows| rows.map(drop))),
            "name" => count(cx.parquet::<Name>("wide").map(|rows| rows.map(drop))),
            _ => count(cx.parquet::<Gone>("wide").map(|rows| rows.map(drop))),
        }
    };
    let place = "of `wide/part-00000.parquet`";
    assert!(number("count").contains(&format!(
        "column `count` {place}: expected u8, found integer `4294967295`"
    )));
    assert!(
        number("mean").contains(&format!(
            "column `mean` {place}: expected f64, found Option value"
        )),
        "{}",
        number("mean")
    );
    assert!(number("name").contains(&format!(
        "column `name` {place}: expected i64, found string \"näme 2\""
    )));
    let gone = number("gone");
    assert!(
        gone.contains("there is no column `gone`; its columns are `flag`, `small`"),
        "{gone}"
    );
    #[derive(Deserialize)]
    #[expect(dead_code, reason = "never made")]
    struct Nothing {
        nothing: u8,
    }
    let message = why(cx.parquet::<Nothing>("wide"));
    assert!(
        message.contains("no column of `wide/part-00000.parquet` is a field of the record type"),
        "{message}"
    );
}

#[test]
fn a_field_that_is_no_plain_value_is_refused_before_anything_runs() {
    #[derive(Clone, Deserialize, Serialize)]
    struct Deep {
        id: u8,
        tags: Vec<String>,
    }
    let cx = context();
    let deep = cx.parallelize([Deep {
        id: 1,
        tags: vec![],
    }]);
    assert_eq!(
        why(deep.save_as_parquet("deep")),
        "field `tags` is a list, and columns hold plain values only: give each part a field of its own, or make it text"
    );
    assert!(with(|host| host.jobs.is_empty()));
    #[derive(Clone, Deserialize, Serialize)]
    struct Aliased {
        #[serde(alias = "key")]
        id: u8,
    }
    let message = why(cx
        .parallelize([Aliased { id: 1 }])
        .save_as_parquet("aliased"));
    assert!(
        message.contains("its type writes other fields than it reads"),
        "{message}"
    );
}
