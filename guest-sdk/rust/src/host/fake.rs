//! A host for tests: it runs each job at once, task by task, in the memory of the test.
//!
//! It keeps to the contract as the real one does: results arrive out of order, blocks in the order of the map tasks.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    BlockLevel, Compression, Dependency, FoundFile, JobSpec, RddNode, Split, StorageLevel, name_of,
};
use crate::bindings::exports::tinderbox::job::application::{TaskSpec, TaskWork};
use crate::bindings::tinderbox::job::driver::{AccumulatorUpdate, JobProgress, PartitionResult};
use crate::bindings::tinderbox::job::types::{Column, Error, ErrorKind};
use crate::driver::WAIT_MS;
use crate::memory;
use crate::program::run_task;

#[derive(Default)]
pub(crate) struct Host {
    /// What can be read, by path.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) settings: BTreeMap<String, String>,
    /// What a task may use, in bytes, if not 64 MiB.
    pub(crate) task_memory: Option<u64>,
    /// The runs of the task that runs.
    pub(crate) spills: BTreeMap<u32, Vec<Vec<u8>>>,
    /// How many runs were ever put aside.
    pub(crate) spilled: u32,
    /// The most readers that were open at a time.
    pub(crate) readers_max: usize,
    /// Whether blocks are kept.
    pub(crate) room: bool,
    /// Reads that fail with this error from now on.
    pub(crate) broken: Option<Error>,
    /// Runs cannot be put aside: this is why.
    pub(crate) full_disk: Option<Error>,
    /// What was defined last, by number.
    pub(crate) nodes: BTreeMap<u32, RddNode>,
    pub(crate) released: Vec<u32>,
    /// So many results arrive before a time is up, if there is one.
    pub(crate) in_time: Option<u32>,
    /// What was said of copies, as dataset and number.
    pub(crate) copies: Vec<(u32, u32)>,
    /// Finished outputs, by path, then by file.
    pub(crate) outputs: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// The names of the jobs, with their partitions.
    pub(crate) jobs: Vec<(String, Vec<u32>)>,
    /// The numbers of the jobs that were cancelled.
    pub(crate) cancelled: Vec<u32>,
    /// The map tasks that ran, as shuffle and partition.
    pub(crate) maps: Vec<(u32, u32)>,
    pub(crate) blocks: BTreeMap<(u32, u32), Vec<Vec<u8>>>,
    /// What tasks have added to accumulators and the program has not taken.
    pub(crate) added: Vec<AccumulatorUpdate>,
    /// The same of the task that runs.
    adding: Vec<(u32, Vec<u8>)>,
    pub(super) open_outputs: Vec<(String, BTreeMap<String, Vec<u8>>)>,
    /// Files of columns, by path: their row groups.
    pub(crate) columns: BTreeMap<String, Vec<Vec<Column>>>,
    unfinished: BTreeMap<(u32, u32), Vec<Vec<u8>>>,
    /// What a task has kept and not opened since.
    own: BTreeMap<(u32, u32), Vec<Vec<u8>>>,
    buckets: BTreeMap<(u32, u32), VecDeque<Vec<u8>>>,
    written: BTreeMap<u32, VecDeque<Vec<u8>>>,
    shuffled: BTreeSet<u32>,
    /// None: closed.
    pub(crate) readers: Vec<Option<VecDeque<Vec<u8>>>>,
    /// What is left of those that read columns.
    pub(super) column_readers: BTreeMap<u32, VecDeque<Vec<Column>>>,
    progress: BTreeMap<u32, VecDeque<Result<JobProgress, Error>>>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Looks at the host, or changes it. Every test has its own.
pub(crate) fn with<R>(look: impl FnOnce(&mut Host) -> R) -> R {
    memory::uncounted(|| HOST.with_borrow_mut(look))
}

pub(super) fn error(kind: ErrorKind, message: &str) -> Error {
    Error {
        kind,
        message: message.to_owned(),
        retryable: false,
    }
}

/// As long as pieces of a split are here, so that lines fall into several, and records are cut.
const PIECE_BYTES: usize = 40;

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

pub(crate) fn checkpoint(_: &[u8], _: Globals) {}

pub(crate) fn conf(key: &str) -> Option<String> {
    with(|host| host.settings.get(key).cloned())
}

pub(crate) fn set_conf(key: &str, value: &str) -> Result<(), Error> {
    with(|host| host.settings.insert(key.to_owned(), value.to_owned()));
    Ok(())
}

pub(crate) fn define(nodes: &[RddNode]) -> Result<(), Error> {
    with(|host| {
        for node in nodes {
            for dependency in &node.dependencies {
                assert!(
                    host.nodes.contains_key(&parent_of(dependency)),
                    "parents are defined first"
                );
            }
            if matches!(node.storage, StorageLevel::None) {
                host.blocks.retain(|(rdd, _), _| *rdd != node.id);
            }
            host.nodes.insert(node.id, node.clone());
        }
    });
    Ok(())
}

fn parent_of(dependency: &Dependency) -> u32 {
    match dependency {
        Dependency::Narrow(narrow) => narrow.parent,
        Dependency::Shuffle(shuffle) => shuffle.parent,
    }
}

pub(crate) fn replicate(rdd: u32, copies: u32) -> Result<(), Error> {
    with(|host| host.copies.push((rdd, copies)));
    Ok(())
}

pub(crate) fn release(rdds: &[u32]) {
    with(|host| host.released.extend(rdds));
}

pub(crate) fn text_file(uri: &str, min_partitions: u32) -> Result<Vec<Split>, Error> {
    split(uri, 1, min_partitions)
}

pub(crate) fn binary_file(
    uri: &str,
    record_length: u32,
    min_partitions: u32,
) -> Result<Vec<Split>, Error> {
    split(uri, u64::from(record_length), min_partitions)
}

fn split(uri: &str, record: u64, partitions: u32) -> Result<Vec<Split>, Error> {
    let length = with(|host| host.files.get(uri).map(Vec::len))
        .ok_or_else(|| error(ErrorKind::NotFound, uri))? as u64;
    let cut = |at: u32| length / record * u64::from(at) / u64::from(partitions) * record;
    Ok((0..partitions)
        .map(|at| Split {
            uri: format!("{uri}#version=1"),
            start: cut(at),
            length: cut(at + 1) - cut(at),
        })
        .collect())
}

pub(super) fn open(pieces: impl IntoIterator<Item = Vec<u8>>) -> u32 {
    with(|host| {
        host.readers.push(Some(pieces.into_iter().collect()));
        let open = host.readers.iter().flatten().count();
        host.readers_max = host.readers_max.max(open);
        u32::try_from(host.readers.len() - 1).expect("few readers")
    })
}

pub(crate) fn open_lines(part: &Split) -> Result<u32, Error> {
    let file = with(|host| host.files[name_of(part)].clone());
    let mut pieces = vec![Vec::new()];
    let mut at = 0u64;
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        if (part.start..part.start + part.length).contains(&at) {
            let last = pieces.last_mut().expect("never empty");
            last.extend_from_slice(line);
            if last.len() > PIECE_BYTES {
                pieces.push(Vec::new());
            }
        }
        at += line.len() as u64;
    }
    pieces.retain(|piece| !piece.is_empty());
    Ok(open(pieces))
}

