//! Every transition as data, for listeners: progress bars, pages, logs, history (Spark: `SparkListenerEvent`).
//!
//! Events are facts that nobody answers. What is written down carries [`VERSION`]; within a version fields are
//! only added, with a default.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    AttemptId, ExecutorId, FailureKind, Host, ImageId, JobFailure, JobId, Outcome, RddId,
    ShuffleId, StageId, TaskFailure, TaskMetrics, TaskName, Time,
};

/// The version of these events.
pub const VERSION: u32 = 1;

/// Something that listeners may want to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it was decided.
    pub at: Time,
    /// What happened.
    pub kind: EventKind,
}

/// What a stage is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StageKind {
    /// It writes map outputs.
    ShuffleMap {
        /// Of this shuffle.
        shuffle: ShuffleId,
    },
    /// It computes results.
    Result {
        /// Of this job.
        job: JobId,
    },
}

/// How near its data a task runs (Spark: `TaskLocality`). The nearest is the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Locality {
    /// In the executor that has it.
    Process,
    /// On the machine that has it.
    Node,
    /// It does not matter where.
    #[default]
    NoPreference,
    /// In the rack of the machine that has it.
    Rack,
    /// Anywhere else.
    Any,
}

impl fmt::Display for Locality {
    /// Writes Spark's word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "PROCESS_LOCAL",
            Self::Node => "NODE_LOCAL",
            Self::NoPreference => "NO_PREF",
            Self::Rack => "RACK_LOCAL",
            Self::Any => "ANY",
        })
    }
}

/// Why a stage attempt with tasks to launch launches none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitReason {
    /// There is no executor.
    NoExecutor,
    /// Every core is taken.
    NoFreeCore,
    /// The free cores are further from the data than it is willing to go yet.
    Locality {
        /// The furthest it goes now.
        level: Locality,
    },
    /// What failed is tried again a little later.
    Retry,
    /// Too much failed on the executors that have a free core.
    Excluded,
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoExecutor => f.write_str("there is no executor"),
            Self::NoFreeCore => f.write_str("every core is taken"),
            Self::Locality { level } => {
                write!(f, "the free cores are further from its data than {level}")
            }
            Self::Retry => f.write_str("what failed is tried again a little later"),
            Self::Excluded => {
                f.write_str("its tasks failed on the executors that have a free core")
            }
        }
    }
}

/// Why a running attempt is thought to be slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlowReason {
    /// It has run longer than the stage's tasks do, by `speculation.multiplier`.
    LongerThan {
        /// So long, in microseconds.
        micros: u64,
    },
    /// Its executor is about to go and it will not end before.
    Decommissioned,
}

impl fmt::Display for SlowReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LongerThan { micros } => {
                write!(
                    f,
                    "it has run longer than {:?}",
                    Duration::from_micros(*micros)
                )
            }
            Self::Decommissioned => f.write_str("its executor will be gone before it ends"),
        }
    }
}

/// A stage, as listeners see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageInfo {
    /// Its number.
    pub stage: StageId,
    /// Which attempt, from 0.
    pub attempt: u32,
    /// What it is for.
    pub kind: StageKind,
    /// The dataset it ends in.
    pub rdd: RddId,
    /// For a map stage the transformation (`flat_map`), for a result stage the action (`collect`).
    pub name: Arc<str>,
    /// `file:line` of it.
    pub call_site: Arc<str>,
    /// The partitions that the stage is to compute over all attempts.
    pub partitions: u32,
    /// Of them, those that this attempt runs: what is missing.
    pub tasks: u32,
    /// The stages it reads from, as far as its missing partitions need them.
    pub parents: Vec<StageId>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobResult {
    /// Each partition has its result.
    Succeeded,
    /// It has no result.
    Failed(Arc<JobFailure>),
}

