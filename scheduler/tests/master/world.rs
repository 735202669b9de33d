//! Masters, workers, drivers and one disk, in a world without a network: what is sent arrives at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use scheduler::cluster::{
    Action, ApplicationView, Change, DriverView, Event, EventKind, Input, Master, Outbox,
    Persisted, State, Tenants, WorkerView,
};
use scheduler::message::{
    ApplicationSpec, DriverSpec, DriverState, ExecutorName, ExecutorReport, ExecutorState,
    ToApplication, ToMaster, ToSubmitter, ToWorker, WorkerInfo,
};
use scheduler::{
    Address, ApplicationId, DriverId, Epoch, ExecutorId, Message, Settings, SubmissionKey, Time,
    WorkerId,
};

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const GIB: u64 = 1 << 30;

/// A worker that starts and stops what it is told to.
#[derive(Clone, Debug)]
pub(crate) struct FakeWorker {
    pub(crate) info: WorkerInfo,
    pub(crate) master: Option<Address>,
    pub(crate) executors: BTreeMap<ExecutorName, ExecutorReport>,
    pub(crate) drivers: BTreeSet<DriverId>,
}

/// A driver that has registered an application.
#[derive(Clone, Debug)]
pub(crate) struct FakeDriver {
    pub(crate) application: Option<ApplicationId>,
    pub(crate) next_executor: u32,
}

pub(crate) struct World {
    pub(crate) now: Time,
    settings: Settings,
    pub(crate) tenants: Tenants,
    pub(crate) masters: BTreeMap<Address, Master>,
    pub(crate) leader: Option<Address>,
    pub(crate) epoch: Epoch,
    pub(crate) disk: Persisted,
    pub(crate) workers: BTreeMap<Address, FakeWorker>,
    pub(crate) drivers: BTreeMap<Address, FakeDriver>,
    /// What each process was told, in order.
    pub(crate) mail: BTreeMap<Address, Vec<Message>>,
    pub(crate) events: Vec<Event>,
    /// Changes that were ordered, in order.
    pub(crate) changes: Vec<Change>,
    queue: VecDeque<(Address, Address, Message)>,
    /// Processes that say nothing.
    pub(crate) mute: BTreeSet<Address>,
    /// Whether workers do not start what they are told to start.
    pub(crate) launches_fail: bool,
    /// Whether workers are slow to stop what they are told to stop.
    pub(crate) slow_kills: bool,
    /// Whether the disk is slow: changes wait for [`World::write`].
    pub(crate) slow_disk: bool,
    unwritten: VecDeque<(Address, u64, Change)>,
}

pub(crate) fn address(name: &str, number: u64) -> Address {
    format!("{name}-{number}:1").as_str().into()
}

