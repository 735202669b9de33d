//! Columns of files: Parquet, read and written through Arrow.
//!
//! What comes out and goes in is plain: numbers, or bytes and where each value ends. Files are strangers': whatever is wrong
//! with one is an error that names it, never a panic, and what a page claims to be is checked before it is believed.

mod column;
mod error;
mod file;
mod guard;
mod page;
mod read;
mod source;
mod write;

pub use column::{Binaries, Column, ColumnType, Kind, Values};
pub use error::{Error, Result};
pub use file::{ParquetFile, RowGroups};
pub use read::ColumnReader;
pub use source::Source;
pub use write::ColumnWriter;
