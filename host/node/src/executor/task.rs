//! A task's side of the host: what it reads, and what it writes until its attempt is committed.

use std::sync::Arc;

use sandbox::{BlockLevel, Channel, Column, Error, ErrorKind, Split, TaskHost};
use scheduler::{FailureKind, RddId, ShuffleId, Task, TaskFailure, TaskMetrics, Work};
use store::{
    BlockReader, Compression, Files, FrameOrder, FrameRouter, FrameSorter, MapOutputWriter,
    SpillFile,
};

use super::added::Added;
use super::columns::{self, ColumnFiles};
use super::cost::Counter;
use super::kept::KeptBlocks;
use super::lines::Line;
use super::outputs::{AttemptOutputs, compression};
use super::readers::{Reader, Readers};
use super::sorted::SortedReader;
use super::{DriverRef, Executor, Leaves, Reach, sources};
use crate::column::{column_error, given};
use crate::guest_error::guest_error;
use crate::store_wait::StoreWait;

/// Answers the calls of one attempt.
pub(crate) struct TaskSide {
    executor: Arc<Executor>,
    driver: Arc<dyn DriverRef>,
    task: Task,
    readers: Readers,
    map_output: Option<MapOutputWriter>,
    /// Where the host partitions.
    router: Option<FrameRouter>,
    /// Begun when there is something to put aside.
    spills: Option<SpillFile>,
    kept: KeptBlocks,
    outputs: AttemptOutputs,
    added: Added,
    column_files: ColumnFiles,
    lines: [Line; 2],
    reach: Reach,
    /// Known when there is something to read.
    files: Option<Files>,
    wait: StoreWait,
    /// Why the attempt failed, if the host knows better than the guest.
    failure: Option<TaskFailure>,
}

impl TaskSide {
    pub(super) fn new(
        executor: Arc<Executor>,
        driver: Arc<dyn DriverRef>,
        task: Task,
        reach: Reach,
    ) -> Self {
        Self {
            kept: KeptBlocks::new(Arc::clone(&executor.blocks)),
            files: None,
            executor,
            driver,
            task,
            readers: Readers::default(),
            map_output: None,
            router: None,
            spills: None,
            outputs: AttemptOutputs::default(),
            wait: StoreWait::new(reach.kill.clone()),
            added: Added::default(),
            column_files: ColumnFiles::default(),
            lines: Default::default(),
            reach,
            failure: None,
        }
    }

    /// Completes what a successful attempt wrote, and asks for its commit where it has an output.
    fn finish(&mut self, result: Vec<u8>) -> Result<Leaves, TaskFailure> {
        let map_output = match self.task.work {
            Work::Action { .. } => None,
            // Also one that wrote nothing: its partition is empty, not missing.
            Work::ShuffleMap {
                shuffle, buckets, ..
            } => {
                let router = self.router.take();
                self.open_map_output(shuffle, buckets)
                    .and_then(|output| router.map_or(Ok(()), |router| router.finish(output)))
                    .map_err(|error| io(&error))?;
                self.map_output
                    .take()
                    .map(MapOutputWriter::finish)
                    .transpose()
                    .map_err(|error| io(&error))?
            }
        };
        self.commit_outputs()?;
        let added = std::mem::take(&mut self.added).into_updates();
        Ok(Leaves {
            result,
            map_output,
            added,
        })
    }

    fn commit_outputs(&mut self) -> Result<(), TaskFailure> {
        if self.outputs.is_empty() {
            return Ok(());
        }
        for file in self.column_files.finish() {
            let ((output, name), rest) = file.map_err(|error| failure(&error))?;
            self.write_output(output, &name, &rest)
                .map_err(|error| failure(&error))?;
        }
        self.outputs.flush(&self.wait).map_err(|error| io(&error))?;
        if !self.driver.ask_commit(self.task.attempt) {
            return Err(TaskFailure::new(
                FailureKind::CommitDenied,
                "another attempt makes the output visible",
            ));
        }
        self.outputs.commit(&self.wait).map_err(|error| io(&error))
    }

