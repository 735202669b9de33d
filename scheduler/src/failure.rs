//! How tasks and jobs fail, in words for the person whose program it is.
//!
//! A job's failure carries the whole story: what was computed where in the program, what went wrong in the guest's
//! own words, and why it is not tried again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{BucketSizes, JobId, ShuffleId, StageId};

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// With its result, or with its shuffle file complete.
    Succeeded,
    /// With its shuffle file complete, whose buckets are so large. Listeners are told that it succeeded.
    Wrote(Arc<BucketSizes>),
    /// Without.
    Failed(Arc<TaskFailure>),
}

impl Outcome {
    /// Takes the sizes of a map output apart from the fact that it succeeded.
    pub(crate) fn without_sizes(self) -> (Self, Option<Arc<BucketSizes>>) {
        match self {
            Self::Wrote(sizes) => (Self::Succeeded, Some(sizes)),
            other => (other, None),
        }
    }
}

impl From<TaskFailure> for Outcome {
    fn from(failure: TaskFailure) -> Self {
        Self::Failed(Arc::new(failure))
    }
}

/// What kind of failure it was; decides whether it counts, and whether it may be deterministic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// The program panicked.
    Panicked,
    /// The program's closure returned an error of its own.
    Returned,
    /// The program trapped without saying why.
    Trapped,
    /// It asked for more memory than a task has.
    MemoryExceeded,
    /// It recursed too deep.
    StackOverflowed,
    /// Its result is larger than allowed.
    ResultTooLarge,
    /// It ran longer than `task.timeout`.
    TimedOut,
    /// The host failed: a disk, a store.
    Io,
    /// A map output could not be read.
    FetchFailed {
        /// Of this shuffle.
        shuffle: ShuffleId,
        /// The first map partition whose output is missing or broken.
        map_partition: u32,
    },
    /// It was killed.
    Killed,
    /// Its executor is gone.
    ExecutorLost,
    /// Another attempt makes the output visible.
    CommitDenied,
}

impl FailureKind {
    /// Returns whether it counts towards `task.maxFailures`: whether the task may be to blame.
    ///
    /// Spark: `TaskFailedReason.countTowardsTaskFailures`.
    pub fn counts(self) -> bool {
        !matches!(
            self,
            Self::FetchFailed { .. } | Self::Killed | Self::ExecutorLost | Self::CommitDenied
        )
    }

    /// Returns whether the program alone brought it about. As two attempts compute the same bytes, such a
    /// failure that comes a second time will come every time.
    pub fn is_guests(self) -> bool {
        self.counts() && !matches!(self, Self::TimedOut | Self::Io)
    }
}

impl fmt::Display for FailureKind {
    /// Writes a verb: what the task did.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panicked => "panicked",
            Self::Returned => "returned an error",
            Self::Trapped => "trapped",
            Self::MemoryExceeded => "ran out of memory",
            Self::StackOverflowed => "overflowed its stack",
            Self::ResultTooLarge => "returned too large a result",
            Self::TimedOut => "took too long",
            Self::Io => "met an input or output error",
            Self::FetchFailed {
                shuffle,
                map_partition,
            } => {
                return write!(f, "could not fetch map output {map_partition} of {shuffle}");
            }
            Self::Killed => "was killed",
            Self::ExecutorLost => "lost its executor",
            Self::CommitDenied => "was denied its commit",
        })
    }
}

/// Why an attempt has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFailure {
    /// What kind it is.
    pub kind: FailureKind,
    /// The guest's own words where it is the guest's failure, the host's where it is not.
    pub message: String,
    /// `file:line:column` in the user's program, where known.
    pub place: Option<String>,
    /// The guest's stack, where known.
    pub backtrace: Option<String>,
}

impl TaskFailure {
    /// A failure without a place.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            place: None,
            backtrace: None,
        }
    }

    /// Returns whether this is `other` over again. The stack is left out: equal failures can be reached by it
    /// differing in addresses alone.
    pub fn recurs(&self, other: &Self) -> bool {
        self.kind.is_guests()
            && (self.kind, &self.message, &self.place) == (other.kind, &other.message, &other.place)
    }
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// The job.
    pub job: JobId,
    /// Its action: `collect`.
    pub name: Arc<str>,
    /// `file:line` of the action.
    pub call_site: Arc<str>,
    /// What ended it.
    pub cause: Cause,
}