pub(crate) fn open_bytes(part: &Split) -> Result<u32, Error> {
    let range =
        usize::try_from(part.start).unwrap()..usize::try_from(part.start + part.length).unwrap();
    let bytes = with(|host| host.files[name_of(part)][range].to_vec());
    Ok(open(bytes.chunks(PIECE_BYTES).map(<[u8]>::to_vec)))
}

pub(crate) fn list_files(uri: &str) -> Result<Vec<FoundFile>, Error> {
    let folder = format!("{uri}/");
    let found = with(|host| {
        let named = |name: &&String| *name == uri || name.starts_with(&folder);
        let files = host.files.iter().filter(|(name, _)| named(name));
        let whole = |(name, bytes): (&String, &Vec<u8>)| FoundFile {
            name: name.clone(),
            content: Split {
                uri: name.clone(),
                start: 0,
                length: bytes.len() as u64,
            },
        };
        files.map(whole).collect::<Vec<_>>()
    });
    if found.is_empty() {
        return Err(error(ErrorKind::NotFound, uri));
    }
    Ok(found)
}

/// Nothing is compressed here.
pub(crate) fn open_file(whole: &Split) -> Result<u32, Error> {
    open_bytes(whole)
}

pub(crate) fn open_shuffle(shuffle: u32, partition: u32) -> Result<u32, Error> {
    Ok(open(with(|host| {
        host.buckets
            .get(&(shuffle, partition))
            .cloned()
            .unwrap_or_default()
    })))
}

