//! An application's side of the cluster: finds the leader, stays with it, hears of executors (Spark:
//! `StandaloneAppClient`).
//!
//! [`Client::handle`] is the only way in. What the application wants is state, told to each leader anew; what it
//! hears of is told on once. It follows the leader of the highest epoch that it has heard and no other.
//!
//! ```text
//! register with all masters ─▶ RegisteredApplication ─▶ News::Connected, what is wanted
//!        ▲                                                    │
//!        └──────── News::Disconnected ◀── Disconnected(leader)┘     MasterChanged ─▶ MasterChangeAcknowledged
//! ```
//!
//! [`Submission`] is one question to the masters, asked until it is answered.

mod event;
mod executors;
mod order;
mod registration;
pub mod submission;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::following::Following;
use crate::message::{ApplicationSpec, ExecutorState, ToApplication, ToMaster};
use crate::{Address, ApplicationId, Epoch, ExecutorId, Host, Random, Settings, Time, WorkerId};

use executors::Executors;

pub use event::{Event, EventKind};
pub use order::{Action, Input, News, Outbox};
pub use submission::{Request, Submission};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    New,
    Going,
    /// It has failed or was stopped.
    Over,
}

/// Speaks with the masters for one application.
#[derive(Debug)]
pub struct Client {
    now: Time,
    spec: ApplicationSpec,
    masters: Vec<Address>,
    tries_max: u32,
    timeout: Duration,
    random: Random,
    life: Life,
    following: Following,
    application: Option<ApplicationId>,
    /// How often the application was offered since a leader had it in its books.
    tries: u32,
    next_try: Option<Time>,
    /// Whether the application takes itself for connected.
    connected: bool,
    /// The leader that knows which numbers of executors were given.
    acknowledged: Epoch,
    executors: Executors,
    wanted: Option<u32>,
    /// Those to be killed that have not ended yet.
    unwanted: BTreeSet<ExecutorId>,
    waiting: Option<Arc<str>>,
}

impl Client {
    /// A client that knows no leader yet. All randomness comes from `seed`.
    pub fn new(
        spec: ApplicationSpec,
        masters: Vec<Address>,
        settings: &Settings,
        seed: u64,
    ) -> Self {
        // A leader from before that of its own driver was deposed, whatever it says of the driver.
        let since = spec
            .driver_id
            .map_or_else(Epoch::default, |driver| driver.epoch);
        Self {
            now: Time::START,
            spec,
            masters,
            tries_max: settings.deploy_client_registration_retries(),
            timeout: settings.deploy_client_registration_timeout(),
            random: Random::new(seed),
            life: Life::New,
            following: Following::since(since),
            application: None,
            tries: 0,
            next_try: None,
            connected: false,
            acknowledged: Epoch::default(),
            executors: Executors::default(),
            wanted: None,
            unwanted: BTreeSet::new(),
            waiting: None,
        }
    }

