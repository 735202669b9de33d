//! Parquet files as splits: their footers are read here, once, so that what is wrong with one is known before a task runs.

use std::sync::Arc;

use columns::{ParquetFile, RowGroups};
use sandbox::{ColumnFile, ColumnType, Error, Split};
use store::source::Cut;
use store::{FileInfo, Files};

use crate::column::{Pages, column_error, given_kind};
use crate::guest_error::guest_error;
use crate::store_wait::StoreWait;

/// The files that a URI names, cut into at least as many splits as are wanted, as far as there are row groups.
pub(super) fn files(
    files: &Files,
    wait: &StoreWait,
    uri: &str,
    wanted: Cut,
) -> Result<Vec<ColumnFile>, Error> {
    let found = wait.run(|stopper| files.list(uri, stopper));
    let found = found.map_err(|error| guest_error(&error))?;
    let total: u64 = found.iter().map(|file| file.length).sum();
    let least = u64::from(wanted.min_partitions.max(1));
    let target = wanted.max_bytes.min(total.div_ceil(least));
    found
        .iter()
        .map(|info| file(files, wait, info, target))
        .collect()
}

fn file(
    files: &Files,
    wait: &StoreWait,
    info: &FileInfo,
    target: u64,
) -> Result<ColumnFile, Error> {
    let uri = info.versioned_uri();
    let opened = wait.run(|stopper| files.open(&uri, stopper));
    let opened = opened.map_err(|error| guest_error(&error))?;
    // No page is read here.
    let file = wait.run(|_| ParquetFile::open(&info.uri, Arc::new(Pages(opened)), u64::MAX));
    let file = file.map_err(|error| column_error(&error))?;
    let columns = file.columns().into_iter().map(|column| ColumnType {
        name: column.name,
        kind: given_kind(column.kind),
        nullable: column.nullable,
        description: column.description,
    });
    Ok(ColumnFile {
        uri: info.uri.clone(),
        columns: columns.collect(),
        splits: file
            .splits(target)
            .into_iter()
            .map(|groups| split(&uri, &groups))
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
