//! A dynamic allocation with a clock, fed in words of stages and tasks.

use std::sync::Arc;
use std::time::Duration;

use scheduler::allocation::{Action, Allocation, Error, Input};
use scheduler::event::{EventKind, JobResult, Locality, SlowReason, StageInfo, StageKind};
use scheduler::message::ApplicationSpec;
use scheduler::{
    AttemptId, ExecutorId, FailureKind, ImageId, JobId, Outcome, RddId, Settings, ShuffleId,
    StageId, SubmissionKey, TaskFailure, TaskMetrics, TaskName, Tenant, Time,
};

/// An application of nothing but defaults.
pub(crate) fn spec() -> ApplicationSpec {
    ApplicationSpec {
        key: SubmissionKey(7),
        name: "word count".into(),
        tenant: Tenant::default(),
        driver: "driver:1".into(),
        driver_id: None,
        cores_max: None,
        executor_cores: Some(1),
        executor_memory: 1 << 30,
        executors: None,
    }
}

/// Reads pairs of key and value.
pub(crate) fn settings(pairs: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (key, value) in pairs {
        settings.set(key, value).unwrap();
    }
    settings
}

/// Settings with so many executors at least, at most and to begin with.
pub(crate) fn bounds(min: u32, max: u32, initial: u32) -> Settings {
    settings(&[
        ("dynamicAllocation.minExecutors", &min.to_string()),
        ("dynamicAllocation.maxExecutors", &max.to_string()),
        ("dynamicAllocation.initialExecutors", &initial.to_string()),
    ])
}

/// How an attempt ends.
pub(crate) fn failed(kind: FailureKind) -> Outcome {
    TaskFailure::new(kind, "no luck").into()
}

pub(crate) struct Asker {
    pub(crate) allocation: Allocation,
    now: Time,
    /// Everybody whom it has given back, in order.
    pub(crate) killed: Vec<ExecutorId>,
    /// Everybody whom it has let go in good order.
    pub(crate) decommissioned: Vec<ExecutorId>,
    /// Every total it has asked for, in order.
    pub(crate) totals: Vec<u32>,
    /// The reasons that it gave, in order.
    pub(crate) reasons: Vec<Arc<str>>,
    attempts: u64,
}