pub(crate) fn open_block(rdd: u32, partition: u32) -> Result<Option<u32>, Error> {
    let found = with(|host| {
        let own = host.own.remove(&(rdd, partition));
        own.or_else(|| host.blocks.get(&(rdd, partition)).cloned())
    });
    Ok(found.map(open))
}

pub(crate) fn read_lines(reader: u32) -> Result<String, Error> {
    Ok(String::from_utf8(read_bytes(reader)?).expect("test files are UTF-8"))
}

pub(crate) fn read_bytes(reader: u32) -> Result<Vec<u8>, Error> {
    let read = with(|host| match &host.broken {
        Some(error) => Err(error.clone()),
        None => {
            let pieces = host.readers[reader as usize].as_mut();
            let pieces = pieces.expect("nobody reads on after closing");
            Ok(pieces.pop_front().unwrap_or_default())
        }
    })?;
    // What the host had is its own; what the program gets is the program's.
    let bytes = read.clone();
    memory::uncounted(|| drop(read));
    Ok(bytes)
}

pub(crate) fn close_reader(reader: u32) {
    with(|host| {
        let open = host.readers[reader as usize].take();
        assert!(open.is_some(), "a reader is closed once");
    });
}

pub(crate) fn write_shuffle(partition: u32, batch: &[u8]) -> Result<(), Error> {
    with(|host| {
        host.written
            .entry(partition)
            .or_default()
            .push_back(batch.to_vec());
    });
    Ok(())
}

pub(crate) fn keep_block(
    rdd: u32,
    partition: u32,
    level: BlockLevel,
    batch: &[u8],
) -> Result<bool, Error> {
    with(|host| {
        let taken = host.unfinished.entry((rdd, partition)).or_default();
        // Without room the second batch is one too many.
        let fits = host.room || level != BlockLevel::Memory || taken.is_empty();
        if fits {
            taken.push(batch.to_vec());
        } else {
            let taken = std::mem::take(taken);
            host.own.insert((rdd, partition), taken);
        }
        Ok(fits)
    })
}

pub(crate) fn commit_block(rdd: u32, partition: u32) -> Result<bool, Error> {
    with(|host| {
        let batches = host
            .unfinished
            .remove(&(rdd, partition))
            .unwrap_or_default();
        if host.room {
            host.blocks.insert((rdd, partition), batches.clone());
        }
        host.own.insert((rdd, partition), batches);
        Ok(true)
    })
}

pub(crate) fn write_spill(run: u32, batch: &[u8]) -> Result<(), Error> {
    with(|host| match &host.full_disk {
        Some(error) => Err(error.clone()),
        None => {
            let spilled = &mut host.spilled;
            let batches = host.spills.entry(run).or_insert_with(|| {
                *spilled += 1;
                Vec::new()
            });
            batches.push(batch.to_vec());
            Ok(())
        }
    })
}

pub(crate) fn open_spill(run: u32) -> Result<u32, Error> {
    Ok(open(with(|host| host.spills[&run].clone())))
}

pub(crate) fn drop_spill(run: u32) {
    with(|host| assert!(host.spills.remove(&run).is_some(), "a run is dropped once"));
}

pub(crate) fn create_output(uri: &str) -> Result<u32, Error> {
    with(|host| {
        host.open_outputs.push((uri.to_owned(), BTreeMap::new()));
        Ok(u32::try_from(host.open_outputs.len() - 1).expect("few outputs"))
    })
}

pub(crate) fn write_output(output: u32, name: &str, bytes: &[u8]) -> Result<(), Error> {
    with(|host| {
        let files = &mut host.open_outputs[output as usize].1;
        files
            .entry(name.to_owned())
            .or_default()
            .extend_from_slice(bytes);
    });
    Ok(())
}

pub(crate) fn write_compressed(
    output: u32,
    name: &str,
    _: Compression,
    bytes: &[u8],
) -> Result<(), Error> {
    write_output(output, name, bytes)
}

pub(crate) fn commit_output(output: u32) -> Result<(), Error> {
    with(|host| {
        let (uri, files) = std::mem::take(&mut host.open_outputs[output as usize]);
        for (name, bytes) in &files {
            host.files.insert(format!("{uri}/{name}"), bytes.clone());
        }
        host.outputs.insert(uri, files);
    });
    Ok(())
}