/// What ended a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// One task failed for good.
    TaskFailed {
        /// The task's stage.
        stage: StageId,
        /// The task's partition.
        partition: u32,
        /// How many partitions the stage's dataset has.
        partitions: u32,
        /// The transformation that the stage ends in: `flat_map`.
        rdd_name: Arc<str>,
        /// `file:line` of the transformation.
        call_site: Arc<str>,
        /// How many attempts failed by their own fault.
        failures: u32,
        /// Whether it failed the same way twice, so that trying again is of no use.
        deterministic: bool,
        /// The last failure.
        failure: Arc<TaskFailure>,
    },
    /// A stage lost its input again and again.
    StageFailed {
        /// The stage.
        stage: StageId,
        /// The transformation that it ends in.
        rdd_name: Arc<str>,
        /// `file:line` of the transformation.
        call_site: Arc<str>,
        /// How many attempts at the stage failed in a row.
        attempts: u32,
        /// The last fetch failure.
        failure: Arc<TaskFailure>,
    },
    /// A stage was begun again and again.
    StageExhausted {
        /// The stage.
        stage: StageId,
        /// The transformation that it ends in.
        rdd_name: Arc<str>,
        /// `file:line` of the transformation.
        call_site: Arc<str>,
        /// How many attempts at it were begun.
        attempts: u32,
    },
    /// A task failed wherever it ran, may run on no executor that there is, and no other one came.
    Unschedulable {
        /// The task's stage.
        stage: StageId,
        /// The task's partition.
        partition: u32,
        /// How many partitions the stage's dataset has.
        partitions: u32,
        /// The transformation that the stage ends in: `flat_map`.
        rdd_name: Arc<str>,
        /// `file:line` of the transformation.
        call_site: Arc<str>,
    },
    /// The results add up to more than `driver.maxResultSize`.
    ResultsTooLarge {
        /// How many bytes have arrived.
        bytes: u64,
        /// How many are allowed.
        limit: u64,
        /// From how many tasks they came.
        tasks: u32,
    },
    /// Somebody cancelled it.
    Cancelled {
        /// Why.
        reason: Arc<str>,
    },
    /// It makes no sense: it names what is not there.
    Refused {
        /// What is wrong with it.
        reason: Arc<str>,
    },
}

impl fmt::Display for JobFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            job,
            name,
            call_site,
            cause,
        } = self;
        let verb = match cause {
            Cause::Cancelled { .. } => "was cancelled",
            Cause::Refused { .. } => "was refused",
            _ => "failed",
        };
        write!(f, "{job} `{name}` at {call_site} {verb}: {cause}")
    }
}

impl std::error::Error for JobFailure {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TaskFailed {
                stage,
                partition,
                partitions,
                rdd_name,
                call_site,
                failures,
                deterministic,
                failure,
            } => {
                let kind = failure.kind;
                writeln!(
                    f,
                    "partition {partition} of {partitions} of {stage} `{rdd_name}` at {call_site} {kind}"
                )?;
                writeln!(f, "  {failure}")?;
                if *deterministic {
                    write!(
                        f,
                        "  it failed the same way twice: deterministic, not retried"
                    )
                } else {
                    let times = Times(*failures);
                    write!(
                        f,
                        "  it failed {times}, as often as `task.maxFailures` allows"
                    )
                }
            }
            Self::StageFailed {
                stage,
                rdd_name,
                call_site,
                attempts,
                failure,
            } => {
                let (kind, times) = (failure.kind, Times(*attempts));
                writeln!(f, "{stage} `{rdd_name}` at {call_site} {kind}")?;
                writeln!(f, "  {failure}")?;
                write!(
                    f,
                    "  it failed {times} in a row, as often as `stage.maxConsecutiveAttempts` allows"
                )
            }
            Self::StageExhausted {
                stage,
                rdd_name,
                call_site,
                attempts,
            } => {
                writeln!(
                    f,
                    "{stage} `{rdd_name}` at {call_site} keeps losing what it reads or has made"
                )?;
                let times = Times(*attempts);
                write!(
                    f,
                    "  it was begun {times}, as often as `stage.maxAttempts` allows"
                )
            }
            Self::Unschedulable {
                stage,
                partition,
                partitions,
                rdd_name,
                call_site,
            } => {
                writeln!(
                    f,
                    "partition {partition} of {partitions} of {stage} `{rdd_name}` at {call_site} may run on no executor"
                )?;
                write!(
                    f,
                    "  tasks failed on each of them (`excludeOnFailure`), and no other one came within \
                     `scheduler.excludeOnFailure.unschedulableTaskSetTimeout`"
                )
            }
            Self::ResultsTooLarge {
                bytes,
                limit,
                tasks,
            } => {
                writeln!(
                    f,
                    "the results of {tasks} tasks are {bytes} bytes, {limit} are allowed"
                )?;
                write!(
                    f,
                    "  keep the data in the cluster (reduce it, save it), or raise `driver.maxResultSize`"
                )
            }
            Self::Cancelled { reason } | Self::Refused { reason } => f.write_str(reason),
        }
    }
}

/// How often, in words.
struct Times(u32);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("once"),
            2 => f.write_str("twice"),
            times => write!(f, "{times} times"),
        }
    }
}

/// The failure of an attempt that ran longer than it may.
pub(crate) fn timed_out(limit: Duration) -> TaskFailure {
    TaskFailure::new(
        FailureKind::TimedOut,
        format!("it ran longer than `task.timeout` ({limit:?})"),
    )
}
