//! Columns as a Parquet file.

use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Date32Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, RecordBatch, StringArray, types,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::{Binaries, Column, Error, Kind, Result, Values};

/// A row group is written when it takes so much memory, or has so many rows: each task that writes holds one.
const ROW_GROUP_BYTES: usize = 32 << 20;
/// Rows of a group, at most.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// Writes columns as one file, whose bytes go wherever the caller brings them.
pub struct ColumnWriter {
    writer: ArrowWriter<Vec<u8>>,
    schema: Arc<Schema>,
}

impl std::fmt::Debug for ColumnWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ColumnWriter({})", self.schema)
    }
}

impl ColumnWriter {
    /// Begins a file of columns like these.
    ///
    /// # Errors
    ///
    /// There are none, two have the same name, or one has no plain values.
    pub fn new(columns: &[Column]) -> Result<Self> {
        let fields = columns.iter().map(field).collect::<Result<Vec<_>>>()?;
        let mut names: Vec<_> = columns.iter().map(|column| &column.name).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("two columns are called `{}`", pair[0]);
            return Err(Error::Invalid(message));
        }
        if fields.is_empty() {
            return Err(Error::Invalid("a file has at least one column".into()));
        }
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            // Spark's default: every reader knows it, and it is faster than most disks.
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("tinderbox ", env!("CARGO_PKG_VERSION")).into())
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options);
        Ok(Self {
            writer: writer.map_err(|error| invalid(&error))?,
            schema,
        })
    }

    /// Adds rows.
    ///
    /// # Errors
    ///
    /// The columns are not those of the file, differ in length, or hold what they may not.
    pub fn write(&mut self, columns: Vec<Column>) -> Result<()> {
        if columns.len() != self.schema.fields().len() {
            return Err(Error::Invalid(format!(
                "the file has {} columns, and {} were written",
                self.schema.fields().len(),
                columns.len()
            )));
        }
        let fields = self.schema.fields().iter();
        let arrays = columns
            .into_iter()
            .zip(fields)
            .map(|(column, expected)| array(column, expected));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
        let batch = batch.map_err(|error| invalid(&error))?;
        self.writer.write(&batch).map_err(|error| invalid(&error))?;
        if self.writer.memory_size() > ROW_GROUP_BYTES {
            self.writer.flush().map_err(|error| invalid(&error))?;
        }
        Ok(())
    }

    /// The bytes of the file that are ready.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.inner_mut())
    }

    /// Ends the file, and returns its last bytes.
    ///
    /// # Errors
    ///
    /// It cannot be ended.
    pub fn finish(self) -> Result<Vec<u8>> {
        self.writer.into_inner().map_err(|error| invalid(&error))
    }
}

fn invalid(error: &dyn std::fmt::Display) -> Error {
    Error::Invalid(error.to_string())
}

fn field(column: &Column) -> Result<Field> {
    let data_type = match column.kind {
        Kind::Bool => DataType::Boolean,
        Kind::Int8 => DataType::Int8,
        Kind::Int16 => DataType::Int16,
        Kind::Int32 => DataType::Int32,
        Kind::Int64 => DataType::Int64,
        Kind::Uint8 => DataType::UInt8,
        Kind::Uint16 => DataType::UInt16,
        Kind::Uint32 => DataType::UInt32,
        Kind::Uint64 => DataType::UInt64,
        Kind::Float32 => DataType::Float32,
        Kind::Float64 => DataType::Float64,
        Kind::Text => DataType::Utf8,
        Kind::Bytes => DataType::Binary,
        Kind::Date => DataType::Date32,
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Other => {
            let message = format!("column `{}` has no plain type", column.name);
            return Err(Error::Invalid(message));
        }
    };
    Ok(Field::new(&column.name, data_type, column.nullable))
}