    fn open_map_output(
        &mut self,
        shuffle: ShuffleId,
        buckets: u32,
    ) -> store::Result<&mut MapOutputWriter> {
        match &mut self.map_output {
            Some(writer) => Ok(writer),
            none => {
                let writer = self.driver.write_map_output(&self.task, shuffle, buckets)?;
                let fetched = matches!(self.task.work, Work::ShuffleMap { fetched: true, .. });
                let codec = self.executor.settings.io_compression_codec(fetched);
                Ok(none.insert(writer.with_codec(codec)))
            }
        }
    }

    /// The shuffle that this task writes, and how many buckets it has.
    fn written_shuffle(&self) -> Result<(ShuffleId, u32), Error> {
        match self.task.work {
            Work::ShuffleMap {
                shuffle, buckets, ..
            } => Ok((shuffle, buckets)),
            Work::Action { .. } => Err(Error::new(
                ErrorKind::InvalidArgument,
                "only a map task writes a shuffle",
            )),
        }
    }

    fn spill_file(&mut self) -> store::Result<&mut SpillFile> {
        match &mut self.spills {
            Some(spills) => Ok(spills),
            none => {
                let folder = &self.executor.spill_folder;
                Ok(none.insert(SpillFile::create(folder, self.task.attempt)?))
            }
        }
    }

    /// Tells the driver of blocks that had to go for this task's, or were found damaged.
    fn tell_dropped(&self) {
        for (rdd, partition) in self.executor.blocks.take_dropped() {
            self.driver.block_dropped(rdd, partition);
        }
    }

    fn print(&self, channel: Channel, lines: &[u8]) {
        if !lines.is_empty() {
            self.executor.console.task(self.task.name, channel, lines);
        }
    }

    fn count(&self, counter: Counter, bytes: usize) {
        self.reach.cost.add(counter, bytes);
    }

    /// The guest is told; and where it is not the guest's fault, the scheduler will be.
    fn answer(&mut self, error: store::Error) -> Error {
        let failure = match &error {
            store::Error::FetchFailed {
                shuffle,
                map_partition,
                ..
            } => {
                let kind = FailureKind::FetchFailed {
                    shuffle: *shuffle,
                    map_partition: *map_partition,
                };
                Some(TaskFailure::new(kind, error.to_string()))
            }
            store::Error::Unanswered { .. }
            | store::Error::Remote { .. }
            | store::Error::DiskFull(_)
            | store::Error::Io { .. } => Some(io(&error)),
            _ => None,
        };
        // That one who was killed reads no more is nobody else's fault.
        let failure = failure.filter(|_| self.reach.kill.reason().is_none());
        self.failure = self.failure.take().or(failure);
        guest_error(&error)
    }

    fn files(&mut self) -> Files {
        let of_task = || self.executor.files.of_task();
        self.files.get_or_insert_with(of_task).clone()
    }

    fn opened(&mut self, reader: store::Result<Reader>) -> Result<u32, Error> {
        let reader = reader.map_err(|error| self.answer(error))?;
        self.readers.open(reader)
    }

    fn write_file(
        &mut self,
        output: u32,
        file: (&str, Option<Compression>),
        bytes: &[u8],
    ) -> Result<(), Error> {
        let (driver, attempt) = (&self.driver, self.task.attempt);
        let find = |number| driver.output(number);
        let written = self
            .outputs
            .write((output, attempt), find, file, bytes, &self.wait);
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no output {output}"));
        written
            .ok_or_else(missing)?
            .map_err(|error| self.answer(error))?;
        self.count(|metrics| &mut metrics.bytes_written, bytes.len());
        Ok(())
    }

    fn read_next(&mut self, number: u32) -> Result<Arc<Vec<u8>>, Error> {
        let (batch, counter) = self.readers.read(number, &self.reach.kill, &self.wait)?;
        let batch = batch.map_err(|error| self.answer(error))?;
        if let Some(counter) = counter {
            self.count(counter, batch.len());
        }
        Ok(batch)
    }
}

impl TaskHost for TaskSide {
    fn open_lines(&mut self, split: &Split) -> Result<u32, Error> {
        let longest = self.executor.limits.memory_bytes;
        let opened = sources::open_lines(&self.files(), &self.wait, split, longest);
        self.opened(opened)
    }

