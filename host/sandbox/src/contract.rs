//! The contract of `wit/`: its types, and what the host answers to each call of a guest.
//!
//! Bytes from a guest are checked here by their types and handed on; what they mean is for the [`DriverHost`] or the
//! [`TaskHost`]. A call that belongs to the other role is the error `wrong-role`.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::StoreContextMut;
use wasmtime::component::{HasSelf, Linker, WasmList};

use crate::guest::{Guest, Panic};

#[expect(missing_docs, reason = "generated; wit/ documents it")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/job-0.1.0",
        world: "job-program",
        imports: { default: trappable },
        trappable_error_type: { "tinderbox:job/types.error" => crate::contract::Error },
        additional_derives: [Clone, PartialEq],
    });
}

pub(crate) use bindings::JobProgramPre;
pub use bindings::exports::tinderbox::job::application::{TaskSpec, TaskWork};
pub use bindings::tinderbox::job::driver::{
    AccumulatorUpdate, Dependency, FoundFile, JobProgress, JobSpec, NarrowDependency, PartitionMap,
    PartitionResult, PartitionSpan, RddNode, ShuffleDependency, StorageLevel,
};
pub use bindings::tinderbox::job::logging::Channel;
pub use bindings::tinderbox::job::task::{BlockLevel, Compression};
pub use bindings::tinderbox::job::types::{
    BinaryValues, Column, ColumnFile, ColumnKind, ColumnType, ColumnValues, Error as GuestError,
    ErrorKind, Split,
};
use bindings::tinderbox::job::{driver, logging, task, types};

/// The version of the contract that this host speaks, as `abi-version` writes it.
pub const ABI_VERSION: u32 = 100;

/// Why a call of a guest fails: an answer for the guest, or the end of it.
#[derive(Debug)]
pub enum Error {
    /// The guest gets this error, and goes on.
    Answer(GuestError),
    /// The guest ends here.
    Trap(wasmtime::Error),
}

impl Error {
    /// An error of this kind for the guest.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Answer(GuestError {
            kind,
            message: message.into(),
            retryable: false,
        })
    }

    /// The same, where making the call again may help.
    pub fn retryable(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Answer(GuestError {
            kind,
            message: message.into(),
            retryable: true,
        })
    }
}

/// Answers a driver's calls.
pub trait DriverHost: Send {
    /// The value of a setting.
    fn conf(&mut self, key: &str) -> Option<String>;
    /// Sets a setting, before the first job.
    fn set_conf(&mut self, key: &str, value: &str) -> Result<(), Error>;
    /// Learns of datasets, parents first.
    fn define(&mut self, nodes: Vec<RddNode>) -> Result<(), Error>;
    /// Learns how many executors are to hold each kept partition of a dataset.
    fn replicate(&mut self, rdd: u32, copies: u32) -> Result<(), Error>;
    /// Forgets datasets.
    fn release(&mut self, rdds: Vec<u32>);
    /// Cuts text files into splits.
    fn text_file(&mut self, uri: &str, min_partitions: u32) -> Result<Vec<Split>, Error>;
    /// Cuts files of fixed-size records into splits.
    fn binary_file(
        &mut self,
        uri: &str,
        record_length: u32,
        min_partitions: u32,
    ) -> Result<Vec<Split>, Error>;
    /// Finds files, and cuts none.
    fn list_files(&mut self, uri: &str) -> Result<Vec<FoundFile>, Error>;
    /// Reads the footers of Parquet files, and puts row groups together into splits.
    fn parquet_file(&mut self, uri: &str, min_partitions: u32) -> Result<Vec<ColumnFile>, Error>;
    /// Starts a job whose tasks are forks of `image`.
    fn submit_job(&mut self, job: JobSpec, image: crate::Image) -> Result<u32, Error>;
    /// Waits for results of a job.
    fn await_job(&mut self, job: u32, timeout: Duration) -> Result<JobProgress, Error>;
    /// Takes what a job's tasks have added to accumulators.
    fn take_accumulators(&mut self, job: u32) -> Result<Vec<AccumulatorUpdate>, Error>;
    /// Cancels a job.
    fn cancel_job(&mut self, job: u32) -> Result<(), Error>;
    /// Begins an output folder.
    fn create_output(&mut self, uri: &str) -> Result<u32, Error>;
    /// Makes an output visible.
    fn commit_output(&mut self, output: u32) -> Result<(), Error>;
    /// Removes an output.
    fn abort_output(&mut self, output: u32) -> Result<(), Error>;
    /// Takes what the driver printed.
    fn log(&mut self, channel: Channel, bytes: &[u8]);
}