/// A column's values as Arrow has them.
fn array(column: Column, expected: &Field) -> Result<ArrayRef> {
    let found = field(&column)?;
    if found != *expected {
        return Err(Error::Invalid(format!(
            "column `{}` of the file is {}, and {} was written as `{}`",
            expected.name(),
            expected.data_type(),
            found.data_type(),
            found.name()
        )));
    }
    let name = column.name;
    let nulls = nulls(&name, column.valid, column.values.rows())?;
    let wrong = || {
        Error::Invalid(format!(
            "the values of column `{name}` are not {}",
            found.data_type()
        ))
    };
    Ok(match (column.kind, column.values) {
        (Kind::Bool, Values::Bools(values)) => {
            let values = values.into_iter().map(|value| value != 0).collect();
            Arc::new(BooleanArray::new(values, nulls))
        }
        (Kind::Int8, Values::Int32s(values)) => small::<types::Int8Type>(&values, nulls, wrong)?,
        (Kind::Int16, Values::Int32s(values)) => small::<types::Int16Type>(&values, nulls, wrong)?,
        (Kind::Uint8, Values::Int32s(values)) => small::<types::UInt8Type>(&values, nulls, wrong)?,
        (Kind::Uint16, Values::Int32s(values)) => {
            small::<types::UInt16Type>(&values, nulls, wrong)?
        }
        (Kind::Int32, Values::Int32s(values)) => plain::<types::Int32Type>(values, nulls)?,
        (Kind::Date, Values::Int32s(values)) => plain::<Date32Type>(values, nulls)?,
        (Kind::Int64, Values::Int64s(values)) => plain::<types::Int64Type>(values, nulls)?,
        (Kind::Timestamp, Values::Int64s(values)) => {
            Arc::new(numbers::<TimestampMicrosecondType>(values, nulls)?.with_timezone("UTC"))
        }
        (Kind::Uint32, Values::Uint32s(values)) => plain::<types::UInt32Type>(values, nulls)?,
        (Kind::Uint64, Values::Uint64s(values)) => plain::<types::UInt64Type>(values, nulls)?,
        (Kind::Float32, Values::Float32s(values)) => plain::<types::Float32Type>(values, nulls)?,
        (Kind::Float64, Values::Float64s(values)) => plain::<types::Float64Type>(values, nulls)?,
        (Kind::Text, Values::Binaries(values)) => {
            let (offsets, bytes) = offsets(&name, values)?;
            let texts = StringArray::try_new(offsets, bytes, nulls);
            Arc::new(texts.map_err(|error| invalid(&error))?)
        }
        (Kind::Bytes, Values::Binaries(values)) => {
            let (offsets, bytes) = offsets(&name, values)?;
            let binaries = BinaryArray::try_new(offsets, bytes, nulls);
            Arc::new(binaries.map_err(|error| invalid(&error))?)
        }
        _ => return Err(wrong()),
    })
}

fn nulls(name: &str, valid: Vec<u8>, rows: usize) -> Result<Option<NullBuffer>> {
    if valid.is_empty() {
        return Ok(None);
    }
    if valid.len() != rows.div_ceil(8) {
        return Err(Error::Invalid(format!(
            "column `{name}` has {rows} values, and {} bytes say which are null",
            valid.len()
        )));
    }
    let bits = BooleanBuffer::new(Buffer::from_vec(valid), 0, rows);
    Ok(Some(NullBuffer::new(bits)))
}

fn numbers<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> Result<PrimitiveArray<T>> {
    let array = PrimitiveArray::<T>::try_new(ScalarBuffer::from(values), nulls);
    array.map_err(|error| invalid(&error))
}

fn plain<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> Result<Arc<dyn Array>> {
    Ok(Arc::new(numbers::<T>(values, nulls)?))
}

fn small<T: ArrowPrimitiveType<Native: TryFrom<i32>>>(
    values: &[i32],
    nulls: Option<NullBuffer>,
    wrong: impl Fn() -> Error,
) -> Result<Arc<dyn Array>> {
    let narrow = values.iter().map(|value| T::Native::try_from(*value));
    let narrow = narrow.collect::<std::result::Result<Vec<_>, _>>();
    plain::<T>(narrow.map_err(|_| wrong())?, nulls)
}

/// Arrow's offsets begin with a 0, and are signed.
fn offsets(name: &str, values: Binaries) -> Result<(OffsetBuffer<i32>, Buffer)> {
    let in_order = values.ends.is_sorted();
    let last = values.ends.last().map_or(0, |end| *end as usize);
    if !in_order || last != values.bytes.len() || i32::try_from(last).is_err() {
        return Err(Error::Invalid(format!(
            "the values of column `{name}` do not end where they are said to"
        )));
    }
    let ends = values.ends.iter().map(|end| end.cast_signed());
    let offsets: Vec<i32> = std::iter::once(0).chain(ends).collect();
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok((offsets, Buffer::from_vec(values.bytes)))
}
