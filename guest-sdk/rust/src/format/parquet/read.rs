//! The rows of row groups, as records.

use std::marker::PhantomData;
use std::rc::Rc;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::format::invalid;
use crate::format::misfit::Misfit;
use crate::format::plan::Plan;
use crate::format::row::record;
use crate::format::shape::Shape;
use crate::host::{self, ColumnFile, Split};
use crate::lineage::Parent;
use crate::rdd::Operation;
use crate::reader::Reader;
use crate::stream::Records;
use crate::task;

use super::cell::ColumnRow;
use super::held::Held;

/// The columns of a file that a record type takes.
pub(super) struct Chosen {
    uri: String,
    /// In the order in which they are asked for.
    names: Vec<String>,
    /// Of those.
    plan: Plan,
    /// All that are there, for whoever misses one.
    there: String,
}

impl Chosen {
    pub(super) fn new(shape: Shape, file: &ColumnFile) -> Result<Self> {
        let columns: Vec<Rc<str>> = file
            .columns
            .iter()
            .map(|column| (*column.name).into())
            .collect();
        let there = format!("`{}`", columns.join("`, `"));
        let place = |error: Error| error.context(format_args!("`{}`", file.uri));
        let (plan, chosen) = Plan::new(shape, &columns).map_err(place)?.renumbered();
        if chosen.is_empty() {
            return Err(invalid(format_args!(
                "no column of `{}` is a field of the record type; its columns are {there}",
                file.uri
            )));
        }
        Ok(Self {
            uri: file.uri.clone(),
            names: chosen
                .iter()
                .map(|column| columns[*column].to_string())
                .collect(),
            plan,
            there,
        })
    }
}

/// The operation: the rows of files of columns.
pub(super) struct ParquetRecords<T> {
    splits: Vec<Split>,
    /// What is read of each split: of those of one file the same.
    chosen: Vec<Rc<Chosen>>,
    records: PhantomData<fn() -> T>,
}

impl<T> ParquetRecords<T> {
    pub(super) fn new(splits: Vec<Split>, chosen: Vec<Rc<Chosen>>) -> Self {
        Self {
            splits,
            chosen,
            records: PhantomData,
        }
    }
}

impl<T: for<'de> Deserialize<'de>> Operation for ParquetRecords<T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let place = partition as usize;
        let split = self.splits.get(place).zip(self.chosen.get(place));
        let rows = split.and_then(|(split, chosen)| {
            let opened = host::open_columns(split, &chosen.names).map_err(Error::from_host);
            opened
                .map(|reader| Rows::new(Reader::new(reader), Rc::clone(chosen)))
                .map_err(task::fail)
                .ok()
        });
        Records::new(rows.into_iter().flatten())
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }
}

/// The rows of a split.
struct Rows<T> {
    reader: Option<Reader>,
    chosen: Rc<Chosen>,
    columns: Vec<Held>,
    /// The next row of so many.
    row: usize,
    rows: usize,
    records: PhantomData<fn() -> T>,
}

impl<T: for<'de> Deserialize<'de>> Rows<T> {
    fn new(reader: Reader, chosen: Rc<Chosen>) -> Self {
        Self {
            reader: Some(reader),
            chosen,
            columns: Vec::new(),
            row: 0,
            rows: 0,
            records: PhantomData,
        }
    }

    /// The next rows; false: there are none.
    fn load(&mut self) -> Result<bool> {
        let Some(reader) = &self.reader else {
            return Ok(false);
        };
        // The old ones first: both need not fit.
        self.columns.clear();
        let columns = reader.read_columns().map_err(Error::from_host)?;
        self.columns = columns.into_iter().map(Held::new).collect::<Result<_>>()?;
        self.rows = self.columns.iter().map(Held::rows).min().unwrap_or(0);
        self.row = 0;
        if self.rows == 0 {
            self.reader = None;
        }
        Ok(self.rows > 0)
    }

    #[inline]
    fn read(&mut self) -> Result<Option<T>> {
        if self.row == self.rows && !self.load()? {
            return Ok(None);
        }
        let row = ColumnRow {
            columns: &self.columns,
            row: self.row,
        };
        self.row += 1;
        match record(row, &self.chosen.plan) {
            Ok(record) => Ok(Some(record)),
            Err(misfit) => Err(self.located(&misfit)),
        }
    }

    #[cold]
    fn located(&self, misfit: &Misfit) -> Error {
        let Chosen {
            uri, names, there, ..
        } = &*self.chosen;
        match misfit.column().and_then(|column| names.get(column)) {
            Some(column) => invalid(format_args!(
                "column `{column}` of `{uri}`: {misfit}; change the record's type: an `Option` for what may be null, a \
                 larger number for what does not fit"
            )),
            None => invalid(format_args!("`{uri}`: {misfit}; its columns are {there}")),
        }
    }
}

impl<T: for<'de> Deserialize<'de>> Iterator for Rows<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.read().unwrap_or_else(|error| {
            task::fail(error);
            self.reader = None;
            None
        })
    }
}
