//! Where datasets begin: the driver's own items, ranges and files.
//!
//! A source decides its partitions in the driver; its records are read by tasks.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::panic::Location;

use crate::accumulator::{
    Accumulate, Accumulator, Collection, CollectionAccumulator, DoubleAccumulator, LongAccumulator,
    Sum,
};
use crate::bytes::Bytes;
use crate::checkpoint;
use crate::error::{Error, ErrorKind, Result};
use crate::host;
use crate::lineage::Header;
use crate::lines::Lines;
#[cfg(feature = "serde")]
use crate::rdd::Operation;
use crate::rdd::Rdd;
use crate::record::Record;
use crate::source::{BinaryRecords, Items, Numbers};
use crate::task;
use crate::text::Text;

/// The driver's way to the application: its settings and its sources.
pub struct Context {
    /// Not `Send`: it belongs to the thread that `main` runs on.
    here: PhantomData<*const ()>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

/// Parallelism where the host names none, and the most that files are asked for: Spark's `defaultMinPartitions`.
const PARALLELISM_MIN: u32 = 2;

/// The setting `default.parallelism`, if somebody set it.
pub(crate) fn configured_parallelism() -> Option<u32> {
    positive("default.parallelism")
}

fn positive(key: &str) -> Option<u32> {
    host::conf(key)?
        .trim()
        .parse()
        .ok()
        .filter(|count| *count > 0)
}

impl Context {
    pub(crate) fn new() -> Self {
        Self { here: PhantomData }
    }

    /// The value of a setting, by Spark's key without `spark.`.
    pub fn conf(&self, key: &str) -> Option<String> {
        host::conf(key)
    }

    /// Sets a setting. Only before the first job.
    ///
    /// # Errors
    /// The key is unknown, the value is none of its values, or a job has run.
    pub fn set_conf(&self, key: &str, value: &str) -> Result<()> {
        host::set_conf(key, value).map_err(Error::from_host)
    }

    /// Says below which folder [`Rdd::checkpoint`] writes. It must be granted for writing.
    pub fn set_checkpoint_dir(&self, path: &str) {
        checkpoint::set_folder(path);
    }

    /// An accumulator that adds up whole numbers: see [`Accumulator`]. Its name, if it has one, is for people.
    ///
    /// ```no_run
    /// # fn sample(cx: &tinderbox::Context, lines: tinderbox::Rdd<'_, String>) -> tinderbox::Result<()> {
    /// let bad = cx.long_accumulator("bad lines");
    /// lines.for_each(|line| {
    ///     if line.parse::<u64>().is_err() {
    ///         bad.add(1);
    ///     }
    /// })?;
    /// println!("{} bad lines", bad.value()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn long_accumulator<'n>(&self, name: impl Into<Option<&'n str>>) -> LongAccumulator {
        self.accumulator(Sum::default(), name)
    }

