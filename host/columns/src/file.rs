//! A Parquet file's footer: which columns and which row groups it has.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::RowGroupMetaData;

use crate::guard::{damaged, guarded};
use crate::page::Pages;
use crate::{ColumnReader, ColumnType, Error, Kind, Result, Source};

/// Consecutive row groups of a file, which one partition reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowGroups {
    /// Their numbers.
    pub numbers: Range<usize>,
    /// Their bytes.
    pub bytes: u64,
}

/// A Parquet file that can be read.
pub struct ParquetFile {
    pub(crate) page_bytes_max: u64,
    pub(crate) pages: Pages,
    pub(crate) metadata: ArrowReaderMetadata,
}

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ParquetFile({})", self.pages.file)
    }
}

impl ParquetFile {
    /// Reads the footer of a file; `name` is what errors call it. No page of it may take more than `page_bytes_max`.
    ///
    /// # Errors
    ///
    /// It is no Parquet, or was damaged or cut.
    pub fn open(name: &str, source: Arc<dyn Source>, page_bytes_max: u64) -> Result<Self> {
        let length = source.length().map_err(|source| Error::Io {
            file: name.into(),
            source,
        })?;
        let mut pages = Pages {
            source,
            file: name.into(),
            length,
            page_bytes_max: None,
            failure: Arc::default(),
        };
        let metadata = guarded(name, || load(&pages).map_err(damaged(&pages)))?;
        pages.page_bytes_max = Some(page_bytes_max);
        let file = Self {
            page_bytes_max,
            pages,
            metadata,
        };
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<()> {
        let whole = |group: &RowGroupMetaData| {
            group.num_rows() >= 0
                && group.columns().iter().all(|chunk| {
                    let (start, length) = (
                        chunk
                            .dictionary_page_offset()
                            .unwrap_or_else(|| chunk.data_page_offset()),
                        chunk.compressed_size(),
                    );
                    let end = start
                        .checked_add(length)
                        .and_then(|end| u64::try_from(end).ok());
                    start >= 0 && length >= 0 && end.is_some_and(|end| end <= self.pages.length)
                })
        };
        match self.groups().iter().position(|group| !whole(group)) {
            None => Ok(()),
            Some(number) => {
                let reason = format!("row group {number} is not within the file");
                Err(self.pages.damaged(reason))
            }
        }
    }

    fn groups(&self) -> &[RowGroupMetaData] {
        self.metadata.metadata().row_groups()
    }

    /// What columns it has, in their order.
    pub fn columns(&self) -> Vec<ColumnType> {
        let fields = self.metadata.schema().fields().iter();
        fields
            .map(|field| ColumnType {
                name: field.name().clone(),
                kind: kind_of(field.data_type()),
                nullable: field.is_nullable(),
                description: field.data_type().to_string(),
            })
            .collect()
    }

    /// Puts row groups together until they have some `target_bytes`. None is cut.
    pub fn splits(&self, target_bytes: u64) -> Vec<RowGroups> {
        let mut splits: Vec<RowGroups> = Vec::new();
        for (number, group) in self.groups().iter().enumerate() {
            let sizes = group.columns().iter().map(|chunk| chunk.compressed_size());
            let bytes = sizes.map(|bytes| u64::try_from(bytes).unwrap_or(0)).sum();
            match splits.last_mut() {
                Some(last) if last.bytes.saturating_add(bytes) <= target_bytes => {
                    last.numbers.end = number + 1;
                    last.bytes += bytes;
                }
                _ => splits.push(RowGroups {
                    numbers: number..number + 1,
                    bytes,
                }),
            }
        }
        splits
    }

    /// Opens the named columns of some row groups.
    ///
    /// # Errors
    ///
    /// There is no such column, it has no plain values, or there are no such row groups.
    pub fn read(&self, numbers: Range<usize>, names: &[String]) -> Result<ColumnReader> {
        if numbers.end > self.groups().len() || numbers.start > numbers.end {
            let reason = format!("it has no row groups {numbers:?}: it changed while it was read");
            return Err(self.pages.damaged(reason));
        }
        let columns = names.iter().map(|name| self.column(name));
        ColumnReader::open(self, numbers, columns.collect::<Result<_>>()?)
    }

    /// The place of a column.
    fn column(&self, name: &str) -> Result<usize> {
        let fields = self.metadata.schema().fields();
        let file = || self.pages.file.to_string();
        let Some((place, field)) = fields.find(name) else {
            let names = fields.iter().map(|field| format!("`{}`", field.name()));
            return Err(Error::NoColumn {
                file: file(),
                column: name.into(),
                there: names.collect::<Vec<_>>().join(", "),
            });
        };
        match kind_of(field.data_type()) {
            Kind::Other => Err(Error::Unsupported {
                file: file(),
                column: name.into(),
                description: field.data_type().to_string(),
            }),
            _ => Ok(place),
        }
    }
}

/// Reads the footer, and chooses how columns are to be read.
fn load(pages: &Pages) -> parquet::errors::Result<ArrowReaderMetadata> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let found = ArrowReaderMetadata::load(pages, options.clone())?;
    let fields: Fields = found
        .schema()
        .fields()
        .iter()
        .map(|field| wanted(field))
        .collect();
    let options = options.with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options)
}

/// The same field as views: a value that a dictionary holds once and that occurs in a million rows is not a million values.
fn wanted(field: &Field) -> Field {
    let wanted = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        same => same.clone(),
    };
    field.clone().with_data_type(wanted)
}

/// What values of this type mean.
pub(crate) fn kind_of(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Boolean => Kind::Bool,
        DataType::Int8 => Kind::Int8,
        DataType::Int16 => Kind::Int16,
        DataType::Int32 => Kind::Int32,
        DataType::Int64 => Kind::Int64,
        DataType::UInt8 => Kind::Uint8,
        DataType::UInt16 => Kind::Uint16,
        DataType::UInt32 => Kind::Uint32,
        DataType::UInt64 => Kind::Uint64,
        DataType::Float32 => Kind::Float32,
        DataType::Float64 => Kind::Float64,
        DataType::Utf8View => Kind::Text,
        DataType::BinaryView | DataType::FixedSizeBinary(_) => Kind::Bytes,
        DataType::Date32 => Kind::Date,
        DataType::Timestamp(unit, _) if *unit != TimeUnit::Second => Kind::Timestamp,
        _ => Kind::Other,
    }
}
