//! Machines to be played with, and their actions in words.

use std::sync::Arc;
use std::time::Duration;

use scheduler::message::{
    ApplicationSpec, DriverSpec, ExecutorName, ExecutorState, Message, ToDriver, ToExecutor,
    ToMaster, ToWorker, WorkerInfo,
};
use scheduler::worker::{self, Worker};
use scheduler::{
    Address, ApplicationId, AttemptId, DriverId, Epoch, ExecutorId, ImageId, JobId, Outcome, RddId,
    Settings, StageId, SubmissionKey, Task, TaskName, Tenant, Time, Work, WorkerId,
};

pub(crate) const WORKER: WorkerId = WorkerId(7);

pub(crate) fn settings(set: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (key, value) in set {
        settings.set(key, value).expect("a setting that there is");
    }
    settings
}

pub(crate) fn masters() -> Vec<Address> {
    vec!["a:7077".into(), "b:7077".into()]
}

pub(crate) fn app(number: u32) -> ApplicationId {
    ApplicationId {
        epoch: Epoch(1),
        number,
    }
}

pub(crate) fn driver(number: u32) -> DriverId {
    DriverId {
        epoch: Epoch(1),
        number,
    }
}

pub(crate) fn executor(number: u32) -> ExecutorName {
    ExecutorName {
        application: app(0),
        executor: ExecutorId(number),
    }
}

pub(crate) fn task(attempt: AttemptId) -> Task {
    Task {
        attempt,
        name: TaskName {
            stage: StageId(0),
            stage_attempt: 0,
            partition: 0,
            attempt: 0,
        },
        work: Work::Action { job: JobId(0) },
        image: ImageId([0; 32]),
        rdd: RddId(0),
        partition: 0,
        seed: 0,
    }
}

pub(crate) fn application() -> ApplicationSpec {
    ApplicationSpec {
        key: SubmissionKey(1),
        name: "words".into(),
        tenant: Tenant::default(),
        driver: "d:4000".into(),
        driver_id: None,
        cores_max: None,
        executor_cores: None,
        executor_memory: 1 << 30,
        executors: None,
    }
}

pub(crate) fn program(cores: u32, supervise: bool) -> Arc<DriverSpec> {
    Arc::new(DriverSpec {
        key: SubmissionKey(2),
        name: "words".into(),
        tenant: Tenant::default(),
        component: "words.wasm".into(),
        args: Vec::new(),
        settings: Vec::new(),
        cores,
        memory: 1 << 30,
        supervise,
    })
}

/// A worker with 8 cores and 8 GiB.
pub(crate) struct Machine {
    pub(crate) worker: Worker,
    pub(crate) now: Time,
    pub(crate) events: Vec<worker::EventKind>,
}

impl Machine {
    pub(crate) fn new(set: &[(&str, &str)]) -> Self {
        let info = WorkerInfo {
            id: WORKER,
            address: "w:1".into(),
            host: "w".into(),
            rack: None,
            cores: 8,
            memory: 8 << 30,
        };
        Self {
            worker: Worker::new(info, masters(), &settings(set), 1),
            now: Time::START,
            events: Vec::new(),
        }
    }

    /// One that the leader at `a:7077` has taken in, in epoch 1.
    pub(crate) fn registered(set: &[(&str, &str)]) -> Self {
        let mut machine = Self::new(set);
        machine.give(worker::Input::Started);
        machine.hear(1, registered_worker());
        machine
    }

    /// Returns what comes of an input, in words.
    pub(crate) fn give(&mut self, input: worker::Input) -> Vec<String> {
        let mut out = worker::Outbox::default();
        self.worker.handle(self.now, input, &mut out);
        self.events
            .extend(out.events.into_iter().map(|event| event.kind));
        out.actions.iter().map(show).collect()
    }

    /// The leader of an epoch says something: `a` leads in the odd ones, `b` in the others.
    pub(crate) fn hear(&mut self, epoch: u64, message: ToWorker) -> Vec<String> {
        let from = if epoch % 2 == 1 { "a:7077" } else { "b:7077" };
        self.give(worker::Input::Received {
            from: from.into(),
            epoch: Epoch(epoch),
            message,
        })
    }

    pub(crate) fn launch(&mut self, number: u32, cores: u32) -> Vec<String> {
        self.hear(1, launch(executor(number), cores))
    }

    pub(crate) fn launch_driver(
        &mut self,
        number: u32,
        cores: u32,
        supervise: bool,
    ) -> Vec<String> {
        self.hear(
            1,
            ToWorker::LaunchDriver {
                driver: driver(number),
                spec: program(cores, supervise),
            },
        )
    }

    pub(crate) fn started(&mut self, name: ExecutorName) -> Vec<String> {
        self.give(worker::Input::ExecutorStarted { name })
    }

