//! Parquet files as splits: their footers are read here, once, so that what is wrong with one is known before a task runs.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use columns::{ParquetFile, RowGroups};
use sandbox::{ColumnFile, ColumnType, Error, Split};
use store::{Grants, source};

use crate::column::{column_error, given_kind};
use crate::guest_error::guest_error;

/// The files that a URI names, cut into at least `min_partitions` splits of at most `max_bytes`, as far as there are row
/// groups.
pub(super) fn files(
    grants: &Grants,
    uri: &str,
    min_partitions: u32,
    max_bytes: u64,
) -> Result<Vec<ColumnFile>, Error> {
    let found = source::files(grants, uri).map_err(|error| guest_error(&error))?;
    let total: u64 = found.iter().map(|(_, bytes)| bytes).sum();
    let target = max_bytes.min(total.div_ceil(u64::from(min_partitions.max(1))));
    let files = found.iter().map(|(path, _)| file(path, target));
    files.collect()
}

fn file(path: &Path, target: u64) -> Result<ColumnFile, Error> {
    let uri = path.to_str().ok_or_else(|| {
        let message = format!("`{}` is not UTF-8: rename it", path.display());
        column_error(&columns::Error::Invalid(message))
    })?;
    let opened = File::open(path).map_err(|source| columns::Error::Io {
        file: uri.into(),
        source,
    });
    // No page is read here.
    let file = opened.and_then(|file| ParquetFile::open(uri, Arc::new(file), u64::MAX));
    let file = file.map_err(|error| column_error(&error))?;
    let columns = file.columns().into_iter().map(|column| ColumnType {
        name: column.name,
        kind: given_kind(column.kind),
        nullable: column.nullable,
        description: column.description,
    });
    Ok(ColumnFile {
        uri: uri.into(),
        columns: columns.collect(),
        splits: file
            .splits(target)
            .into_iter()
            .map(|groups| split(uri, &groups))
            .collect(),
    })
}

fn split(uri: &str, groups: &RowGroups) -> Split {
    Split {
        uri: uri.into(),
        start: groups.numbers.start as u64,
        length: groups.numbers.len() as u64,
    }
}
