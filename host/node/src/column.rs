//! Columns in the words of the contract, in both directions.

use std::io;

use bytes::Bytes;
use columns::{Binaries, Kind, Source, Values};
use sandbox::{BinaryValues, Column, ColumnKind, ColumnValues, Error, ErrorKind};
use store::SourceFile;

/// An open file as what Parquet is read from.
pub(crate) struct Pages(pub(crate) SourceFile);

impl Source for Pages {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.length())
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let bytes = self.0.read_at(offset, length);
        bytes.map(Bytes::from).map_err(io::Error::other)
    }
}

/// An error of a file of columns, as a guest hears of it.
pub(crate) fn column_error(error: &columns::Error) -> Error {
    let message = error.to_string();
    let kind = match error {
        columns::Error::Damaged { .. }
        | columns::Error::Unsupported { .. }
        | columns::Error::Invalid(_) => ErrorKind::InvalidArgument,
        columns::Error::NoColumn { .. } => ErrorKind::NotFound,
        columns::Error::TooLarge { .. } => ErrorKind::LimitExceeded,
        columns::Error::Io { .. } => return Error::retryable(ErrorKind::Io, message),
    };
    Error::new(kind, message)
}

/// Both directions of a one-to-one mapping, so that neither can miss a kind.
macro_rules! kinds {
    ($($theirs:ident $ours:ident,)*) => {
        /// A kind for a guest.
        pub(crate) fn given_kind(kind: Kind) -> ColumnKind {
            match kind { $(Kind::$theirs => ColumnKind::$ours,)* }
        }

        fn taken_kind(kind: ColumnKind) -> Kind {
            match kind { $(ColumnKind::$ours => Kind::$theirs,)* }
        }
    };
}

kinds! {
    Bool Boolean,
    Int8 Int8,
    Int16 Int16,
    Int32 Int32,
    Int64 Int64,
    Uint8 Uint8,
    Uint16 Uint16,
    Uint32 Uint32,
    Uint64 Uint64,
    Float32 Float32,
    Float64 Float64,
    Text Text,
    Bytes Binary,
    Date Date,
    Timestamp Timestamp,
    Other Other,
}

/// A column for a guest.
pub(crate) fn given(column: columns::Column) -> Column {
    Column {
        name: column.name,
        kind: given_kind(column.kind),
        nullable: column.nullable,
        valid: column.valid,
        values: match column.values {
            Values::Bools(values) => ColumnValues::Booleans(values),
            Values::Int32s(values) => ColumnValues::Int32s(values),
            Values::Int64s(values) => ColumnValues::Int64s(values),
            Values::Uint32s(values) => ColumnValues::Uint32s(values),
            Values::Uint64s(values) => ColumnValues::Uint64s(values),
            Values::Float32s(values) => ColumnValues::Float32s(values),
            Values::Float64s(values) => ColumnValues::Float64s(values),
            Values::Binaries(Binaries { ends, bytes }) => {
                ColumnValues::Binaries(BinaryValues { ends, bytes })
            }
        },
    }
}

/// A column of a guest.
pub(crate) fn taken(column: Column) -> columns::Column {
    columns::Column {
        name: column.name,
        kind: taken_kind(column.kind),
        nullable: column.nullable,
        valid: column.valid,
        values: match column.values {
            ColumnValues::Booleans(values) => Values::Bools(values),
            ColumnValues::Int32s(values) => Values::Int32s(values),
            ColumnValues::Int64s(values) => Values::Int64s(values),
            ColumnValues::Uint32s(values) => Values::Uint32s(values),
            ColumnValues::Uint64s(values) => Values::Uint64s(values),
            ColumnValues::Float32s(values) => Values::Float32s(values),
            ColumnValues::Float64s(values) => Values::Float64s(values),
            ColumnValues::Binaries(BinaryValues { ends, bytes }) => {
                Values::Binaries(Binaries { ends, bytes })
            }
        },
    }
}
