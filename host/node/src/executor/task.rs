//! A task's side of the host: what it reads, and what it writes until its attempt is committed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use sandbox::{BlockLevel, Channel, Error, ErrorKind, Split, TaskHost};
use scheduler::{FailureKind, RddId, ShuffleId, Task, TaskFailure, TaskMetrics, Work};
use store::source::{ByteReader, LineReader};
use store::{AttemptOutput, BlockReader, MapOutputWriter, SpillFile};

use super::added::Added;
use super::cost::Counter;
use super::kept::KeptBlocks;
use super::lines::Line;
use super::readers::{Reader, Readers};
use super::{DriverRef, Executor, Leaves, Reach};
use crate::guest_error::guest_error;

/// Answers the calls of one attempt.
pub(crate) struct TaskSide {
    executor: Arc<Executor>,
    driver: Arc<dyn DriverRef>,
    task: Task,
    readers: Readers,
    map_output: Option<MapOutputWriter>,
    /// Begun when there is something to put aside.
    spills: Option<SpillFile>,
    kept: KeptBlocks,
    outputs: BTreeMap<u32, AttemptOutput>,
    added: Added,
    lines: [Line; 2],
    reach: Reach,
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
            executor,
            driver,
            task,
            readers: Readers::default(),
            map_output: None,
            spills: None,
            outputs: BTreeMap::new(),
            added: Added::default(),
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
            Work::ShuffleMap { shuffle, buckets } => {
                self.open_map_output(shuffle, buckets)
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
        self.outputs
            .values_mut()
            .try_for_each(AttemptOutput::flush)
            .map_err(|error| io(&error))?;
        if !self.driver.ask_commit(self.task.attempt) {
            return Err(TaskFailure::new(
                FailureKind::CommitDenied,
                "another attempt makes the output visible",
            ));
        }
        std::mem::take(&mut self.outputs)
            .into_values()
            .try_for_each(AttemptOutput::commit)
            .map_err(|error| io(&error))
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
                Ok(none.insert(writer))
            }
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
            | store::Error::DiskFull(_)
            | store::Error::Io { .. } => Some(io(&error)),
            _ => None,
        };
        // That one who was killed reads no more is nobody else's fault.
        let failure = failure.filter(|_| self.reach.kill.reason().is_none());
        self.failure = self.failure.take().or(failure);
        guest_error(&error)
    }

    fn read_next(&mut self, number: u32) -> Result<Arc<Vec<u8>>, Error> {
        let (batch, counter) = self.readers.read(number, &self.reach.kill)?;
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
        let reader = self
            .executor
            .grants
            .readable(&split.uri)
            .and_then(|path| LineReader::open(&path, split.start, split.length, longest));
        let reader = reader.map_err(|error| self.answer(error))?;
        self.readers.open(Reader::Lines(reader))
    }

    fn read_lines(&mut self, reader: u32) -> Result<String, Error> {
        let lines = self.readers.read_lines(reader)?;
        let lines = lines.map_err(|error| self.answer(error))?;
        self.count(|metrics| &mut metrics.bytes_read, lines.len());
        Ok(lines)
    }

    fn open_bytes(&mut self, split: &Split) -> Result<u32, Error> {
        let path = self.executor.grants.readable(&split.uri);
        let reader = path
            .and_then(|path| ByteReader::open(&path, split.start, split.length))
            .map_err(|error| self.answer(error))?;
        self.readers.open(Reader::Bytes(reader))
    }

    fn open_shuffle(&mut self, shuffle: u32, partition: u32) -> Result<u32, Error> {
        let opened = self
            .driver
            .read_shuffle(&self.task, ShuffleId(shuffle), partition);
        let reader = opened.map_err(|error| self.answer(error))?;
        self.readers.open(Reader::Shuffle(reader))
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

    fn write_shuffle(&mut self, partition: u32, batch: &[u8]) -> Result<(), Error> {
        let Work::ShuffleMap { shuffle, buckets } = self.task.work else {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "only a map task writes a shuffle",
            ));
        };
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
        let attempt = self.task.attempt;
        let file = match self.outputs.entry(output) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let missing =
                    || Error::new(ErrorKind::NotFound, format!("there is no output {output}"));
                let known = self.driver.output(output).ok_or_else(missing)?;
                entry.insert(known.attempt(attempt))
            }
        };
        file.write(name, bytes)
            .map_err(|error| self.answer(error))?;
        self.count(|metrics| &mut metrics.bytes_written, bytes.len());
        Ok(())
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
        let reader = opened.map_err(|error| self.answer(error))?;
        self.readers.open(Reader::Spill(reader))
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

fn io(error: &store::Error) -> TaskFailure {
    TaskFailure::new(FailureKind::Io, error.to_string())
}
