//! A task's side of the host: its readers, and what it writes until its attempt is committed.

use std::collections::BTreeMap;
use std::sync::Arc;

use sandbox::{Channel, Error, ErrorKind, Split, TaskHost};
use scheduler::{FailureKind, Input, RddId, ShuffleId, Task, TaskFailure, TaskMetrics, Work};
use store::source::{ByteReader, LineReader};
use store::{AttemptOutput, Block, MapOutputWriter, ShuffleReader};

use crate::application::{Application, LOCAL_EXECUTOR, Yield};

/// Bytes of a record source handed over at a time: they stay in the second-level cache.
const BATCH_BYTES: usize = 256 << 10;

/// Readers that a task may have open at a time: each may hold a file, and those are the whole process's.
const READERS_MAX: usize = 256;

/// A line that is longer is handed on in pieces.
const LINE_BYTES_MAX: usize = 64 << 10;

enum Reader {
    Lines(LineReader),
    /// And the length of a batch: whole records.
    Bytes(ByteReader),
    Shuffle(ShuffleReader),
    Block {
        block: Block,
        next: usize,
    },
}

/// Where bytes that were read are counted.
type Counter = fn(&mut TaskMetrics) -> &mut u64;

/// A partition on its way into the cache.
#[derive(Default)]
struct PendingBlock {
    batches: Vec<Arc<Vec<u8>>>,
    bytes: usize,
    /// It was more than the cache could ever hold, and is gone.
    too_large: bool,
}

/// What was printed since the last line end: a program prints in pieces, and a log has lines.
#[derive(Default)]
struct Line(Vec<u8>);

impl Line {
    /// Takes in a piece, and gives what is whole lines by now.
    fn complete(&mut self, piece: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(piece);
        let end = match self.0.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None if self.0.len() > LINE_BYTES_MAX => self.0.len(),
            None => 0,
        };
        self.0.drain(..end).collect()
    }
}

/// Answers the calls of one attempt.
pub(crate) struct TaskSide {
    application: Arc<Application>,
    task: Task,
    readers: BTreeMap<u32, Reader>,
    next_reader: u32,
    map_output: Option<MapOutputWriter>,
    blocks: BTreeMap<(RddId, u32), PendingBlock>,
    outputs: BTreeMap<u32, AttemptOutput>,
    lines: [Line; 2],
    metrics: TaskMetrics,
    /// Why the attempt failed, if the host knows better than the guest.
    failure: Option<TaskFailure>,
}

impl TaskSide {
    pub(crate) fn new(application: Arc<Application>, task: Task) -> Self {
        Self {
            application,
            task,
            readers: BTreeMap::new(),
            next_reader: 0,
            map_output: None,
            blocks: BTreeMap::new(),
            outputs: BTreeMap::new(),
            lines: Default::default(),
            metrics: TaskMetrics::default(),
            failure: None,
        }
    }

    /// Completes what a successful attempt wrote, and asks for its commit where it has an output.
    fn finish(&mut self, result: Vec<u8>) -> Result<Yield, TaskFailure> {
        let map_output = match self.task.work {
            Work::Action { .. } => None,
            // Also one that wrote nothing: its partition is empty, not missing.
            Work::ShuffleMap { shuffle } => {
                self.open_map_output(shuffle).map_err(|error| io(&error))?;
                self.map_output
                    .take()
                    .map(MapOutputWriter::finish)
                    .transpose()
                    .map_err(|error| io(&error))?
            }
        };
        self.commit_outputs()?;
        Ok(Yield { result, map_output })
    }

