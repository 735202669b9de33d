//! Columns of row groups, some rows at a time.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::file::kind_of;
use crate::guard::{damaged, guarded};
use crate::page::Pages;
use crate::{Binaries, Column, Error, ParquetFile, Result, Values};

/// Rows that are decoded at a time: eight bytes of each are 64 KiB, so that a few columns stay in the second-level cache
/// until the guest has copied them.
const ROWS: usize = 8192;

/// Bytes of text that are handed over at a time, but for a single row.
const BATCH_BYTES: usize = 1 << 20;

/// Reads chosen columns of some row groups.
pub struct ColumnReader {
    /// None: it failed, and its inside is not to be trusted.
    batches: Option<ParquetRecordBatchReader>,
    /// Where each wanted column is in a batch.
    places: Vec<usize>,
    pages: Pages,
    row_bytes_max: u64,
    /// What was decoded and not yet handed over.
    rest: Option<RecordBatch>,
}

impl std::fmt::Debug for ColumnReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ColumnReader({})", self.pages.file)
    }
}

impl ColumnReader {
    pub(crate) fn open(
        file: &ParquetFile,
        groups: Range<usize>,
        columns: Vec<usize>,
    ) -> Result<Self> {
        let pages = file.pages.clone();
        if columns.is_empty() {
            let message = format!(
                "no column of `{}` is wanted: name one, if only to count rows",
                pages.file
            );
            return Err(Error::Invalid(message));
        }
        let mut chosen = columns.clone();
        chosen.sort_unstable();
        chosen.dedup();
        let places = columns
            .iter()
            .map(|column| chosen.partition_point(|before| before < column));
        let places = places.collect();
        let batches = guarded(&pages.file, || {
            let mask = ProjectionMask::roots(file.metadata.parquet_schema(), chosen);
            let metadata = file.metadata.clone();
            ParquetRecordBatchReaderBuilder::new_with_metadata(file.pages.clone(), metadata)
                .with_projection(mask)
                .with_row_groups(groups.collect())
                .with_batch_size(ROWS)
                .build()
                .map_err(damaged(&pages))
        })?;
        Ok(Self {
            batches: Some(batches),
            places,
            row_bytes_max: file.page_bytes_max,
            pages,
            rest: None,
        })
    }

    /// The wanted columns of the next rows, in the order in which they were named; none at the end.
    ///
    /// # Errors
    ///
    /// The file is damaged, or a row is larger than a task can hold. Then there is nothing more.
    pub fn read(&mut self) -> Result<Vec<Column>> {
        let Some(batch) = self.next_rows()? else {
            return Ok(Vec::new());
        };
        let rows = self.fitting(&batch)?;
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let batch = batch.slice(0, rows);
        Ok(self
            .places
            .iter()
            .map(|place| column(&batch, *place))
            .collect())
    }

    fn next_rows(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(rest) = self.rest.take() {
            return Ok(Some(rest));
        }
        let Some(mut batches) = self.batches.take() else {
            return Ok(None);
        };
        let next = guarded(&self.pages.file, || {
            let next = batches.next().transpose();
            let next = next.map_err(damaged(&self.pages))?;
            Ok(next.map(|next| (next, batches)))
        })?;
        Ok(next.map(|(next, batches)| {
            self.batches = Some(batches);
            next
        }))
    }

    /// How many rows of a batch can be handed over at once: one at least.
    fn fitting(&self, batch: &RecordBatch) -> Result<usize> {
        let lengths: Vec<_> = batch.columns().iter().filter_map(lengths).collect();
        let all: u64 = lengths
            .iter()
            .flatten()
            .map(|length| u64::from(*length))
            .sum();
        if all <= BATCH_BYTES as u64 {
            return Ok(batch.num_rows());
        }
        let mut bytes = 0;
        for row in 0..batch.num_rows() {
            let sizes = lengths.iter().map(|column| u64::from(column[row]));
            let of_row: u64 = sizes.sum();
            if of_row > self.row_bytes_max {
                return Err(Error::TooLarge {
                    what: "a row",
                    file: self.pages.file.to_string(),
                    bytes: of_row,
                    limit_bytes: self.row_bytes_max,
                });
            }
            bytes += of_row;
            if bytes > BATCH_BYTES as u64 && row > 0 {
                return Ok(row);
            }
        }
        Ok(batch.num_rows())
    }
}

