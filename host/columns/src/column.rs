//! Columns as plain values: what the contract's `column` is.

/// What a column's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A signed number of 8 bits.
    Int8,
    /// Of 16 bits.
    Int16,
    /// Of 32 bits.
    Int32,
    /// Of 64 bits.
    Int64,
    /// An unsigned number of 8 bits.
    Uint8,
    /// Of 16 bits.
    Uint16,
    /// Of 32 bits.
    Uint32,
    /// Of 64 bits.
    Uint64,
    /// A number of 32 bits with a fraction.
    Float32,
    /// Of 64 bits.
    Float64,
    /// UTF-8.
    Text,
    /// Bytes of any length.
    Bytes,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01T00:00 (UTC, where the file says so); finer ones are cut.
    Timestamp,
    /// What has no plain values: lists, structs, decimals.
    Other,
}

/// What a file says of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnType {
    /// Its name.
    pub name: String,
    /// What its values mean.
    pub kind: Kind,
    /// Whether values may be null.
    pub nullable: bool,
    /// The type as the file says it, for people.
    pub description: String,
}

/// The values of one column in some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What the values mean.
    pub kind: Kind,
    /// Whether values may be null.
    pub nullable: bool,
    /// A bit a row, the lowest first: 0 is null. Empty: none is.
    pub valid: Vec<u8>,
    /// One a row; where it is null any.
    pub values: Values,
}

/// Values, one a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// One byte each, 0 or 1: `Bool`.
    Bools(Vec<u8>),
    /// `Int8`, `Int16`, `Int32`, `Uint8`, `Uint16`, `Date`.
    Int32s(Vec<i32>),
    /// `Int64`, `Timestamp`.
    Int64s(Vec<i64>),
    /// `Uint32`.
    Uint32s(Vec<u32>),
    /// `Uint64`.
    Uint64s(Vec<u64>),
    /// `Float32`.
    Float32s(Vec<f32>),
    /// `Float64`.
    Float64s(Vec<f64>),
    /// `Text`, `Bytes`.
    Binaries(Binaries),
}

/// Values of any length, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binaries {
    /// Where each ends.
    pub ends: Vec<u32>,
    /// The bytes of all.
    pub bytes: Vec<u8>,
}

impl Values {
    /// How many there are.
    pub fn rows(&self) -> usize {
        match self {
            Self::Bools(values) => values.len(),
            Self::Int32s(values) => values.len(),
            Self::Int64s(values) => values.len(),
            Self::Uint32s(values) => values.len(),
            Self::Uint64s(values) => values.len(),
            Self::Float32s(values) => values.len(),
            Self::Float64s(values) => values.len(),
            Self::Binaries(values) => values.ends.len(),
        }
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Bools(values) => values.len(),
            Self::Int32s(values) => values.len() * 4,
            Self::Int64s(values) => values.len() * 8,
            Self::Uint32s(values) => values.len() * 4,
            Self::Uint64s(values) => values.len() * 8,
            Self::Float32s(values) => values.len() * 4,
            Self::Float64s(values) => values.len() * 8,
            Self::Binaries(values) => values.ends.len() * 4 + values.bytes.len(),
        }
    }
}
