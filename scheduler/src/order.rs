//! What goes into a [`Driver`](crate::Driver) and what comes out.
//!
//! Inputs are facts, named in the past tense. Actions are orders, named in the imperative; the host carries
//! them out in order and reports the consequences as inputs.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    AttemptId, Event, ExecutorId, Host, ImageId, JobFailure, JobId, Outcome, Rack, RddId,
    ShuffleId, StageId, TaskMetrics, TaskName,
};

/// A job as the program asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    /// Its number: higher than every earlier job's.
    pub job: JobId,
    /// The dataset whose partitions are computed.
    pub rdd: RddId,
    /// The partitions to compute, each once, in any order. None: the job finishes at once.
    pub partitions: Vec<u32>,
    /// The shuffle of [`Self::rdd`] whose map outputs are made, all of them, where that is all that is wanted;
    /// [`Self::partitions`] is empty then, and the answer is [`Action::AcceptStatistics`] (Spark:
    /// `submitMapStage`).
    pub shuffle: Option<ShuffleId>,
    /// What its tasks are forks of. The host keeps the image itself until this input is handled.
    pub image: ImageId,
    /// The action, for people: `collect`.
    pub name: Arc<str>,
    /// `file:line` in the user's program.
    pub call_site: Arc<str>,
    /// The group that it is cancelled with.
    pub group: Option<Arc<str>>,
    /// Words that it is cancelled by. None is empty or has a comma.
    pub tags: Vec<Arc<str>>,
    /// The pool that its tasks are served from (Spark: the local property `spark.scheduler.pool`); none: `default`.
    pub pool: Option<Arc<str>>,
}

