//! One message of each kind, and of each variant within.

use std::sync::Arc;
use std::time::Duration;

use scheduler::message::{
    ApplicationSpec, DriverSpec, DriverState, DriverStatus, ExecutorName, ExecutorReport,
    ExecutorState, ToApplication, ToDriver, ToExecutor, ToMaster, ToSubmitter, ToWorker,
    WorkerInfo,
};
use scheduler::{
    ApplicationId, AttemptId, BucketSizes, DriverId, Epoch, ExecutorId, FailureKind, ImageId,
    JobId, KillReason, Message as M, Outcome, RddId, ShuffleId, StageId, SubmissionKey, Task,
    TaskFailure, TaskMetrics, TaskName, Told, Work, WorkerId,
};
use wire::{
    AccumulatorUpdate, Block, BlockLocation, Bulk, Content, Data, Fetch, Greeting, Hello,
    ImageHeader, Join, LogPart, LogSource, LogStream, MapOutput, MapOutputName, Message, PageRun,
    Refusal, RefusalKind, Refused, Role, Subject, Transfer, Welcome,
};

const EPOCH: Epoch = Epoch(3);
const APPLICATION: ApplicationId = ApplicationId {
    epoch: EPOCH,
    number: 7,
};
const DRIVER: DriverId = DriverId {
    epoch: EPOCH,
    number: 8,
};
const WORKER: WorkerId = WorkerId(0xa0a1_a2a3_a4a5_a6a7);
const EXECUTOR: ExecutorId = ExecutorId(9);
const ATTEMPT: AttemptId = AttemptId(0x1234);
const KEY: SubmissionKey = SubmissionKey(0x00ff_00ee_00dd_00cc_00bb_00aa_0099_0088);
const NAME: ExecutorName = ExecutorName {
    application: APPLICATION,
    executor: EXECUTOR,
};
const BLOCK: Block = Block {
    rdd: RddId(4),
    partition: 5,
};
const MAP_OUTPUT: MapOutputName = MapOutputName {
    partition: 6,
    attempt: ATTEMPT,
};
const MIB: u64 = 1 << 20;

fn because(reason: &str) -> Option<Arc<str>> {
    Some(reason.into())
}

fn worker() -> WorkerInfo {
    WorkerInfo {
        id: WORKER,
        address: "10.0.0.2:40000".into(),
        host: "node-2".into(),
        rack: Some("rack-1".into()),
        cores: 4,
        memory: 8192 * MIB,
    }
}

fn application() -> ApplicationSpec {
    ApplicationSpec {
        key: KEY,
        name: "word count".into(),
        tenant: "default".into(),
        driver: "10.0.0.1:4040".into(),
        driver_id: Some(DRIVER),
        cores_max: Some(8),
        executor_cores: None,
        executor_memory: 1024 * MIB,
        executors: Some(2),
    }
}

fn driver() -> DriverSpec {
    DriverSpec {
        key: KEY,
        name: "word count".into(),
        tenant: "default".into(),
        component: "ab".repeat(32).into(),
        args: vec!["text.txt".into(), "".into()],
        settings: vec![("executor.memory".into(), "1g".into())],
        cores: 1,
        memory: 512 * MIB,
        supervise: true,
    }
}

fn metrics() -> TaskMetrics {
    TaskMetrics {
        run_time_us: 1,
        instantiate_us: 2,
        bytes_read: 3,
        bytes_written: 4,
        shuffle_read_bytes: 5,
        shuffle_write_bytes: 6,
        blocks_read_bytes: 7,
        blocks_written_bytes: 8,
        result_bytes: 9,
        log_bytes: 10,
        peak_memory_bytes: 11,
        spilled_bytes: 12,
        spills: 13,
        accumulators: 14,
        blocks_peak_bytes: 15,
        images_peak_bytes: 16,
        transfers_peak_bytes: 17,
    }
}

fn task(work: Work) -> Task {
    Task {
        attempt: ATTEMPT,
        name: TaskName {
            stage: StageId(1),
            stage_attempt: 2,
            partition: 3,
            attempt: 4,
        },
        work,
        image: ImageId([0xee; 32]),
        rdd: RddId(5),
        partition: 6,
        seed: 7,
    }
}