    pub(crate) fn ended(&mut self, name: ExecutorName, exit_code: Option<i32>) -> Vec<String> {
        let reason = "it ended".into();
        self.give(worker::Input::ExecutorEnded {
            name,
            exit_code,
            reason,
        })
    }

    pub(crate) fn driver_started(&mut self, number: u32) -> Vec<String> {
        let driver = driver(number);
        self.give(worker::Input::DriverStarted { driver })
    }

    pub(crate) fn driver_ended(&mut self, number: u32, exit_code: Option<i32>) -> Vec<String> {
        self.give(worker::Input::DriverEnded {
            driver: driver(number),
            exit_code,
            reason: "it ended".into(),
        })
    }

    pub(crate) fn lose(&mut self, peer: &str) -> Vec<String> {
        let peer = peer.into();
        self.give(worker::Input::Disconnected { peer })
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Waits for the next deadline. Returns how long that was, and what came of it.
    pub(crate) fn wait(&mut self) -> (Duration, Vec<String>) {
        let due = self.worker.next_deadline().expect("something is due");
        let waited = due.since(self.now);
        self.now = self.now.max(due);
        (waited, self.give(worker::Input::DeadlineReached))
    }

    /// Plays all deadlines of that long, and returns what came of them.
    pub(crate) fn run(&mut self, time: Duration) -> Vec<String> {
        let end = self.now + time;
        let mut lines = Vec::new();
        while self.worker.next_deadline().is_some_and(|due| due <= end) {
            lines.extend(self.wait().1);
        }
        self.now = end;
        lines
    }

    /// Returns why orders were refused, and forgets all events.
    pub(crate) fn refusals(&mut self) -> Vec<String> {
        let events = self.events.drain(..);
        let refusals = events.filter_map(|event| match event {
            worker::EventKind::OrderRefused { order, reason } => Some(format!("{order}: {reason}")),
            _ => None,
        });
        refusals.collect()
    }
}

pub(crate) fn registered_worker() -> ToWorker {
    ToWorker::RegisteredWorker {
        master: "a:7077".into(),
        duplicate: false,
    }
}

pub(crate) fn launch(name: ExecutorName, cores: u32) -> ToWorker {
    ToWorker::LaunchExecutor {
        name,
        application: Arc::new(application()),
        cores,
        memory: 1 << 30,
    }
}

fn show(action: &worker::Action) -> String {
    use worker::Action;
    let how = |force: &bool| if *force { "force" } else { "stop" };
    match action {
        Action::Send { to, message } => format!("{to} < {}", say(message)),
        Action::StartExecutor { name, cores, .. } => format!("start {name} with {cores}"),
        Action::StopExecutor { name, force } => format!("{} {name}", how(force)),
        Action::StartDriver { driver, .. } => format!("start {driver}"),
        Action::StopDriver { driver, force } => format!("{} {driver}", how(force)),
        Action::FindFolders => "find folders".into(),
        Action::RemoveFiles(application) => format!("remove files of {application}"),
        Action::RemoveFolder(application) => format!("remove folder of {application}"),
        Action::RemoveScratch(name) => format!("remove scratch of {name}"),
        Action::Exit { reason } => format!("exit: {reason}"),
    }
}

/// A message in words.
pub(crate) fn say(message: &Message) -> String {
    match message {
        Message::ToMaster(message) => say_to_master(message),
        Message::ToDriver(message) => say_to_driver(message),
        other => format!("{other:?}"),
    }
}

fn say_to_master(message: &ToMaster) -> String {
    let because = |reason: &Option<Arc<str>>| {
        let reason = reason.as_ref();
        reason.map_or_else(String::new, |reason| format!(": {reason}"))
    };
    match message {
        ToMaster::RegisterWorker(info) => format!("register {}", info.id),
        ToMaster::Heartbeat(_) => "heartbeat".into(),
        ToMaster::WorkerLatestState {
            executors, drivers, ..
        } => format!("state {}", runs(executors, drivers)),
        ToMaster::WorkerSchedulerStateResponse {
            executors, drivers, ..
        } => format!("state for the new leader {}", runs(executors, drivers)),
        ToMaster::ExecutorStateChanged {
            name,
            state,
            reason,
            exit_code,
            ..
        } => {
            let code = exit_code.map_or_else(String::new, |code| format!(" with {code}"));
            format!("{name} {}{code}{}", state_of(*state), because(reason))
        }
        ToMaster::DriverStateChanged {
            driver,
            state,
            reason,
            ..
        } => format!("{driver} {state:?}{}", because(reason)),
        ToMaster::WorkerDecommissioning(_) => "decommissioning".into(),
        other => format!("{other:?}"),
    }
}

fn state_of(state: ExecutorState) -> String {
    format!("{state:?}")
}

fn runs(executors: &[scheduler::message::ExecutorReport], drivers: &[DriverId]) -> String {
    let executors = executors
        .iter()
        .map(|report| format!("{} with {}", report.name, report.cores));
    let drivers = drivers.iter().map(DriverId::to_string);
    let all: Vec<String> = executors.chain(drivers).collect();
    format!("[{}]", all.join(", "))
}

fn say_to_driver(message: &ToDriver) -> String {
    match message {
        ToDriver::RegisterExecutor { running, .. } => {
            let running: Vec<u64> = running.iter().map(|attempt| attempt.0).collect();
            format!("register with {running:?}")
        }
        ToDriver::StatusUpdate {
            attempt, outcome, ..
        } => match outcome {
            Outcome::Succeeded | Outcome::Wrote(_) => format!("{attempt} succeeded"),
            Outcome::Failed(failure) => format!("{attempt} {}: {failure}", failure.kind),
        },
        ToDriver::Heartbeat { running, .. } => {
            let running: Vec<u64> = running.iter().map(|(attempt, _)| attempt.0).collect();
            format!("heartbeat {running:?}")
        }
        ToDriver::CommitAsked(attempt) => format!("{attempt} asks to commit"),
        ToDriver::BlockStored { rdd, partition, .. } => format!("stored {rdd}/{partition}"),
        ToDriver::BlockDropped { rdd, partition, .. } => format!("dropped {rdd}/{partition}"),
        ToDriver::BlockNotCopied { rdd, partition, .. } => {
            format!("not copied {rdd}/{partition}")
        }
        ToDriver::ExecutorDecommissioning(_) => "decommissioning".into(),
    }
}

/// An executor with 2 cores.
pub(crate) struct Process {
    pub(crate) executor: scheduler::executor::Executor,
    pub(crate) now: Time,
    pub(crate) out: scheduler::executor::Outbox,
}

pub(crate) const DRIVER: &str = "d:4000";

impl Process {
    pub(crate) fn new(set: &[(&str, &str)]) -> Self {
        let config = scheduler::executor::Config {
            executor: ExecutorId(3),
            worker: WORKER,
            host: "w".into(),
            rack: None,
            cores: 2,
            driver: DRIVER.into(),
        };
        Self {
            executor: scheduler::executor::Executor::new(config, &settings(set)),
            now: Time::START,
            out: scheduler::executor::Outbox::default(),
        }
    }

