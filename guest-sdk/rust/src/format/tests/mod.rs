//! Files of each format, read and written by whole jobs.

mod json;
mod saved;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::host::fake::with;
use crate::{BadRows, Context, CsvOptions, Error, Record, Text};

#[derive(Clone, Debug, Deserialize, PartialEq, Record, Serialize)]
struct Trip {
    id: u32,
    city: String,
    fare: Option<f64>,
    #[serde(rename = "kept")]
    is_kept: bool,
}

fn trip(id: u32, city: &str, fare: Option<f64>, is_kept: bool) -> Trip {
    Trip {
        id,
        city: city.into(),
        fare,
        is_kept,
    }
}

/// A context whose host has this file, under the name `f`, which it does not cut.
fn context(file: impl Into<Vec<u8>>) -> Context {
    with(|host| host.files.insert("f".into(), file.into()));
    parallelism(1)
}

fn parallelism(partitions: u32) -> Context {
    let value = partitions.to_string();
    with(|host| host.settings.insert("default.parallelism".into(), value));
    Context::new()
}

fn csv<T>(file: impl Into<Vec<u8>>, options: CsvOptions) -> Result<Vec<T>, Error>
where
    T: for<'de> Deserialize<'de> + Record,
{
    context(file).csv::<T>("f", options)?.collect()
}

fn trips(file: &str, options: CsvOptions) -> Result<Vec<Trip>, Error> {
    csv(file, options)
}

fn why<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.unwrap_err().message().to_owned()
}

/// The columns in another order than the fields, one too many, and text as people write it.
const TRIPS: &str = "kept,city,note,id,fare\r\n\
    true,Oslo,,1,12.5\r\n\
    FALSE,\"Bergen, \"\"north\"\"\",x,2,\n\
    \n\
    true,Tromsø,\"quoted\",3, 7 \n\
    false,a\"b\",y,4,1e3";

fn expected() -> Vec<Trip> {
    vec![
        trip(1, "Oslo", Some(12.5), true),
        trip(2, "Bergen, \"north\"", None, false),
        trip(3, "Tromsø", Some(7.0), true),
        trip(4, "a\"b\"", Some(1000.0), false),
    ]
}

#[test]
fn a_struct_finds_its_columns_by_the_header_in_every_split() {
    assert_eq!(trips(TRIPS, CsvOptions::new()).unwrap(), expected());
    let cut = parallelism(2).csv::<Trip>("f", CsvOptions::new()).unwrap();
    assert_eq!(cut.partitions(), 2);
    assert_eq!(cut.collect().unwrap(), expected());
    let with_mark = format!("\u{feff}{TRIPS}");
    assert_eq!(trips(&with_mark, CsvOptions::new()).unwrap(), expected());
    let quoted = TRIPS.replace("kept,city", "\"kept\",\"city\"");
    assert_eq!(trips(&quoted, CsvOptions::new()).unwrap(), expected());
}

#[test]
fn without_a_header_fields_are_columns_in_their_order() {
    let file = "1;Oslo;NA;true\n# a comment; it counts for nothing\n2;Bergen;3;false\n";
    let options = CsvOptions::new().header(false).delimiter(b';').null("NA");
    assert_eq!(
        trips(file, options.clone().comment(Some(b'#'))).unwrap(),
        [
            trip(1, "Oslo", None, true),
            trip(2, "Bergen", Some(3.0), false)
        ]
    );
    let options = options.comment(Some(b'#'));
    let rows: Vec<(u8, Text)> = csv(file, options.clone()).unwrap();
    assert_eq!(rows, [(1, "Oslo".into()), (2, "Bergen".into())]);
    let rows: Vec<Vec<String>> = csv(file, options.clone()).unwrap();
    assert_eq!(rows[1], ["2", "Bergen", "3", "false"]);
    let named: Vec<BTreeMap<String, String>> = csv(file, options).unwrap();
    assert_eq!(named[0]["_c1"], "Oslo");
}

