//! The shape of the datasets: what the host is told, and how a task finds its way through it.
//!
//! Closures stay here in the program; the host learns numbers, names and dependencies only.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::Location;

use crate::checkpoint::Checkpointed;
use crate::error::{Error, ErrorKind, Result};
use crate::host::{self, PartitionMap};
use crate::task::task;

/// How records are spread over the partitions, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partitioning {
    /// By the hash of the key, over so many partitions.
    Hash(u32),
    /// By ranges of the key. The number is the partitioner's: no two have the same bounds.
    Range(u32),
    /// By a function of the program's. The number is the partitioner's.
    Custom(u32),
}

/// Whether and where a dataset's partitions are kept once they are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StorageLevel {
    /// They are computed each time that they are asked for.
    #[default]
    None,
    /// In the executors' memory, as long as there is room.
    MemoryOnly,
    /// In the executors' memory, and on their disks what there is no room for.
    MemoryAndDisk,
    /// On the executors' disks.
    DiskOnly,
    /// As [`MemoryOnly`](Self::MemoryOnly), on two executors: one may be lost, and nothing is computed again.
    MemoryOnly2,
    /// As [`MemoryAndDisk`](Self::MemoryAndDisk), on two executors.
    MemoryAndDisk2,
    /// As [`DiskOnly`](Self::DiskOnly), on two executors.
    DiskOnly2,
    /// As [`DiskOnly`](Self::DiskOnly), on three executors.
    DiskOnly3,
}

/// Spark's names for what is kept as bytes: here everything is.
impl StorageLevel {
    /// The same as [`MemoryOnly`](Self::MemoryOnly).
    pub const MEMORY_ONLY_SER: Self = Self::MemoryOnly;
    /// The same as [`MemoryAndDisk`](Self::MemoryAndDisk).
    pub const MEMORY_AND_DISK_SER: Self = Self::MemoryAndDisk;
    /// The same as [`MemoryOnly2`](Self::MemoryOnly2).
    pub const MEMORY_ONLY_SER_2: Self = Self::MemoryOnly2;
    /// The same as [`MemoryAndDisk2`](Self::MemoryAndDisk2).
    pub const MEMORY_AND_DISK_SER_2: Self = Self::MemoryAndDisk2;

    /// What a task tells the host; none where nothing is kept.
    pub(crate) fn to_host(self) -> Option<host::BlockLevel> {
        match self {
            Self::None => None,
            Self::MemoryOnly | Self::MemoryOnly2 => Some(host::BlockLevel::Memory),
            Self::MemoryAndDisk | Self::MemoryAndDisk2 => Some(host::BlockLevel::MemoryAndDisk),
            Self::DiskOnly | Self::DiskOnly2 | Self::DiskOnly3 => Some(host::BlockLevel::Disk),
        }
    }

    /// How many executors are to hold a partition.
    fn copies(self) -> u32 {
        match self {
            Self::None | Self::MemoryOnly | Self::MemoryAndDisk | Self::DiskOnly => 1,
            Self::MemoryOnly2 | Self::MemoryAndDisk2 | Self::DiskOnly2 => 2,
            Self::DiskOnly3 => 3,
        }
    }
}

/// What every dataset has. Its number is a counter in program order.
pub(crate) struct Header {
    id: u32,
    name: &'static str,
    call_site: &'static Location<'static>,
    partitions: u32,
    pub(crate) partitioning: Option<Partitioning>,
    /// What a checkpoint left, if this is its dataset.
    pub(crate) checkpoint: Option<Checkpointed>,
    /// The program's own name for it.
    pub(crate) label: RefCell<Option<String>>,
    storage: Cell<StorageLevel>,
    /// How many executors hold a partition, as far as the host was told.
    copies: Cell<u32>,
    defined: Cell<bool>,
}