    pub(crate) fn registered(set: &[(&str, &str)]) -> Self {
        let mut process = Self::new(set);
        process.give(scheduler::executor::Input::Started);
        process.hear(registered_executor());
        process
    }

    pub(crate) fn give(&mut self, input: scheduler::executor::Input) -> Vec<String> {
        self.out.clear();
        self.executor.handle(self.now, input, &mut self.out);
        self.out.actions.iter().map(show_executor).collect()
    }

    pub(crate) fn hear(&mut self, message: ToExecutor) -> Vec<String> {
        let from = DRIVER.into();
        self.give(scheduler::executor::Input::Received { from, message })
    }

    pub(crate) fn lose(&mut self) -> Vec<String> {
        let peer = DRIVER.into();
        self.give(scheduler::executor::Input::Disconnected { peer })
    }

    pub(crate) fn wait(&mut self) -> (Duration, Vec<String>) {
        let due = self.executor.next_deadline().expect("something is due");
        let waited = due.since(self.now);
        self.now = self.now.max(due);
        (
            waited,
            self.give(scheduler::executor::Input::DeadlineReached),
        )
    }
}

pub(crate) fn registered_executor() -> ToExecutor {
    ToExecutor::RegisteredExecutor {
        heartbeat_interval: Duration::from_secs(10),
    }
}

fn show_executor(action: &scheduler::executor::Action) -> String {
    use scheduler::executor::Action;
    match action {
        Action::Send { message, .. } => format!("< {}", say(message)),
        Action::RunTask(task) => format!("run {}", task.attempt),
        Action::KillTask { attempt, reason } => format!("kill {attempt}: {reason}"),
        Action::GrantCommit(attempt) => format!("grant {attempt}"),
        Action::DenyCommit(attempt) => format!("deny {attempt}"),
        Action::CopyBlock { rdd, partition } => format!("copy {rdd}/{partition}"),
        Action::RemoveBlocks(rdd) => format!("remove {rdd}"),
        Action::RemoveShuffle(shuffle) => format!("remove {shuffle}"),
        Action::ReleaseResults(attempts) => {
            let attempts: Vec<u64> = attempts.iter().map(|attempt| attempt.0).collect();
            format!("release {attempts:?}")
        }
        Action::Exit { reason } => format!("exit: {reason}"),
    }
}