    /// Takes in one thing that happened and appends what must be done about it, and what listeners may want to
    /// know, to `out`.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Outbox) {
        self.now = self.now.max(now);
        if self.life == Life::Over {
            return self.turn_down(input, out);
        }
        match input {
            Input::Started => self.life = Life::Going,
            Input::Received {
                from,
                epoch,
                message,
            } => self.receive(&from, epoch, message, out),
            Input::Disconnected { peer } => self.lose_leader(&peer, out),
            Input::ExecutorsRequested { total } => self.request(total, out),
            Input::ExecutorsKilled(executors) => self.kill(&executors, out),
            Input::Stopped => self.stop(out),
            Input::DeadlineReached => self.expire(out),
        }
        self.seek_leader(out);
        if cfg!(debug_assertions) {
            self.executors.check();
        }
    }

    /// Returns when [`Input::DeadlineReached`] is next due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.next_try
    }

    /// Returns the application's name, once it has one.
    pub fn application(&self) -> Option<ApplicationId> {
        self.application
    }

    /// Returns the leader that has the application in its books, while that can be reached.
    pub fn master(&self) -> Option<&Address> {
        self.following.registered()
    }

    fn receive(&mut self, from: &Address, epoch: Epoch, message: ToApplication, out: &mut Outbox) {
        if message == ToApplication::MasterInStandby {
            return self.hear_standby(from, out);
        }
        if let Err(reason) = self.following.heed(from, epoch) {
            return self.refuse(describe(&message), reason, out);
        }
        match message {
            ToApplication::RegisteredApplication { application, .. } => {
                self.registered(application, out);
            }
            ToApplication::RegisterApplicationFailed { reason } => {
                self.fail(
                    format!("the master refused the application: {reason}").into(),
                    out,
                );
            }
            ToApplication::ApplicationRemoved { reason } => {
                self.fail(
                    format!("the master removed the application: {reason}").into(),
                    out,
                );
            }
            ToApplication::MasterChanged { .. } => self.master_changed(out),
            ToApplication::MasterInStandby => unreachable!("a standby gives no orders"),
            about if self.application.is_none() => {
                let reason = "the application is not registered yet";
                self.refuse(describe(&about), reason.into(), out);
            }
            about => self.hear(about, out),
        }
    }

    /// Hears of executors and workers.
    fn hear(&mut self, message: ToApplication, out: &mut Outbox) {
        match message {
            ToApplication::ExecutorAdded {
                executor,
                worker,
                host,
                rack,
                cores,
                memory,
            } => {
                let added = News::ExecutorAdded {
                    executor,
                    worker,
                    host,
                    rack,
                    cores,
                    memory,
                };
                self.add_executor(executor, worker, added, out);
            }
            ToApplication::ExecutorUpdated {
                executor,
                state,
                reason,
                exit_code,
                worker_lost,
            } => {
                let reason = reason.unwrap_or_else(|| "no reason was given".into());
                if state.is_finished() {
                    self.end_executor(executor, reason, exit_code, worker_lost, out);
                } else if state == ExecutorState::Decommissioned
                    && self.executors.decommission(executor)
                {
                    tell(News::ExecutorDecommissioned { executor }, out);
                }
            }
            ToApplication::WorkerRemoved {
                worker,
                host,
                reason,
            } => self.remove_worker(worker, host, reason, out),
            ToApplication::Waiting { because } => self.wait(because, out),
            _ => unreachable!("only what is about executors and workers"),
        }
    }

    fn add_executor(
        &mut self,
        executor: ExecutorId,
        worker: WorkerId,
        added: News,
        out: &mut Outbox,
    ) {
        if self.executors.add(executor, worker) {
            tell(added, out);
        } else {
            let message = format!("{executor} was added");
            self.refuse(message.into(), "it was told before".into(), out);
        }
    }

    fn end_executor(
        &mut self,
        executor: ExecutorId,
        reason: Arc<str>,
        exit_code: Option<i32>,
        worker_lost: bool,
        out: &mut Outbox,
    ) {
        self.unwanted.remove(&executor);
        if self.executors.end(executor) {
            tell(
                News::ExecutorEnded {
                    executor,
                    reason,
                    exit_code,
                    worker_lost,
                },
                out,
            );
        }
    }

    fn remove_worker(&mut self, worker: WorkerId, host: Host, reason: Arc<str>, out: &mut Outbox) {
        for executor in self.executors.on(worker) {
            self.end_executor(executor, reason.clone(), None, true, out);
        }
        let removed = News::WorkerRemoved {
            worker,
            host,
            reason,
        };
        tell(removed, out);
    }

    fn wait(&mut self, because: Option<Arc<str>>, out: &mut Outbox) {
        if self.waiting != because {
            self.waiting.clone_from(&because);
            tell(News::Waiting { because }, out);
        }
    }

    fn request(&mut self, total: u32, out: &mut Outbox) {
        self.wanted = Some(total);
        if let (Some(application), Some(master)) = (self.application, self.master()) {
            send(
                master,
                ToMaster::RequestExecutors { application, total },
                out,
            );
        }
    }

    fn kill(&mut self, executors: &[ExecutorId], out: &mut Outbox) {
        let there = |executor: &ExecutorId| !self.executors.has_ended(*executor);
        let executors: Vec<ExecutorId> = executors.iter().copied().filter(there).collect();
        self.unwanted.extend(&executors);
        self.say_unwanted(executors, out);
    }

    fn say_unwanted(&self, executors: Vec<ExecutorId>, out: &mut Outbox) {
        if executors.is_empty() {
            return;
        }
        if let (Some(application), Some(master)) = (self.application, self.master()) {
            let kill = ToMaster::KillExecutors {
                application,
                executors,
            };
            send(master, kill, out);
        }
    }

    fn refuse(&self, message: Arc<str>, reason: Arc<str>, out: &mut Outbox) {
        self.publish(EventKind::Refused { message, reason }, out);
    }

    fn publish(&self, kind: EventKind, out: &mut Outbox) {
        out.events.push(Event { at: self.now, kind });
    }
}

fn tell(news: News, out: &mut Outbox) {
    out.actions.push(Action::Tell(news));
}

fn send(to: &Address, message: ToMaster, out: &mut Outbox) {
    out.actions.push(Action::Send {
        to: to.clone(),
        message: message.into(),
    });
}

/// What a master said, for people.
fn describe(message: &ToApplication) -> Arc<str> {
    match message {
        ToApplication::RegisteredApplication { application, .. } => {
            format!("{application} is registered").into()
        }
        ToApplication::RegisterApplicationFailed { .. } => "it is not registered".into(),
        ToApplication::MasterInStandby => "it is a standby".into(),
        ToApplication::ApplicationRemoved { .. } => "the application is removed".into(),
        ToApplication::MasterChanged { .. } => "it leads".into(),
        ToApplication::ExecutorAdded { executor, .. } => format!("{executor} was added").into(),
        ToApplication::ExecutorUpdated { executor, .. } => format!("{executor} has changed").into(),
        ToApplication::WorkerRemoved { worker, .. } => format!("{worker} is gone").into(),
        ToApplication::Waiting { .. } => "what the application waits for".into(),
    }
}
