//! CSV: rows of text whose columns are named by a header (RFC 4180, with what Spark's `DataFrameReader.csv` adds).

mod cell;
mod cut;
mod marks;
mod number;
mod read;
mod unquote;
mod write;

use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::accumulator::LongAccumulator;
use crate::context::Context;
use crate::error::Result;
use crate::rdd::Rdd;

use super::invalid;
use super::shape::shape;
use read::CsvRecords;
use write::RowWriter;

/// What becomes of rows that are not as they should be: with another number of fields than the header, with a field that does
/// not fit the record's type, or with a quote that is not closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRows {
    /// The job fails, and says where the row is (Spark: `FAILFAST`).
    #[default]
    Fail,
    /// They are left out; each task that met some says how many, and where the first was (`DROPMALFORMED`).
    Skip,
    /// Fields that a row lacks are null, and what it has too many is left out; a field that does not fit fails
    /// (`PERMISSIVE`).
    Pad,
}

/// How a CSV file is written: what [`Context::csv`] reads and [`Rdd::save_as_csv`] writes.
///
/// ```
/// use tinderbox::{BadRows, CsvOptions};
///
/// let semicolons = CsvOptions::new().delimiter(b';').null("NA").bad_rows(BadRows::Skip);
/// ```
#[derive(Clone, Debug)]
pub struct CsvOptions {
    header: bool,
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    comment: Option<u8>,
    multi_line: bool,
    null: String,
    bad_rows: BadRows,
    skipped: Option<LongAccumulator>,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            header: true,
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comment: None,
            multi_line: false,
            null: String::new(),
            bad_rows: BadRows::Fail,
            skipped: None,
        }
    }
}

impl CsvOptions {
    /// A header, commas, double quotes that are doubled within quotes, no comments, and nothing for null.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the first row of each file names the columns. Without one, the fields of a struct are the columns in order.
    #[must_use]
    pub fn header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// The byte between two fields.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// The byte around a field that holds delimiters, quotes or line ends; none if quotes mean nothing.
    #[must_use]
    pub fn quote(mut self, quote: Option<u8>) -> Self {
        self.quote = quote;
        self
    }

    /// The byte that is before a quote within quotes. Without one, such a quote is doubled.
    #[must_use]
    pub fn escape(mut self, escape: Option<u8>) -> Self {
        self.escape = escape;
        self
    }

    /// The byte that lines begin with that are not read.
    #[must_use]
    pub fn comment(mut self, comment: Option<u8>) -> Self {
        self.comment = comment;
        self
    }

    /// Whether a quoted field may hold line ends. Then a file is read by one task, since none could begin in its middle.
    #[must_use]
    pub fn multi_line(mut self, multi_line: bool) -> Self {
        self.multi_line = multi_line;
        self
    }

    /// The text that stands for null: what an `Option` reads as `None`, and `None` is written as.
    #[must_use]
    pub fn null(mut self, text: &str) -> Self {
        text.clone_into(&mut self.null);
        self
    }

    /// What becomes of rows that are not as they should be.
    #[must_use]
    pub fn bad_rows(mut self, bad_rows: BadRows) -> Self {
        self.bad_rows = bad_rows;
        self
    }

    /// Adds the number of rows that [`BadRows::Skip`] leaves out to an accumulator, which the driver can read after the job.
    /// A partition is counted once all its rows are read; as with all that transformations add, each time that they are.
    ///
    /// ```no_run
    /// # use tinderbox::{BadRows, Context, CsvOptions, Result};
    /// # fn example(cx: &Context) -> Result<()> {
    /// let skipped = cx.long_accumulator("bad rows");
    /// let options = CsvOptions::new().bad_rows(BadRows::Skip).count_skipped(&skipped);
    /// let rows = cx.csv::<(u64, String)>("rows.csv", options)?.count()?;
    /// println!("{rows} rows, and {} that are none", skipped.value()?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn count_skipped(mut self, count: &LongAccumulator) -> Self {
        self.skipped = Some(count.clone());
        self
    }

    fn check(&self) -> Result<()> {
        let bytes = [Some(self.delimiter), self.quote, self.escape, self.comment];
        let mut bytes: Vec<u8> = bytes.into_iter().flatten().collect();
        let all = bytes.len();
        bytes.sort_unstable();
        bytes.dedup();
        let usable = |byte: &u8| byte.is_ascii() && !matches!(byte, b'\r' | b'\n');
        if bytes.len() == all && bytes.iter().all(usable) {
            return Ok(());
        }
        Err(invalid(
            "delimiter, quote, escape and comment of CSV are different bytes of ASCII, and no line ends",
        ))
    }
}

impl Context {
    /// The rows of CSV files as records: those of a file, of a folder's files, or of all that a glob names.
    ///
    /// A struct's fields are found by name in each file's header, whatever their order is; columns that it does not name
    /// are not read. An `Option` is `None` where the cell is null, or where the file has no such column. Tuples take the
    /// first columns, a `Vec<String>` and a `HashMap<String, String>` all.
    ///
    /// ```no_run
    /// use serde::Deserialize;
    /// use tinderbox::{Context, CsvOptions, Result};
    ///
    /// #[derive(Deserialize)]
    /// struct Trip {
    ///     city: String,
    ///     fare: Option<f64>,
    /// }
    ///
    /// fn earned(cx: &Context) -> Result<f64> {
    ///     let trips = cx.csv::<Trip>("trips/*.csv", CsvOptions::new())?;
    ///     let fares = trips.filter(|trip| trip.city == "Oslo").map(|trip| trip.fare.unwrap_or(0.0));
    ///     fares.fold(0.0, |sum, fare| sum + fare)
    /// }
    /// ```
    ///
    /// # Errors
    /// There is no such file, it may not be read, or the options or the type make no sense. A row that is not as it should
    /// be fails the job, unless [`CsvOptions::bad_rows`] says otherwise; text that is not UTF-8 always does.
    #[track_caller]
    pub fn csv<'a, T>(&self, path: &str, options: CsvOptions) -> Result<Rdd<'a, T>>
    where
        T: for<'de> Deserialize<'de> + 'a,
    {
        options.check()?;
        let shape = shape::<T>()?;
        let mut splits = self.text_splits("`csv`", path)?;
        if options.multi_line {
            splits.dedup_by(|next, file| {
                let same = next.uri == file.uri;
                file.length += if same { next.length } else { 0 };
                same
            });
        }
        Ok(self.of_splits("csv", Location::caller(), splits, |splits| {
            CsvRecords::new(splits, options, shape)
        }))
    }
}

impl<'a, T: Serialize + 'a> Rdd<'a, T> {
    /// Writes each record as a row of CSV: a folder of a file `part-00000.csv` and so on a partition, and `_SUCCESS` when
    /// all are there. Each file that has rows begins with a header, if the options and the record type have one: tuples
    /// and lists name no columns.
    ///
    /// # Errors
    /// The folder exists, may not be written, a record holds what no cell can, or the job failed; then nothing is left.
    #[track_caller]
    pub fn save_as_csv(&self, path: &str, options: CsvOptions) -> Result<()> {
        options.check()?;
        self.save_parts(
            "save_as_csv",
            Location::caller(),
            (path, ".csv", None),
            || {
                let mut writer = RowWriter::new(options.clone());
                move |record: T, file: &mut Vec<u8>| writer.append(&record, file)
            },
        )
    }
}
