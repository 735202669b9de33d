//! Datasets that forget how they were computed.
//!
//! A checkpoint is computed at once, and is a new dataset without parents (Spark's `Dataset.checkpoint` and
//! `Dataset.localCheckpoint`): the old handle can be dropped, and all that it came from with it. A local one is kept
//! blocks; a reliable one is a folder with a file a partition:
//!
//! ```text
//! file  = frame*
//! frame = length u32, checksum u64, batch        little-endian; both are the batch's
//! ```

use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;
use std::time::SystemTime;

use crate::batch::{self, Codec, Decoded, Source};
use crate::cache;
use crate::driver::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::hash::hash_of;
use crate::host::{self, BlockLevel, Split};
use crate::lineage::{self, Header, Parent, StorageLevel, place};
use crate::rdd::{Operation, Rdd};
use crate::reader::Reader;
use crate::record::{Record, from_bytes, to_bytes};
use crate::save::to_output;
use crate::stream::Records;
use crate::task;

/// Where the records of a checkpoint are.
#[derive(Clone, Debug)]
pub(crate) enum Checkpointed {
    /// With the executors.
    Local,
    /// In this folder.
    Folder(String),
}

/// Bytes before a batch in a file.
const FRAME_BYTES: usize = 12;

thread_local! {
    static FOLDER: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Says below which folder checkpoints are written.
pub(crate) fn set_folder(path: &str) {
    FOLDER.set(Some(path.to_owned()));
}

/// A folder that no other run has: the driver's clock is real.
fn new_folder(rdd: u32) -> Result<String> {
    let missing = "`checkpoint` has nowhere to write; call `set_checkpoint_dir` first";
    let parent = FOLDER
        .with_borrow(Clone::clone)
        .ok_or_else(|| Error::of(ErrorKind::InvalidArgument, missing))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Ok(format!(
        "{parent}/{:x}-rdd-{rdd}",
        now.unwrap_or_default().as_nanos()
    ))
}

impl<'a, T: Record + 'a> Rdd<'a, T> {
    /// Computes the partitions, keeps them as [`StorageLevel::MemoryAndDisk`] does, and returns them as a dataset that does
    /// not know how they were computed: what iterates for long drops the old handle.
    ///
    /// Fast, but not for ever: with an executor its partitions are lost, and a job that needs one fails. See
    /// [`checkpoint`](Self::checkpoint).
    ///
    /// # Errors
    /// The job failed, or there is neither memory nor disk for a partition.
    #[track_caller]
    pub fn local_checkpoint<'b>(&self) -> Result<Rdd<'b, T>>
    where
        T: 'b,
    {
        let call_site = Location::caller();
        task::refuse_inside("`local_checkpoint`")?;
        let header = self.checkpoint_header("local_checkpoint", call_site, Checkpointed::Local);
        let id = header.id();
        let kept = Rdd::new(header, Lost::new(id, call_site)).persist(StorageLevel::MemoryAndDisk);
        // The host must know whose the blocks are before the first one comes.
        lineage::define(&kept)?;
        self.written("local_checkpoint", call_site, &|partition| {
            let records = self.records(partition);
            cache::put((id, partition), BlockLevel::MemoryAndDisk, codec(), records)?;
            Ok(0)
        })?;
        Ok(kept)
    }

    /// Computes the partitions, writes them to a new folder below the one that `set_checkpoint_dir` named, and returns them
    /// as a dataset that is read from there. The folder stays.
    ///
    /// # Errors
    /// The job failed, no folder was named, or it may not be written.
    #[track_caller]
    pub fn checkpoint<'b>(&self) -> Result<Rdd<'b, T>>
    where
        T: 'b,
    {
        let call_site = Location::caller();
        task::refuse_inside("`checkpoint`")?;
        let mut header = self.checkpoint_header("checkpoint", call_site, Checkpointed::Local);
        let folder = new_folder(header.id())?;
        header.checkpoint = Some(Checkpointed::Folder(folder.clone()));
        let lengths = to_output(&folder, |output| {
            self.written("checkpoint", call_site, &|partition| {
                write_file(output, &file_name(partition), self.records(partition))
            })
        })?;
        let splits = (0..)
            .zip(lengths)
            .map(|(partition, length)| whole_file(&folder, partition, length));
        let files = Files {
            splits: splits.collect::<Result<_>>()?,
            codec: codec(),
        };
        Ok(Rdd::new(header, files))
    }

    fn checkpoint_header(
        &self,
        name: &'static str,
        call_site: &'static Location<'static>,
        checkpoint: Checkpointed,
    ) -> Header {
        let mut header = Header::new(name, call_site, self.partitions(), self.partitioning());
        header.checkpoint = Some(checkpoint);
        header
    }

    /// Runs a job that writes each partition, and returns how many bytes each has.
    fn written(
        &self,
        name: &'static str,
        call_site: &'static Location<'static>,
        write: &dyn Fn(u32) -> Result<u64>,
    ) -> Result<Vec<u64>> {
        let action = |partition| Ok(to_bytes(&write(partition)?));
        let job = Job {
            name,
            call_site,
            root: self,
            action: &action,
        };
        let results = job.run_all()?;
        results.iter().map(|bytes| Ok(from_bytes(bytes)?)).collect()
    }
}