fn reports() -> Vec<ExecutorReport> {
    vec![ExecutorReport {
        name: NAME,
        cores: 2,
        memory: 1024 * MIB,
    }]
}

/// A message of each kind; where there is more than one of a kind, the name tells them apart.
pub(crate) fn samples() -> Vec<(String, Message)> {
    let mut samples = Vec::new();
    let mut add = |name: &str, message: Message| samples.push((name.to_owned(), message));
    to_master(&mut |name, message| add(name, M::ToMaster(message).into()));
    to_worker(&mut |name, message| add(name, M::ToWorker(EPOCH, message).into()));
    to_application(&mut |name, message| add(name, M::ToApplication(EPOCH, message).into()));
    to_submitter(&mut |name, message| add(name, M::ToSubmitter(EPOCH, message).into()));
    to_executor(&mut |name, message| add(name, M::ToExecutor(message).into()));
    to_driver(&mut |name, message| add(name, M::ToDriver(message).into()));
    data(&mut |name, message| add(name, message.into()));
    join(&mut |name, message| add(name, message.into()));
    transfer(&mut |name, message| add(name, message.into()));
    samples
}

fn to_master(add: &mut dyn FnMut(&str, ToMaster)) {
    add("RegisterWorker", ToMaster::RegisterWorker(worker()));
    add("Heartbeat", ToMaster::Heartbeat(WORKER));
    add(
        "WorkerLatestState",
        ToMaster::WorkerLatestState {
            worker: WORKER,
            executors: reports(),
            drivers: vec![DRIVER],
        },
    );
    add(
        "WorkerSchedulerStateResponse",
        ToMaster::WorkerSchedulerStateResponse {
            worker: WORKER,
            executors: Vec::new(),
            drivers: Vec::new(),
        },
    );
    for state in [
        ExecutorState::Launching,
        ExecutorState::Running,
        ExecutorState::Killed,
        ExecutorState::Failed,
        ExecutorState::Lost,
        ExecutorState::Exited,
        ExecutorState::Decommissioned,
    ] {
        add(
            &format!("ExecutorStateChanged.{state:?}"),
            ToMaster::ExecutorStateChanged {
                worker: WORKER,
                name: NAME,
                state,
                reason: because("it was asked to"),
                exit_code: Some(-9),
            },
        );
    }
    for state in [
        DriverState::Submitted,
        DriverState::Running,
        DriverState::Finished,
        DriverState::Relaunching,
        DriverState::Unknown,
        DriverState::Killed,
        DriverState::Failed,
        DriverState::Error,
    ] {
        add(
            &format!("DriverStateChanged.{state:?}"),
            ToMaster::DriverStateChanged {
                worker: WORKER,
                driver: DRIVER,
                state,
                reason: None,
            },
        );
    }
    add(
        "WorkerDecommissioning",
        ToMaster::WorkerDecommissioning(WORKER),
    );
    add(
        "RegisterApplication",
        ToMaster::RegisterApplication(application()),
    );
    add(
        "UnregisterApplication",
        ToMaster::UnregisterApplication(APPLICATION),
    );
    add(
        "MasterChangeAcknowledged",
        ToMaster::MasterChangeAcknowledged {
            application: APPLICATION,
            next_executor: EXECUTOR,
        },
    );
    add(
        "RequestExecutors",
        ToMaster::RequestExecutors {
            application: APPLICATION,
            total: 3,
        },
    );
    add(
        "KillExecutors",
        ToMaster::KillExecutors {
            application: APPLICATION,
            executors: vec![EXECUTOR, ExecutorId(10)],
        },
    );
    add(
        "RequestSubmitDriver",
        ToMaster::RequestSubmitDriver(driver()),
    );
    add("RequestKillDriver", ToMaster::RequestKillDriver(DRIVER));
    add("RequestDriverStatus", ToMaster::RequestDriverStatus(DRIVER));
    add(
        "RequestKillApplication",
        ToMaster::RequestKillApplication(APPLICATION),
    );
    add(
        "DecommissionWorkersOnHosts",
        ToMaster::DecommissionWorkersOnHosts(vec!["node-1".into(), "node-two.example.org".into()]),
    );
}

