//! An application's process with a clock; masters and executors are played by the test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scheduler::application::{Action, Application, Input, Outbox};
use scheduler::event::EventKind;
use scheduler::message::{
    ApplicationSpec, ExecutorState, ToApplication, ToDriver, ToExecutor, ToMaster,
};
use scheduler::{
    Action as Order, Address, ApplicationId, AttemptId, Dependency, Epoch, Event, ExecutorId,
    ImageId, Input as Told, JobId, JobSpec, Message, Outcome, Rdd, RddId, Settings, ShuffleId,
    StorageLevel, Task, TaskMetrics, Time, WorkerId,
};

use crate::asker::spec;

pub(crate) const APPLICATION: ApplicationId = ApplicationId {
    epoch: Epoch(1),
    number: 0,
};

pub(crate) struct Site {
    pub(crate) application: Application,
    pub(crate) now: Time,
    /// What was said since the last look, in order.
    pub(crate) said: Vec<(Address, Message)>,
    /// What the program was told.
    pub(crate) orders: Vec<Order>,
    pub(crate) events: Vec<Event>,
    pub(crate) exit: Option<Arc<str>>,
    /// Which address is said to be of whom.
    addresses: BTreeMap<u32, Address>,
}

impl Site {
    /// An application that a master has taken in.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self::with(settings, |_| {})
    }

    /// An application that a master has taken in, and that wants something else than the usual.
    pub(crate) fn with(settings: &Settings, change: impl FnOnce(&mut ApplicationSpec)) -> Self {
        let mut spec = spec();
        change(&mut spec);
        let mut site = Self::of(settings, spec);
        site.handle(Input::Started);
        site.master(ToApplication::RegisteredApplication {
            application: APPLICATION,
            master: "master:1".into(),
        });
        site.said.clear();
        site
    }

    /// An application that no master has answered yet.
    pub(crate) fn unknown(settings: &Settings) -> Self {
        let mut site = Self::unborn(settings);
        site.handle(Input::Started);
        site
    }

    /// An application whose process has not begun.
    pub(crate) fn unborn(settings: &Settings) -> Self {
        Self::of(settings, spec())
    }

    fn of(settings: &Settings, spec: ApplicationSpec) -> Self {
        let masters = vec!["master:1".into()];
        let application = Application::new(spec, masters, settings, 7).unwrap();
        Self {
            application,
            now: Time::START,
            said: Vec::new(),
            orders: Vec::new(),
            events: Vec::new(),
            exit: None,
            addresses: BTreeMap::new(),
        }
    }

    pub(crate) fn handle(&mut self, input: Input) {
        let mut out = Outbox::default();
        self.application.handle(self.now, input, &mut out);
        self.take(out);
    }

    fn take(&mut self, out: Outbox) {
        self.events.extend(out.events);
        for action in out.actions {
            assert_eq!(self.exit, None, "nothing comes after the end");
            match action {
                Action::Send { to, message } => self.said.push((to, message)),
                Action::Program(order) => self.orders.push(order),
                Action::Exit { reason } => self.exit = Some(reason),
            }
        }
    }

    /// Lets time go by, with every deadline in it.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(at) = self.application.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.handle(Input::DeadlineReached);
            let next = self.application.next_deadline();
            assert!(next.is_none_or(|next| next > at), "time goes on");
        }
        self.now = end;
    }

    pub(crate) fn master(&mut self, message: ToApplication) {
        self.handle(Input::FromMaster {
            from: "master:1".into(),
            epoch: Epoch(1),
            message,
        });
    }

    pub(crate) fn program(&mut self, input: Told) {
        self.handle(Input::Program(input));
    }

    /// The master orders an executor of so many cores, on the worker and machine of the same number.
    pub(crate) fn order(&mut self, executor: u32, cores: u32) {
        self.order_on(executor, executor, cores);
    }

    pub(crate) fn order_on(&mut self, executor: u32, worker: u32, cores: u32) {
        self.master(ToApplication::ExecutorAdded {
            executor: ExecutorId(executor),
            worker: WorkerId(u64::from(worker)),
            host: format!("host{worker}").as_str().into(),
            rack: None,
            cores,
            memory: 1 << 30,
        });
    }

    /// Returns where an executor is.
    pub(crate) fn address(&self, executor: u32) -> Address {
        let own = || format!("executor{executor}:1").as_str().into();
        self.addresses.get(&executor).cloned().unwrap_or_else(own)
    }

    /// An executor says something from where it is.
    pub(crate) fn hear(&mut self, executor: u32, message: ToDriver) {
        let from = self.address(executor);
        self.hear_from(from, message);
    }

    pub(crate) fn hear_from(&mut self, from: Address, message: ToDriver) {
        self.handle(Input::FromExecutor { from, message });
    }

    pub(crate) fn register(&mut self, executor: u32, running: &[u64]) {
        self.register_from(self.address(executor), executor, running);
    }

    pub(crate) fn register_from(&mut self, from: Address, executor: u32, running: &[u64]) {
        let message = ToDriver::RegisterExecutor {
            executor: ExecutorId(executor),
            worker: WorkerId(u64::from(executor)),
            host: format!("host{executor}").as_str().into(),
            rack: None,
            cores: 64,
            running: running.iter().copied().map(AttemptId).collect(),
        };
        self.hear_from(from, message);
    }

    /// An executor of so many cores is ordered and registers.
    pub(crate) fn add(&mut self, executor: u32, cores: u32) {
        self.order(executor, cores);
        self.register(executor, &[]);
    }

    pub(crate) fn disconnect(&mut self, executor: u32) {
        let peer = self.address(executor);
        self.handle(Input::Disconnected { peer });
    }

    pub(crate) fn heartbeat(&mut self, executor: u32) {
        self.hear(
            executor,
            ToDriver::Heartbeat {
                executor: ExecutorId(executor),
                running: Vec::new(),
            },
        );
    }

    /// The master says that an executor has ended.
    pub(crate) fn executor_ended(&mut self, executor: u32, worker_lost: bool) {
        self.master(ToApplication::ExecutorUpdated {
            executor: ExecutorId(executor),
            state: ExecutorState::Exited,
            reason: Some("its process ended".into()),
            exit_code: Some(1),
            worker_lost,
        });
    }

    /// The program wants a job of so many tasks.
    pub(crate) fn submit(&mut self, job: u32, tasks: u32) {
        self.define(job, tasks, Vec::new(), StorageLevel::None);
        self.submit_defined(job, tasks);
    }

    /// The program wants a job of so many tasks, behind a shuffle of so many map tasks.
    pub(crate) fn submit_shuffled(&mut self, job: u32, maps: u32, tasks: u32) {
        self.define(2 * job, maps, Vec::new(), StorageLevel::None);
        let dependency = Dependency::Shuffle {
            parent: RddId(2 * job),
            shuffle: ShuffleId(job),
            partitions: tasks,
        };
        self.define(2 * job + 1, tasks, vec![dependency], StorageLevel::None);
        self.submit_rdd(job, 2 * job + 1, tasks);
    }

    pub(crate) fn define(
        &mut self,
        rdd: u32,
        partitions: u32,
        dependencies: Vec<Dependency>,
        storage: StorageLevel,
    ) {
        let rdd = Rdd {
            id: RddId(rdd),
            name: "map".into(),
            call_site: "main.rs:1".into(),
            partitions,
            dependencies,
            storage,
            preferences: Vec::new(),
        };
        let mut out = Outbox::default();
        self.application.define(vec![rdd], &mut out).unwrap();
        self.take(out);
    }

    pub(crate) fn submit_defined(&mut self, job: u32, tasks: u32) {
        self.submit_rdd(job, job, tasks);
    }

    fn submit_rdd(&mut self, job: u32, rdd: u32, tasks: u32) {
        self.program(Told::JobSubmitted(JobSpec {
            job: JobId(job),
            rdd: RddId(rdd),
            partitions: (0..tasks).collect(),
            image: ImageId([1; 32]),
            name: "collect".into(),
            call_site: "main.rs:2".into(),
            pool: None,
            shuffle: None,
            group: None,
            tags: Vec::new(),
        }));
    }

    /// An executor says that an attempt succeeded.
    pub(crate) fn succeed(&mut self, executor: u32, attempt: u64) {
        self.report(executor, attempt, Outcome::Succeeded);
    }

    pub(crate) fn report(&mut self, executor: u32, attempt: u64, outcome: Outcome) {
        self.hear(
            executor,
            ToDriver::StatusUpdate {
                executor: ExecutorId(executor),
                attempt: AttemptId(attempt),
                outcome,
                metrics: TaskMetrics::default(),
            },
        );
    }

    /// Returns what was said to an executor since the last look.
    pub(crate) fn said_to(&mut self, executor: u32) -> Vec<ToExecutor> {
        let address = self.address(executor);
        self.said_at(&address)
    }

    pub(crate) fn said_at(&mut self, address: &Address) -> Vec<ToExecutor> {
        let mut said = Vec::new();
        self.said.retain(|(to, message)| match message {
            Message::ToExecutor(message) if to == address => {
                said.push(message.clone());
                false
            }
            _ => true,
        });
        said
    }

    /// Returns what masters were told since the last look.
    pub(crate) fn said_to_master(&mut self) -> Vec<ToMaster> {
        let mut said = Vec::new();
        self.said.retain(|(_, message)| match message {
            Message::ToMaster(message) => {
                said.push(message.clone());
                false
            }
            _ => true,
        });
        said
    }

    /// Returns the attempts that an executor was told to run since the last look, message by message.
    pub(crate) fn launched(&mut self, executor: u32) -> Vec<Vec<u64>> {
        let said = self.said_to(executor).into_iter();
        let launches = said.filter_map(|message| match message {
            ToExecutor::LaunchTasks(tasks) => Some(attempts(&tasks)),
            _ => None,
        });
        launches.collect()
    }

    /// Returns why an executor was refused since the last look.
    pub(crate) fn refused(&mut self, executor: u32) -> Option<String> {
        let address = self.address(executor);
        self.refused_at(&address)
    }

    pub(crate) fn refused_at(&mut self, address: &Address) -> Option<String> {
        let said = self.said_at(address).into_iter();
        let mut refusals = said.filter_map(|message| match message {
            ToExecutor::RegisterExecutorFailed { reason } => Some(reason.to_string()),
            _ => None,
        });
        refusals.next()
    }

    /// Returns whether an executor was taken in since the last look.
    pub(crate) fn accepted(&mut self, executor: u32) -> bool {
        let said = self.said_to(executor);
        let mut said = said.iter();
        said.any(|message| matches!(message, ToExecutor::RegisteredExecutor { .. }))
    }

    /// Returns the executors that the master was asked to kill since the last look.
    pub(crate) fn killed(&mut self) -> Vec<u32> {
        let said = self.said_to_master().into_iter();
        let killed = said.filter_map(|message| match message {
            ToMaster::KillExecutors { executors, .. } => Some(executors),
            _ => None,
        });
        killed.flatten().map(|executor| executor.0).collect()
    }

    /// Returns the totals that the master was asked for since the last look.
    pub(crate) fn totals(&mut self) -> Vec<u32> {
        let said = self.said_to_master().into_iter();
        let totals = said.filter_map(|message| match message {
            ToMaster::RequestExecutors { total, .. } => Some(total),
            _ => None,
        });
        totals.collect()
    }

    /// Returns the executors that are gone, with the reason.
    pub(crate) fn lost(&self) -> Vec<(u32, String)> {
        let events = self.events.iter();
        let lost = events.filter_map(|event| match &event.kind {
            EventKind::ExecutorRemoved { executor, reason } => {
                Some((executor.0, reason.to_string()))
            }
            _ => None,
        });
        lost.collect()
    }

    /// Returns whether a job has its result.
    pub(crate) fn finished(&self, job: u32) -> bool {
        let job = JobId(job);
        self.orders.contains(&Order::FinishJob { job })
    }

    /// Returns how a job failed.
    pub(crate) fn failure(&self, job: u32) -> Option<String> {
        let mut orders = self.orders.iter();
        orders.find_map(|order| match order {
            Order::FailJob { job: id, failure } if id.0 == job => Some(failure.to_string()),
            _ => None,
        })
    }
}

fn attempts(tasks: &[Task]) -> Vec<u64> {
    tasks.iter().map(|task| task.attempt.0).collect()
}