pub(crate) fn abort_output(output: u32) -> Result<(), Error> {
    with(|host| host.open_outputs[output as usize].1.clear());
    Ok(())
}

pub(crate) fn submit_job(spec: &JobSpec) -> Result<u32, Error> {
    let number = with(|host| {
        host.jobs.push((spec.name.clone(), spec.partitions.clone()));
        u32::try_from(host.jobs.len() - 1).expect("few jobs")
    });
    let mut progress = VecDeque::new();
    match run(spec) {
        Ok(results) => {
            for (partition, bytes) in results.into_iter().rev() {
                progress.push_back(Ok(JobProgress {
                    results: vec![PartitionResult { partition, bytes }],
                    finished: false,
                }));
            }
            progress.push_back(Ok(JobProgress {
                results: Vec::new(),
                finished: true,
            }));
        }
        Err(failure) => {
            let message = format!("{:?}: {}", failure.kind(), failure.message());
            progress.push_back(Err(error(ErrorKind::JobFailed, &message)));
        }
    }
    with(|host| host.progress.insert(number, progress));
    Ok(number)
}

pub(crate) fn await_job(job: u32, timeout_ms: u64) -> Result<JobProgress, Error> {
    with(|host| {
        if let Some(left) = &mut host.in_time
            && timeout_ms < WAIT_MS
        {
            if *left == 0 {
                return Some(Ok(JobProgress {
                    results: Vec::new(),
                    finished: false,
                }));
            }
            *left -= 1;
        }
        host.progress.get_mut(&job).and_then(VecDeque::pop_front)
    })
    .expect("asked only until it is finished")
}

pub(crate) fn take_accumulators(_: u32) -> Result<Vec<AccumulatorUpdate>, Error> {
    let mut added = with(|host| std::mem::take(&mut host.added));
    added.sort_by_key(|update| (update.stage, update.partition, update.accumulator));
    Ok(added)
}

pub(crate) fn add_accumulator(accumulator: u32, bytes: &[u8]) -> Result<(), Error> {
    with(|host| host.adding.push((accumulator, bytes.to_vec())));
    Ok(())
}

pub(crate) fn cancel_job(job: u32) -> Result<(), Error> {
    with(|host| {
        host.progress.remove(&job);
        host.cancelled.push(job);
    });
    Ok(())
}

fn run(spec: &JobSpec) -> crate::Result<Vec<(u32, Vec<u8>)>> {
    shuffle_for(spec.rdd)?;
    let result = |partition: &u32| Ok((*partition, task(0, *partition, TaskWork::Action)?));
    spec.partitions.iter().map(result).collect()
}

/// Runs the map stages that a dataset needs and that have not run.
fn shuffle_for(rdd: u32) -> crate::Result<()> {
    for dependency in with(|host| host.nodes[&rdd].dependencies.clone()) {
        shuffle_for(parent_of(&dependency))?;
        if let Dependency::Shuffle(shuffle) = dependency
            && with(|host| host.shuffled.insert(shuffle.shuffle))
        {
            for partition in 0..with(|host| host.nodes[&shuffle.parent].partitions) {
                task(1, partition, TaskWork::ShuffleMap(shuffle.shuffle))?;
                commit_map(shuffle.shuffle, partition);
            }
        }
    }
    Ok(())
}

fn commit_map(shuffle: u32, partition: u32) {
    with(|host| {
        host.maps.push((shuffle, partition));
        for (bucket, batches) in std::mem::take(&mut host.written) {
            host.buckets
                .entry((shuffle, bucket))
                .or_default()
                .extend(batches);
        }
    });
}

fn task(stage: u32, partition: u32, work: TaskWork) -> crate::Result<Vec<u8>> {
    let memory = with(|host| host.task_memory).unwrap_or(64 << 20);
    let done = run_task(&TaskSpec {
        stage,
        partition,
        work,
        memory,
        seed: u64::from(partition),
    });
    assert!(with(|host| host.spills.is_empty()), "every run is dropped");
    with(|host| {
        let added = std::mem::take(&mut host.adding).into_iter();
        host.added
            .extend(added.map(|(accumulator, bytes)| AccumulatorUpdate {
                accumulator,
                stage,
                partition,
                bytes,
            }));
    });
    done
}
