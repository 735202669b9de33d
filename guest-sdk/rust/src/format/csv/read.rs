//! The rows of files, as records.

use std::marker::PhantomData;
use std::rc::Rc;

use serde::Deserialize;

use crate::accumulator::LongAccumulator;
use crate::error::{Error, Result};
use crate::format::misfit::Misfit;
use crate::format::plan::{Plan, no_column};
use crate::format::row::record;
use crate::format::shape::Shape;
use crate::format::{invalid, line_of};
use crate::host::{Split, name_of};
use crate::lineage::Parent;
use crate::rdd::Operation;
use crate::stream::Records;
use crate::task;

use super::cell::CsvRow;
use super::cut::{Rows, Uncut};
use super::{BadRows, CsvOptions};

/// The operation: the rows of files.
pub(super) struct CsvRecords<T> {
    splits: Vec<Split>,
    options: CsvOptions,
    shape: Shape,
    records: PhantomData<fn() -> T>,
}

impl<T> CsvRecords<T> {
    pub(super) fn new(splits: Vec<Split>, options: CsvOptions, shape: Shape) -> Self {
        Self {
            splits,
            options,
            shape,
            records: PhantomData,
        }
    }
}

impl<T: for<'de> Deserialize<'de>> Operation for CsvRecords<T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let split = self.splits.get(partition as usize);
        let opened = split.map(|split| Typed::open(split, &self.options, self.shape));
        match opened.transpose() {
            Ok(rows) => Records::new(rows.into_iter().flatten()),
            Err(error) => {
                task::fail(error);
                Records::new(std::iter::empty())
            }
        }
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }
}

/// The rows of a split, as records.
struct Typed<T> {
    rows: Rows,
    split: Split,
    columns: Vec<Rc<str>>,
    plan: Plan,
    bad_rows: BadRows,
    null: String,
    skipped: Skipped,
    records: PhantomData<fn() -> T>,
}

/// What was left out.
#[derive(Default)]
struct Skipped {
    count: u64,
    /// Where the first was, and why.
    first: Option<Error>,
    /// Where the program has them counted.
    counted: Option<LongAccumulator>,
}

impl<T: for<'de> Deserialize<'de>> Typed<T> {
    fn open(split: &Split, options: &CsvOptions, shape: Shape) -> Result<Self> {
        let mut rows = Rows::open(split, options);
        let columns = if split.start == 0 && options.header {
            columns(&mut rows, options)?
        } else {
            columns(&mut Rows::open(&head(split), options), options)?
        };
        let shape = match shape {
            // Nothing names the columns: a struct is a tuple.
            Shape::Fields(fields) if !options.header => Shape::Tuple(fields.len()),
            shape => shape,
        };
        let place = |error: Error| error.context(format_args!("`{}`", name_of(split)));
        Ok(Self {
            rows,
            split: split.clone(),
            plan: Plan::new(shape, &columns).map_err(place)?,
            columns,
            bad_rows: options.bad_rows,
            null: options.null.clone(),
            skipped: Skipped {
                counted: options.skipped.clone(),
                ..Skipped::default()
            },
            records: PhantomData,
        })
    }

    #[inline]
    fn read(&mut self) -> Result<Option<T>> {
        loop {
            let line = self.rows.line();
            match self.rows.advance() {
                Ok(true) => {}
                Ok(false) => {
                    self.tell_skipped();
                    return Ok(None);
                }
                Err(Uncut::Row(error)) => {
                    self.leave_out(|_| error)?;
                    continue;
                }
                Err(Uncut::Rest(error)) => return Err(error),
            }
            match self.convert() {
                Ok(record) => return Ok(Some(record)),
                Err(misfit) => self.refuse(line, &misfit)?,
            }
        }
    }

    #[inline]
    fn convert(&self) -> Result<T, Misfit> {
        let (text, fields) = self.rows.row();
        if fields.len() != self.columns.len() && self.bad_rows != BadRows::Pad {
            return Err(ragged(fields.len(), self.columns.len()));
        }
        let row = CsvRow {
            text,
            fields,
            null: &self.null,
        };
        record(row, &self.plan)
    }

    /// Fails, or leaves the row out. A column that is missing is no fault of the row.
    #[cold]
    fn refuse(&mut self, line: u64, misfit: &Misfit) -> Result<()> {
        if misfit.missing().is_some() {
            return Err(self.located(line, misfit));
        }
        self.leave_out(|rows| rows.located(line, misfit))
    }

    #[cold]
    fn leave_out(&mut self, why: impl FnOnce(&Self) -> Error) -> Result<()> {
        if self.bad_rows != BadRows::Skip {
            return Err(why(self));
        }
        self.skipped.count += 1;
        if self.skipped.first.is_none() {
            self.skipped.first = Some(why(self));
        }
        Ok(())
    }

    /// The task's log is where somebody may look for them.
    fn tell_skipped(&mut self) {
        let Skipped {
            count,
            first,
            counted,
        } = std::mem::take(&mut self.skipped);
        if let Some(counted) = counted {
            counted.add(i64::try_from(count).unwrap_or(i64::MAX));
        }
        if let Some(first) = first {
            let rows = if count == 1 { "row was" } else { "rows were" };
            eprintln!("{count} {rows} left out; the first: {first}");
        }
    }

    #[cold]
    fn located(&self, line: u64, misfit: &Misfit) -> Error {
        if let Some(missing) = misfit.missing() {
            return no_column(name_of(&self.split), missing, &self.columns);
        }
        // A comment or an empty line before the row is a line of its own: the row ends before the next.
        let line = self.rows.line().saturating_sub(1).max(line);
        let place = line_of(&self.split, line);
        match misfit.column().and_then(|column| self.columns.get(column)) {
            Some(column) => invalid(format_args!(
                "{place}, column `{column}`: {misfit}; mend it, read the column as another type, or leave such rows out \
                 (`BadRows::Skip`)"
            )),
            None => invalid(format_args!(
                "{place}: {misfit}; the columns are `{}`",
                self.columns.join("`, `")
            )),
        }
    }
}

impl<T: for<'de> Deserialize<'de>> Iterator for Typed<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.read().unwrap_or_else(|error| {
            task::fail(error);
            None
        })
    }
}

#[cold]
fn ragged(found: usize, expected: usize) -> Misfit {
    let fields = if found == 1 { "field" } else { "fields" };
    Misfit::new(format_args!(
        "expected {expected} fields, found {found} {fields}; mend the row, leave such rows out (`BadRows::Skip`) or fill them \
         up (`BadRows::Pad`)"
    ))
}

/// Where the file of a split begins: what is before the split, or all that there is.
fn head(split: &Split) -> Split {
    Split {
        uri: split.uri.clone(),
        start: 0,
        length: split.start.max(split.length),
    }
}

/// The names of a file's columns, by its first row.
fn columns(rows: &mut Rows, options: &CsvOptions) -> Result<Vec<Rc<str>>> {
    let is_there = rows.advance().map_err(|uncut| match uncut {
        Uncut::Row(error) | Uncut::Rest(error) => error,
    })?;
    if !is_there {
        return Ok(Vec::new());
    }
    let names = rows.texts().zip(0..);
    Ok(names
        .map(|(name, number)| match options.header {
            true => name.into(),
            false => format!("_c{number}").into(),
        })
        .collect())
}
