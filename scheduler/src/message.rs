//! What processes say to one another: Spark's messages, as plain data.
//!
//! A message is true of its sender at the moment of sending, no more. Between two processes that are both alive,
//! messages arrive in order and once (the `link` module); when that can no longer be promised each is told that the
//! other is disconnected, and what was under way may or may not have arrived. What comes from a master carries
//! its epoch, so that a leader that was deposed without knowing it is not obeyed.

mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Address, ApplicationId, AttemptId, DriverId, Epoch, ExecutorId, Host, KillReason, Outcome,
    Rack, RddId, ShuffleId, SubmissionKey, Task, TaskMetrics, Tenant, WorkerId,
};

pub(crate) use state::Verb;
pub use state::{ApplicationState, DriverState, ExecutorState};

/// Anything that one process says to another.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// To a master: from workers, applications, submitters and operators.
    ToMaster(ToMaster),
    /// From a master to a worker.
    ToWorker(Epoch, ToWorker),
    /// From a master to an application's driver.
    ToApplication(Epoch, ToApplication),
    /// From a master to whoever asked.
    ToSubmitter(Epoch, ToSubmitter),
    /// From a driver to an executor.
    ToExecutor(ToExecutor),
    /// From an executor to its driver.
    ToDriver(ToDriver),
}

macro_rules! said_to {
    ($($kind:ident)*) => {$(
        impl From<$kind> for Message {
            fn from(message: $kind) -> Self {
                Self::$kind(message)
            }
        }
    )*};
}

said_to! { ToMaster ToExecutor ToDriver }

/// A worker, as it presents itself (Spark: `WorkerInfo`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Which life of it.
    pub id: WorkerId,
    /// Where it listens.
    pub address: Address,
    /// Its machine.
    pub host: Host,
    /// Where the machine stands, if that is known.
    pub rack: Option<Rack>,
    /// Cores that it offers.
    pub cores: u32,
    /// Bytes of memory that it offers.
    pub memory: u64,
}

/// An application, as its driver describes it (Spark: `ApplicationDescription`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationSpec {
    /// Said again when the answer was lost.
    pub key: SubmissionKey,
    /// For people.
    pub name: Arc<str>,
    /// Who pays for it.
    pub tenant: Tenant,
    /// Where its driver listens.
    pub driver: Address,
    /// The cluster's own driver that it runs in; none in client mode.
    pub driver_id: Option<DriverId>,
    /// The most cores over all executors (`cores.max`); none: the master's default.
    pub cores_max: Option<u32>,
    /// Cores of each executor (`executor.cores`); none: all that its worker can give, one executor a worker.
    pub executor_cores: Option<u32>,
    /// Bytes of memory of each executor (`executor.memory`).
    pub executor_memory: u64,
    /// How many executors to begin with; none: as many as there is room for.
    pub executors: Option<u32>,
}

/// A driver to be run by the cluster (Spark: `DriverDescription`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverSpec {
    /// Said again when the answer was lost.
    pub key: SubmissionKey,
    /// For people.
    pub name: Arc<str>,
    /// Who pays for it.
    pub tenant: Tenant,
    /// The program, by its hash or where it is; the host knows.
    pub component: Arc<str>,
    /// Its arguments.
    pub args: Vec<Arc<str>>,
    /// Its settings.
    pub settings: Vec<(Arc<str>, Arc<str>)>,
    /// Cores it takes.
    pub cores: u32,
    /// Bytes of memory it takes.
    pub memory: u64,
    /// Whether it is started again when it fails.
    pub supervise: bool,
}

/// An executor's name in the cluster: `app-1-0000/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExecutorName {
    /// Its application.
    pub application: ApplicationId,
    /// Its number there.
    pub executor: ExecutorId,
}

impl fmt::Display for ExecutorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.executor.0)
    }
}

/// What an executor has been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutorReport {
    /// Who.
    pub name: ExecutorName,
    /// Its cores.
    pub cores: u32,
    /// Its bytes of memory.
    pub memory: u64,
}

