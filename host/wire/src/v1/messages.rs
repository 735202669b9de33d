//! Which message has which number, and what it is made of.
//!
//! A number is never used again for another message. Each message has a root of its own, so that a new one leaves the
//! bytes of the others alone.

use std::sync::Arc;
use std::time::Duration;

use scheduler::message::{
    ApplicationSpec, DriverSpec, DriverState, DriverStatus, ExecutorName, ExecutorReport,
    ExecutorState, ToApplication, ToDriver, ToExecutor, ToMaster, ToSubmitter, ToWorker,
    WorkerInfo,
};
use scheduler::{
    Address, ApplicationId, AttemptId, DriverId, Epoch, ExecutorId, Host, ImageId, KillReason,
    Outcome, Rack, RddId, ShuffleId, SubmissionKey, Task, TaskMetrics, WorkerId,
};

use crate::form::{Wire, read, write_form};
use crate::{
    AccumulatorUpdate, Block, BlockLocation, Bulk, Data, Error, Fetch, ImageHeader, Invalid, Join,
    LogPart, LogSource, LogStream, MapOutput, Message, Refusal, Subject, Transfer,
};

/// The name in the place of a type.
macro_rules! named {
    ($name:ident $type:ty) => {
        $name
    };
}

/// Declares the messages of a group: number, name, fields.
macro_rules! groups {
    ($($group:literal $enum:ident {
        $($number:literal $message:ident $(($tuple:ty))? $({ $($field:ident: $type:ty),* $(,)? })?),* $(,)?
    })*) => {
        /// Each message: group, number and name.
        pub const MESSAGES: &[(u8, u8, &str)] = &[$($(($group, $number, stringify!($message)),)*)*];

        $(impl Group for $enum {
            fn name(&self) -> &'static str {
                match self {
                    $(Self::$message { .. } => stringify!($message),)*
                }
            }

            fn append(&self, epoch: Option<Epoch>, out: &mut Vec<u8>) -> Result<(), Invalid> {
                match self {
                    $(Self::$message $((named!(value $tuple)))? $({ $($field),* })? => {
                        out.extend([$group, $number]);
                        out.extend(epoch.into_iter().flat_map(|epoch| epoch.0.to_le_bytes()));
                        let form: <($($tuple,)? $($($type,)*)?) as Wire>::Form = (
                            $(<$tuple as Wire>::to_form(named!(value $tuple))?,)?
                            $($(<$type as Wire>::to_form($field)?,)*)?
                        );
                        write_form(&form, out);
                        Ok(())
                    })*
                }
            }

            fn decode(number: u8, bytes: &[u8]) -> Result<Self, Error> {
                match number {
                    $($number => {
                        let ($(named!(value $tuple),)? $($($field,)*)?) =
                            read::<($($tuple,)? $($($type,)*)?)>(bytes)
                                .map_err(|unreadable| unreadable.into_error(stringify!($message)))?;
                        Ok(Self::$message $((named!(value $tuple)))? $({ $($field),* })?)
                    })*
                    _ => Err(Error::UnknownMessage { group: $group, number }),
                }
            }
        })*
    };
}

/// Messages that share their first byte.
trait Group: Sized {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Appends group, number, the epoch if there is one, and the fields.
    fn append(&self, epoch: Option<Epoch>, out: &mut Vec<u8>) -> Result<(), Invalid>;

    /// The same, with its name to what is wrong.
    fn encode(&self, epoch: Option<Epoch>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.append(epoch, out)
            .map_err(|invalid| invalid.of(self.name()))
    }

    /// Returns the message of this number whose fields these are.
    fn decode(number: u8, fields: &[u8]) -> Result<Self, Error>;
}

