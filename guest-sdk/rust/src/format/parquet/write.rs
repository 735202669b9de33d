//! Records as columns.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::format::cells::{Sink, Value, take_apart};
use crate::format::invalid;
use crate::format::misfit::Misfit;
use crate::host::{self, BinaryValues, Column, ColumnKind, ColumnValues};
use crate::stream::Records;
use crate::task;

use super::schema::Field;

/// How many rows are handed over at a time.
const ROWS: usize = 8192;
/// Or how many bytes of text.
const BYTES: usize = 1 << 20;

/// Writes a partition's records as one file of an output.
pub(super) fn write_file<T: Serialize>(
    (output, name): (u32, &str),
    schema: &[Field],
    records: Records<'_, T>,
) -> Result<()> {
    let mut rows = Rows::new(schema);
    let mut written = Ok(());
    records.for_each(|record| {
        if written.is_ok() {
            written = rows.push(&record);
        }
        if rows.is_full() && written.is_ok() {
            written = rows.hand_over(output, name);
        }
    });
    written?;
    task::check()?;
    // Also where nothing is left: a partition without records is a file without rows.
    rows.hand_over(output, name)
}

/// Rows that are collected, by column.
struct Rows {
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
    /// The column of the next cell.
    next: usize,
    has_nulls: bool,
}

impl Rows {
    fn new(schema: &[Field]) -> Self {
        let columns = schema.iter().map(|field| Column {
            name: field.name.clone(),
            kind: field.kind,
            nullable: field.nullable,
            valid: Vec::new(),
            values: no_values(field.kind),
        });
        Self {
            columns: columns.collect(),
            rows: 0,
            bytes: 0,
            next: 0,
            has_nulls: false,
        }
    }

    fn push(&mut self, record: &impl Serialize) -> Result<()> {
        self.next = 0;
        let taken = take_apart(record, self).and_then(|()| self.expect_all());
        taken.map_err(|misfit| {
            invalid(format_args!(
                "a record cannot be saved as Parquet: {misfit}"
            ))
        })?;
        self.rows += 1;
        Ok(())
    }

    fn expect_all(&self) -> Result<(), Misfit> {
        if self.next == self.columns.len() {
            return Ok(());
        }
        Err(self.differs())
    }

    #[cold]
    fn differs(&self) -> Misfit {
        Misfit::new(
            "its type writes other fields than it reads; `Serialize` and `Deserialize` must name the same ones, without aliases",
        )
    }

    fn is_full(&self) -> bool {
        self.rows >= ROWS || self.bytes >= BYTES
    }

    fn hand_over(&mut self, output: u32, name: &str) -> Result<()> {
        if !self.has_nulls {
            self.columns
                .iter_mut()
                .for_each(|column| column.valid.clear());
        }
        host::write_columns(output, name, &self.columns).map_err(Error::from_host)?;
        for column in &mut self.columns {
            column.valid.clear();
            clear(&mut column.values);
        }
        (self.rows, self.bytes, self.has_nulls) = (0, 0, false);
        Ok(())
    }
}

impl Sink for Rows {
    #[inline]
    fn cell(&mut self, name: Option<&'static str>, value: Value<'_>) -> Result<(), Misfit> {
        let rows = self.rows;
        let Some(column) = self.columns.get_mut(self.next) else {
            return Err(self.differs());
        };
        // The order of a type's fields does not change.
        if rows == 0 && name.is_some_and(|name| name != column.name) {
            return Err(self.differs());
        }
        self.next += 1;
        let is_null = value == Value::Null;
        if is_null && !column.nullable {
            return Err(Misfit::new(format_args!(
                "column `{}` is never null by its type, and is here",
                column.name
            )));
        }
        if rows.is_multiple_of(8) {
            column.valid.push(0);
        }
        if let Some(bits) = column.valid.last_mut() {
            *bits |= u8::from(!is_null) << (rows % 8);
        }
        self.has_nulls |= is_null;
        match append(&mut column.values, value) {
            Some(bytes) => self.bytes += bytes,
            None => {
                return Err(Misfit::new(format_args!(
                    "column `{}` is written as another type than it is read as",
                    column.name
                )));
            }
        }
        Ok(())
    }
}