    fn read_lines(&mut self, reader: u32) -> Result<String, Error> {
        let lines = self.readers.read_lines(reader, &self.wait)?;
        let lines = lines.map_err(|error| self.answer(error))?;
        self.count(|metrics| &mut metrics.bytes_read, lines.len());
        Ok(lines)
    }

    fn open_columns(&mut self, split: &Split, names: &[String]) -> Result<u32, Error> {
        let memory = self.executor.limits.memory_bytes as u64;
        let opened = columns::open(
            &self.executor.files,
            &self.wait,
            split,
            names,
            (&self.reach.cost, memory),
        )?;
        let reader = opened.map_err(|error| self.answer(error))?;
        self.readers.open(Reader::Columns(Box::new(reader)))
    }

    fn read_columns(&mut self, reader: u32) -> Result<Vec<Column>, Error> {
        let columns = self.readers.read_columns(reader, &self.wait)?;
        let columns = columns.map_err(|error| column_error(&error))?;
        Ok(columns.into_iter().map(given).collect())
    }

    fn open_bytes(&mut self, split: &Split) -> Result<u32, Error> {
        let opened = sources::open_bytes(&self.files(), &self.wait, split);
        self.opened(opened)
    }

    fn open_file(&mut self, whole: &Split) -> Result<u32, Error> {
        let opened = sources::open_file(&self.files(), &self.wait, whole);
        self.opened(opened)
    }

    fn open_shuffle(&mut self, shuffle: u32, partition: u32) -> Result<u32, Error> {
        let opened = self
            .driver
            .read_shuffle(&self.task, ShuffleId(shuffle), partition);
        self.opened(opened.map(Reader::Shuffle))
    }

    fn open_block(&mut self, rdd: u32, partition: u32) -> Result<Option<u32>, Error> {
        let rdd = RddId(rdd);
        let own = self.kept.take_own(rdd, partition);
        let here = own.or_else(|| self.executor.blocks.open(rdd, partition));
        self.tell_dropped();
        let there = || self.driver.remote_block(rdd, partition);
        let block = here.or_else(|| there().map(|(_, block)| BlockReader::of_memory(block)));
        block
            .map(|block| self.readers.open(Reader::Block(block)))
            .transpose()
    }

    fn read_bytes(&mut self, reader: u32) -> Result<Arc<Vec<u8>>, Error> {
        self.read_next(reader)
    }

    fn close_reader(&mut self, reader: u32) {
        self.readers.close(reader);
    }

    fn open_sorted(
        &mut self,
        shuffle: u32,
        partition: u32,
        descending: bool,
    ) -> Result<u32, Error> {
        let opened = self
            .driver
            .read_shuffle(&self.task, ShuffleId(shuffle), partition);
        let reader = opened.map_err(|error| self.answer(error))?;
        let order = if descending {
            FrameOrder::Descending
        } else {
            FrameOrder::Ascending
        };
        // The program has a task's memory, and needs little of it meanwhile.
        let budget = self.executor.limits.memory_bytes / 2;
        let folder = self.executor.spill_folder.clone();
        let sorter = FrameSorter::new(order, budget, folder, self.task.attempt);
        let reader = SortedReader::new(reader, sorter, self.reach.cost.clone());
        self.readers.open(Reader::Sorted(Box::new(reader)))
    }

    fn write_frames(&mut self, batch: &[u8]) -> Result<(), Error> {
        let (shuffle, buckets) = self.written_shuffle()?;
        let mut router = self.router.take();
        let written = self.open_map_output(shuffle, buckets).and_then(|output| {
            let router = router.get_or_insert_with(|| FrameRouter::new(buckets));
            router.write(batch, output)
        });
        self.router = router;
        written.map_err(|error| self.answer(error))?;
        self.count(|metrics| &mut metrics.shuffle_write_bytes, batch.len());
        Ok(())
    }

    fn write_shuffle(&mut self, partition: u32, batch: &[u8]) -> Result<(), Error> {
        let (shuffle, buckets) = self.written_shuffle()?;
        let written = self
            .open_map_output(shuffle, buckets)
            .and_then(|output| output.write(partition, batch));
        written.map_err(|error| self.answer(error))?;
        self.count(|metrics| &mut metrics.shuffle_write_bytes, batch.len());
        Ok(())
    }