/// Answers a task's calls. Nothing that it writes is visible before the attempt is committed.
pub trait TaskHost: Any + Send {
    /// Opens the lines of a split.
    fn open_lines(&mut self, split: &Split) -> Result<u32, Error>;
    /// The next whole lines; empty at the end.
    fn read_lines(&mut self, reader: u32) -> Result<String, Error>;
    /// Opens columns of a split of row groups.
    fn open_columns(&mut self, split: &Split, names: &[String]) -> Result<u32, Error>;
    /// The columns of the next rows; none at the end.
    fn read_columns(&mut self, reader: u32) -> Result<Vec<Column>, Error>;
    /// Opens the bytes of a split.
    fn open_bytes(&mut self, split: &Split) -> Result<u32, Error>;
    /// Opens a whole file, decompressed.
    fn open_file(&mut self, whole: &Split) -> Result<u32, Error>;
    /// Opens a partition of a shuffle.
    fn open_shuffle(&mut self, shuffle: u32, partition: u32) -> Result<u32, Error>;
    /// Opens a cached partition, if it is there.
    fn open_block(&mut self, rdd: u32, partition: u32) -> Result<Option<u32>, Error>;
    /// The next bytes of a reader; empty at the end. Shared, since they are copied into the guest as they are.
    fn read_bytes(&mut self, reader: u32) -> Result<Arc<Vec<u8>>, Error>;
    /// Closes a reader.
    fn close_reader(&mut self, reader: u32);
    /// Adds a batch to a bucket of the shuffle that this task writes.
    fn write_shuffle(&mut self, partition: u32, batch: &[u8]) -> Result<(), Error>;
    /// Adds a batch to a cached partition.
    fn write_block(&mut self, rdd: u32, partition: u32, batch: Vec<u8>) -> Result<(), Error>;
    /// Adds a batch to a partition that is to be kept; false if there is no room for it.
    fn keep_block(
        &mut self,
        rdd: u32,
        partition: u32,
        level: BlockLevel,
        batch: Vec<u8>,
    ) -> Result<bool, Error>;
    /// Keeps a cached partition; false if there is no room.
    fn commit_block(&mut self, rdd: u32, partition: u32) -> Result<bool, Error>;
    /// Takes what this attempt has added to an accumulator.
    fn add_accumulator(&mut self, accumulator: u32, bytes: Vec<u8>) -> Result<(), Error>;
    /// Adds bytes to a file of an output.
    fn write_output(&mut self, output: u32, name: &str, bytes: &[u8]) -> Result<(), Error>;
    /// The same, compressed.
    fn write_compressed(
        &mut self,
        output: u32,
        name: &str,
        how: Compression,
        bytes: &[u8],
    ) -> Result<(), Error>;
    /// Adds rows to a Parquet file of an output.
    fn write_columns(&mut self, output: u32, name: &str, columns: Vec<Column>)
    -> Result<(), Error>;
    /// Puts a batch aside, at the end of a run.
    fn write_spill(&mut self, run: u32, batch: &[u8]) -> Result<(), Error>;
    /// Opens a run.
    fn open_spill(&mut self, run: u32) -> Result<u32, Error>;
    /// Forgets a run.
    fn drop_spill(&mut self, run: u32);
    /// Adds framed records, each to the bucket of its hash.
    fn write_frames(&mut self, batch: &[u8]) -> Result<(), Error>;
    /// Opens a partition of a shuffle of framed records, sorted by their prefixes.
    fn open_sorted(&mut self, shuffle: u32, partition: u32, descending: bool)
    -> Result<u32, Error>;
    /// Takes what the task printed, within the bound of its log.
    fn log(&mut self, channel: Channel, bytes: &[u8]);
}

/// Defines every import of the contract.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)?;
    driver::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)?;
    task::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)?;
    logging::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)?;
    add_zero_copy(linker)
}