    fn commit_outputs(&mut self) -> Result<(), TaskFailure> {
        if self.outputs.is_empty() {
            return Ok(());
        }
        self.outputs
            .values_mut()
            .try_for_each(AttemptOutput::flush)
            .map_err(|error| io(&error))?;
        if !self.application.ask_commit(self.task.attempt) {
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

    fn open_map_output(&mut self, shuffle: ShuffleId) -> store::Result<&mut MapOutputWriter> {
        match &mut self.map_output {
            Some(writer) => Ok(writer),
            none => Ok(none.insert(
                self.application
                    .shuffles
                    .writer(shuffle, self.task.attempt)?,
            )),
        }
    }

    fn open(&mut self, reader: Reader) -> Result<u32, Error> {
        if self.readers.len() >= READERS_MAX {
            let message =
                format!("a task may have {READERS_MAX} readers open at a time; close some");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        let number = self.next_reader;
        self.next_reader = number.wrapping_add(1);
        self.readers.insert(number, reader);
        Ok(number)
    }

    fn print(&self, channel: Channel, lines: &[u8]) {
        if !lines.is_empty() {
            self.application
                .console
                .task(self.task.name, channel, lines);
        }
    }

    fn reader(&mut self, number: u32) -> Result<&mut Reader, Error> {
        self.readers.get_mut(&number).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("reader {number} is not open"),
            )
        })
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
            store::Error::DiskFull(_) | store::Error::Io { .. } => Some(io(&error)),
            _ => None,
        };
        self.failure = self.failure.take().or(failure);
        guest_error(&error)
    }

    fn read_next(&mut self, number: u32) -> Result<Arc<Vec<u8>>, Error> {
        let (batch, counter): (store::Result<Arc<Vec<u8>>>, Counter) = match self.reader(number)? {
            Reader::Lines(_) => {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    "lines are read with `read-lines`",
                ));
            }
            Reader::Bytes(reader) => (reader.read(BATCH_BYTES).map(Arc::new), |metrics| {
                &mut metrics.bytes_read
            }),
            Reader::Shuffle(reader) => (reader.read().map(Arc::new), |metrics| {
                &mut metrics.shuffle_read_bytes
            }),
            Reader::Block { block, next } => {
                let batch = block.get(*next).map(Arc::clone).unwrap_or_default();
                *next += 1;
                (Ok(batch), |metrics| &mut metrics.blocks_read_bytes)
            }
        };
        let batch = batch.map_err(|error| self.answer(error))?;
        *counter(&mut self.metrics) += batch.len() as u64;
        Ok(batch)
    }
}

impl TaskHost for TaskSide {
    fn open_lines(&mut self, split: &Split) -> Result<u32, Error> {
        let longest = self.application.limits.memory_bytes;
        let reader = self
            .application
            .grants
            .readable(&split.uri)
            .and_then(|path| LineReader::open(&path, split.start, split.length, longest));
        let reader = reader.map_err(|error| self.answer(error))?;
        self.open(Reader::Lines(reader))
    }

