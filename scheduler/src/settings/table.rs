//! The table of settings.
//!
//! One row a setting, sorted by key. A default that is not Spark's says why in its documentation.

use std::fmt;

use super::value;

/// Microseconds of a second: what a plain number counts in a time.
pub(super) const SECOND: u64 = 1_000_000;

const MEBI: u64 = 1 << 20;

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A whole number.
    Count {
        /// The least.
        least: u32,
    },
    /// A size in bytes.
    Bytes {
        /// What a number without a suffix counts: for memory it is MiB, as in Spark.
        plain: u64,
        /// The least, in bytes.
        least: u64,
    },
    /// A span of time; a number without a suffix counts seconds.
    Time,
    /// Anything but nothing.
    Text,
}

impl Shape {
    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Count { least } => text.parse::<u32>().is_ok_and(|count| count >= least),
            Self::Bytes { plain, least } => {
                value::bytes(text, plain).is_some_and(|bytes| bytes >= least)
            }
            Self::Time => value::duration(text, SECOND).is_some_and(|time| !time.is_zero()),
            Self::Text => !text.is_empty(),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { least } => write!(f, "a whole number from {least} to {}", u32::MAX),
            Self::Bytes { least: 0, .. } => f.write_str("a size such as 512m or 1g"),
            Self::Bytes { least, .. } => {
                write!(f, "a size such as 512m or 1g, at least {least} bytes")
            }
            Self::Time => f.write_str("a time such as 100ms or 60s, longer than nothing"),
            Self::Text => f.write_str("a text"),
        }
    }
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The key, without `spark.`.
    pub key: &'static str,
    /// Spark's key; none where the setting is ours alone.
    pub spark_key: Option<&'static str>,
    /// What values it takes.
    pub shape: Shape,
    /// The value where none is set.
    pub default: Option<&'static str>,
    /// The version that brought it.
    pub since: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// Every setting, sorted by key.
pub const DEFINITIONS: &[Definition] = &[
    Definition {
        key: "app.name",
        spark_key: Some("spark.app.name"),
        shape: Shape::Text,
        default: None,
        since: "0.1.0",
        doc: "What people call the application. Without it, the component's file name.",
    },
    Definition {
        key: "default.parallelism",
        spark_key: Some("spark.default.parallelism"),
        shape: Shape::Count { least: 1 },
        default: None,
        since: "0.1.0",
        doc: "Partitions of datasets whose number the program does not say. Without it, the number of cores.",
    },
    Definition {
        key: "driver.maxResultSize",
        spark_key: Some("spark.driver.maxResultSize"),
        shape: Shape::Bytes { plain: 1, least: 0 },
        default: Some("1g"),
        since: "0.1.0",
        doc: "The most bytes that the results of one job may add up to; the job fails beyond it. 0 is no bound.",
    },
    Definition {
        key: "driver.memory",
        spark_key: Some("spark.driver.memory"),
        shape: Shape::Bytes {
            plain: MEBI,
            least: 32 * MEBI,
        },
        default: Some("1g"),
        since: "0.1.0",
        doc: "The driver's memory. A plain number counts MiB.",
    },
    Definition {
        key: "executor.memory",
        spark_key: Some("spark.executor.memory"),
        shape: Shape::Bytes {
            plain: MEBI,
            least: 32 * MEBI,
        },
        default: Some("1g"),
        since: "0.1.0",
        doc: "Memory of an executor: its tasks, cached blocks, prepared images and transfers. A plain number counts MiB.",
    },
    Definition {
        key: "files.maxPartitionBytes",
        spark_key: Some("spark.files.maxPartitionBytes"),
        shape: Shape::Bytes { plain: 1, least: 1 },
        default: Some("32m"),
        since: "0.1.0",
        doc: "The most bytes of a file that one partition reads. Spark's own default is 128m, but its `textFile` \
              cuts local files at the file system's block, which is 32m; a task costs so little here that small \
              partitions are the better choice everywhere.",
    },
    Definition {
        key: "image.maxSize",
        spark_key: None,
        shape: Shape::Bytes { plain: 1, least: 1 },
        default: Some("256m"),
        since: "0.1.0",
        doc: "The largest image of the driver's memory. Tasks are forks of it, so every executor needs room for it; \
              never more than a quarter of `executor.memory`.",
    },
    Definition {
        key: "local.dir",
        spark_key: Some("spark.local.dir"),
        shape: Shape::Text,
        default: Some("/tmp"),
        since: "0.1.0",
        doc: "Where shuffle files and other scratch files go.",
    },
    Definition {
        key: "scheduler.listenerbus.eventqueue.capacity",
        spark_key: Some("spark.scheduler.listenerbus.eventqueue.capacity"),
        shape: Shape::Count { least: 1 },
        default: Some("65536"),
        since: "0.1.0",
        doc: "Events that may wait for a slow listener; further ones are dropped and counted. Spark's default is \
              10000. Tasks are shorter here: 100000 events a second, looked at every 50 ms, are 5000 at a time, and \
              a listener may oversleep twelve times before one is lost.",
    },
    Definition {
        key: "stage.maxConsecutiveAttempts",
        spark_key: Some("spark.stage.maxConsecutiveAttempts"),
        shape: Shape::Count { least: 1 },
        default: Some("4"),
        since: "0.1.0",
        doc: "Attempts at a stage that may fail in a row, because map outputs were lost, before its jobs fail.",
    },
    Definition {
        key: "task.maxFailures",
        spark_key: Some("spark.task.maxFailures"),
        shape: Shape::Count { least: 1 },
        default: Some("4"),
        since: "0.1.0",
        doc: "The failure of one task with which its job fails. Kills, lost executors, lost map outputs and denied \
              commits do not count. A program's failure that comes again exactly the same ends the job at once, \
              whatever this says: it would come every time.",
    },
    Definition {
        key: "task.maxLogSize",
        spark_key: None,
        shape: Shape::Bytes { plain: 1, least: 0 },
        default: Some("1m"),
        since: "0.1.0",
        doc: "Bytes that one task attempt may print; what goes beyond is dropped and counted.",
    },
    Definition {
        key: "task.timeout",
        spark_key: None,
        shape: Shape::Time,
        default: None,
        since: "0.1.0",
        doc: "How long a task attempt may run before it is killed, which counts as a failure. Without it, for ever. \
              A plain number counts seconds.",
    },
];