fn to_worker(add: &mut dyn FnMut(&str, ToWorker)) {
    add(
        "RegisteredWorker",
        ToWorker::RegisteredWorker {
            master: "a:7077".into(),
            duplicate: true,
        },
    );
    add(
        "RegisterWorkerFailed",
        ToWorker::RegisterWorkerFailed {
            reason: "two workers of one name".into(),
        },
    );
    add("ToWorker.MasterInStandby", ToWorker::MasterInStandby);
    add(
        "ReconnectWorker",
        ToWorker::ReconnectWorker {
            master: "a:7077".into(),
        },
    );
    add(
        "ToWorker.MasterChanged",
        ToWorker::MasterChanged {
            master: "b:7077".into(),
        },
    );
    add(
        "LaunchExecutor",
        ToWorker::LaunchExecutor {
            name: NAME,
            application: Arc::new(application()),
            cores: 2,
            memory: 1024 * MIB,
        },
    );
    add("KillExecutor", ToWorker::KillExecutor(NAME));
    add(
        "LaunchDriver",
        ToWorker::LaunchDriver {
            driver: DRIVER,
            spec: Arc::new(driver()),
        },
    );
    add("KillDriver", ToWorker::KillDriver(DRIVER));
    add(
        "ApplicationFinished",
        ToWorker::ApplicationFinished(APPLICATION),
    );
    add("DecommissionWorker", ToWorker::DecommissionWorker);
}

fn to_application(add: &mut dyn FnMut(&str, ToApplication)) {
    add(
        "RegisteredApplication",
        ToApplication::RegisteredApplication {
            application: APPLICATION,
            master: "a:7077".into(),
        },
    );
    add(
        "RegisterApplicationFailed",
        ToApplication::RegisterApplicationFailed {
            reason: "no such tenant".into(),
        },
    );
    add(
        "ToApplication.MasterInStandby",
        ToApplication::MasterInStandby,
    );
    add(
        "ApplicationRemoved",
        ToApplication::ApplicationRemoved {
            reason: "its executors failed again and again".into(),
        },
    );
    add(
        "ToApplication.MasterChanged",
        ToApplication::MasterChanged {
            master: "b:7077".into(),
        },
    );
    add(
        "ExecutorAdded",
        ToApplication::ExecutorAdded {
            executor: EXECUTOR,
            worker: WORKER,
            host: "node-2".into(),
            rack: None,
            cores: 2,
            memory: 1024 * MIB,
        },
    );
    add(
        "ExecutorUpdated",
        ToApplication::ExecutorUpdated {
            executor: EXECUTOR,
            state: ExecutorState::Lost,
            reason: because("its worker is gone"),
            exit_code: None,
            worker_lost: true,
        },
    );
    add(
        "WorkerRemoved",
        ToApplication::WorkerRemoved {
            worker: WORKER,
            host: "node-2".into(),
            reason: "no heartbeat for 60 s".into(),
        },
    );
    add(
        "Waiting",
        ToApplication::Waiting {
            because: because("needs 8 GiB for an executor, the largest worker has 4 GiB"),
        },
    );
    add("Waiting.no", ToApplication::Waiting { because: None });
}

fn to_submitter(add: &mut dyn FnMut(&str, ToSubmitter)) {
    add("ToSubmitter.MasterInStandby", ToSubmitter::MasterInStandby);
    add(
        "SubmitDriverResponse",
        ToSubmitter::SubmitDriverResponse {
            key: KEY,
            driver: Ok(DRIVER),
        },
    );
    add(
        "SubmitDriverResponse.refused",
        ToSubmitter::SubmitDriverResponse {
            key: KEY,
            driver: Err("too many drivers".into()),
        },
    );
    add(
        "KillDriverResponse",
        ToSubmitter::KillDriverResponse {
            driver: DRIVER,
            refused: because("it has ended"),
        },
    );
    add(
        "DriverStatusResponse",
        ToSubmitter::DriverStatusResponse {
            driver: DRIVER,
            status: Some(DriverStatus {
                state: DriverState::Running,
                worker: Some(WORKER),
                reason: None,
            }),
        },
    );
    add(
        "KillApplicationResponse",
        ToSubmitter::KillApplicationResponse {
            application: APPLICATION,
            refused: None,
        },
    );
    add(
        "DecommissionResponse",
        ToSubmitter::DecommissionResponse {
            workers: 0,
            refused: because("no worker on `node-9`"),
        },
    );
}

