//! Records of other programs' formats, typed by serde: a record type says what columns it has, and what they hold.
//!
//! [`shape`] finds out what a type names, [`plan`] finds it among the columns that a file has, once a file, and
//! [`row`] makes a record of each row. What the cells are is the format's own business.

#[cfg(any(feature = "csv", feature = "parquet"))]
mod cells;
#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "json")]
mod json;
#[cfg(any(feature = "csv", feature = "parquet"))]
mod misfit;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(any(feature = "csv", feature = "parquet"))]
mod plan;
#[cfg(any(feature = "csv", feature = "parquet"))]
mod row;
#[cfg(any(feature = "csv", feature = "parquet"))]
mod shape;
mod text;
mod time;

#[cfg(feature = "csv")]
pub use csv::{BadRows, CsvOptions};
pub use time::{Date, Timestamp};

use crate::error::{Error, ErrorKind};
#[cfg(any(feature = "csv", feature = "json"))]
use crate::host::{Split, name_of};

/// A place in a file for whoever must mend it: `line 3 of `a.csv``. A part that begins elsewhere counts its own lines.
#[cfg(any(feature = "csv", feature = "json"))]
fn line_of(split: &Split, line: u64) -> String {
    let file = name_of(split);
    match split.start {
        0 => format!("line {line} of `{file}`"),
        start => format!("line {line} of those that begin behind byte {start} of `{file}`"),
    }
}

fn invalid(message: impl std::fmt::Display) -> Error {
    Error::of(ErrorKind::InvalidArgument, message)
}

#[cfg(test)]
mod tests;