/// The written globals at a checkpoint; those that the program does not have are 0.
type Globals = (
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
);

/// The calls that carry most bytes: the generated ones would copy them into a vector first, the whole memory at each
/// checkpoint and each cached block at each reading.
fn add_zero_copy(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance("tinderbox:job/driver@0.1.0")?.func_wrap(
        "checkpoint",
        |mut store: StoreContextMut<'_, Guest>, (memory, globals): (WasmList<u8>, Globals)| {
            let (a, b, c, d, e, f, g, h, i, j, k, l, m, n) = globals;
            let image = store.data().take_image(
                memory.as_le_slice(&store),
                &[a, b, c, d, e, f, g, h, i, j, k, l, m, n],
            );
            store.data_mut().checkpointed(image);
            Ok(())
        },
    )?;
    linker.instance("tinderbox:job/task@0.1.0")?.func_wrap(
        "read-bytes",
        |mut store: StoreContextMut<'_, Guest>, (reader,): (u32,)| {
            let guest = store.data_mut();
            match guest.task().and_then(|host| host.read_bytes(reader)) {
                Ok(bytes) => Ok((Ok(bytes),)),
                Err(error) => types::Host::convert_error(guest, error).map(|error| (Err(error),)),
            }
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

impl types::Host for Guest {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<GuestError> {
        match error {
            Error::Answer(error) => Ok(error),
            Error::Trap(error) => Err(error),
        }
    }
}

impl driver::Host for Guest {
    fn checkpoint(&mut self, _: Vec<u8>, _: Globals) -> wasmtime::Result<()> {
        unreachable!("`add_zero_copy` defines it")
    }

    fn conf(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.driver().ok().and_then(|host| host.conf(&key)))
    }

    fn set_conf(&mut self, key: String, value: String) -> Result<(), Error> {
        self.driver()?.set_conf(&key, &value)
    }

    fn define(&mut self, nodes: Vec<RddNode>) -> Result<(), Error> {
        self.driver()?.define(nodes)
    }

    fn replicate(&mut self, rdd: u32, copies: u32) -> Result<(), Error> {
        self.driver()?.replicate(rdd, copies)
    }

    fn release(&mut self, rdds: Vec<u32>) -> wasmtime::Result<()> {
        if let Ok(host) = self.driver() {
            host.release(rdds);
        }
        Ok(())
    }

    fn text_file(&mut self, uri: String, min_partitions: u32) -> Result<Vec<Split>, Error> {
        self.driver()?.text_file(&uri, min_partitions)
    }

    fn binary_file(
        &mut self,
        uri: String,
        record_length: u32,
        min_partitions: u32,
    ) -> Result<Vec<Split>, Error> {
        self.driver()?
            .binary_file(&uri, record_length, min_partitions)
    }

    fn list_files(&mut self, uri: String) -> Result<Vec<FoundFile>, Error> {
        self.driver()?.list_files(&uri)
    }

    fn parquet_file(&mut self, uri: String, min_partitions: u32) -> Result<Vec<ColumnFile>, Error> {
        self.driver()?.parquet_file(&uri, min_partitions)
    }

    fn submit_job(&mut self, job: JobSpec) -> Result<u32, Error> {
        let image = self.image_for_job()?;
        self.driver()?.submit_job(job, image)
    }

    fn await_job(&mut self, job: u32, timeout_ms: u64) -> Result<JobProgress, Error> {
        self.driver()?
            .await_job(job, Duration::from_millis(timeout_ms))
    }

    fn take_accumulators(&mut self, job: u32) -> Result<Vec<AccumulatorUpdate>, Error> {
        self.driver()?.take_accumulators(job)
    }

    fn cancel_job(&mut self, job: u32) -> Result<(), Error> {
        self.driver()?.cancel_job(job)
    }

    fn create_output(&mut self, uri: String) -> Result<u32, Error> {
        self.driver()?.create_output(&uri)
    }

    fn commit_output(&mut self, output: u32) -> Result<(), Error> {
        self.driver()?.commit_output(output)
    }

    fn abort_output(&mut self, output: u32) -> Result<(), Error> {
        self.driver()?.abort_output(output)
    }
}