/// Something that has happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The application has begun. Said once, before anything else.
    ApplicationStarted {
        /// Its name, for people.
        name: Arc<str>,
    },
    /// An executor is ready for tasks. One that is known already is left as it is, but for being
    /// [silent](Self::ExecutorSilent) no longer.
    ExecutorAdded {
        /// Who.
        executor: ExecutorId,
        /// Its machine: tasks go to their data.
        host: Host,
        /// Where that stands, if that is known.
        rack: Option<Rack>,
        /// How many tasks it runs at a time.
        cores: u32,
    },
    /// An executor is gone, with its running tasks and cached blocks.
    ExecutorLost {
        /// Who.
        executor: ExecutorId,
        /// Why, for people.
        reason: Arc<str>,
        /// Whether its shuffle files are gone too. They belong to the worker, so usually they are not.
        files_lost: bool,
    },
    /// An executor, or its machine, is about to go: it takes no more tasks, and what runs there may not end.
    ExecutorDecommissioned {
        /// Who.
        executor: ExecutorId,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// A worker is gone. Its executors are reported apart, each of them.
    WorkerLost {
        /// Its machine.
        host: Host,
        /// Why, for people.
        reason: Arc<str>,
        /// Whether the shuffle files that it kept are gone too, those of executors that ended before included.
        files_lost: bool,
    },
    /// Nobody hears of an executor, and why is not known yet: it takes no more tasks until it is
    /// [added](Self::ExecutorAdded) again or [lost](Self::ExecutorLost).
    ExecutorSilent {
        /// Who.
        executor: ExecutorId,
    },
    /// An executor told what its running attempts have cost so far.
    Heartbeat {
        /// What it runs.
        running: Vec<(AttemptId, TaskMetrics)>,
    },
    /// The program asks for a job.
    JobSubmitted(JobSpec),
    /// The program or its user no longer wants a job.
    JobCancelled {
        /// Which.
        job: JobId,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// Nobody wants the jobs of a group any more.
    JobGroupCancelled {
        /// Which.
        group: Arc<str>,
        /// Why, for people.
        reason: Arc<str>,
        /// Whether the jobs that are yet to come are not wanted either.
        future: bool,
    },
    /// Nobody wants the jobs with a tag any more.
    JobTagCancelled {
        /// Which.
        tag: Arc<str>,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// Nobody wants a stage any more, nor the jobs that need it.
    StageCancelled {
        /// Which.
        stage: StageId,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// Nobody wants any of the running jobs any more.
    AllJobsCancelled {
        /// Why, for people.
        reason: Arc<str>,
    },
    /// An attempt has ended, one way or another. A successful attempt's result or shuffle file counts
    /// only if [`Action::AcceptResult`] or [`Action::RegisterMapOutput`] comes out of this very
    /// input; otherwise the host drops it.
    TaskEnded {
        /// Which.
        attempt: AttemptId,
        /// How.
        outcome: Outcome,
        /// What it cost.
        metrics: TaskMetrics,
    },
    /// An attempt has written its output and asks whether it may make it visible.
    CommitAsked {
        /// Which.
        attempt: AttemptId,
    },
    /// An executor has cached a partition.
    BlockStored {
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
        /// Who holds it.
        executor: ExecutorId,
    },
    /// An executor no longer has a cached partition.
    BlockDropped {
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
        /// Who held it.
        executor: ExecutorId,
    },
    /// An executor could not copy a cached partition: it cannot reach a holder, or has no room.
    BlockNotCopied {
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
        /// Who was to hold it.
        executor: ExecutorId,
    },
    /// The program wants each cached partition of a dataset held by so many executors (Spark:
    /// `StorageLevel.replication`). It wants one when a dataset is defined, and again when it is stored no more.
    CopiesWanted {
        /// The dataset.
        rdd: RddId,
        /// How many executors.
        copies: u32,
    },
    /// The program can no longer reach these datasets.
    RddsReleased(Vec<RddId>),
    /// The moment named by [`Driver::next_deadline`](crate::Driver::next_deadline) has come.
    DeadlineReached,
    /// The program has ended: whatever still runs is of no use.
    ApplicationEnded,
}

/// What a task computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// A partition for the action of this job.
    Action {
        /// The job.
        job: JobId,
    },
    /// A partition of the parent of this shuffle, and its buckets.
    ShuffleMap {
        /// The shuffle.
        shuffle: ShuffleId,
        /// How many buckets it has: the partitions on its other side.
        buckets: u32,
        /// Whether executors are on several machines, so that some fetch it over the network: then compressing it may pay.
        fetched: bool,
    },
}

/// One attempt at one task, ready to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub attempt: AttemptId,
    /// Its name, for people.
    pub name: TaskName,
    /// What to compute.
    pub work: Work,
    /// What to fork.
    pub image: ImageId,
    /// The dataset that the stage ends in.
    pub rdd: RddId,
    /// Which partition of it.
    pub partition: u32,
    /// The same for every attempt at this partition of the dataset or shuffle.
    pub seed: u64,
}

/// Why an attempt is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KillReason {
    /// Another attempt at the same partition was faster.
    AnotherSucceeded,
    /// No job needs its stage any more.
    JobEnded,
    /// It ran longer than `task.timeout`.
    TimedOut,
    /// It has not begun where it waits for a core, and another executor has one. If it has, it goes on.
    Recalled,
}

impl fmt::Display for KillReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnotherSucceeded => "another attempt succeeded",
            Self::JobEnded => "no job needs it any more",
            Self::TimedOut => "it ran longer than `task.timeout`",
            Self::Recalled => "another executor has a free core",
        })
    }
}

/// How much the map outputs of a shuffle have for each bucket (Spark: `MapOutputStatistics`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapOutputStatistics {
    /// Which shuffle.
    pub shuffle: ShuffleId,
    /// The bytes of each bucket over all map outputs, about: as [`BucketSizes`](crate::BucketSizes) tells
    /// them. What was never told counts as nothing.
    pub bytes: Vec<u64>,
}

