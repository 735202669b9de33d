//! The forms of what messages are made of.
//!
//! The order of fields and of variants is part of the protocol.

use std::sync::Arc;

use scheduler::message::{
    ApplicationSpec, DriverSpec, DriverState, DriverStatus, ExecutorName, ExecutorReport,
    ExecutorState, WorkerInfo,
};
use scheduler::{
    Address, ApplicationId, AttemptId, BucketSizes, DriverId, Epoch, ExecutorId, FailureKind, Host,
    ImageId, JobId, KillReason, Outcome, Rack, RddId, ShuffleId, StageId, SubmissionKey, Task,
    TaskFailure, TaskMetrics, TaskName, Tenant, Told, Work, WorkerId,
};

use crate::form::{Wire, choices, records};
use crate::{
    AccumulatorUpdate, Block, BlockLocation, Bulk, Content, Fetch, Hash, ImageHeader, Invalid,
    LogPart, LogSource, LogStream, MapOutput, MapOutputName, PageRun, Refusal, RefusalKind, Role,
    Subject,
};

records! {
    ApplicationIdForm = ApplicationId { epoch: Epoch, number: u32 }
    DriverIdForm = DriverId { epoch: Epoch, number: u32 }
    WorkerInfoForm = WorkerInfo {
        id: WorkerId, address: Address, host: Host, rack: Option<Rack>, cores: u32, memory: u64,
    }
    ApplicationSpecForm = ApplicationSpec {
        key: SubmissionKey, name: Arc<str>, tenant: Tenant, driver: Address, driver_id: Option<DriverId>,
        cores_max: Option<u32>, executor_cores: Option<u32>, executor_memory: u64, executors: Option<u32>,
    }
    DriverSpecForm = DriverSpec {
        key: SubmissionKey, name: Arc<str>, tenant: Tenant, component: Arc<str>, args: Vec<Arc<str>>,
        settings: Vec<(Arc<str>, Arc<str>)>, cores: u32, memory: u64, supervise: bool,
    }
    ExecutorNameForm = ExecutorName { application: ApplicationId, executor: ExecutorId }
    ExecutorReportForm = ExecutorReport { name: ExecutorName, cores: u32, memory: u64 }
    DriverStatusForm = DriverStatus {
        state: DriverState, worker: Option<WorkerId>, reason: Option<Arc<str>>,
    }
    TaskNameForm = TaskName { stage: StageId, stage_attempt: u32, partition: u32, attempt: u32 }
    TaskForm = Task {
        attempt: AttemptId, name: TaskName, work: Work, image: ImageId, rdd: RddId, partition: u32, seed: u64,
    }
    TaskFailureForm = TaskFailure {
        kind: FailureKind, message: String, place: Option<String>, backtrace: Option<String>,
    }
    TaskMetricsForm = TaskMetrics {
        run_time_us: u64, instantiate_us: u64, bytes_read: u64, bytes_written: u64, shuffle_read_bytes: u64,
        shuffle_write_bytes: u64, blocks_read_bytes: u64, blocks_written_bytes: u64, result_bytes: u64,
        log_bytes: u64, peak_memory_bytes: u64, spilled_bytes: u64, spills: u64, accumulators: u64,
        blocks_peak_bytes: u64, images_peak_bytes: u64, transfers_peak_bytes: u64,
    }
    ImageHeaderForm = ImageHeader {
        image: ImageId, program: Hash, memory_bytes: u64, globals: Vec<u64>, clock_wall_ns: u64,
        clock_monotonic_ns: u64, seed: u64, parent: Option<ImageId>, changed: Vec<PageRun>,
        pages: Vec<u8>,
    } => page_table
    PageRunForm = PageRun { first: u32, hashes: Vec<Hash> }
    MapOutputForm = MapOutput {
        name: MapOutputName, executor: ExecutorId, worker: WorkerId, host: Host, address: Address, folder: Arc<str>,
    }
    MapOutputNameForm = MapOutputName { partition: u32, attempt: AttemptId }
    BlockForm = Block { rdd: RddId, partition: u32 }
    BlockLocationForm = BlockLocation { block: Block, addresses: Vec<Address> }
    LogPartForm = LogPart { offset: u64, bytes: Vec<u8>, ended: bool }
    AccumulatorUpdateForm = AccumulatorUpdate { accumulator: u32, bytes: Vec<u8> }
    RefusalForm = Refusal { kind: RefusalKind, reason: Arc<str> }
    BulkForm = Bulk { content: Content, length: u64 } => parts
}

