//! An application's own process: what it wants from the cluster, the executors that it has, and its jobs on them
//! (Spark: `StandaloneSchedulerBackend`, `CoarseGrainedSchedulerBackend` and `HeartbeatReceiver`, around
//! `DAGScheduler` and `TaskSchedulerImpl`).
//!
//! [`Application::handle`] is the only way in. It is several machines that talk to each other within one input: the
//! [`Client`] speaks with masters, the [`Driver`] decides about jobs, the [`Allocation`] about how many executors
//! there should be; what executors say is checked here before anybody believes it.
//!
//! ```text
//! masters ◀──▶ Client ──News──▶ executors ──ExecutorAdded, ExecutorLost──▶ Driver ◀── program
//!                ▲                 ▲  registration, heartbeats, reports     │ │
//!                │                 └───── LaunchTasks, KillTask ◀───────────┘ │ events
//!                └── RequestTotal, Kill ◀── Allocation ◀──────────────────────┘
//! ```
//!
//! An executor's life: ordered (the master says so) ─▶ connected (it has registered) ─▶ lost. When its connection
//! breaks it is silent: it gets no tasks until it registers again, and is lost if it does not in good time, or as
//! soon as the master knows what became of it.

mod executors;
mod losses;
mod master;
mod order;
mod program;
mod registration;
mod relay;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::allocation::{self, Allocation};
use crate::client::{self, Client};
use crate::message::ApplicationSpec;
use crate::timers::Timers;
use crate::{
    Address, Driver, Event, ExecutorId, Host, JobId, LineageError, MapOutput, Rdd, RddId, Settings,
    ShuffleId, Time,
};

pub use order::{Action, Input, Outbox};

use executors::Executors;
use registration::Registration;
use relay::Errand;
use waiting::Waiting;

/// The settings, read once.
#[derive(Clone, Copy, Debug)]
struct Limits {
    heartbeat_interval: Duration,
    /// How long an executor may be silent.
    silence: Duration,
    /// How often those who are silent are looked for.
    silence_interval: Duration,
    /// How long an executor without a connection is waited for, and the master's word about one that it has not
    /// told of.
    grace: Duration,
}

impl Limits {
    fn new(settings: &Settings) -> Self {
        Self {
            heartbeat_interval: settings.executor_heartbeat_interval(),
            silence: settings.network_timeout(),
            silence_interval: settings.network_timeout_interval(),
            grace: settings.executor_disconnected_grace(),
        }
    }
}

/// What is due at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Look for executors that are silent for too long.
    Silence,
    /// A connection that broke was waited for long enough.
    Grace(ExecutorId),
    /// The master has not told of an executor that wants to register.
    Stranger(ExecutorId),
    /// Enough executors were waited for long enough.
    Ready,
    /// Jobs have waited for executors for a while.
    Awaited,
}

/// How far the application is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Life {
    New,
    Going,
    /// The cluster has no place for it any more: its jobs fail, for this reason.
    Refused(Arc<str>),
    Over,
}

/// Decides for one application's process.
#[derive(Debug)]
pub struct Application {
    name: Arc<str>,
    now: Time,
    limits: Limits,
    life: Life,
    client: Client,
    driver: Driver,
    allocation: Option<Allocation>,
    executors: Executors,
    /// Those who want to register before the master has told of them.
    strangers: BTreeMap<ExecutorId, (Address, Registration)>,
    /// Machines that get no tasks: too many failed there.
    excluded: BTreeSet<Host>,
    jobs: BTreeSet<JobId>,
    waiting: Waiting,
    timers: Timers<Due>,
    /// When each connected executor will have been silent for too long, unless it was heard of since.
    silent_at: BTreeSet<(Time, ExecutorId)>,
    /// Empty between two inputs.
    errands: VecDeque<Errand>,
    /// Which message of this input launches tasks where. Empty between two inputs.
    launches: BTreeMap<ExecutorId, usize>,
}

impl Application {
    /// An application that nobody knows of yet. All randomness comes from `seed`.
    ///
    /// # Errors
    ///
    /// The settings of dynamic allocation contradict one another.
    pub fn new(
        mut spec: ApplicationSpec,
        masters: Vec<Address>,
        settings: &Settings,
        seed: u64,
    ) -> Result<Self, allocation::Error> {
        let allocation = settings.dynamic_allocation_enabled();
        let allocation = allocation.then(|| Allocation::new(settings, &spec));
        let allocation = allocation.transpose()?;
        if let Some(allocation) = &allocation {
            spec.executors = Some(allocation.target());
        }
        Ok(Self {
            name: spec.name.clone(),
            now: Time::START,
            limits: Limits::new(settings),
            life: Life::New,
            waiting: Waiting::new(&spec, settings),
            client: Client::new(spec, masters, settings, seed),
            driver: Driver::new(settings, seed),
            allocation,
            executors: Executors::default(),
            strangers: BTreeMap::new(),
            excluded: BTreeSet::new(),
            jobs: BTreeSet::new(),
            timers: Timers::default(),
            silent_at: BTreeSet::new(),
            errands: VecDeque::new(),
            launches: BTreeMap::new(),
        })
    }