/// What happened, in the order of a life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventKind {
    /// The application has begun.
    ApplicationStarted {
        /// Its name.
        name: Arc<str>,
        /// The version of the events that follow.
        version: u32,
    },
    /// An executor is ready.
    ExecutorAdded {
        /// Who.
        executor: ExecutorId,
        /// How many tasks it runs at a time.
        cores: u32,
    },
    /// An executor is gone.
    ExecutorRemoved {
        /// Who.
        executor: ExecutorId,
        /// Why.
        reason: Arc<str>,
    },
    /// The application asked the cluster for another number of executors.
    ExecutorsRequested {
        /// In all.
        total: u32,
        /// Why.
        because: Arc<str>,
    },
    /// Jobs wait and no executor is there to run them. Said again and again while it is so.
    ExecutorsAwaited {
        /// How many jobs.
        jobs: u32,
        /// What is missing.
        because: Arc<str>,
    },
    /// A job has begun.
    JobStarted {
        /// Which.
        job: JobId,
        /// Its action.
        name: Arc<str>,
        /// `file:line` of it.
        call_site: Arc<str>,
        /// Its stages, parents first; those that turn out to be skipped included.
        stages: Vec<StageInfo>,
        /// The group that it is cancelled with.
        #[serde(default)]
        group: Option<Arc<str>>,
        /// Words that it is cancelled by.
        #[serde(default)]
        tags: Vec<Arc<str>>,
    },
    /// A stage does not run: what it would compute is there, or turned out not to be needed.
    StageSkipped {
        /// Which.
        stage: StageId,
    },
    /// An attempt at a stage has begun.
    StageSubmitted {
        /// The stage and the attempt.
        info: StageInfo,
        /// What its tasks are forks of.
        image: ImageId,
        /// The jobs that it serves.
        jobs: Vec<JobId>,
    },
    /// An attempt at a task was launched.
    TaskStarted {
        /// Its name.
        task: TaskName,
        /// Its number.
        attempt: AttemptId,
        /// Where.
        executor: ExecutorId,
        /// How near its data that is.
        #[serde(default)]
        locality: Locality,
        /// Whether it is a second copy of an attempt that takes too long.
        #[serde(default)]
        speculative: bool,
    },
    /// A task takes so long that a second copy of it will be launched (Spark:
    /// `SparkListenerSpeculativeTaskSubmitted`).
    SpeculationStarted {
        /// The attempt that takes long.
        task: TaskName,
        /// Why it is thought to be slow.
        because: SlowReason,
    },
    /// A stage attempt has tasks to launch and launches none. Told when the reason changes.
    TaskSetWaiting {
        /// The stage.
        stage: StageId,
        /// The attempt.
        attempt: u32,
        /// What it waits for.
        because: WaitReason,
    },
    /// An executor gets no tasks of this stage attempt, or of the whole application, because too many failed there.
    ExecutorExcluded {
        /// Who.
        executor: ExecutorId,
        /// The stage attempt; none: the application.
        stage: Option<(StageId, u32)>,
        /// How many tasks failed there.
        failures: u32,
        /// When it gets tasks again; none: when the stage attempt is over.
        until: Option<Time>,
    },
    /// A machine gets no tasks of this stage attempt, or of the whole application.
    HostExcluded {
        /// Which.
        host: Host,
        /// The stage attempt; none: the application.
        stage: Option<(StageId, u32)>,
        /// How many of its executors are excluded.
        executors: u32,
        /// When it gets tasks again; none: when the stage attempt is over.
        until: Option<Time>,
    },
    /// The application gives an executor tasks again.
    ExecutorReadmitted {
        /// Who.
        executor: ExecutorId,
    },
    /// The application gives a machine tasks again.
    HostReadmitted {
        /// Which.
        host: Host,
    },
    /// A task may run on none of the executors that there are, because it, or others, failed on each (Spark:
    /// `SparkListenerUnschedulableTaskSetAdded`). A new executor would help.
    TaskSetUnschedulable {
        /// The stage.
        stage: StageId,
        /// The attempt.
        attempt: u32,
        /// One such task.
        partition: u32,
        /// When the stage is given up.
        until: Time,
    },
    /// No longer so (Spark: `SparkListenerUnschedulableTaskSetRemoved`).
    TaskSetSchedulable {
        /// The stage.
        stage: StageId,
        /// The attempt.
        attempt: u32,
    },
    /// An executor takes no more tasks, as it is about to go.
    ExecutorDecommissioned {
        /// Who.
        executor: ExecutorId,
        /// Why.
        reason: Arc<str>,
    },
    /// An attempt at a task has ended. `Succeeded` means that its result counts.
    TaskEnded {
        /// Its name.
        task: TaskName,
        /// Its number.
        attempt: AttemptId,
        /// Where.
        executor: ExecutorId,
        /// How.
        outcome: Outcome,
        /// What it cost.
        metrics: TaskMetrics,
    },
    /// A failed task will be tried again.
    TaskRetried {
        /// The attempt that failed.
        task: TaskName,
        /// What kind of failure it was.
        because: FailureKind,
        /// How many failures count so far.
        failures: u32,
        /// At how many the job fails (`task.maxFailures`).
        failures_max: u32,
    },
    /// An attempt at a stage has ended.
    StageCompleted {
        /// Which.
        stage: StageId,
        /// The attempt.
        attempt: u32,
        /// Why it is not complete; none where it is.
        failure: Option<Arc<TaskFailure>>,
    },
    /// Map outputs are gone; they are computed again when they are asked for.
    MapOutputsLost {
        /// Of this shuffle.
        shuffle: ShuffleId,
        /// How many.
        outputs: u32,
        /// Why, for people.
        because: Arc<str>,
    },
    /// A job has ended.
    JobEnded {
        /// Which.
        job: JobId,
        /// How.
        result: JobResult,
    },
    /// The application has ended.
    ApplicationEnded,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an older history holds must still be read: these lines are never edited within [`VERSION`] 1.
    #[test]
    fn events_are_read_as_they_were_written() {
        let failure = TaskFailure::new(
            FailureKind::FetchFailed {
                shuffle: ShuffleId(2),
                map_partition: 3,
            },
            "no such file",
        );
        let task = TaskName {
            stage: StageId(1),
            stage_attempt: 0,
            partition: 4,
            attempt: 2,
        };
        let kind = EventKind::TaskEnded {
            task,
            attempt: AttemptId(9),
            executor: ExecutorId(0),
            outcome: failure.into(),
            metrics: TaskMetrics {
                run_time_us: 7,
                ..TaskMetrics::default()
            },
        };
        let event = Event {
            at: Time::from_micros(5),
            kind,
        };
        let written = r#"{"at":5,"kind":{"TaskEnded":{
            "task":{"stage":1,"stage_attempt":0,"partition":4,"attempt":2},"attempt":9,"executor":0,
            "outcome":{"Failed":{"kind":{"FetchFailed":{"shuffle":2,"map_partition":3}},
                "message":"no such file","place":null,"backtrace":null}},
            "metrics":{"run_time_us":7}}}}"#;
        assert_eq!(serde_json::from_str::<Event>(written).unwrap(), event);
        let again = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&again).unwrap(), event);
    }

    #[test]
    fn an_image_is_written_as_hex() {
        let image = serde_json::to_string(&ImageId([0xab; 32])).unwrap();
        assert_eq!(image, format!("\"{}\"", "ab".repeat(32)));
        assert_eq!(
            serde_json::from_str::<ImageId>(&image).unwrap(),
            ImageId([0xab; 32])
        );
    }
}