    fn read_lines(&mut self, reader: u32) -> Result<String, Error> {
        let Reader::Lines(lines) = self.reader(reader)? else {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "only what `open-lines` opened has lines",
            ));
        };
        let lines = lines.read().map_err(|error| self.answer(error))?;
        self.metrics.bytes_read += lines.len() as u64;
        Ok(lines)
    }

    fn open_bytes(&mut self, split: &Split) -> Result<u32, Error> {
        let path = self.application.grants.readable(&split.uri);
        let reader = path
            .and_then(|path| ByteReader::open(&path, split.start, split.length))
            .map_err(|error| self.answer(error))?;
        self.open(Reader::Bytes(reader))
    }

    fn open_shuffle(&mut self, shuffle: u32, partition: u32) -> Result<u32, Error> {
        let reader = self
            .application
            .shuffles
            .open(ShuffleId(shuffle), partition);
        self.open(Reader::Shuffle(reader))
    }

    fn open_block(&mut self, rdd: u32, partition: u32) -> Result<Option<u32>, Error> {
        let block = self.application.blocks.get(RddId(rdd), partition);
        block
            .map(|block| self.open(Reader::Block { block, next: 0 }))
            .transpose()
    }

    fn read_bytes(&mut self, reader: u32) -> Result<Arc<Vec<u8>>, Error> {
        self.read_next(reader)
    }

    fn close_reader(&mut self, reader: u32) {
        self.readers.remove(&reader);
    }

    fn write_shuffle(&mut self, partition: u32, batch: &[u8]) -> Result<(), Error> {
        let Work::ShuffleMap { shuffle } = self.task.work else {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "only a map task writes a shuffle",
            ));
        };
        let written = self
            .open_map_output(shuffle)
            .and_then(|output| output.write(partition, batch));
        written.map_err(|error| self.answer(error))?;
        self.metrics.shuffle_write_bytes += batch.len() as u64;
        Ok(())
    }

    fn write_block(&mut self, rdd: u32, partition: u32, batch: Vec<u8>) -> Result<(), Error> {
        let pending: usize = self.blocks.values().map(|block| block.bytes).sum();
        let block = self.blocks.entry((RddId(rdd), partition)).or_default();
        block.too_large |= pending + batch.len() > self.application.blocks.budget_bytes();
        if block.too_large {
            *block = PendingBlock {
                too_large: true,
                ..PendingBlock::default()
            };
        } else {
            block.bytes += batch.len();
            block.batches.push(Arc::new(batch));
        }
        Ok(())
    }

    fn commit_block(&mut self, rdd: u32, partition: u32) -> Result<bool, Error> {
        let rdd = RddId(rdd);
        let PendingBlock {
            batches,
            bytes,
            too_large,
        } = self.blocks.remove(&(rdd, partition)).unwrap_or_default();
        if too_large {
            return Ok(false);
        }
        let Some(dropped) = self.application.blocks.put(rdd, partition, batches) else {
            return Ok(false);
        };
        for (rdd, partition) in dropped {
            self.application.feed(Input::BlockDropped {
                rdd,
                partition,
                executor: LOCAL_EXECUTOR,
            });
        }
        self.application.feed(Input::BlockStored {
            rdd,
            partition,
            executor: LOCAL_EXECUTOR,
        });
        self.metrics.blocks_written_bytes += bytes as u64;
        Ok(true)
    }

    fn write_output(&mut self, output: u32, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let attempt = self.task.attempt;
        let file = match self.outputs.entry(output) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let missing =
                    || Error::new(ErrorKind::NotFound, format!("there is no output {output}"));
                entry.insert(
                    self.application
                        .attempt_output(output, attempt)
                        .ok_or_else(missing)?,
                )
            }
        };
        file.write(name, bytes)
            .map_err(|error| self.answer(error))?;
        self.metrics.bytes_written += bytes.len() as u64;
        Ok(())
    }

    fn log(&mut self, channel: Channel, bytes: &[u8]) {
        let lines = self.lines[channel as usize].complete(bytes);
        self.print(channel, &lines);
    }
}

/// How the host gets its task back from the sandbox.
pub(crate) struct Ended {
    pub(crate) outcome: Result<Yield, TaskFailure>,
    pub(crate) metrics: TaskMetrics,
}

impl TaskSide {
    /// Ends the attempt: what it wrote is complete, or gone.
    pub(crate) fn end(mut self, result: Result<Vec<u8>, TaskFailure>) -> Ended {
        for channel in [Channel::Stdout, Channel::Stderr] {
            let rest = std::mem::take(&mut self.lines[channel as usize].0);
            self.print(channel, &rest);
        }
        let outcome = match result {
            Ok(result) => {
                self.metrics.result_bytes = result.len() as u64;
                self.finish(result)
            }
            Err(failure) => Err(self.failure.take().unwrap_or(failure)),
        };
        Ended {
            outcome,
            metrics: self.metrics,
        }
    }
}

fn io(error: &store::Error) -> TaskFailure {
    TaskFailure::new(FailureKind::Io, error.to_string())
}

/// A store's error in the words of the contract.
pub(crate) fn guest_error(error: &store::Error) -> Error {
    let message = error.to_string();
    match error {
        store::Error::NotFound(_) => Error::new(ErrorKind::NotFound, message),
        store::Error::Denied { .. } => Error::new(ErrorKind::Denied, message),
        store::Error::AlreadyExists(_) => Error::new(ErrorKind::AlreadyExists, message),
        store::Error::Invalid(_) => Error::new(ErrorKind::InvalidArgument, message),
        store::Error::LineTooLong { .. } => Error::new(ErrorKind::LimitExceeded, message),
        store::Error::FetchFailed { .. } | store::Error::DiskFull(_) | store::Error::Io { .. } => {
            Error::retryable(ErrorKind::Io, message)
        }
    }
}