fn to_executor(add: &mut dyn FnMut(&str, ToExecutor)) {
    add(
        "RegisteredExecutor",
        ToExecutor::RegisteredExecutor {
            heartbeat_interval: Duration::from_secs(10),
        },
    );
    add(
        "RegisterExecutorFailed",
        ToExecutor::RegisterExecutorFailed {
            reason: "unknown executor".into(),
        },
    );
    add(
        "LaunchTasks",
        ToExecutor::LaunchTasks(vec![
            task(Work::Action { job: JobId(1) }),
            task(Work::ShuffleMap {
                shuffle: ShuffleId(2),
                buckets: 10,
                fetched: true,
            }),
        ]),
    );
    for reason in [
        KillReason::AnotherSucceeded,
        KillReason::JobEnded,
        KillReason::TimedOut,
    ] {
        add(
            &format!("KillTask.{reason:?}"),
            ToExecutor::KillTask {
                attempt: ATTEMPT,
                reason,
            },
        );
    }
    add(
        "HeartbeatResponse",
        ToExecutor::HeartbeatResponse {
            register_again: true,
        },
    );
    add("GrantCommit", ToExecutor::GrantCommit(ATTEMPT));
    add("DenyCommit", ToExecutor::DenyCommit(ATTEMPT));
    add("RemoveBlocks", ToExecutor::RemoveBlocks(RddId(4)));
    add(
        "CopyBlock",
        ToExecutor::CopyBlock {
            rdd: RddId(4),
            partition: 2,
        },
    );
    add("RemoveShuffle", ToExecutor::RemoveShuffle(ShuffleId(2)));
    add("DecommissionExecutor", ToExecutor::DecommissionExecutor);
    add("StopExecutor", ToExecutor::StopExecutor);
}

fn failures() -> [FailureKind; 12] {
    [
        FailureKind::Panicked,
        FailureKind::Returned,
        FailureKind::Trapped,
        FailureKind::MemoryExceeded,
        FailureKind::StackOverflowed,
        FailureKind::ResultTooLarge,
        FailureKind::TimedOut,
        FailureKind::Io,
        FailureKind::FetchFailed {
            shuffle: ShuffleId(2),
            map_partition: 3,
        },
        FailureKind::Killed,
        FailureKind::ExecutorLost,
        FailureKind::CommitDenied,
    ]
}

fn to_driver(add: &mut dyn FnMut(&str, ToDriver)) {
    add(
        "RegisterExecutor",
        ToDriver::RegisterExecutor {
            executor: EXECUTOR,
            worker: WORKER,
            host: "node-2".into(),
            rack: Some("rack-1".into()),
            cores: 2,
            running: vec![ATTEMPT],
        },
    );
    let update = |outcome| ToDriver::StatusUpdate {
        executor: EXECUTOR,
        attempt: ATTEMPT,
        outcome,
        metrics: metrics(),
    };
    add("StatusUpdate", update(Outcome::Succeeded));
    let wrote = |told| Outcome::Wrote(BucketSizes(told).into());
    let each = Told::Each([0, 7, 0xff].into());
    add("StatusUpdate.Each", update(wrote(each)));
    let average = Told::Average {
        buckets: 2_001,
        average: 4096,
        empty: [2, 1 << 63].into(),
        large: [(5, 0x80), (2_000, 0x90)].into(),
    };
    add("StatusUpdate.Average", update(wrote(average)));
    for kind in failures() {
        let name = match kind {
            FailureKind::FetchFailed { .. } => "FetchFailed".to_owned(),
            _ => format!("{kind:?}"),
        };
        let failure = TaskFailure {
            place: Some("src/lib.rs:3:5".into()),
            backtrace: Some("main\nrun".into()),
            ..TaskFailure::new(kind, "no such word")
        };
        add(&format!("StatusUpdate.{name}"), update(failure.into()));
    }
    add(
        "ToDriver.Heartbeat",
        ToDriver::Heartbeat {
            executor: EXECUTOR,
            running: vec![(ATTEMPT, metrics())],
        },
    );
    add("CommitAsked", ToDriver::CommitAsked(ATTEMPT));
    add(
        "BlockStored",
        ToDriver::BlockStored {
            executor: EXECUTOR,
            rdd: RddId(4),
            partition: 5,
        },
    );
    add(
        "BlockDropped",
        ToDriver::BlockDropped {
            executor: EXECUTOR,
            rdd: RddId(4),
            partition: 5,
        },
    );
    add(
        "BlockNotCopied",
        ToDriver::BlockNotCopied {
            executor: EXECUTOR,
            rdd: RddId(4),
            partition: 5,
        },
    );
    add(
        "ExecutorDecommissioning",
        ToDriver::ExecutorDecommissioning(EXECUTOR),
    );
}