/// What a master is told.
#[derive(Clone, Debug, PartialEq)]
pub enum ToMaster {
    /// A worker offers itself. Said to all masters; the leader answers.
    RegisterWorker(WorkerInfo),
    /// A worker is alive.
    Heartbeat(WorkerId),
    /// What a worker runs: said after each registration.
    WorkerLatestState {
        /// Who.
        worker: WorkerId,
        /// Its executors.
        executors: Vec<ExecutorReport>,
        /// Its drivers.
        drivers: Vec<DriverId>,
    },
    /// The same, to a new leader.
    WorkerSchedulerStateResponse {
        /// Who.
        worker: WorkerId,
        /// Its executors.
        executors: Vec<ExecutorReport>,
        /// Its drivers.
        drivers: Vec<DriverId>,
    },
    /// An executor has begun or ended.
    ExecutorStateChanged {
        /// On this worker.
        worker: WorkerId,
        /// Which.
        name: ExecutorName,
        /// How it is now.
        state: ExecutorState,
        /// Why, for people.
        reason: Option<Arc<str>>,
        /// With what code its process ended.
        exit_code: Option<i32>,
    },
    /// A driver has begun, has failed and will be started again here (`Relaunching`), or has ended. `Killed` without
    /// an order to kill it: the worker could not keep it, and a supervised one is to run elsewhere.
    DriverStateChanged {
        /// On this worker.
        worker: WorkerId,
        /// Which.
        driver: DriverId,
        /// How it is now.
        state: DriverState,
        /// Why, for people.
        reason: Option<Arc<str>>,
    },
    /// A worker takes no more work and is about to go.
    WorkerDecommissioning(WorkerId),
    /// A driver brings an application.
    RegisterApplication(ApplicationSpec),
    /// An application has ended by itself.
    UnregisterApplication(ApplicationId),
    /// A driver has taken note of a new leader.
    MasterChangeAcknowledged {
        /// Its application.
        application: ApplicationId,
        /// A number above those of all executors it has heard of.
        next_executor: ExecutorId,
    },
    /// An application wants to have this many executors in all.
    RequestExecutors {
        /// Which.
        application: ApplicationId,
        /// How many.
        total: u32,
    },
    /// An application no longer wants these executors.
    KillExecutors {
        /// Which.
        application: ApplicationId,
        /// Whom.
        executors: Vec<ExecutorId>,
    },
    /// Run a driver.
    RequestSubmitDriver(DriverSpec),
    /// Kill a driver.
    RequestKillDriver(DriverId),
    /// How is a driver?
    RequestDriverStatus(DriverId),
    /// Kill an application.
    RequestKillApplication(ApplicationId),
    /// Take machines out of service, in good order.
    DecommissionWorkersOnHosts(Vec<Host>),
}

/// What a master tells a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum ToWorker {
    /// It is in the books of the leader.
    RegisteredWorker {
        /// The leader.
        master: Address,
        /// Whether it was before.
        duplicate: bool,
    },
    /// It is not, and need not try again.
    RegisterWorkerFailed {
        /// Why, for people.
        reason: Arc<str>,
    },
    /// This master does not lead; the worker waits to hear from the one that does.
    MasterInStandby,
    /// The leader does not know it: it is to register again.
    ReconnectWorker {
        /// The leader.
        master: Address,
    },
    /// There is a new leader, which asks what the worker runs.
    MasterChanged {
        /// The leader.
        master: Address,
    },
    /// Start an executor.
    LaunchExecutor {
        /// Its name.
        name: ExecutorName,
        /// What its application is.
        application: Arc<ApplicationSpec>,
        /// Its cores.
        cores: u32,
        /// Its bytes of memory.
        memory: u64,
    },
    /// Stop an executor.
    KillExecutor(ExecutorName),
    /// Start a driver.
    LaunchDriver {
        /// Its name.
        driver: DriverId,
        /// What it is.
        spec: Arc<DriverSpec>,
    },
    /// Stop a driver.
    KillDriver(DriverId),
    /// An application is over: its files can go.
    ApplicationFinished(ApplicationId),
    /// Take no more work.
    DecommissionWorker,
}