    fn write_block(&mut self, rdd: u32, partition: u32, batch: Vec<u8>) -> Result<(), Error> {
        self.kept.write(RddId(rdd), partition, batch);
        self.tell_dropped();
        Ok(())
    }

    fn keep_block(
        &mut self,
        rdd: u32,
        partition: u32,
        level: BlockLevel,
        batch: Vec<u8>,
    ) -> Result<bool, Error> {
        let taken = self.kept.keep(RddId(rdd), partition, level, batch);
        self.tell_dropped();
        taken.map_err(|error| self.answer(error))
    }

    fn commit_block(&mut self, rdd: u32, partition: u32) -> Result<bool, Error> {
        let rdd = RddId(rdd);
        let Some(bytes) = self.kept.commit(rdd, partition) else {
            return Ok(false);
        };
        self.driver.block_stored(rdd, partition);
        self.count(|metrics| &mut metrics.blocks_written_bytes, bytes);
        Ok(true)
    }

    fn add_accumulator(&mut self, accumulator: u32, bytes: Vec<u8>) -> Result<(), Error> {
        self.added.add(accumulator, bytes)
    }

    fn write_output(&mut self, output: u32, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.write_file(output, (name, None), bytes)
    }

    fn write_compressed(
        &mut self,
        output: u32,
        name: &str,
        how: sandbox::Compression,
        bytes: &[u8],
    ) -> Result<(), Error> {
        self.write_file(output, (name, Some(compression(how))), bytes)
    }

    fn write_columns(
        &mut self,
        output: u32,
        name: &str,
        columns: Vec<Column>,
    ) -> Result<(), Error> {
        // First the file: what is no output has no columns.
        self.write_output(output, name, &[])?;
        let bytes = self.column_files.write((output, name), columns)?;
        self.write_output(output, name, &bytes)
    }

    fn write_spill(&mut self, run: u32, batch: &[u8]) -> Result<(), Error> {
        let begins = self
            .spill_file()
            .and_then(|spills| spills.write(run, batch))
            .map_err(|error| self.answer(error))?;
        self.count(|metrics| &mut metrics.spilled_bytes, batch.len());
        self.count(|metrics| &mut metrics.spills, usize::from(begins));
        Ok(())
    }

    fn open_spill(&mut self, run: u32) -> Result<u32, Error> {
        let opened = self.spill_file().and_then(|spills| spills.open(run));
        self.opened(opened.map(Reader::Spill))
    }

    fn drop_spill(&mut self, run: u32) {
        if let Some(spills) = &mut self.spills {
            spills.remove(run);
        }
    }

    fn log(&mut self, channel: Channel, bytes: &[u8]) {
        let lines = self.lines[channel as usize].complete(bytes);
        self.print(channel, &lines);
    }
}

/// How the host gets its task back from the sandbox.
pub(crate) struct Ended {
    pub(crate) outcome: Result<Leaves, TaskFailure>,
    pub(crate) metrics: TaskMetrics,
}

impl TaskSide {
    /// Ends the attempt: what it wrote is complete, or gone.
    pub(crate) fn end(mut self, result: Result<Vec<u8>, TaskFailure>) -> Ended {
        for channel in [Channel::Stdout, Channel::Stderr] {
            let rest = self.lines[channel as usize].rest();
            self.print(channel, &rest);
        }
        let outcome = match result {
            Ok(result) => {
                let bytes = result.len() + self.added.bytes();
                self.count(|metrics| &mut metrics.result_bytes, bytes);
                self.count(|metrics| &mut metrics.accumulators, self.added.len());
                self.finish(result)
            }
            Err(failure) => Err(self.failure.take().unwrap_or(failure)),
        };
        Ended {
            outcome,
            metrics: self.reach.cost.so_far(),
        }
    }
}

/// What the guest would have been told, had it not ended.
fn failure(error: &Error) -> TaskFailure {
    let reason = match error {
        Error::Answer(error) => error.message.clone(),
        Error::Trap(trap) => trap.to_string(),
    };
    TaskFailure::new(FailureKind::Io, reason)
}

fn io(error: &store::Error) -> TaskFailure {
    TaskFailure::new(FailureKind::Io, error.to_string())
}