fn data(add: &mut dyn FnMut(&str, Data)) {
    add(
        "ImageAsked",
        Data::ImageAsked {
            application: APPLICATION,
            image: ImageId([1; 32]),
            known: vec![ImageId([2; 32])],
        },
    );
    add(
        "Image",
        Data::Image(ImageHeader {
            image: ImageId([1; 32]),
            program: [3; 32],
            memory_bytes: 64 * 4096,
            globals: vec![1, u64::MAX],
            clock_wall_ns: 4,
            clock_monotonic_ns: 5,
            seed: 6,
            parent: Some(ImageId([2; 32])),
            changed: vec![
                PageRun {
                    first: 0,
                    hashes: vec![[7; 32], [8; 32]],
                },
                PageRun {
                    first: 63,
                    hashes: vec![[9; 32]],
                },
            ],
            pages: vec![7; 4096],
        }),
    );
    add(
        "MapOutputsAsked",
        Data::MapOutputsAsked {
            shuffle: ShuffleId(2),
        },
    );
    add(
        "MapOutputs",
        Data::MapOutputs {
            shuffle: ShuffleId(2),
            maps: 3,
            outputs: vec![MapOutput {
                name: MAP_OUTPUT,
                executor: EXECUTOR,
                worker: WORKER,
                host: "node-2".into(),
                address: "10.0.0.2:40000".into(),
                folder: "/srv/app-3-7/shuffle".into(),
            }],
        },
    );
    add(
        "BlockLocationsAsked",
        Data::BlockLocationsAsked {
            blocks: vec![BLOCK],
        },
    );
    add(
        "BlockLocations",
        Data::BlockLocations {
            locations: vec![BlockLocation {
                block: BLOCK,
                addresses: vec!["10.0.0.2:40000".into()],
            }],
        },
    );
    add(
        "TaskResult",
        Data::TaskResult {
            attempt: ATTEMPT,
            bytes: b"result".to_vec(),
        },
    );
    add(
        "Accumulators",
        Data::Accumulators {
            attempt: ATTEMPT,
            updates: vec![AccumulatorUpdate {
                accumulator: 3,
                bytes: b"added".to_vec(),
            }],
        },
    );
    logs(add);
    running(add);
    for kind in [
        RefusalKind::Missing,
        RefusalKind::Forbidden,
        RefusalKind::Invalid,
        RefusalKind::Busy,
        RefusalKind::Failed,
    ] {
        add(
            &format!("Refused.{kind:?}"),
            Data::Refused(Refusal::new(kind, "because")),
        );
    }
}

fn running(add: &mut dyn FnMut(&str, Data)) {
    add(
        "ShuffleService",
        Data::ShuffleService {
            executor: EXECUTOR,
            address: "10.0.0.2:40000".into(),
            folder: "/srv/app-3-7/shuffle".into(),
        },
    );
    add("ApplicationAsked", Data::ApplicationAsked);
    add(
        "Application",
        Data::Application {
            component: [7; 32],
            settings: vec![("task.maxFailures".into(), "2".into())],
            readable: vec!["/data".into()],
            writable: vec!["/out".into()],
        },
    );
    add("OutputAsked", Data::OutputAsked { output: 1 });
    let folder = "/out/words".into();
    add("Output", Data::Output { folder });
}

