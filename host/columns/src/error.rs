//! What can be wrong with a file of columns, in words that name it.

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why columns could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no Parquet, or was damaged or cut.
    #[error(
        "`{file}` cannot be read as Parquet: {reason}; it is another format, or was cut or damaged: make it anew"
    )]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A column was asked for that is not there.
    #[error("`{file}` has no column `{column}`; its columns are {there}")]
    NoColumn {
        /// The file.
        file: String,
        /// What was asked for.
        column: String,
        /// What is there.
        there: String,
    },
    /// A column is of a type that has no plain values.
    #[error(
        "column `{column}` of `{file}` is {description}, which cannot be read; leave it out, or write it as plain columns"
    )]
    Unsupported {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// Its type, as Arrow writes it.
        description: String,
    },
    /// More at once than a task can hold.
    #[error(
        "{what} of `{file}` takes {bytes} bytes, and a task can hold {limit_bytes}; raise `executor.memory`"
    )]
    TooLarge {
        /// A page, or a row.
        what: &'static str,
        /// The file.
        file: String,
        /// So much.
        bytes: u64,
        /// The most.
        limit_bytes: u64,
    },
    /// What was to be written makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The operating system failed.
    #[error("cannot read `{file}`: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
}