fn no_values(kind: ColumnKind) -> ColumnValues {
    match kind {
        ColumnKind::Boolean => ColumnValues::Booleans(Vec::new()),
        ColumnKind::Int8
        | ColumnKind::Int16
        | ColumnKind::Int32
        | ColumnKind::Uint8
        | ColumnKind::Uint16
        | ColumnKind::Date => ColumnValues::Int32s(Vec::new()),
        ColumnKind::Int64 | ColumnKind::Timestamp => ColumnValues::Int64s(Vec::new()),
        ColumnKind::Uint32 => ColumnValues::Uint32s(Vec::new()),
        ColumnKind::Uint64 => ColumnValues::Uint64s(Vec::new()),
        ColumnKind::Float32 => ColumnValues::Float32s(Vec::new()),
        ColumnKind::Float64 => ColumnValues::Float64s(Vec::new()),
        ColumnKind::Text | ColumnKind::Binary | ColumnKind::Other => {
            ColumnValues::Binaries(BinaryValues {
                ends: Vec::new(),
                bytes: Vec::new(),
            })
        }
    }
}

fn clear(values: &mut ColumnValues) {
    match values {
        ColumnValues::Booleans(values) => values.clear(),
        ColumnValues::Int32s(values) => values.clear(),
        ColumnValues::Int64s(values) => values.clear(),
        ColumnValues::Uint32s(values) => values.clear(),
        ColumnValues::Uint64s(values) => values.clear(),
        ColumnValues::Float32s(values) => values.clear(),
        ColumnValues::Float64s(values) => values.clear(),
        ColumnValues::Binaries(values) => {
            values.ends.clear();
            values.bytes.clear();
        }
    }
}

/// Adds a value, zero for null, and returns how many bytes of text it has; none: it is of another type.
#[inline]
fn append(values: &mut ColumnValues, value: Value<'_>) -> Option<usize> {
    match (values, value) {
        (ColumnValues::Booleans(values), Value::Bool(value)) => values.push(value.into()),
        (ColumnValues::Int32s(values), Value::Signed(value)) => values.push(value.try_into().ok()?),
        (ColumnValues::Int32s(values), Value::Unsigned(value)) => {
            values.push(value.try_into().ok()?);
        }
        (ColumnValues::Int64s(values), Value::Signed(value)) => values.push(value),
        (ColumnValues::Uint32s(values), Value::Unsigned(value)) => {
            values.push(value.try_into().ok()?);
        }
        (ColumnValues::Uint64s(values), Value::Unsigned(value)) => values.push(value),
        (ColumnValues::Float32s(values), Value::Float32(value)) => values.push(value),
        (ColumnValues::Float64s(values), Value::Float64(value)) => values.push(value),
        (ColumnValues::Binaries(values), Value::Text(text)) => {
            return bytes(values, text.as_bytes());
        }
        (ColumnValues::Binaries(values), Value::Bytes(value)) => return bytes(values, value),
        (ColumnValues::Binaries(values), Value::Null) => return bytes(values, b""),
        (ColumnValues::Booleans(values), Value::Null) => values.push(0),
        (ColumnValues::Int32s(values), Value::Null) => values.push(0),
        (ColumnValues::Int64s(values), Value::Null) => values.push(0),
        (ColumnValues::Uint32s(values), Value::Null) => values.push(0),
        (ColumnValues::Uint64s(values), Value::Null) => values.push(0),
        (ColumnValues::Float32s(values), Value::Null) => values.push(0.0),
        (ColumnValues::Float64s(values), Value::Null) => values.push(0.0),
        _ => return None,
    }
    Some(0)
}

fn bytes(values: &mut BinaryValues, value: &[u8]) -> Option<usize> {
    values.bytes.extend_from_slice(value);
    values.ends.push(values.bytes.len().try_into().ok()?);
    Some(value.len())
}
