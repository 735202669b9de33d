//! Records of other programs' formats, typed by serde: a record type says what columns it has, and what they hold.
//!
//! [`shape`] finds out what a type names, [`plan`] finds it among the columns that a file has, once a file, and
//! [`row`] makes a record of each row. What the cells are is the format's own business.

#[cfg(feature = "csv")]
mod cells;
#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "json")]
mod json;
mod misfit;
#[cfg(feature = "csv")]
mod plan;
#[cfg(feature = "csv")]
mod row;
#[cfg(feature = "csv")]
mod shape;
mod text;

#[cfg(feature = "csv")]
pub use csv::{BadRows, CsvOptions};

use crate::error::{Error, ErrorKind};
use crate::host::Split;

/// A place in a file for whoever must mend it: `line 3 of `a.csv``. A part that begins elsewhere counts its own lines.
fn line_of(split: &Split, line: u64) -> String {
    match split.start {
        0 => format!("line {line} of `{}`", split.uri),
        start => format!(
            "line {line} of those that begin behind byte {start} of `{}`",
            split.uri
        ),
    }
}

fn invalid(message: impl std::fmt::Display) -> Error {
    Error::of(ErrorKind::InvalidArgument, message)
}

#[cfg(test)]
mod tests;