fn codec<T: Record>() -> Codec<T> {
    Codec {
        offer: batch::offer::<T>,
        decode_all: T::decode_all,
    }
}

fn file_name(partition: u32) -> String {
    format!("part-{partition:05}")
}

/// A partition's file, by the name under which tasks find it: the folder's may depend on where the driver runs.
fn whole_file(folder: &str, partition: u32, length: u64) -> Result<Split> {
    let path = format!("{folder}/{}", file_name(partition));
    let found = host::binary_file(&path, 1, 1).map_err(Error::from_host)?;
    let uri = found.into_iter().next().map_or(path, |split| split.uri);
    Ok(Split {
        uri,
        start: 0,
        length,
    })
}

fn checksum(batch: &[u8]) -> [u8; 8] {
    hash_of(batch).to_le_bytes()
}

/// Writes a partition's file, and returns its length in bytes.
fn write_file<T: Record>(output: u32, name: &str, mut records: Records<'_, T>) -> Result<u64> {
    let (mut length, mut frame) = (0, Vec::new());
    let mut write = |batch: &[u8]| {
        let too_long = |_| Error::of(ErrorKind::LimitExceeded, "a record is longer than 4 GiB");
        let bytes = u32::try_from(batch.len()).map_err(too_long)?;
        frame.clear();
        frame.extend_from_slice(&bytes.to_le_bytes());
        frame.extend_from_slice(&checksum(batch));
        frame.extend_from_slice(batch);
        length += frame.len() as u64;
        host::write_output(output, name, &frame).map_err(Error::from_host)?;
        Ok(true)
    };
    batch::offer(&mut records, &mut write)?;
    task::check()?;
    // Also where there are no records: then the file is empty.
    host::write_output(output, name, &[]).map_err(Error::from_host)?;
    Ok(length)
}

/// Partitions that were kept, and cannot be computed again.
struct Lost<T> {
    id: u32,
    call_site: &'static Location<'static>,
    records: std::marker::PhantomData<fn() -> T>,
}

impl<T> Lost<T> {
    fn new(id: u32, call_site: &'static Location<'static>) -> Self {
        Self {
            id,
            call_site,
            records: std::marker::PhantomData,
        }
    }
}

impl<T> Operation for Lost<T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        task::fail(Error::of(
            ErrorKind::NotFound,
            format_args!(
                "partition {partition} of `local_checkpoint` #{} at {} is gone with its executor, or was let go, and \
                 nothing says how to compute it; use `checkpoint` for what must last",
                self.id,
                place(self.call_site)
            ),
        ));
        Records::new(std::iter::empty())
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }
}

/// The files of a checkpoint.
struct Files<T> {
    splits: Vec<Split>,
    codec: Codec<T>,
}

impl<T> Operation for Files<T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let split = self.splits.get(partition as usize);
        let source = split.map_or_else(|| Ok(cache::nothing()), batches_of);
        let source = source.unwrap_or_else(|error| {
            task::fail(error);
            cache::nothing()
        });
        Records::of_batches(Decoded::new(source, self.codec.decode_all))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }
}

/// The batches of a file, each checked.
fn batches_of<'a>(split: &Split) -> Result<Source<'a>> {
    if split.length == 0 {
        return Ok(cache::nothing());
    }
    let reader = Reader::new(host::open_bytes(split).map_err(Error::from_host)?);
    let (uri, mut bytes, mut left) = (split.uri.clone(), Vec::new(), split.length);
    Ok(Box::new(move || {
        if left == 0 {
            return Ok(Vec::new());
        }
        let batch = loop {
            if let Some(batch) = take_frame(&mut bytes, &uri)? {
                break batch;
            }
            let piece = reader.read_bytes().map_err(Error::from_host)?;
            if piece.is_empty() {
                return Err(damaged(&uri));
            }
            bytes.extend_from_slice(&piece);
        };
        left = left.saturating_sub((FRAME_BYTES + batch.len()) as u64);
        Ok(batch)
    }))
}

/// The first batch of these bytes, if it is whole.
fn take_frame(bytes: &mut Vec<u8>, uri: &str) -> Result<Option<Vec<u8>>> {
    let Some((head, rest)) = bytes.split_first_chunk::<FRAME_BYTES>() else {
        return Ok(None);
    };
    let (length, sum) = head.split_at(4);
    let length = length
        .iter()
        .rev()
        .fold(0, |length, byte| length << 8 | usize::from(*byte));
    let Some(batch) = rest.get(..length) else {
        return Ok(None);
    };
    if checksum(batch) != sum {
        return Err(damaged(uri));
    }
    let batch = batch.to_vec();
    bytes.drain(..FRAME_BYTES + length);
    Ok(Some(batch))
}

fn damaged(uri: &str) -> Error {
    Error::of(
        ErrorKind::Io,
        format_args!("`{uri}` is not what `checkpoint` wrote: it was damaged or cut"),
    )
}