    /// An accumulator that adds up floating-point numbers, in the same order in every run.
    pub fn double_accumulator<'n>(&self, name: impl Into<Option<&'n str>>) -> DoubleAccumulator {
        self.accumulator(Sum::default(), name)
    }

    /// An accumulator that collects items in a list, in the order of the partitions.
    pub fn collection_accumulator<'n, T: Record + Clone + 'static>(
        &self,
        name: impl Into<Option<&'n str>>,
    ) -> CollectionAccumulator<T> {
        self.accumulator(Collection::default(), name)
    }

    /// An accumulator of one's own: see [`Accumulate`] (Spark: `SparkContext.register`).
    pub fn accumulator<'n, A: Accumulate>(
        &self,
        how: A,
        name: impl Into<Option<&'n str>>,
    ) -> Accumulator<A> {
        Accumulator::new(how, name.into().map(str::to_owned))
    }

    /// How many partitions the driver's own items and ranges get where the program does not say it: the setting
    /// `default.parallelism`, else as many as there are cores (Spark's `SparkContext.defaultParallelism`).
    ///
    /// A shuffle gets as many as its largest input where the setting is not set.
    pub fn default_parallelism(&self) -> u32 {
        configured_parallelism()
            .or_else(|| positive("default.cores"))
            .unwrap_or(PARALLELISM_MIN)
    }

    /// A dataset of the driver's own items. They travel within the driver's memory; a task clones those of its partition.
    #[track_caller]
    pub fn parallelize<'a, T: Clone + 'a>(&self, items: impl IntoIterator<Item = T>) -> Rdd<'a, T> {
        self.items(
            Location::caller(),
            items.into_iter().collect(),
            self.default_parallelism(),
        )
    }

    /// The same, in so many partitions.
    #[track_caller]
    pub fn parallelize_in<'a, T: Clone + 'a>(
        &self,
        items: impl IntoIterator<Item = T>,
        partitions: u32,
    ) -> Rdd<'a, T> {
        self.items(Location::caller(), items.into_iter().collect(), partitions)
    }

    fn items<'a, T: Clone + 'a>(
        &self,
        call_site: &'static Location<'static>,
        items: Vec<T>,
        partitions: u32,
    ) -> Rdd<'a, T> {
        Rdd::new(
            Header::new("parallelize", call_site, partitions, None),
            Items { items, partitions },
        )
    }

    /// A dataset of the numbers of a range. The numbers are made by the tasks.
    #[track_caller]
    pub fn range<'a>(&self, numbers: Range<u64>) -> Rdd<'a, u64> {
        self.numbers(Location::caller(), numbers, self.default_parallelism())
    }

    /// The same, in so many partitions.
    #[track_caller]
    pub fn range_in<'a>(&self, numbers: Range<u64>, partitions: u32) -> Rdd<'a, u64> {
        self.numbers(Location::caller(), numbers, partitions)
    }

    fn numbers<'a>(
        &self,
        call_site: &'static Location<'static>,
        numbers: Range<u64>,
        partitions: u32,
    ) -> Rdd<'a, u64> {
        Rdd::new(
            Header::new("range", call_site, partitions, None),
            Numbers {
                numbers,
                partitions,
            },
        )
    }

    /// The lines of a file, of a folder's files, or of all that a glob names, without their line ends.
    ///
    /// # Errors
    /// There is no such file, or it may not be read.
    #[track_caller]
    pub fn text_file<'a>(&self, path: &str) -> Result<Rdd<'a, Text>> {
        self.lines(
            Location::caller(),
            &[path],
            self.default_parallelism().min(PARALLELISM_MIN),
        )
    }

    /// The same, in at least so many partitions, if the file is large enough.
    ///
    /// # Errors
    /// As [`text_file`](Self::text_file).
    #[track_caller]
    pub fn text_file_in<'a>(&self, path: &str, partitions: u32) -> Result<Rdd<'a, Text>> {
        self.lines(Location::caller(), &[path], partitions)
    }

    /// The lines of several paths, one after the other.
    ///
    /// # Errors
    /// As [`text_file`](Self::text_file).
    #[track_caller]
    pub fn text_files<'a, P: AsRef<str>>(&self, paths: &[P]) -> Result<Rdd<'a, Text>> {
        self.lines(
            Location::caller(),
            paths,
            self.default_parallelism().min(PARALLELISM_MIN),
        )
    }

    /// The text splits of what a path names.
    #[cfg(any(feature = "csv", feature = "json"))]
    pub(crate) fn text_splits(&self, doing: &str, path: &str) -> Result<Vec<host::Split>> {
        task::refuse_inside(doing)?;
        host::text_file(path, self.file_partitions()).map_err(Error::from_host)
    }

    /// How many partitions files get at least, where they are large enough and nobody said it.
    #[cfg(feature = "serde")]
    pub(crate) fn file_partitions(&self) -> u32 {
        self.default_parallelism().min(PARALLELISM_MIN)
    }

    /// A dataset of a partition a split.
    #[cfg(feature = "serde")]
    pub(crate) fn of_splits<'a, O: Operation + 'a>(
        &self,
        name: &'static str,
        call_site: &'static Location<'static>,
        splits: Vec<host::Split>,
        operation: impl FnOnce(Vec<host::Split>) -> O,
    ) -> Rdd<'a, O::Item> {
        let header = Header::new(name, call_site, count(&splits), None);
        Rdd::new(header, operation(splits))
    }

    fn lines<'a, P: AsRef<str>>(
        &self,
        call_site: &'static Location<'static>,
        paths: &[P],
        partitions: u32,
    ) -> Result<Rdd<'a, Text>> {
        task::refuse_inside("`text_file`")?;
        let splits = splits(paths, |path| host::text_file(path, partitions))?;
        let header = Header::new("text_file", call_site, count(&splits), None);
        Ok(Rdd::new(header, Lines { splits }))
    }

    /// The records of `record_length` bytes each that a file, a folder's files or all that a glob names consist of.
    ///
    /// # Errors
    /// There is no such file, it may not be read, or its length is no multiple of the record's.
    #[track_caller]
    pub fn binary_records<'a>(&self, path: &str, record_length: u32) -> Result<Rdd<'a, Bytes>> {
        self.binary_records_of(&[path], record_length)
    }

    /// The records of several paths, one after the other.
    ///
    /// # Errors
    /// As [`binary_records`](Self::binary_records).
    #[track_caller]
    pub fn binary_records_of<'a, P: AsRef<str>>(
        &self,
        paths: &[P],
        record_length: u32,
    ) -> Result<Rdd<'a, Bytes>> {
        let call_site = Location::caller();
        task::refuse_inside("`binary_records`")?;
        if record_length == 0 {
            return Err(Error::of(
                ErrorKind::InvalidArgument,
                "a record of 0 bytes cannot be read",
            ));
        }
        let partitions = self.default_parallelism().min(PARALLELISM_MIN);
        let splits = splits(paths, |path| {
            host::binary_file(path, record_length, partitions)
        })?;
        let header = Header::new("binary_records", call_site, count(&splits), None);
        Ok(Rdd::new(
            header,
            BinaryRecords {
                splits,
                record_length,
            },
        ))
    }
}

fn splits<P: AsRef<str>>(
    paths: &[P],
    mut cut: impl FnMut(&str) -> Result<Vec<host::Split>, crate::bindings::tinderbox::job::types::Error>,
) -> Result<Vec<host::Split>> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(cut(path.as_ref()).map_err(Error::from_host)?);
    }
    Ok(all)
}

/// The number of partitions that so many splits are: the host gives them in a list, whose length fits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a list that crossed from the host holds fewer than 2^32 items"
)]
fn count(splits: &[host::Split]) -> u32 {
    splits.len() as u32
}