thread_local! {
    static RDDS: Cell<u32> = const { Cell::new(0) };
    static SHUFFLES: Cell<u32> = const { Cell::new(0) };
    static PARTITIONERS: Cell<u32> = const { Cell::new(0) };
    /// Defined datasets whose storage level has changed since.
    static CHANGED: RefCell<Vec<News>> = const { RefCell::new(Vec::new()) };
    /// Defined datasets that the program has dropped.
    static DROPPED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn next_shuffle() -> u32 {
    SHUFFLES.replace(SHUFFLES.get() + 1)
}

/// A number for a partitioner that is equal to no other.
pub(crate) fn next_partitioner() -> u32 {
    PARTITIONERS.replace(PARTITIONERS.get() + 1)
}

impl Header {
    pub(crate) fn new(
        name: &'static str,
        call_site: &'static Location<'static>,
        partitions: u32,
        partitioning: Option<Partitioning>,
    ) -> Self {
        let id = RDDS.replace(RDDS.get() + 1);
        Self {
            id,
            name,
            call_site,
            partitions,
            partitioning,
            checkpoint: None,
            label: RefCell::default(),
            storage: Cell::default(),
            copies: Cell::new(1),
            defined: Cell::new(false),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The transformation, and the program's own name for what it gives, for people.
    pub(crate) fn title(&self) -> String {
        match &*self.label.borrow() {
            None => self.name.to_owned(),
            Some(label) => format!("{} \"{label}\"", self.name),
        }
    }

    pub(crate) fn call_site(&self) -> &'static Location<'static> {
        self.call_site
    }

    pub(crate) fn partitions(&self) -> u32 {
        self.partitions
    }

    pub(crate) fn storage(&self) -> StorageLevel {
        self.storage.get()
    }
}

impl Drop for Header {
    fn drop(&mut self) {
        if self.defined.get() && task().is_none() {
            // When the thread ends, there is nobody left to tell.
            let _ = DROPPED.try_with(|dropped| dropped.borrow_mut().push(self.id));
        }
    }
}

/// `file:line` in the user's program.
pub(crate) fn place(site: &Location<'_>) -> String {
    format!("{}:{}", site.file(), site.line())
}

/// A dataset without its records' type.
pub(crate) trait Lineage {
    fn header(&self) -> &Header;
    fn parents(&self) -> Vec<Parent<'_>>;
    /// See [`Operation::prepare`](crate::rdd::Operation::prepare).
    fn prepare(&self) -> Result<()>;
}

/// What a dataset is computed from.
pub(crate) enum Parent<'s> {
    Narrow(&'s dyn Lineage, PartitionMap),
    Shuffle(&'s dyn Shuffle),
}

/// A movement of records between partitions.
pub(crate) trait Shuffle {
    fn number(&self) -> u32;
    fn parent(&self) -> &dyn Lineage;
    fn partitions(&self) -> u32;
    /// Writes the buckets of one partition of the parent.
    fn write(&self, partition: u32) -> Result<()>;
    /// To which bucket a key belongs, given as its bytes. It can be asked once the dataset behind it is prepared.
    fn bucket(&self, key: &[u8]) -> Result<u32>;
}

impl<'s> Parent<'s> {
    pub(crate) fn lineage(&self) -> &'s dyn Lineage {
        match self {
            Self::Narrow(parent, _) => *parent,
            Self::Shuffle(shuffle) => shuffle.parent(),
        }
    }

    fn to_host(&self) -> host::Dependency {
        let parent = self.lineage().header().id;
        match self {
            Self::Narrow(_, partitions) => host::Dependency::Narrow(host::NarrowDependency {
                parent,
                partitions: partitions.clone(),
            }),
            Self::Shuffle(shuffle) => host::Dependency::Shuffle(host::ShuffleDependency {
                parent,
                shuffle: shuffle.number(),
                partitions: shuffle.partitions(),
            }),
        }
    }
}

/// What the host is to know of a dataset.
struct News {
    node: host::RddNode,
    /// How many executors are to hold a partition, if that is news.
    copies: Option<u32>,
}

fn describe(dataset: &dyn Lineage) -> News {
    let header = dataset.header();
    let copies = header.storage.get().copies();
    let known = header.copies.replace(copies);
    News {
        node: node(dataset),
        copies: (copies != known).then_some(copies),
    }
}

fn node(dataset: &dyn Lineage) -> host::RddNode {
    let header = dataset.header();
    host::RddNode {
        id: header.id,
        name: header.title(),
        call_site: place(header.call_site),
        partitions: header.partitions,
        dependencies: dataset.parents().iter().map(Parent::to_host).collect(),
        storage: match header.storage.get() {
            StorageLevel::None => host::StorageLevel::None,
            // Where it is kept is said by the tasks.
            _ => host::StorageLevel::MemoryOnly,
        },
    }
}

/// Changes the storage level; the host hears of it before the next job.
pub(crate) fn persist(dataset: &dyn Lineage, level: StorageLevel) {
    let header = dataset.header();
    if header.storage.replace(level) != level && header.defined.get() && task().is_none() {
        CHANGED.with_borrow_mut(|changed| changed.push(describe(dataset)));
    }
}

/// Tells the host of this dataset and of those it comes from, as far as they are new, and of what was dropped.
pub(crate) fn define(root: &dyn Lineage) -> Result<()> {
    let dropped = DROPPED.take();
    if !dropped.is_empty() {
        host::release(&dropped);
    }
    let mut changed = CHANGED.take();
    changed.retain(|news| !dropped.contains(&news.node.id));
    send(changed)?;
    let news = undefined(root);
    for dataset in &news {
        dataset
            .prepare()
            .map_err(|error| located(error, dataset.header()))?;
    }
    // A preparation may have run jobs that defined some of them.
    let news: Vec<_> = news
        .into_iter()
        .filter(|dataset| !dataset.header().defined.get())
        .collect();
    send(news.iter().map(|dataset| describe(*dataset)).collect())?;
    news.iter()
        .for_each(|dataset| dataset.header().defined.set(true));
    Ok(())
}

fn located(error: Error, header: &Header) -> Error {
    error.context(format_args!(
        "`{}` at {}",
        header.name(),
        place(header.call_site())
    ))
}

/// Checks how many partitions records are put into.
pub(crate) fn expect_partitions(partitions: u32) -> Result<()> {
    if partitions == 0 {
        return Err(Error::of(
            ErrorKind::InvalidArgument,
            "0 partitions cannot hold records: at least 1 is needed",
        ));
    }
    Ok(())
}

fn send(news: Vec<News>) -> Result<()> {
    let copies: Vec<_> = news
        .iter()
        .filter_map(|news| Some((news.node.id, news.copies?)))
        .collect();
    let nodes: Vec<_> = news.into_iter().map(|news| news.node).collect();
    if !nodes.is_empty() {
        host::define(&nodes).map_err(Error::from_host)?;
    }
    copies
        .into_iter()
        .try_for_each(|(rdd, copies)| host::replicate(rdd, copies))
        .map_err(Error::from_host)
}

/// What the host does not know yet, parents first. Whatever is defined has only defined ancestors.
fn undefined(root: &dyn Lineage) -> Vec<&dyn Lineage> {
    let mut seen = BTreeSet::new();
    let mut ordered = Vec::new();
    let mut path = vec![(root, false)];
    while let Some((dataset, parents_done)) = path.pop() {
        if parents_done {
            ordered.push(dataset);
        } else if !dataset.header().defined.get() && seen.insert(dataset.header().id) {
            path.push((dataset, true));
            path.extend(
                dataset
                    .parents()
                    .iter()
                    .rev()
                    .map(|parent| (parent.lineage(), false)),
            );
        }
    }
    ordered
}

/// One line a dataset, indented where a shuffle lies between, as Spark's `toDebugString`.
pub(crate) fn debug_string(root: &dyn Lineage) -> String {
    let mut text = String::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![(root, 0)];
    while let Some((dataset, depth)) = open.pop() {
        let header = dataset.header();
        let cached = match header.storage() {
            StorageLevel::None => "",
            StorageLevel::MemoryOnly => " [memory]",
            StorageLevel::MemoryAndDisk => " [memory, disk]",
            StorageLevel::DiskOnly => " [disk]",
            StorageLevel::MemoryOnly2 => " [memory, 2 copies]",
            StorageLevel::MemoryAndDisk2 => " [memory, disk, 2 copies]",
            StorageLevel::DiskOnly2 => " [disk, 2 copies]",
            StorageLevel::DiskOnly3 => " [disk, 3 copies]",
        };
        text.push_str(&format!(
            "{:indent$}({}) {} #{} at {}{cached}\n",
            "",
            header.partitions(),
            header.title(),
            header.id(),
            place(header.call_site()),
            indent = depth * 2,
        ));
        if seen.insert(header.id()) {
            open.extend(dataset.parents().iter().rev().map(|parent| {
                (
                    parent.lineage(),
                    depth + usize::from(matches!(parent, Parent::Shuffle(_))),
                )
            }));
        }
    }
    text
}