#[test]
fn fields_that_hold_line_ends_are_read_whole_where_it_is_said_so() {
    let long = "x\n".repeat(100);
    let file = format!("id,text\n1,\"a\r\nb\"\n2,\"{long}\"\n3,\"c\"\"\n\"");
    let rows: Vec<(u8, String)> = csv(file, CsvOptions::new().multi_line(true)).unwrap();
    assert_eq!(
        rows,
        [(1, "a\r\nb".to_owned()), (2, long), (3, "c\"\n".to_owned())]
    );
    assert_eq!(
        why(csv::<(u8, String)>(
            "id,text\n1,\"a\nb\"\n",
            CsvOptions::new()
        )),
        "InvalidArgument: line 2 of `f` has a quoted field that does not end: close it, leave such rows out \
         (`BadRows::Skip`), or set `multi_line` if fields may hold line ends"
    );
    let options = CsvOptions::new().multi_line(true);
    assert_eq!(
        why(csv::<(u8, String)>("id,text\n1,\"a\nb\n", options)),
        "InvalidArgument: line 2 of `f` has a quoted field that does not end: its closing quote is missing"
    );
}

#[test]
fn quotes_are_taken_off_wherever_they_are() {
    // A lone carriage return is text, a quote within a field too.
    let file =
        "a,b\r\n\"x\",\"y\"\r\n\"\"\"x,\",\"\"\r\n\"\"\"\",b\rc\r\nx\"y\",\"z\"w\n\"q\",\"\"\"\"";
    let expected = [
        ("x", "y"),
        ("\"x,", ""),
        ("\"", "b\rc"),
        ("x\"y\"", "zw"),
        ("q", "\""),
    ]
    .map(|(a, b)| (a.to_owned(), b.to_owned()));
    for options in [CsvOptions::new(), CsvOptions::new().multi_line(true)] {
        let rows: Vec<(String, String)> = csv(file, options).unwrap();
        assert_eq!(rows, expected);
    }
    let escaped = "a,b\n\"x\\\"y\",\"z\"\n";
    let options = CsvOptions::new().escape(Some(b'\\'));
    let rows: Vec<(String, String)> = csv(escaped, options).unwrap();
    assert_eq!(rows, [("x\"y".to_owned(), "z".to_owned())]);
}

#[test]
fn rows_of_another_length_fail_are_left_out_or_filled_up() {
    let file = "id,city,fare,kept\n1,Oslo,1,true\n2,Bergen\n3,Tromsø,3,true,x\n4,Bodø,4,true\n";
    assert_eq!(
        why(trips(file, CsvOptions::new())),
        "InvalidArgument: line 3 of `f`: expected 4 fields, found 2 fields; mend the row, leave such rows out \
         (`BadRows::Skip`) or fill them up (`BadRows::Pad`); the columns are `id`, `city`, `fare`, `kept`"
    );
    let kept = trips(file, CsvOptions::new().bad_rows(BadRows::Skip)).unwrap();
    assert_eq!(kept.iter().map(|trip| trip.id).collect::<Vec<_>>(), [1, 4]);
    let options = CsvOptions::new().bad_rows(BadRows::Pad);
    let rows: Vec<(u8, String, Option<u8>)> = csv(file, options.clone()).unwrap();
    assert_eq!(rows[1], (2, "Bergen".into(), None));
    assert_eq!(rows[2], (3, "Tromsø".into(), Some(3)));
    let missing = why(trips(file, options));
    assert!(
        missing.contains("column `kept`: expected bool, and the row has no such field"),
        "{missing}"
    );
}

#[test]
fn rows_that_are_left_out_are_counted_for_the_driver() {
    let file = "id,city\n1,Oslo\n2\n3,\"Tromsø\"\nx,Bodø\n5,Moss,x\n6,\"Bergen\n7,Narvik\n8,\"Alta";
    context(file);
    let cx = parallelism(2);
    let skipped = cx.long_accumulator("skipped");
    let options = CsvOptions::new().bad_rows(BadRows::Skip);
    let rows = cx
        .csv::<(u8, String)>("f", options.count_skipped(&skipped))
        .unwrap();
    let ids: Vec<u8> = rows.map(|(id, _)| id).collect().unwrap();
    assert_eq!((ids, skipped.value().unwrap()), (vec![1, 3, 7], 5));
}