groups! {
    1 ToMaster {
        1 RegisterWorker(WorkerInfo),
        2 Heartbeat(WorkerId),
        3 WorkerLatestState { worker: WorkerId, executors: Vec<ExecutorReport>, drivers: Vec<DriverId> },
        4 WorkerSchedulerStateResponse { worker: WorkerId, executors: Vec<ExecutorReport>, drivers: Vec<DriverId> },
        5 ExecutorStateChanged {
            worker: WorkerId, name: ExecutorName, state: ExecutorState, reason: Option<Arc<str>>, exit_code: Option<i32>,
        },
        6 DriverStateChanged { worker: WorkerId, driver: DriverId, state: DriverState, reason: Option<Arc<str>> },
        7 WorkerDecommissioning(WorkerId),
        8 RegisterApplication(ApplicationSpec),
        9 UnregisterApplication(ApplicationId),
        10 MasterChangeAcknowledged { application: ApplicationId, next_executor: ExecutorId },
        11 RequestExecutors { application: ApplicationId, total: u32 },
        12 KillExecutors { application: ApplicationId, executors: Vec<ExecutorId> },
        13 RequestSubmitDriver(DriverSpec),
        14 RequestKillDriver(DriverId),
        15 RequestDriverStatus(DriverId),
        16 RequestKillApplication(ApplicationId),
        17 DecommissionWorkersOnHosts(Vec<Host>),
    }
    2 ToWorker {
        1 RegisteredWorker { master: Address, duplicate: bool },
        2 RegisterWorkerFailed { reason: Arc<str> },
        3 MasterInStandby,
        4 ReconnectWorker { master: Address },
        5 MasterChanged { master: Address },
        6 LaunchExecutor { name: ExecutorName, application: Arc<ApplicationSpec>, cores: u32, memory: u64 },
        7 KillExecutor(ExecutorName),
        8 LaunchDriver { driver: DriverId, spec: Arc<DriverSpec> },
        9 KillDriver(DriverId),
        10 ApplicationFinished(ApplicationId),
        11 DecommissionWorker,
    }
    3 ToApplication {
        1 RegisteredApplication { application: ApplicationId, master: Address },
        2 RegisterApplicationFailed { reason: Arc<str> },
        3 MasterInStandby,
        4 ApplicationRemoved { reason: Arc<str> },
        5 MasterChanged { master: Address },
        6 ExecutorAdded {
            executor: ExecutorId, worker: WorkerId, host: Host, rack: Option<Rack>, cores: u32, memory: u64,
        },
        7 ExecutorUpdated {
            executor: ExecutorId, state: ExecutorState, reason: Option<Arc<str>>, exit_code: Option<i32>,
            worker_lost: bool,
        },
        8 WorkerRemoved { worker: WorkerId, host: Host, reason: Arc<str> },
        9 Waiting { because: Option<Arc<str>> },
    }
    4 ToSubmitter {
        1 MasterInStandby,
        2 SubmitDriverResponse { key: SubmissionKey, driver: Result<DriverId, Arc<str>> },
        3 KillDriverResponse { driver: DriverId, refused: Option<Arc<str>> },
        4 DriverStatusResponse { driver: DriverId, status: Option<DriverStatus> },
        5 KillApplicationResponse { application: ApplicationId, refused: Option<Arc<str>> },
        6 DecommissionResponse { workers: u32, refused: Option<Arc<str>> },
    }
    5 ToExecutor {
        1 RegisteredExecutor { heartbeat_interval: Duration },
        2 RegisterExecutorFailed { reason: Arc<str> },
        3 LaunchTasks(Vec<Task>),
        4 KillTask { attempt: AttemptId, reason: KillReason },
        5 HeartbeatResponse { register_again: bool },
        6 GrantCommit(AttemptId),
        7 DenyCommit(AttemptId),
        8 RemoveBlocks(RddId),
        9 RemoveShuffle(ShuffleId),
        10 DecommissionExecutor,
        11 StopExecutor,
        12 CopyBlock { rdd: RddId, partition: u32 },
    }
    6 ToDriver {
        1 RegisterExecutor {
            executor: ExecutorId, worker: WorkerId, host: Host, rack: Option<Rack>, cores: u32, running: Vec<AttemptId>,
        },
        2 StatusUpdate { executor: ExecutorId, attempt: AttemptId, outcome: Outcome, metrics: TaskMetrics },
        3 Heartbeat { executor: ExecutorId, running: Vec<(AttemptId, TaskMetrics)> },
        4 CommitAsked(AttemptId),
        5 BlockStored { executor: ExecutorId, rdd: RddId, partition: u32 },
        6 BlockDropped { executor: ExecutorId, rdd: RddId, partition: u32 },
        7 ExecutorDecommissioning(ExecutorId),
        8 BlockNotCopied { executor: ExecutorId, rdd: RddId, partition: u32 },
    }
    7 Data {
        1 ImageAsked { application: ApplicationId, image: ImageId, known: Vec<ImageId> },
        2 Image(ImageHeader),
        3 MapOutputsAsked { shuffle: ShuffleId },
        4 MapOutputs { shuffle: ShuffleId, maps: u32, outputs: Vec<MapOutput> },
        5 BlockLocationsAsked { blocks: Vec<Block> },
        6 BlockLocations { locations: Vec<BlockLocation> },
        7 TaskResult { attempt: AttemptId, bytes: Vec<u8> },
        8 LogAsked { source: LogSource, stream: LogStream, offset: u64, bytes_max: u32, follow: bool },
        9 LogPart(LogPart),
        10 Refused(Refusal),
        11 StatusAsked,
        12 Status { json: String },
        13 ShuffleService { executor: ExecutorId, address: Address, folder: String },
        14 ApplicationAsked,
        15 Application {
            component: crate::Hash, settings: Vec<(Arc<str>, Arc<str>)>, readable: Vec<Arc<str>>, writable: Vec<Arc<str>>,
        },
        16 OutputAsked { output: u32 },
        17 Output { folder: String },
        18 Accumulators { attempt: AttemptId, updates: Vec<AccumulatorUpdate> },
    }
    8 Join {
        1 Join { request: Vec<u8>, subject: Subject },
        2 Joined { chain: Vec<Vec<u8>> },
    }
    9 Transfer {
        1 Fetch(Fetch),
        2 Bulk(Bulk),
    }
}