/// The lengths of a column's values, where they have any of their own.
fn lengths(array: &Arc<dyn Array>) -> Option<Vec<u32>> {
    match array.data_type() {
        DataType::Utf8View => Some(array.as_string_view().lengths().collect()),
        DataType::BinaryView => Some(array.as_binary_view().lengths().collect()),
        _ => None,
    }
}

fn column(batch: &RecordBatch, place: usize) -> Column {
    let array = batch.column(place);
    let schema = batch.schema_ref();
    let field = schema.field(place);
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    Column {
        name: field.name().clone(),
        kind: kind_of(field.data_type()),
        nullable: field.is_nullable(),
        valid: nulls.map_or_else(Vec::new, |nulls| nulls.inner().sliced().to_vec()),
        values: values(array),
    }
}

fn values(array: &Arc<dyn Array>) -> Values {
    match array.data_type() {
        DataType::Boolean => {
            let bits = array.as_boolean().values();
            Values::Bools(bits.iter().map(u8::from).collect())
        }
        DataType::Int8 => small::<Int8Type>(array),
        DataType::Int16 => small::<Int16Type>(array),
        DataType::UInt8 => small::<UInt8Type>(array),
        DataType::UInt16 => small::<UInt16Type>(array),
        DataType::Int32 => Values::Int32s(plain::<Int32Type>(array)),
        DataType::Date32 => Values::Int32s(plain::<Date32Type>(array)),
        DataType::Int64 => Values::Int64s(plain::<Int64Type>(array)),
        DataType::UInt32 => Values::Uint32s(plain::<UInt32Type>(array)),
        DataType::UInt64 => Values::Uint64s(plain::<UInt64Type>(array)),
        DataType::Float32 => Values::Float32s(plain::<Float32Type>(array)),
        DataType::Float64 => Values::Float64s(plain::<Float64Type>(array)),
        DataType::Timestamp(unit, _) => Values::Int64s(micros(array, *unit)),
        DataType::Utf8View => binaries(
            array
                .as_string_view()
                .iter()
                .map(|text| text.map(str::as_bytes)),
        ),
        DataType::BinaryView => binaries(array.as_binary_view().iter()),
        DataType::FixedSizeBinary(_) => binaries(array.as_fixed_size_binary().iter()),
        other => unreachable!("a column of {other} was refused when it was chosen"),
    }
}

fn plain<T: ArrowPrimitiveType>(array: &Arc<dyn Array>) -> Vec<T::Native> {
    array.as_primitive::<T>().values().to_vec()
}

fn small<T: ArrowPrimitiveType<Native: Into<i32>>>(array: &Arc<dyn Array>) -> Values {
    let values = array.as_primitive::<T>().values().iter();
    Values::Int32s(values.map(|value| (*value).into()).collect())
}

/// A timestamp that microseconds cannot say is the furthest that they can.
fn micros(array: &Arc<dyn Array>, unit: TimeUnit) -> Vec<i64> {
    match unit {
        TimeUnit::Second => unreachable!("no file says seconds"),
        TimeUnit::Millisecond => {
            let millis = array.as_primitive::<TimestampMillisecondType>().values();
            millis
                .iter()
                .map(|millis| millis.saturating_mul(1000))
                .collect()
        }
        TimeUnit::Microsecond => plain::<TimestampMicrosecondType>(array),
        TimeUnit::Nanosecond => {
            let nanos = array.as_primitive::<TimestampNanosecondType>().values();
            nanos.iter().map(|nanos| nanos.div_euclid(1000)).collect()
        }
    }
}

fn binaries<'v>(values: impl ExactSizeIterator<Item = Option<&'v [u8]>>) -> Values {
    let mut binaries = Binaries {
        ends: Vec::with_capacity(values.len()),
        bytes: Vec::new(),
    };
    for value in values {
        binaries.bytes.extend_from_slice(value.unwrap_or_default());
        // A batch is far shorter, but for one row, which a task can hold.
        binaries
            .ends
            .push(u32::try_from(binaries.bytes.len()).unwrap_or(u32::MAX));
    }
    Values::Binaries(binaries)
}
