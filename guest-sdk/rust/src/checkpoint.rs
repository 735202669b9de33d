//! Datasets that forget how they were computed.
//!
//! A checkpoint is computed at once, and is a new dataset without parents (Spark's `Dataset.checkpoint` and
//! `Dataset.localCheckpoint`): the old handle can be dropped, and all that it came from with it. A local one is kept
//! blocks; a reliable one is a folder with a file a partition, of the frames that `frames.rs` has.

use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;
use std::time::SystemTime;

use crate::batch::{self, Codec, Decoded};
use crate::cache;
use crate::driver::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::frames::{self, Frames};
use crate::host::{self, BlockLevel, FoundFile};
use crate::lineage::{self, Header, Parent, StorageLevel, place};
use crate::rdd::{Operation, Rdd};
use crate::record::Record;
use crate::save::{part_name, to_output};
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
            cache::put((id, partition), BlockLevel::MemoryAndDisk, codec(), records).map(drop)
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
        to_output(&folder, |output| {
            self.written("checkpoint", call_site, &|partition| {
                let name = part_name(partition, "");
                frames::write(output, &name, &[], self.records(partition)).map(drop)
            })
        })?;
        let files = (0..self.partitions()).map(|partition| whole_file(&folder, partition));
        let files = Files {
            files: files.collect::<Result<_>>()?,
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

    /// Runs a job that writes each partition.
    fn written(
        &self,
        name: &'static str,
        call_site: &'static Location<'static>,
        write: &dyn Fn(u32) -> Result<()>,
    ) -> Result<()> {
        let action = |partition| write(partition).map(|()| Vec::new());
        let job = Job {
            name,
            call_site,
            root: self,
            action: &action,
        };
        job.run_all().map(drop)
    }
}

fn codec<T: Record>() -> Codec<T> {
    Codec {
        offer: batch::offer::<T>,
        decode_all: T::decode_all,
    }
}

const DAMAGED: &str = "is not what `checkpoint` wrote: it was damaged or cut";

/// A partition's file, by the name under which tasks find it: the folder's may depend on where the driver runs.
fn whole_file(folder: &str, partition: u32) -> Result<FoundFile> {
    let path = format!("{folder}/{}", part_name(partition, ""));
    let found = host::list_files(&path).map_err(Error::from_host)?;
    let missing = || Error::of(ErrorKind::NotFound, format_args!("`{path}` is gone"));
    found.into_iter().next().ok_or_else(missing)
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
    files: Vec<FoundFile>,
    codec: Codec<T>,
}

impl<T> Operation for Files<T> {
    type Item = T;

    fn compute<'s>(self: Rc<Self>, partition: u32) -> Records<'s, T>
    where
        Self: 's,
    {
        let frames = self.files.get(partition as usize);
        let frames = frames.map(|file| Frames::open(file, DAMAGED)).transpose();
        let frames = frames.unwrap_or_else(|error| {
            task::fail(error);
            None
        });
        let source = frames.map_or_else(cache::nothing, Frames::batches);
        Records::of_batches(Decoded::new(source, self.codec.decode_all))
    }

    fn parents(&self) -> Vec<Parent<'_>> {
        Vec::new()
    }
}