impl Asker {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self::of(settings, &spec()).unwrap()
    }

    pub(crate) fn of(settings: &Settings, spec: &ApplicationSpec) -> Result<Self, Error> {
        Ok(Self {
            allocation: Allocation::new(settings, spec)?,
            now: Time::START,
            killed: Vec::new(),
            decommissioned: Vec::new(),
            totals: Vec::new(),
            reasons: Vec::new(),
            attempts: 0,
        })
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.allocation.handle(self.now, input, &mut out);
        for action in out {
            match action {
                Action::RequestTotal { total, because } => {
                    self.totals.push(total);
                    self.reasons.push(because);
                }
                Action::Kill { executors, because } => {
                    self.killed.extend(executors);
                    self.reasons.push(because);
                }
                Action::Decommission { executors, because } => {
                    self.decommissioned.extend(executors);
                    self.reasons.push(because);
                }
            }
        }
    }

    pub(crate) fn tell(&mut self, event: &EventKind) {
        self.handle(Input::Event(event));
    }

    /// Returns everybody whom it has given back, in order.
    pub(crate) fn killed(&self) -> Vec<u32> {
        self.killed.iter().map(|executor| executor.0).collect()
    }

    /// Lets time go by, with every deadline in it.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(at) = self.allocation.next_deadline().filter(|at| *at <= end) {
            assert!(at > self.now || at == Time::START, "time goes on");
            self.now = at;
            self.handle(Input::DeadlineReached);
        }
        self.now = end;
    }

    pub(crate) fn target(&self) -> u32 {
        self.allocation.target()
    }

    /// Returns the targets after each of so many seconds.
    pub(crate) fn targets(&mut self, seconds: usize) -> Vec<u32> {
        let mut targets = Vec::new();
        for _ in 0..seconds {
            self.pass(1_000);
            targets.push(self.target());
        }
        targets
    }

    pub(crate) fn submit(&mut self, stage: u32, tasks: u32) {
        self.submit_attempt(stage, 0, tasks, None);
    }

    pub(crate) fn submit_attempt(
        &mut self,
        stage: u32,
        attempt: u32,
        tasks: u32,
        shuffle: Option<u32>,
    ) {
        let info = info(stage, attempt, tasks, shuffle);
        self.tell(&EventKind::StageSubmitted {
            info,
            image: ImageId([0; 32]),
            jobs: Vec::new(),
        });
    }

    pub(crate) fn complete(&mut self, stage: u32) {
        self.complete_attempt(stage, 0);
    }

    pub(crate) fn complete_attempt(&mut self, stage: u32, attempt: u32) {
        self.tell(&EventKind::StageCompleted {
            stage: StageId(stage),
            attempt,
            failure: None,
        });
    }

    /// An attempt at the first attempt at a stage begins; returns its number.
    pub(crate) fn start(&mut self, stage: u32, partition: u32, executor: u32) -> u64 {
        self.start_in((stage, 0), partition, executor)
    }

    pub(crate) fn start_in(&mut self, stage: (u32, u32), partition: u32, executor: u32) -> u64 {
        self.attempts += 1;
        let event = started(stage, partition, self.attempts, executor);
        self.tell(&event);
        self.attempts
    }

    pub(crate) fn end(&mut self, attempt: u64, outcome: Outcome) {
        self.tell(&ended(attempt, outcome));
    }

    pub(crate) fn succeed(&mut self, attempt: u64) {
        self.end(attempt, Outcome::Succeeded);
    }

    pub(crate) fn speculate(&mut self, stage: u32, partition: u32) {
        let task = name((stage, 0), partition);
        let because = SlowReason::LongerThan { micros: 1 };
        self.tell(&EventKind::SpeculationStarted { task, because });
    }

    pub(crate) fn unschedulable(&mut self, stage: u32, so: bool) {
        let (stage, attempt) = (StageId(stage), 0);
        self.tell(&if so {
            let (partition, until) = (0, self.now);
            EventKind::TaskSetUnschedulable {
                stage,
                attempt,
                partition,
                until,
            }
        } else {
            EventKind::TaskSetSchedulable { stage, attempt }
        });
    }

    pub(crate) fn decommission(&mut self, executor: u32) {
        self.tell(&EventKind::ExecutorDecommissioned {
            executor: ExecutorId(executor),
            reason: "its worker is about to go".into(),
        });
    }

    pub(crate) fn add(&mut self, executors: impl IntoIterator<Item = u32>) {
        for executor in executors {
            self.add_with(executor, 1);
        }
    }

    pub(crate) fn add_with(&mut self, executor: u32, cores: u32) {
        self.tell(&EventKind::ExecutorAdded {
            executor: ExecutorId(executor),
            cores,
        });
    }

    pub(crate) fn remove(&mut self, executors: impl IntoIterator<Item = u32>) {
        for executor in executors {
            self.tell(&EventKind::ExecutorRemoved {
                executor: ExecutorId(executor),
                reason: "gone".into(),
            });
        }
    }

    pub(crate) fn store(&mut self, rdd: u32, partition: u32, executor: u32) {
        self.handle(Input::BlockStored {
            rdd: RddId(rdd),
            partition,
            executor: ExecutorId(executor),
        });
    }

    pub(crate) fn drop_block(&mut self, rdd: u32, partition: u32, executor: u32) {
        self.handle(Input::BlockDropped {
            rdd: RddId(rdd),
            partition,
            executor: ExecutorId(executor),
        });
    }

    /// A job begins, with a map stage for each of these shuffles.
    pub(crate) fn start_job(&mut self, job: u32, stages: &[(u32, u32)]) {
        let stages = stages.iter();
        let stages = stages.map(|(stage, shuffle)| info(*stage, 0, 1, Some(*shuffle)));
        self.tell(&EventKind::JobStarted {
            job: JobId(job),
            name: "collect".into(),
            call_site: "main.rs:1".into(),
            stages: stages.collect(),
            group: None,
            tags: Vec::new(),
        });
    }

    pub(crate) fn end_job(&mut self, job: u32) {
        self.tell(&EventKind::JobEnded {
            job: JobId(job),
            result: JobResult::Succeeded,
        });
    }

    /// One task of a map stage succeeds there.
    pub(crate) fn write(&mut self, stage: u32, shuffle: u32, executor: u32) {
        self.submit_attempt(stage, 0, 1, Some(shuffle));
        let attempt = self.start(stage, 0, executor);
        self.succeed(attempt);
        self.complete(stage);
    }
}

fn info(stage: u32, attempt: u32, tasks: u32, shuffle: Option<u32>) -> StageInfo {
    StageInfo {
        stage: StageId(stage),
        attempt,
        kind: match shuffle {
            Some(shuffle) => StageKind::ShuffleMap {
                shuffle: ShuffleId(shuffle),
            },
            None => StageKind::Result { job: JobId(stage) },
        },
        rdd: RddId(stage),
        name: "collect".into(),
        call_site: "main.rs:1".into(),
        partitions: tasks,
        tasks,
        parents: Vec::new(),
    }
}

/// An attempt at a task has begun.
pub(crate) fn started(stage: (u32, u32), partition: u32, attempt: u64, executor: u32) -> EventKind {
    EventKind::TaskStarted {
        task: name(stage, partition),
        attempt: AttemptId(attempt),
        executor: ExecutorId(executor),
        locality: Locality::default(),
        speculative: false,
    }
}

fn name((stage, stage_attempt): (u32, u32), partition: u32) -> TaskName {
    TaskName {
        stage: StageId(stage),
        stage_attempt,
        partition,
        attempt: 0,
    }
}

/// An attempt at a task has ended.
pub(crate) fn ended(attempt: u64, outcome: Outcome) -> EventKind {
    EventKind::TaskEnded {
        task: name((0, 0), 0),
        attempt: AttemptId(attempt),
        executor: ExecutorId(0),
        outcome,
        metrics: TaskMetrics::default(),
    }
}
