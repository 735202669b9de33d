//! A column that was read, with its text checked once.

use crate::error::Result;
use crate::format::invalid;
use crate::host::{Column, ColumnKind, ColumnValues};

/// Some rows of a column.
pub(super) struct Held {
    pub(super) values: Values,
    /// A bit a row; empty: none is null.
    valid: Vec<u8>,
}

pub(super) enum Values {
    Bools(Vec<u8>),
    Int32s(Vec<i32>),
    Int64s(Vec<i64>),
    Uint32s(Vec<u32>),
    Uint64s(Vec<u64>),
    Float32s(Vec<f32>),
    Float64s(Vec<f64>),
    Texts(Vec<u32>, String),
    Binaries(Vec<u32>, Vec<u8>),
}

impl Held {
    pub(super) fn new(column: Column) -> Result<Self> {
        let values = match column.values {
            ColumnValues::Booleans(values) => Values::Bools(values),
            ColumnValues::Int32s(values) => Values::Int32s(values),
            ColumnValues::Int64s(values) => Values::Int64s(values),
            ColumnValues::Uint32s(values) => Values::Uint32s(values),
            ColumnValues::Uint64s(values) => Values::Uint64s(values),
            ColumnValues::Float32s(values) => Values::Float32s(values),
            ColumnValues::Float64s(values) => Values::Float64s(values),
            ColumnValues::Binaries(values) if column.kind == ColumnKind::Text => {
                let text = String::from_utf8(values.bytes).map_err(|_| {
                    invalid(format_args!(
                        "column `{}` holds text that is not UTF-8",
                        column.name
                    ))
                })?;
                Values::Texts(values.ends, text)
            }
            ColumnValues::Binaries(values) => Values::Binaries(values.ends, values.bytes),
        };
        Ok(Self {
            values,
            valid: column.valid,
        })
    }

    pub(super) fn rows(&self) -> usize {
        match &self.values {
            Values::Bools(values) => values.len(),
            Values::Int32s(values) => values.len(),
            Values::Int64s(values) => values.len(),
            Values::Uint32s(values) => values.len(),
            Values::Uint64s(values) => values.len(),
            Values::Float32s(values) => values.len(),
            Values::Float64s(values) => values.len(),
            Values::Texts(ends, _) | Values::Binaries(ends, _) => ends.len(),
        }
    }

    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        match self.valid.get(row / 8) {
            Some(bits) => bits >> (row % 8) & 1 == 0,
            None => false,
        }
    }
}

/// Where a value of any length is.
#[inline]
pub(super) fn place(ends: &[u32], row: usize) -> std::ops::Range<usize> {
    let start = match row {
        0 => 0,
        row => ends[row - 1] as usize,
    };
    start..ends[row] as usize
}