fn logs(add: &mut dyn FnMut(&str, Data)) {
    add("StatusAsked", Data::StatusAsked);
    let json = r#"{"workers":[]}"#.into();
    add("Status", Data::Status { json });
    for (name, source, stream) in [
        (
            "executor",
            LogSource::Executor(APPLICATION, EXECUTOR),
            LogStream::Stdout,
        ),
        ("driver", LogSource::Driver(DRIVER), LogStream::Stderr),
    ] {
        add(
            &format!("LogAsked.{name}"),
            Data::LogAsked {
                source,
                stream,
                offset: 100,
                bytes_max: 65536,
                follow: true,
            },
        );
    }
    add(
        "LogPart",
        Data::LogPart(LogPart {
            offset: 100,
            bytes: b"a line\n".to_vec(),
            ended: true,
        }),
    );
}

fn join(add: &mut dyn FnMut(&str, Join)) {
    let subjects = [
        Subject::Master,
        Subject::Worker,
        Subject::Driver {
            tenant: "default".into(),
            application: None,
        },
        Subject::Executor {
            tenant: "default".into(),
            application: APPLICATION,
            executor: EXECUTOR,
        },
        Subject::Submitter {
            tenant: "default".into(),
        },
        Subject::Joiner(Role::Worker),
    ];
    for subject in subjects {
        add(
            &format!("Join.{}", subject.role()),
            Join::Join {
                request: vec![0x30, 0x82],
                subject,
            },
        );
    }
    add(
        "Joined",
        Join::Joined {
            chain: vec![vec![0x30], vec![0x30, 0x82]],
        },
    );
}

fn transfer(add: &mut dyn FnMut(&str, Transfer)) {
    let fetches = [
        (
            "Pages",
            Fetch::Pages {
                application: APPLICATION,
                pages: vec![[7; 32]],
            },
        ),
        ("Component", Fetch::Component { hash: [3; 32] }),
        (
            "Block",
            Fetch::Block {
                application: APPLICATION,
                block: BLOCK,
            },
        ),
        (
            "Buckets",
            Fetch::Buckets {
                application: APPLICATION,
                shuffle: ShuffleId(2),
                bucket: 1,
                outputs: vec![MAP_OUTPUT],
            },
        ),
    ];
    for (name, fetch) in fetches {
        add(&format!("Fetch.{name}"), Transfer::Fetch(fetch));
    }
    let contents = [
        ("Pages", Content::Pages, 4096),
        ("Component", Content::Component { hash: [3; 32] }, 1 << 33),
        ("Block", Content::Block(BLOCK), 0),
        (
            "Buckets",
            Content::Buckets {
                lengths: vec![10, 0, 5],
            },
            15,
        ),
        ("TaskResult", Content::TaskResult { attempt: ATTEMPT }, 6),
    ];
    for (name, content, length) in contents {
        add(
            &format!("Bulk.{name}"),
            Transfer::Bulk(Bulk { content, length }),
        );
    }
}

/// A greeting of each kind.
pub(crate) fn greetings() -> Vec<(&'static str, Greeting)> {
    let software = || "0.1.0".to_owned();
    let refusals = [
        (
            "Refused.Version",
            Refused::Version {
                min: 3,
                max: 4,
                software: software(),
            },
        ),
        (
            "Refused.Cluster",
            Refused::Cluster {
                cluster: "c0ffee".into(),
            },
        ),
        (
            "Refused.Role",
            Refused::Role {
                certified: Role::Worker,
            },
        ),
        ("Refused.Duplicate", Refused::Duplicate),
        ("Refused.Closing", Refused::Closing),
        ("Refused.Application", Refused::Application),
        ("Refused.Address", Refused::Address),
    ];
    let hello = Hello {
        min: 1,
        max: 2,
        role: Role::Worker,
        cluster: "c0ffee".into(),
        software: software(),
        instance: [7; 16],
        address: Some("node-2:40000".into()),
    };
    let welcome = Welcome {
        version: 1,
        role: Role::Master,
        software: software(),
        instance: [9; 16],
        address: None,
    };
    let mut greetings = vec![
        ("Hello", Greeting::Hello(hello)),
        ("Welcome", Greeting::Welcome(welcome)),
    ];
    greetings.extend(refusals.map(|(name, refused)| (name, Greeting::Refused(refused))));
    greetings
}