/// Where the output of a map partition is (Spark: `MapStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapOutput {
    /// The map partition.
    pub partition: u32,
    /// The attempt whose output counts.
    pub attempt: AttemptId,
    /// Who wrote it.
    pub executor: ExecutorId,
}

/// Something to be done by the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Run this on one of the executor's cores.
    LaunchTask {
        /// Where.
        executor: ExecutorId,
        /// What.
        task: Task,
    },
    /// Stop this attempt. Its end is still to be reported, whatever it is; its core is taken until then.
    KillTask {
        /// Where.
        executor: ExecutorId,
        /// Which.
        attempt: AttemptId,
        /// Why.
        reason: KillReason,
    },
    /// Hand the attempt's result to the program.
    AcceptResult {
        /// For this job.
        job: JobId,
        /// As this partition.
        partition: u32,
        /// The attempt that just succeeded.
        attempt: AttemptId,
    },
    /// Hand what the attempt has added to accumulators to the program: the attempt counts. Comes before
    /// [`Self::AcceptResult`] or [`Self::RegisterMapOutput`] of the same attempt.
    ///
    /// In a result stage this comes once for each partition. A map task's counts each time that its output is taken, so
    /// that what was lost and computed again counts again (Spark: `DAGScheduler.updateAccumulators`).
    CountAccumulators {
        /// For this job: of those that need the stage, the first.
        job: JobId,
        /// The stage.
        stage: StageId,
        /// Its partition.
        partition: u32,
        /// The attempt that just succeeded.
        attempt: AttemptId,
    },
    /// Make the attempt's shuffle file the one that is read.
    RegisterMapOutput {
        /// For this shuffle.
        shuffle: ShuffleId,
        /// As this map partition, replacing what was there.
        partition: u32,
        /// The attempt that just succeeded.
        attempt: AttemptId,
        /// Who has the file.
        executor: ExecutorId,
    },
    /// Let the attempt make its output visible.
    GrantCommit {
        /// Which.
        attempt: AttemptId,
    },
    /// Tell the attempt that another one makes its output visible; it ends as
    /// [`FailureKind::CommitDenied`](crate::FailureKind::CommitDenied).
    DenyCommit {
        /// Which.
        attempt: AttemptId,
    },
    /// Give an executor back to the cluster: it fails too often, or another one is wanted in its place. Until its
    /// loss is reported it may still run what it was given, but gets nothing more.
    KillExecutor {
        /// Who.
        executor: ExecutorId,
        /// Whether it may finish what it runs and move its blocks away first.
        decommission: bool,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// Hand the sizes of its map outputs to a job that wanted nothing else. [`Self::FinishJob`] follows.
    AcceptStatistics {
        /// For this job.
        job: JobId,
        /// What it wanted.
        statistics: MapOutputStatistics,
    },
    /// Tell the program that each partition has its result.
    FinishJob {
        /// Which.
        job: JobId,
    },
    /// Tell the program that the job has failed.
    FailJob {
        /// Which.
        job: JobId,
        /// Why.
        failure: Arc<JobFailure>,
    },
    /// Delete the shuffle's files.
    RemoveShuffle(ShuffleId),
    /// Get a cached partition from an executor that holds it, and hold it too. Its end is to be reported, as
    /// [`Input::BlockStored`] or [`Input::BlockNotCopied`].
    CopyBlock {
        /// Who is to hold it.
        executor: ExecutorId,
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
    },
    /// Drop the dataset's cached partitions everywhere.
    RemoveBlocks(RddId),
    /// Forget the image: no task will be forked from it, and none is running.
    ReleaseImage(ImageId),
}

/// What [`Driver::handle`](crate::Driver::handle) appends to. The host empties and reuses it.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// To be carried out, in order.
    pub actions: Vec<Action>,
    /// To be told to listeners, in order.
    pub events: Vec<Event>,
}

impl Outbox {
    /// Empties both, keeping their room.
    pub fn clear(&mut self) {
        self.actions.clear();
        self.events.clear();
    }
}