/// Appends the bytes of a message to `out`.
///
/// # Errors
///
/// If its receiver would refuse it. What was appended until then stays, for the caller to cut off.
pub fn encode(message: &Message, out: &mut Vec<u8>) -> Result<(), Error> {
    match message {
        Message::Scheduler(message) => encode_schedulers(message, out),
        Message::Data(data) => data.encode(None, out),
        Message::Join(join) => join.encode(None, out),
        Message::Transfer(transfer) => transfer.encode(None, out),
    }
}

fn encode_schedulers(message: &scheduler::Message, out: &mut Vec<u8>) -> Result<(), Error> {
    use scheduler::Message as M;
    match message {
        M::ToMaster(message) => message.encode(None, out),
        M::ToWorker(epoch, message) => message.encode(Some(*epoch), out),
        M::ToApplication(epoch, message) => message.encode(Some(*epoch), out),
        M::ToSubmitter(epoch, message) => message.encode(Some(*epoch), out),
        M::ToExecutor(message) => message.encode(None, out),
        M::ToDriver(message) => message.encode(None, out),
    }
}

/// Returns the message that the bytes are.
///
/// # Errors
///
/// If they are none.
pub fn decode(bytes: &[u8]) -> Result<Message, Error> {
    use scheduler::Message as M;
    let Some((&[group, number], fields)) = bytes.split_first_chunk() else {
        return Err(Error::TooShort {
            what: "a message",
            bytes: bytes.len(),
        });
    };
    let led = || epoch(fields);
    Ok(match group {
        1 => M::ToMaster(Group::decode(number, fields)?).into(),
        2 => led()
            .and_then(|(epoch, fields)| Ok(M::ToWorker(epoch, Group::decode(number, fields)?)))?
            .into(),
        3 => led()
            .and_then(|(epoch, fields)| {
                Ok(M::ToApplication(epoch, Group::decode(number, fields)?))
            })?
            .into(),
        4 => led()
            .and_then(|(epoch, fields)| Ok(M::ToSubmitter(epoch, Group::decode(number, fields)?)))?
            .into(),
        5 => M::ToExecutor(Group::decode(number, fields)?).into(),
        6 => M::ToDriver(Group::decode(number, fields)?).into(),
        7 => Message::Data(Group::decode(number, fields)?),
        8 => Message::Join(Group::decode(number, fields)?),
        9 => Message::Transfer(Group::decode(number, fields)?),
        _ => return Err(Error::UnknownMessage { group, number }),
    })
}

/// Takes the epoch off what a leader says.
fn epoch(fields: &[u8]) -> Result<(Epoch, &[u8]), Error> {
    let (epoch, fields) = fields.split_first_chunk().ok_or(Error::TooShort {
        what: "a leader's message",
        bytes: fields.len(),
    })?;
    Ok((Epoch(u64::from_le_bytes(*epoch)), fields))
}