    /// Takes in one thing that happened and appends what must be done about it, and what listeners may want to
    /// know, to `out`.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Outbox) {
        self.now = self.now.max(now);
        self.launches.clear();
        match input {
            Input::Started => self.start(out),
            Input::FromMaster {
                from,
                epoch,
                message,
            } => {
                let received = client::Input::Received {
                    from,
                    epoch,
                    message,
                };
                self.tell_client(received, out);
            }
            Input::FromExecutor { from, message } => self.hear(from, message, out),
            Input::Disconnected { peer } => self.disconnected(peer, out),
            Input::Program(input) => self.obey(input, out),
            Input::DeadlineReached => self.expire(out),
        }
        self.run_errands(out);
        self.watch_waiting();
        if cfg!(debug_assertions) {
            self.check();
        }
    }

    /// Takes in datasets, parents first. A dataset that is known may only change its storage level.
    ///
    /// Apart from [`Self::handle`], because the program waits for the answer.
    ///
    /// # Errors
    ///
    /// The datasets make no sense.
    pub fn define(&mut self, rdds: Vec<Rdd>, out: &mut Outbox) -> Result<(), LineageError> {
        self.launches.clear();
        let mut orders = crate::Outbox::default();
        let defined = self.driver.define(rdds, &mut orders);
        self.relay(orders, out);
        self.run_errands(out);
        defined
    }

    /// Takes in settings that the program has changed, for what its jobs do from now on.
    pub fn configure(&mut self, settings: &Settings) {
        self.driver.configure(settings);
    }

    /// Returns a dataset's definition, while it is kept.
    pub fn rdd(&self, rdd: RddId) -> Option<&Rdd> {
        self.driver.rdd(rdd)
    }

    /// Returns where a shuffle's map outputs are: [`Driver::map_outputs`].
    pub fn map_outputs(&self, shuffle: ShuffleId) -> Option<Vec<Option<MapOutput>>> {
        self.driver.map_outputs(shuffle)
    }

    /// Returns the executors that hold a cached partition: [`Driver::block_locations`].
    pub fn block_locations(&self, rdd: RddId, partition: u32) -> &[ExecutorId] {
        self.driver.block_locations(rdd, partition)
    }

    /// Returns when [`Input::DeadlineReached`] is next due.
    pub fn next_deadline(&self) -> Option<Time> {
        if self.life == Life::Over {
            return None;
        }
        let allocation = self.allocation.as_ref();
        let deadlines = [
            self.timers.next(),
            self.client.next_deadline(),
            self.driver.next_deadline(),
            allocation.and_then(Allocation::next_deadline),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn expire(&mut self, out: &mut Outbox) {
        if self.life == Life::Over {
            return;
        }
        let now = self.now;
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if is_due(self.client.next_deadline()) {
            self.tell_client(client::Input::DeadlineReached, out);
        }
        if is_due(self.driver.next_deadline()) {
            self.drive(crate::Input::DeadlineReached, out);
        }
        self.allocate(allocation::Input::DeadlineReached);
        while let Some(due) = self.timers.pop(now) {
            match due {
                Due::Silence => self.find_silent(out),
                Due::Grace(executor) => self.end_grace(executor, out),
                Due::Stranger(executor) => self.refuse_stranger(executor, out),
                Due::Ready => self.be_ready(out),
                Due::Awaited => self.tell_awaited(out),
            }
        }
    }

    fn publish(&self, kind: crate::event::EventKind, out: &mut Outbox) {
        out.events.push(Event { at: self.now, kind });
    }

    /// States what always holds; runs after every input where assertions for debugging are on.
    fn check(&self) {
        self.executors.check();
        assert!(self.errands.is_empty());
        for id in self.strangers.keys() {
            assert!(self.executors.get(*id).is_none(), "a stranger is not known");
            assert!(self.timers.is_set(Due::Stranger(*id)));
        }
        if matches!(self.life, Life::Refused(_) | Life::Over) {
            assert_eq!(self.executors.registered(), 0);
            assert!(self.jobs.is_empty());
        }
    }
}