#[test]
fn a_field_that_does_not_fit_is_named_with_its_place() {
    let file = "id,city,fare,kept\n1,Oslo,1,true\n\n2,Bergen,cheap,true\n";
    assert_eq!(
        why(trips(file, CsvOptions::new())),
        "InvalidArgument: line 4 of `f`, column `fare`: expected f64, found `cheap`; mend it, read the column as another \
         type, or leave such rows out (`BadRows::Skip`)"
    );
    let kept = trips(file, CsvOptions::new().bad_rows(BadRows::Skip)).unwrap();
    assert_eq!(kept.len(), 1);
    let empty = why(csv::<(u8,)>("id,x\n,1\n", CsvOptions::new()));
    assert!(
        empty.contains("column `id`: expected u8, found nothing: an `Option` would be `None`"),
        "{empty}"
    );
    let large = why(csv::<(u8,)>("id\n300\n", CsvOptions::new()));
    assert!(
        large.contains("line 2 of `f`, column `id`: expected u8, found integer `300`"),
        "{large}"
    );
    let late = format!("id\n{}x\n", "1\n".repeat(100));
    context(late);
    let rows = parallelism(2).csv::<(u8,)>("f", CsvOptions::new()).unwrap();
    let message = why(rows.count());
    assert!(
        message.contains("line 51 of those that begin behind byte 102 of `f`, column `id`"),
        "{message}"
    );
}

#[test]
fn a_column_that_is_missing_is_named_with_those_that_are_there() {
    let file = "id,city,fee,kept\n1,Oslo,1,true\n";
    assert_eq!(
        trips(file, CsvOptions::new()).unwrap(),
        [trip(1, "Oslo", None, true)],
        "an option may be missing"
    );
    assert_eq!(
        why(trips(&file.replace("city", "town"), CsvOptions::new())),
        "InvalidArgument: `f`: there is no column `city`. It has `id`, `town`, `fee`, `kept`; rename the field \
         (`#[serde(rename = \"...\")]`), or make it an `Option` if it may be missing"
    );
    let mistyped = file.replace("city", "ctiy");
    let near = why(trips(&mistyped, CsvOptions::new()));
    assert!(
        near.contains("no column `city`: did you mean `ctiy`? It has `id`"),
        "{near}"
    );
    let skipping = CsvOptions::new().bad_rows(BadRows::Skip);
    assert_eq!(
        why(trips(&mistyped, skipping)),
        near,
        "no row is at fault, so none is left out"
    );
    let twice = why(trips("id,city,id\n", CsvOptions::new()));
    assert!(
        twice.contains("`f`: two columns are called `id`"),
        "{twice}"
    );
    let tuple = why(csv::<(u8, u8)>("a\n1\n", CsvOptions::new()));
    assert_eq!(
        tuple,
        "InvalidArgument: `f`: the record type has 2 items, and there are 1 columns"
    );
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_place() {
    let file = b"id,city\n1,Oslo\n2,Troms\xf8\n";
    assert_eq!(
        why(csv::<(u8, String)>(file.as_slice(), CsvOptions::new())),
        "InvalidArgument: line 3 of `f` is not UTF-8: convert the file, such as with `iconv -f latin1 -t utf-8`"
    );
    let file = b"{\"a\":\"Troms\xf8\"}\n".as_slice();
    let message = why(context(file)
        .json_lines::<serde_json::Value>("f")
        .unwrap()
        .count());
    assert!(
        message.contains("line 1 of `f`, column 12: invalid unicode"),
        "{message}"
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for options in [
        CsvOptions::new().delimiter(b'"'),
        CsvOptions::new().delimiter(0xe9),
        CsvOptions::new().comment(Some(b'\n')),
    ] {
        let message = why(csv::<(u8,)>("a\n1\n", options));
        assert!(
            message.starts_with("delimiter, quote, escape and comment"),
            "{message}"
        );
    }
    let message = why(csv::<u8>("a\n1\n", CsvOptions::new()));
    assert!(message.contains("expected u8, found map"), "{message}");
}

/// The files that were saved there.
fn saved(path: &str) -> Vec<(String, String)> {
    let files = with(|host| host.outputs[path].clone());
    files
        .into_iter()
        .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap()))
        .collect()
}