impl World {
    /// One master that leads a cluster without workers.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let mut world = Self::leaderless(settings);
        world.add_master(1);
        world.elect(1);
        world
    }

    pub(crate) fn leaderless(settings: &[(&str, &str)]) -> Self {
        let mut known = Settings::default();
        for (key, value) in settings {
            known.set(key, value).unwrap();
        }
        Self {
            now: Time::from_micros(1_000_000),
            settings: known,
            tenants: Tenants::default(),
            masters: BTreeMap::new(),
            leader: None,
            epoch: Epoch(0),
            disk: Persisted::default(),
            workers: BTreeMap::new(),
            drivers: BTreeMap::new(),
            mail: BTreeMap::new(),
            events: Vec::new(),
            changes: Vec::new(),
            queue: VecDeque::new(),
            mute: BTreeSet::new(),
            launches_fail: false,
            slow_kills: false,
            slow_disk: false,
            unwritten: VecDeque::new(),
        }
    }

    pub(crate) fn add_master(&mut self, number: u64) {
        let at = address("master", number);
        let master = Master::new(at.clone(), &self.settings, self.tenants.clone());
        self.masters.insert(at, master);
    }

    pub(crate) fn elect(&mut self, number: u64) {
        self.epoch = Epoch(self.epoch.0 + 1);
        let at = address("master", number);
        self.leader = Some(at.clone());
        let (epoch, persisted) = (self.epoch, self.disk.clone());
        self.input_to(&at, Input::LeadershipGained { epoch, persisted });
    }

    /// The leader is gone, and what was not written with it.
    pub(crate) fn kill_leader(&mut self) {
        let at = self.leader.take().expect("there is a leader");
        self.masters.remove(&at);
        self.unwritten.clear();
    }

    pub(crate) fn master(&self) -> &Master {
        &self.masters[self.leader.as_ref().expect("there is a leader")]
    }

    pub(crate) fn state(&self) -> State {
        self.master().state()
    }

    pub(crate) fn input(&mut self, input: Input) {
        let leader = self.leader.clone().expect("there is a leader");
        self.input_to(&leader, input);
    }

    pub(crate) fn input_to(&mut self, master: &Address, input: Input) {
        self.step(master, input);
        self.settle();
    }

    fn step(&mut self, at: &Address, input: Input) {
        let Some(master) = self.masters.get_mut(at) else {
            return;
        };
        let mut out = Outbox::default();
        master.handle(self.now, input, &mut out);
        self.events.extend(out.events);
        for action in out.actions {
            match action {
                Action::Send { to, message } => {
                    self.queue.push_back((at.clone(), to, message));
                }
                Action::Persist { ticket, change } => {
                    self.changes.push(change.clone());
                    self.unwritten.push_back((at.clone(), ticket, change));
                }
                Action::Exit { .. } => {}
            }
        }
    }

    /// Delivers and writes until nothing is under way.
    fn settle(&mut self) {
        loop {
            if !self.slow_disk && !self.unwritten.is_empty() {
                self.write_one();
            } else if let Some((from, to, message)) = self.queue.pop_front() {
                self.deliver(&from, &to, message);
            } else {
                return;
            }
        }
    }

    fn write_one(&mut self) {
        if let Some((master, ticket, change)) = self.unwritten.pop_front() {
            self.disk.apply(&change);
            self.step(&master, Input::Persisted { ticket });
        }
    }

    /// Writes what waits for the disk.
    pub(crate) fn write(&mut self) {
        while !self.unwritten.is_empty() {
            self.write_one();
        }
        self.settle();
    }

    fn deliver(&mut self, from: &Address, to: &Address, message: Message) {
        if let Message::ToMaster(message) = message {
            let (from, to) = (from.clone(), to.clone());
            return self.step(&to, Input::Received { from, message });
        }
        self.mail
            .entry(to.clone())
            .or_default()
            .push(message.clone());
        if self.mute.contains(to) {
            return;
        }
        let answers = match message {
            Message::ToWorker(_, message) => self.worker_hears(from, to, message),
            Message::ToApplication(_, message) => self.driver_hears(to, message),
            _ => Vec::new(),
        };
        for answer in answers {
            let answer = Message::ToMaster(answer);
            self.queue.push_back((to.clone(), from.clone(), answer));
        }
    }

    fn worker_hears(&mut self, from: &Address, at: &Address, message: ToWorker) -> Vec<ToMaster> {
        let (fail, slow) = (self.launches_fail, self.slow_kills);
        let Some(worker) = self.workers.get_mut(at) else {
            return Vec::new();
        };
        let id = worker.info.id;
        let executor = |name, state| ToMaster::ExecutorStateChanged {
            worker: id,
            name,
            state,
            reason: None,
            exit_code: None,
        };
        let driver = |driver, state| ToMaster::DriverStateChanged {
            worker: id,
            driver,
            state,
            reason: None,
        };
        match message {
            ToWorker::RegisteredWorker { .. } => {
                worker.master = Some(from.clone());
                let (executors, drivers) = worker.report();
                vec![ToMaster::WorkerLatestState {
                    worker: id,
                    executors,
                    drivers,
                }]
            }
            ToWorker::MasterChanged { .. } => {
                worker.master = Some(from.clone());
                let (executors, drivers) = worker.report();
                vec![ToMaster::WorkerSchedulerStateResponse {
                    worker: id,
                    executors,
                    drivers,
                }]
            }
            ToWorker::ReconnectWorker { .. } => {
                vec![ToMaster::RegisterWorker(worker.info.clone())]
            }
            ToWorker::LaunchExecutor { name, .. } if fail => {
                vec![executor(name, ExecutorState::Failed)]
            }
            ToWorker::LaunchExecutor {
                name,
                cores,
                memory,
                ..
            } => {
                let report = ExecutorReport {
                    name,
                    cores,
                    memory,
                };
                worker.executors.insert(name, report);
                vec![executor(name, ExecutorState::Running)]
            }
            ToWorker::KillExecutor(_) | ToWorker::KillDriver(_) if slow => Vec::new(),
            ToWorker::KillExecutor(name) => {
                worker.executors.remove(&name);
                vec![executor(name, ExecutorState::Killed)]
            }
            ToWorker::LaunchDriver { driver: name, .. } => {
                worker.drivers.insert(name);
                vec![driver(name, DriverState::Running)]
            }
            ToWorker::KillDriver(name) => {
                worker.drivers.remove(&name);
                vec![driver(name, DriverState::Killed)]
            }
            _ => Vec::new(),
        }
    }

    fn driver_hears(&mut self, at: &Address, message: ToApplication) -> Vec<ToMaster> {
        let Some(driver) = self.drivers.get_mut(at) else {
            return Vec::new();
        };
        match message {
            ToApplication::RegisteredApplication { application, .. } => {
                driver.application = Some(application);
                Vec::new()
            }
            ToApplication::ExecutorAdded { executor, .. } => {
                driver.next_executor = driver.next_executor.max(executor.0 + 1);
                Vec::new()
            }
            ToApplication::MasterChanged { .. } => {
                let application = driver.application.expect("it has registered");
                vec![ToMaster::MasterChangeAcknowledged {
                    application,
                    next_executor: ExecutorId(driver.next_executor),
                }]
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn say(&mut self, from: &Address, message: ToMaster) {
        let from = from.clone();
        self.input(Input::Received { from, message });
    }

    pub(crate) fn disconnect(&mut self, peer: &Address) {
        let peer = peer.clone();
        self.input(Input::Disconnected { peer });
    }

    /// Lets time go by; deadlines come when they are due, and workers' heartbeats every ten seconds.
    pub(crate) fn sleep(&mut self, span: Duration) {
        let end = self.now + span;
        let mut beat = self.now;
        loop {
            let deadline = self
                .leader
                .as_ref()
                .and_then(|at| self.masters[at].next_deadline());
            let next = deadline.map_or(beat, |due| due.min(beat)).max(self.now);
            if next > end {
                break;
            }
            self.now = next;
            if next >= beat {
                self.beat();
                beat = next + Duration::from_secs(10);
            }
            if deadline.is_some_and(|due| due <= self.now) {
                self.input(Input::DeadlineReached);
            }
        }
        self.now = end;
    }

    fn beat(&mut self) {
        let heard = self
            .workers
            .values()
            .filter(|worker| !self.mute.contains(&worker.info.address));
        let beats: Vec<_> = heard
            .map(|worker| (worker.info.address.clone(), worker.info.id))
            .collect();
        for (from, id) in beats {
            self.say(&from, ToMaster::Heartbeat(id));
        }
    }

    /// A worker with this number registers.
    pub(crate) fn add_worker(&mut self, number: u64, cores: u32, memory: u64) -> Address {
        let at = address("worker", number);
        let info = WorkerInfo {
            id: WorkerId(number),
            address: at.clone(),
            host: format!("host-{number}").as_str().into(),
            rack: None,
            cores,
            memory,
        };
        self.add_worker_as(info)
    }

    pub(crate) fn add_worker_as(&mut self, info: WorkerInfo) -> Address {
        let at = info.address.clone();
        let worker = FakeWorker {
            info: info.clone(),
            master: None,
            executors: BTreeMap::new(),
            drivers: BTreeSet::new(),
        };
        self.workers.insert(at.clone(), worker);
        self.say(&at, ToMaster::RegisterWorker(info));
        at
    }

    /// A driver registers an application; its name, once it is known.
    pub(crate) fn add_application(&mut self, spec: ApplicationSpec) -> Option<ApplicationId> {
        let at = spec.driver.clone();
        let driver = FakeDriver {
            application: None,
            next_executor: 0,
        };
        self.drivers.insert(at.clone(), driver);
        self.say(&at, ToMaster::RegisterApplication(spec));
        self.drivers[&at].application
    }

    /// An application that must be taken in.
    pub(crate) fn run(&mut self, spec: ApplicationSpec) -> ApplicationId {
        self.add_application(spec).expect("it is taken in")
    }

    /// What the application's driver says.
    pub(crate) fn say_for(&mut self, application: ApplicationId, message: ToMaster) {
        let from = self.view(application).spec.driver.clone();
        self.say(&from, message);
    }

    pub(crate) fn request(&mut self, application: ApplicationId, total: u32) {
        self.say_for(
            application,
            ToMaster::RequestExecutors { application, total },
        );
    }

    pub(crate) fn kill(&mut self, application: ApplicationId, executors: &[u32]) {
        let executors = executors.iter().map(|number| ExecutorId(*number)).collect();
        self.say_for(
            application,
            ToMaster::KillExecutors {
                application,
                executors,
            },
        );
    }

    /// A submitter hands in a driver; the answer.
    pub(crate) fn submit(&mut self, spec: DriverSpec) -> Result<DriverId, Arc<str>> {
        let key = spec.key;
        match self.ask(ToMaster::RequestSubmitDriver(spec)) {
            ToSubmitter::SubmitDriverResponse { key: of, driver } if of == key => driver,
            other => panic!("no answer to the submission: {other:?}"),
        }
    }

    /// What an operator is answered.
    pub(crate) fn ask(&mut self, question: ToMaster) -> ToSubmitter {
        let operator = address("operator", 1);
        self.say(&operator, question);
        match self.mail.get_mut(&operator).and_then(Vec::pop) {
            Some(Message::ToSubmitter(_, answer)) => answer,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// An executor ends by itself.
    pub(crate) fn exit(&mut self, name: ExecutorName, exit_code: Option<i32>) {
        let worker = self.executor_worker(name);
        let state = match exit_code {
            Some(_) => ExecutorState::Exited,
            None => ExecutorState::Failed,
        };
        self.workers
            .get_mut(&worker)
            .unwrap()
            .executors
            .remove(&name);
        let id = self.workers[&worker].info.id;
        self.say(
            &worker,
            ToMaster::ExecutorStateChanged {
                worker: id,
                name,
                state,
                reason: None,
                exit_code,
            },
        );
    }

    fn executor_worker(&self, name: ExecutorName) -> Address {
        let view = self.view(name.application);
        let executor = view.executors.iter().find(|view| view.name == name);
        let worker = executor.expect("it exists").worker;
        self.master()
            .worker(worker)
            .expect("it exists")
            .info
            .address
            .clone()
    }

    pub(crate) fn view(&self, application: ApplicationId) -> ApplicationView {
        self.master()
            .application(application)
            .expect("it is in the books")
    }

    /// Numbers of an application's executors that are not being killed.
    pub(crate) fn executors(&self, application: ApplicationId) -> Vec<u32> {
        let view = self.view(application);
        let live = view
            .executors
            .iter()
            .filter(|e| e.state != ExecutorState::Killed);
        live.map(|executor| executor.name.executor.0).collect()
    }

    /// Cores of an application on each worker, in order of the workers' numbers.
    pub(crate) fn cores(&self, application: ApplicationId) -> Vec<u32> {
        let executors = self.view(application).executors;
        let on = |worker: WorkerId| {
            let here = executors
                .iter()
                .filter(move |executor| executor.worker == worker);
            here.map(|executor| executor.cores).sum()
        };
        self.living().map(|worker| on(worker.info.id)).collect()
    }

    /// Workers that are not gone.
    pub(crate) fn living(&self) -> impl Iterator<Item = WorkerView> {
        self.master()
            .workers()
            .filter(|worker| worker.reason.is_none())
    }

    pub(crate) fn driver(&self, driver: DriverId) -> DriverView {
        let mut all = self.master().drivers();
        all.find(|view| view.id == driver)
            .expect("it is remembered")
    }

    pub(crate) fn told_worker(&self, number: u64) -> Vec<ToWorker> {
        let mail = self.mail.get(&address("worker", number));
        let mail = mail.into_iter().flatten();
        mail.filter_map(|message| match message {
            Message::ToWorker(_, message) => Some(message.clone()),
            _ => None,
        })
        .collect()
    }

    pub(crate) fn told_driver(&self, number: u64) -> Vec<ToApplication> {
        let mail = self.mail.get(&address("driver", number));
        let mail = mail.into_iter().flatten();
        mail.filter_map(|message| match message {
            Message::ToApplication(_, message) => Some(message.clone()),
            _ => None,
        })
        .collect()
    }

    /// Why this application's driver was last told that it waits.
    pub(crate) fn waits_because(&self, number: u64) -> Option<String> {
        let told = self.told_driver(number).into_iter().rev();
        let mut news = told.filter_map(|message| match message {
            ToApplication::Waiting { because } => Some(because),
            _ => None,
        });
        news.next().flatten().map(|because| because.to_string())
    }

    pub(crate) fn happened(&self, what: impl Fn(&EventKind) -> bool) -> usize {
        self.events.iter().filter(|event| what(&event.kind)).count()
    }
}

impl FakeWorker {
    pub(crate) fn report(&self) -> (Vec<ExecutorReport>, Vec<DriverId>) {
        let executors = self.executors.values().copied().collect();
        (executors, self.drivers.iter().copied().collect())
    }
}

/// An application of the driver with this number that wants all it can get, with this much memory an executor.
pub(crate) fn application(number: u64, memory: u64) -> ApplicationSpec {
    ApplicationSpec {
        key: SubmissionKey(u128::from(number)),
        name: format!("application {number}").into(),
        tenant: "default".into(),
        driver: address("driver", number),
        driver_id: None,
        cores_max: None,
        executor_cores: None,
        executor_memory: memory,
        executors: None,
    }
}

pub(crate) fn driver(number: u64, supervise: bool) -> DriverSpec {
    DriverSpec {
        key: SubmissionKey(u128::from(1000 + number)),
        name: format!("driver {number}").into(),
        tenant: "default".into(),
        component: "component".into(),
        args: Vec::new(),
        settings: Vec::new(),
        cores: 1,
        memory: 512 * MIB,
        supervise,
    }
}

pub(crate) fn report(
    application: ApplicationId,
    executor: u32,
    cores: u32,
    memory: u64,
) -> ExecutorReport {
    let name = ExecutorName {
        application,
        executor: ExecutorId(executor),
    };
    ExecutorReport {
        name,
        cores,
        memory,
    }
}
