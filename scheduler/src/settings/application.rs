//! An application: its name, its memory, its data.
//!
//! Beside each row, the way to read it.

use super::{Definition, Settings, Shape};

const MEBI: u64 = 1 << 20;

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::spark(
        "app.name",
        Shape::Text,
        None,
        "What people call the application. Without it, the component's file name.",
    ),
    Definition::spark(
        "cores.max",
        Shape::Count { least: 1 },
        None,
        "The most cores of a cluster that the application takes. Without it, what the master gives \
         (`deploy.defaultCores`).",
    ),
    Definition::spark(
        "default.parallelism",
        Shape::Count { least: 1 },
        None,
        "Partitions of datasets whose number the program does not say. Without it, the number of cores.",
    ),
    Definition::spark(
        "driver.cores",
        Shape::Count { least: 1 },
        Some("1"),
        "Cores that a driver takes which the cluster runs.",
    ),
    Definition::spark(
        "driver.maxResultSize",
        Shape::Bytes { plain: 1, least: 0 },
        Some("1g"),
        "The most bytes that the results of one job may add up to; the job fails beyond it. 0 is no \
         bound.",
    ),
    Definition::spark(
        "driver.memory",
        Shape::MEMORY,
        Some("1g"),
        "The driver's memory. A plain number counts MiB.",
    ),
    Definition::spark(
        "executor.cores",
        Shape::Count { least: 1 },
        None,
        "Cores of each executor. Without it an executor gets all that its worker can give, and each \
         worker has one.",
    ),
    Definition::spark(
        "executor.instances",
        Shape::Count { least: 1 },
        None,
        "How many executors to begin with. Without it, as many as there is room for.",
    ),
    Definition::spark(
        "executor.memory",
        Shape::MEMORY,
        Some("1g"),
        "Memory of an executor: its tasks, cached blocks, prepared images and transfers. A plain number \
         counts MiB.",
    ),
    Definition::spark(
        "files.maxPartitionBytes",
        Shape::Bytes { plain: 1, least: 1 },
        Some("32m"),
        "The most bytes of a file that one partition reads. Spark's own default is 128m, but its \
         `textFile` cuts local files at the file system's block, which is 32m; a task costs so little \
         here that small partitions are the better choice everywhere.",
    ),
    Definition::ours(
        "image.maxSize",
        Shape::Bytes { plain: 1, least: 1 },
        Some("256m"),
        "The largest image of the driver's memory. Tasks are forks of it, so every executor needs room \
         for it; never more than a quarter of `executor.memory`.",
    ),
    Definition::spark(
        "io.compression.codec",
        Shape::Choice(&["lz4", "zstd", "none"]),
        None,
        "What compresses shuffle files: `lz4`, `zstd`, which takes longer and less room, or `none`. Without it, `lz4` where executors are on several machines, \
         which fetch them from each other, and `none` where all are on one, as in `local[N]`, and read them from the system's cache: there compression costs \
         more than it saves, unless the disk is slow and they do not fit in memory.",
    ),
    Definition::spark(
        "local.dir",
        Shape::Text,
        Some("/tmp"),
        "Where shuffle files and other scratch files go.",
    ),
    Definition::spark(
        "reducer.maxSizeInFlight",
        Shape::Bytes {
            plain: MEBI,
            least: 1,
        },
        Some("48m"),
        "The most bytes of map outputs on other machines that are on their way to one task; never more than its \
         part of 5 % of `executor.memory`. A plain number counts MiB.",
    ),
    Definition::spark(
        "scheduler.listenerbus.eventqueue.capacity",
        Shape::Count { least: 1 },
        Some("65536"),
        "Events that may wait for a slow listener; further ones are dropped and counted. Spark's default \
         is 10000. Tasks are shorter here: 100000 events a second, looked at every 50 ms, are 5000 at a \
         time, and a listener may oversleep twelve times before one is lost.",
    ),
];

/// What compresses bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// Nothing does.
    None,
    /// LZ4: half a gigabyte a second and core.
    #[default]
    Lz4,
    /// Zstandard at level 1, as Spark: slower than LZ4, and fewer bytes.
    Zstd,
}

impl Settings {
    /// `app.name`: what people call the application, if it was said.
    pub fn app_name(&self) -> Option<&str> {
        self.text("app.name")
    }

    /// `default.parallelism`: partitions where the program does not say; none: as many as there are cores.
    pub fn default_parallelism(&self) -> Option<u32> {
        self.count("default.parallelism")
    }

    /// `cores.max`: the most cores of a cluster, if that was said.
    pub fn cores_max(&self) -> Option<u32> {
        self.count("cores.max")
    }

    /// `driver.cores`: cores of a driver that the cluster runs.
    pub fn driver_cores(&self) -> u32 {
        self.count("driver.cores").unwrap_or(1)
    }

    /// `executor.cores`: cores of each executor, if that was said.
    pub fn executor_cores(&self) -> Option<u32> {
        self.count("executor.cores")
    }

    /// `executor.instances`: how many executors to begin with, if that was said.
    pub fn executor_instances(&self) -> Option<u32> {
        self.count("executor.instances")
    }

    /// `driver.maxResultSize`: the most bytes of results of one job; none: no bound.
    pub fn driver_max_result_size(&self) -> Option<u64> {
        Some(self.size("driver.maxResultSize")).filter(|bytes| *bytes > 0)
    }

    /// `driver.memory`: the driver's memory in bytes.
    pub fn driver_memory(&self) -> u64 {
        self.size("driver.memory")
    }

    /// `executor.memory`: an executor's memory in bytes.
    pub fn executor_memory(&self) -> u64 {
        self.size("executor.memory")
    }

    /// `files.maxPartitionBytes`: the most bytes of a file that one partition reads.
    pub fn files_max_partition_bytes(&self) -> u64 {
        self.size("files.maxPartitionBytes")
    }

    /// `image.maxSize`: the largest image of the driver's memory, in bytes.
    pub fn image_max_size(&self) -> u64 {
        self.size("image.maxSize")
    }

    /// `io.compression.codec`: what compresses shuffle files; where it was not said, it depends on whether they are
    /// [`fetched`](crate::Work::ShuffleMap).
    pub fn io_compression_codec(&self, fetched: bool) -> Codec {
        match self.text("io.compression.codec") {
            Some("none") => Codec::None,
            Some("zstd") => Codec::Zstd,
            Some(_) => Codec::Lz4,
            None if fetched => Codec::Lz4,
            None => Codec::None,
        }
    }

    /// `local.dir`: where shuffle files and other scratch files go.
    pub fn local_dir(&self) -> &str {
        self.text("local.dir").unwrap_or_default()
    }

    /// `reducer.maxSizeInFlight`: the most bytes of map outputs that are on their way to one task.
    pub fn reducer_max_size_in_flight(&self) -> u64 {
        self.size("reducer.maxSizeInFlight")
    }

    /// `scheduler.listenerbus.eventqueue.capacity`: the events that may wait for a slow listener.
    pub fn event_queue_capacity(&self) -> u32 {
        self.count("scheduler.listenerbus.eventqueue.capacity")
            .unwrap_or_default()
    }
}
