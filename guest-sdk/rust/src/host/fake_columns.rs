//! Files of columns of the host for tests: each batch that was written is a row group.

use super::fake::{error, open, with};
use super::{Column, ColumnFile, Split, name_of};
use crate::bindings::tinderbox::job::types::{ColumnType, Error, ErrorKind};

pub(crate) fn parquet_file(uri: &str, _: u32) -> Result<Vec<ColumnFile>, Error> {
    let files = with(|host| {
        let files = host.columns.iter();
        let files = files.filter(|(path, _)| *path == uri || path.starts_with(&format!("{uri}/")));
        files
            .map(|(path, groups)| file(path, groups))
            .collect::<Vec<_>>()
    });
    if files.is_empty() {
        return Err(error(ErrorKind::NotFound, uri));
    }
    Ok(files)
}

fn file(path: &str, groups: &[Vec<Column>]) -> ColumnFile {
    let columns = groups[0].iter().map(|column| ColumnType {
        name: column.name.clone(),
        kind: column.kind,
        nullable: column.nullable,
        description: format!("{:?}", column.kind),
    });
    let splits = (0..groups.len()).map(|group| Split {
        uri: format!("{path}#version=1"),
        start: group as u64,
        length: 1,
    });
    ColumnFile {
        uri: path.to_owned(),
        columns: columns.collect(),
        splits: splits.collect(),
    }
}

pub(crate) fn open_columns(part: &Split, names: &[String]) -> Result<u32, Error> {
    let number = open([]);
    with(|host| {
        let group =
            &host.columns[name_of(part)][usize::try_from(part.start).expect("few row groups")];
        let named = |name: &String| group.iter().find(|column| column.name == *name).cloned();
        let columns: Vec<Column> = names.iter().filter_map(named).collect();
        assert_eq!(
            columns.len(),
            names.len(),
            "only columns that are there are asked for"
        );
        host.column_readers.insert(number, [columns].into());
    });
    Ok(number)
}

pub(crate) fn read_columns(reader: u32) -> Result<Vec<Column>, Error> {
    let next = with(|host| {
        host.column_readers
            .get_mut(&reader)
            .and_then(|left| left.pop_front())
    });
    Ok(next.unwrap_or_default())
}

pub(crate) fn write_columns(output: u32, name: &str, columns: &[Column]) -> Result<(), Error> {
    with(|host| {
        let path = format!("{}/{name}", host.open_outputs[output as usize].0);
        host.columns.entry(path).or_default().push(columns.to_vec());
    });
    Ok(())
}
