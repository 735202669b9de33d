//! Records that are saved as CSV.

use serde::Serialize;

use super::{context, saved, trip, trips, why};
use crate::CsvOptions;

#[test]
fn what_is_saved_as_csv_is_read_as_it_was() {
    let cx = context("");
    let all = vec![
        trip(1, "Bergen, \"north\"\r\n#", Some(0.1), true),
        trip(2, "#hash", None, false),
        trip(3, "", Some(f64::INFINITY), true),
    ];
    for options in [
        CsvOptions::new().multi_line(true),
        CsvOptions::new().multi_line(true).escape(Some(b'\\')),
        CsvOptions::new()
            .multi_line(true)
            .comment(Some(b'#'))
            .header(false)
            .delimiter(b'\t'),
    ] {
        let rdd = cx.parallelize_in(all.clone(), 2);
        rdd.save_as_csv("out", options.clone()).unwrap();
        let read = saved("out")
            .into_iter()
            .flat_map(|(_, text)| trips(&text, options.clone()).unwrap());
        assert_eq!(read.collect::<Vec<_>>(), all);
    }
    let rows = cx.parallelize_in([(1u8, "#a".to_owned()), (2, String::new())], 2);
    rows.save_as_csv("tuples", CsvOptions::new()).unwrap();
    assert_eq!(
        saved("tuples"),
        [
            ("part-00000.csv".to_owned(), "1,#a\n".to_owned()),
            ("part-00001.csv".to_owned(), "2,\n".to_owned())
        ]
    );
    let lonely = cx.parallelize_in([(String::new(),)], 1);
    lonely.save_as_csv("lonely", CsvOptions::new()).unwrap();
    assert_eq!(saved("lonely")[0].1, "\"\"\n");
}

#[test]
fn a_header_is_written_where_there_are_rows() {
    let cx = context("");
    let trips = cx.parallelize_in([trip(1, "Oslo", None, true)], 2);
    trips.save_as_csv("out", CsvOptions::new()).unwrap();
    let texts: Vec<String> = saved("out").into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["", "id,city,fare,kept\n1,Oslo,,true\n"]);
}

#[test]
fn what_is_no_row_is_not_saved() {
    #[derive(Clone, Serialize)]
    struct Deep {
        tags: Vec<u8>,
    }
    let cx = context("");
    let deep = cx.parallelize_in([Deep { tags: vec![1] }], 1);
    assert_eq!(
        why(deep.save_as_csv("deep", CsvOptions::new())),
        "InvalidArgument: a record cannot be saved as CSV: column `tags` is a list, and holds plain values only: give each \
         part a field of its own, or make it text"
    );
    let message = why(cx.range(0..1).save_as_csv("numbers", CsvOptions::new()));
    assert!(message.contains("a single value is no row"), "{message}");
}
