//! Parquet: files of columns. The host decodes and encodes them; what comes and goes are plain columns.

mod cell;
mod held;
mod read;
mod schema;
mod write;

use std::panic::Location;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::rdd::Rdd;
use crate::save::to_output;
use crate::task;

use super::shape::shape;
use read::{Chosen, ParquetRecords};
use schema::schema;

impl Context {
    /// The rows of Parquet files as records: those of a file, of a folder's files, or of all that a glob names. A partition
    /// is one or more whole row groups.
    ///
    /// Only the columns that the record type names are read. They are found by name as [`csv`](Self::csv) finds them; an
    /// `Option` is `None` where the value is null, or where the file has no such column. Numbers fit where their values do;
    /// text is a `String` or a [`Text`](crate::Text), bytes are [`Bytes`](crate::Bytes), a date is the number of days and a
    /// timestamp that of microseconds since 1970-01-01. Lists, structs and decimals cannot be read.
    ///
    /// ```no_run
    /// use serde::Deserialize;
    /// use tinderbox::{Context, Result};
    ///
    /// #[derive(Deserialize)]
    /// struct Trip {
    ///     city: String,
    ///     fare: Option<f64>,
    /// }
    ///
    /// fn unpaid(cx: &Context) -> Result<u64> {
    ///     let trips = cx.parquet::<Trip>("trips")?;
    ///     trips.filter(|trip| trip.fare.is_none()).count()
    /// }
    /// ```
    ///
    /// # Errors
    /// There is no such file, it may not be read, its footer is damaged, or none of its columns is a field. What a task
    /// finds later fails the job: damaged pages, and values that do not fit.
    #[track_caller]
    pub fn parquet<'a, T>(&self, path: &str) -> Result<Rdd<'a, T>>
    where
        T: for<'de> Deserialize<'de> + 'a,
    {
        let (site, shape) = (Location::caller(), shape::<T>()?);
        let (mut splits, mut chosen) = (Vec::new(), Vec::new());
        for file in self.parquet_files(path)? {
            let of_file = Rc::new(Chosen::new(shape, &file)?);
            splits.extend(file.splits);
            chosen.resize(splits.len(), of_file);
        }
        Ok(self.of_splits("parquet", site, splits, |splits| {
            ParquetRecords::new(splits, chosen)
        }))
    }
}

impl<'a, T> Rdd<'a, T>
where
    T: Serialize + for<'de> Deserialize<'de> + 'a,
{
    /// Writes each record as a row of Parquet: a folder of a file `part-00000.parquet` and so on a partition, and `_SUCCESS`
    /// when all are there. Each file has all columns, also where a partition has no records.
    ///
    /// A struct's fields are the columns; a tuple's are called `_1`, `_2` and so on. The types are those that
    /// `serde::Deserialize` asks for: `Option` is a column that may be null, an enum without fields is text,
    /// [`Date`](crate::Date) and [`Timestamp`](crate::Timestamp) are what they say.
    ///
    /// # Errors
    /// A field is a list, a map or a struct, the folder exists, may not be written, or the job failed; then nothing is left
    /// of it.
    #[track_caller]
    pub fn save_as_parquet(&self, path: &str) -> Result<()> {
        let site = Location::caller();
        task::refuse_inside("`save_as_parquet`")?;
        let schema = schema::<T>()?;
        to_output(path, |output| {
            self.per_partition("save_as_parquet", site, |partition, records| {
                let name = format!("part-{partition:05}.parquet");
                write::write_file((output, &name), &schema, records)
            })
        })?;
        Ok(())
    }
}

impl Context {
    fn parquet_files(&self, path: &str) -> Result<Vec<crate::host::ColumnFile>> {
        task::refuse_inside("`parquet`")?;
        let partitions = self.file_partitions();
        crate::host::parquet_file(path, partitions).map_err(Error::from_host)
    }
}

#[cfg(test)]
mod tests;