impl task::Host for Guest {
    fn open_lines(&mut self, part: Split) -> Result<u32, Error> {
        self.task()?.open_lines(&part)
    }

    fn read_lines(&mut self, reader: u32) -> Result<String, Error> {
        self.task()?.read_lines(reader)
    }

    fn open_columns(&mut self, part: Split, names: Vec<String>) -> Result<u32, Error> {
        self.task()?.open_columns(&part, &names)
    }

    fn read_columns(&mut self, reader: u32) -> Result<Vec<Column>, Error> {
        self.task()?.read_columns(reader)
    }

    fn open_bytes(&mut self, part: Split) -> Result<u32, Error> {
        self.task()?.open_bytes(&part)
    }

    fn open_file(&mut self, whole: Split) -> Result<u32, Error> {
        self.task()?.open_file(&whole)
    }

    fn open_shuffle(&mut self, shuffle: u32, partition: u32) -> Result<u32, Error> {
        self.task()?.open_shuffle(shuffle, partition)
    }

    fn open_block(&mut self, rdd: u32, partition: u32) -> Result<Option<u32>, Error> {
        self.task()?.open_block(rdd, partition)
    }

    fn read_bytes(&mut self, _: u32) -> Result<Vec<u8>, Error> {
        unreachable!("`add_zero_copy` defines it")
    }

    fn close_reader(&mut self, reader: u32) -> wasmtime::Result<()> {
        if let Ok(host) = self.task() {
            host.close_reader(reader);
        }
        Ok(())
    }

    fn write_shuffle(&mut self, partition: u32, batch: Vec<u8>) -> Result<(), Error> {
        self.task()?.write_shuffle(partition, &batch)
    }

    fn write_block(&mut self, rdd: u32, partition: u32, batch: Vec<u8>) -> Result<(), Error> {
        self.task()?.write_block(rdd, partition, batch)
    }

    fn keep_block(
        &mut self,
        rdd: u32,
        partition: u32,
        level: BlockLevel,
        batch: Vec<u8>,
    ) -> Result<bool, Error> {
        self.task()?.keep_block(rdd, partition, level, batch)
    }

    fn commit_block(&mut self, rdd: u32, partition: u32) -> Result<bool, Error> {
        self.task()?.commit_block(rdd, partition)
    }

    fn add_accumulator(&mut self, accumulator: u32, bytes: Vec<u8>) -> Result<(), Error> {
        self.task()?.add_accumulator(accumulator, bytes)
    }

    fn write_output(&mut self, output: u32, name: String, bytes: Vec<u8>) -> Result<(), Error> {
        self.task()?.write_output(output, &name, &bytes)
    }

    fn write_compressed(
        &mut self,
        output: u32,
        name: String,
        how: Compression,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        self.task()?.write_compressed(output, &name, how, &bytes)
    }

    fn write_columns(
        &mut self,
        output: u32,
        name: String,
        columns: Vec<Column>,
    ) -> Result<(), Error> {
        self.task()?.write_columns(output, &name, columns)
    }

    fn write_spill(&mut self, run: u32, batch: Vec<u8>) -> Result<(), Error> {
        self.task()?.write_spill(run, &batch)
    }

    fn open_spill(&mut self, run: u32) -> Result<u32, Error> {
        self.task()?.open_spill(run)
    }

    fn drop_spill(&mut self, run: u32) -> wasmtime::Result<()> {
        if let Ok(host) = self.task() {
            host.drop_spill(run);
        }
        Ok(())
    }

    fn write_frames(&mut self, batch: Vec<u8>) -> Result<(), Error> {
        self.task()?.write_frames(&batch)
    }

    fn open_sorted(
        &mut self,
        shuffle: u32,
        partition: u32,
        descending: bool,
    ) -> Result<u32, Error> {
        self.task()?.open_sorted(shuffle, partition, descending)
    }
}

impl logging::Host for Guest {
    fn log(&mut self, to: Channel, bytes: Vec<u8>) -> wasmtime::Result<()> {
        self.print(to, &bytes);
        Ok(())
    }

    fn panicked(&mut self, message: String, place: String) -> wasmtime::Result<()> {
        self.panic = Some(Panic { message, place });
        Ok(())
    }
}