choices! {
    ExecutorStateForm = ExecutorState {
        Launching, Running, Killed, Failed, Lost, Exited, Decommissioned,
    }
    DriverStateForm = DriverState {
        Submitted, Running, Finished, Relaunching, Unknown, Killed, Failed, Error,
    }
    WorkForm = Work { Action { job: JobId }, ShuffleMap { shuffle: ShuffleId, buckets: u32, fetched: bool } }
    KillReasonForm = KillReason { AnotherSucceeded, JobEnded, TimedOut, Recalled }
    OutcomeForm = Outcome { Succeeded, Wrote(sizes: Arc<BucketSizes>), Failed(failure: Arc<TaskFailure>) }
    ToldForm = Told {
        Each(codes: Box<[u8]>),
        Average { buckets: u32, average: u64, empty: Box<[u64]>, large: Box<[(u32, u8)]> },
    }
    FailureKindForm = FailureKind {
        Panicked, Returned, Trapped, MemoryExceeded, StackOverflowed, ResultTooLarge, TimedOut, Io,
        FetchFailed { shuffle: ShuffleId, map_partition: u32 }, Killed, ExecutorLost, CommitDenied,
    }
    RoleForm = Role { Master, Worker, Driver, Executor, Submitter, Joiner }
    SubjectForm = Subject {
        Master,
        Worker,
        Driver { tenant: Tenant, application: Option<ApplicationId> },
        Executor { tenant: Tenant, application: ApplicationId, executor: ExecutorId },
        Submitter { tenant: Tenant },
        Joiner(role: Role),
    }
    LogSourceForm = LogSource { Executor(application: ApplicationId, executor: ExecutorId), Driver(driver: DriverId) }
    LogStreamForm = LogStream { Stdout, Stderr }
    RefusalKindForm = RefusalKind { Missing, Forbidden, Invalid, Busy, Failed }
    FetchForm = Fetch {
        Pages { application: ApplicationId, pages: Vec<Hash> },
        Component { hash: Hash },
        Block { application: ApplicationId, block: Block },
        Buckets { application: ApplicationId, shuffle: ShuffleId, bucket: u32, outputs: Vec<MapOutputName> },
    }
    ContentForm = Content {
        Pages,
        Component { hash: Hash },
        Block(block: Block),
        Buckets { lengths: Vec<u64> },
        TaskResult { attempt: AttemptId },
    }
}

impl Wire for BucketSizes {
    type Form = <Told as Wire>::Form;

    fn to_form(&self) -> Result<Self::Form, Invalid> {
        self.0.to_form()
    }

    fn from_form(form: &rkyv::Archived<Self::Form>) -> Result<Self, Invalid> {
        Told::from_form(form).map(Self)
    }
}

/// Bytes of a page: the unit in which images are shipped.
pub const PAGE_BYTES: u64 = 4096;

/// Checks that a page table names pages that there are, each once, in order.
fn page_table(header: &ImageHeader) -> Result<(), Invalid> {
    let bytes = header.memory_bytes;
    if !bytes.is_multiple_of(PAGE_BYTES) || bytes > 1 << 32 {
        return Err(Invalid::MemoryBytes(bytes));
    }
    let pages = bytes / PAGE_BYTES;
    let mut next = 0;
    for run in &header.changed {
        let first = u64::from(run.first);
        let end = first + run.hashes.len() as u64;
        if first < next || end > pages {
            let page = if first < next { first } else { pages };
            return Err(Invalid::PageTable { page, pages });
        }
        next = end;
    }
    let changed = header.changed.iter().map(|run| run.hashes.len() as u64);
    let (bytes, bytes_max) = (header.pages.len() as u64, changed.sum::<u64>() * PAGE_BYTES);
    if !bytes.is_multiple_of(PAGE_BYTES) || bytes > bytes_max {
        return Err(Invalid::PageBytes { bytes, bytes_max });
    }
    Ok(())
}

/// Checks that the parts of a transfer add up to it.
fn parts(bulk: &Bulk) -> Result<(), Invalid> {
    let length = bulk.length;
    let sum = match &bulk.content {
        // Sums that do not fit are no sums that any transfer has.
        Content::Buckets { lengths } => lengths
            .iter()
            .fold(0, |sum: u64, length| sum.saturating_add(*length)),
        Content::Pages if !length.is_multiple_of(PAGE_BYTES) => length - length % PAGE_BYTES,
        _ => length,
    };
    if sum == length && length < u64::MAX {
        return Ok(());
    }
    Err(Invalid::Parts { length, sum })
}