/// What a master tells an application's driver.
#[derive(Clone, Debug, PartialEq)]
pub enum ToApplication {
    /// It is in the books of the leader.
    RegisteredApplication {
        /// Its name from now on.
        application: ApplicationId,
        /// The leader.
        master: Address,
    },
    /// It is not, and need not try again.
    RegisterApplicationFailed {
        /// Why, for people.
        reason: Arc<str>,
    },
    /// This master does not lead; the driver waits to hear from the one that does.
    MasterInStandby,
    /// The leader has no such application any more.
    ApplicationRemoved {
        /// Why, for people.
        reason: Arc<str>,
    },
    /// There is a new leader.
    MasterChanged {
        /// The leader.
        master: Address,
    },
    /// An executor was ordered for it.
    ExecutorAdded {
        /// Its number.
        executor: ExecutorId,
        /// Where.
        worker: WorkerId,
        /// On which machine.
        host: Host,
        /// Where that stands.
        rack: Option<Rack>,
        /// Its cores.
        cores: u32,
        /// Its bytes of memory.
        memory: u64,
    },
    /// An executor has begun or ended.
    ExecutorUpdated {
        /// Which.
        executor: ExecutorId,
        /// How it is now.
        state: ExecutorState,
        /// Why, for people.
        reason: Option<Arc<str>>,
        /// With what code its process ended.
        exit_code: Option<i32>,
        /// Whether its worker is gone too, and the shuffle files with it.
        worker_lost: bool,
    },
    /// A worker is gone, and its files with it.
    WorkerRemoved {
        /// Who.
        worker: WorkerId,
        /// Which machine.
        host: Host,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// Why it has fewer executors than it wants; none: it no longer waits.
    Waiting {
        /// For people: `needs 8 GiB for an executor, the largest worker has 4 GiB`.
        because: Option<Arc<str>>,
    },
}

/// What a master answers to whoever asked.
#[derive(Clone, Debug, PartialEq)]
pub enum ToSubmitter {
    /// This master does not lead: ask another one.
    MasterInStandby,
    /// The driver was taken in, or not.
    SubmitDriverResponse {
        /// The wish that this answers.
        key: SubmissionKey,
        /// Its name, or why it was refused.
        driver: Result<DriverId, Arc<str>>,
    },
    /// The kill is under way, or there is nothing to kill.
    KillDriverResponse {
        /// Which.
        driver: DriverId,
        /// Why not, for people.
        refused: Option<Arc<str>>,
    },
    /// How a driver is.
    DriverStatusResponse {
        /// Which.
        driver: DriverId,
        /// None: there is no such driver.
        status: Option<DriverStatus>,
    },
    /// The application was killed, or there is nothing to kill.
    KillApplicationResponse {
        /// Which.
        application: ApplicationId,
        /// Why not, for people.
        refused: Option<Arc<str>>,
    },
    /// How many workers were told to go.
    DecommissionResponse {
        /// That many.
        workers: u32,
        /// Why none, for people.
        refused: Option<Arc<str>>,
    },
}

/// How a driver is, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverStatus {
    /// Its state.
    pub state: DriverState,
    /// Where it runs, or ran.
    pub worker: Option<WorkerId>,
    /// Why it is so, or what it waits for.
    pub reason: Option<Arc<str>>,
}

/// What a driver tells an executor.
#[derive(Clone, Debug, PartialEq)]
pub enum ToExecutor {
    /// It may run tasks.
    RegisteredExecutor {
        /// How often it is to send heartbeats.
        heartbeat_interval: Duration,
    },
    /// It may not, and is to end.
    RegisterExecutorFailed {
        /// Why, for people.
        reason: Arc<str>,
    },
    /// Run these.
    LaunchTasks(Vec<Task>),
    /// Stop this one.
    KillTask {
        /// Which.
        attempt: AttemptId,
        /// Why.
        reason: KillReason,
    },
    /// The heartbeat was heard.
    HeartbeatResponse {
        /// Whether the driver does not know it: it is to register again.
        register_again: bool,
    },
    /// The attempt may make its output visible.
    GrantCommit(AttemptId),
    /// It may not.
    DenyCommit(AttemptId),
    /// Drop a dataset's cached partitions.
    RemoveBlocks(RddId),
    /// Delete a shuffle's files.
    RemoveShuffle(ShuffleId),
    /// Get a cached partition from an executor that holds it, and hold it too.
    CopyBlock {
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
    },
    /// Take no more tasks, move the blocks away, end when the tasks have.
    DecommissionExecutor,
    /// End.
    StopExecutor,
}

/// What an executor tells its driver.
#[derive(Clone, Debug, PartialEq)]
pub enum ToDriver {
    /// It is ready.
    RegisterExecutor {
        /// Its number.
        executor: ExecutorId,
        /// Its worker.
        worker: WorkerId,
        /// Its machine.
        host: Host,
        /// Where that stands.
        rack: Option<Rack>,
        /// How many tasks it runs at a time.
        cores: u32,
        /// Attempts that it runs: after a lost connection, not none.
        running: Vec<AttemptId>,
    },
    /// A task has ended. Its result travels beside this message.
    StatusUpdate {
        /// Who says so.
        executor: ExecutorId,
        /// Which.
        attempt: AttemptId,
        /// How.
        outcome: Outcome,
        /// What it cost.
        metrics: TaskMetrics,
    },
    /// It is alive.
    Heartbeat {
        /// Who.
        executor: ExecutorId,
        /// What it runs, with what that has cost so far.
        running: Vec<(AttemptId, TaskMetrics)>,
    },
    /// An attempt has written its output and asks whether it may make it visible.
    CommitAsked(AttemptId),
    /// It has cached a partition.
    BlockStored {
        /// Who.
        executor: ExecutorId,
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
    },
    /// It no longer has a cached partition.
    BlockDropped {
        /// Who.
        executor: ExecutorId,
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
    },
    /// It could not copy a cached partition.
    BlockNotCopied {
        /// Who.
        executor: ExecutorId,
        /// The dataset.
        rdd: RddId,
        /// The partition.
        partition: u32,
    },
    /// It takes no more tasks and is about to go.
    ExecutorDecommissioning(ExecutorId),
}
