//! A worker: one machine's cores and memory, lent to executors and drivers (Spark: `deploy.worker.Worker`,
//! `ExecutorRunner`, `DriverRunner`).
//!
//! [`Worker::handle`] is the only way in. The worker obeys the leader of the highest epoch that it has heard and no
//! other. What runs here goes on while no leader can be reached, and whoever leads next is told of it.
//!
//! ```text
//! register with all masters ─▶ RegisteredWorker ─▶ ends not heard, WorkerLatestState, heartbeats
//!        ▲ ReconnectWorker, Disconnected(leader) ◀────┘
//!
//! LaunchExecutor ─▶ waits for room ─▶ starting ─▶ running ─▶ ended ─▶ ExecutorStateChanged
//! LaunchDriver   ─▶      "               "           ▲ │        └──▶ DriverStateChanged
//!                                        back-off ◀──┴─┘ supervised, failed
//! ```

mod children;
mod drivers;
mod event;
mod executors;
mod folders;
mod limits;
mod line;
mod order;
mod registration;
mod reports;
mod retained;
mod room;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::following::Following;
use crate::message::{ExecutorReport, ToMaster, ToWorker, WorkerInfo};
use crate::timers::Timers;
use crate::{Address, ApplicationId, Epoch, Random, Settings, Time};

use children::{Child, Name};
use folders::Application;
use limits::Limits;
use reports::Reports;
use retained::Retained;
use room::{Room, Share};

pub use children::{FinishedDriver, FinishedExecutor};
pub use event::{Event, EventKind};
pub use order::{Action, Folder, Input, Outbox};

/// What is due at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Offer the worker to the masters again.
    Register,
    Heartbeat,
    CleanUp,
    /// It was told to stop and is still there.
    Force(Name),
    /// Its back-off is over.
    Relaunch(Name),
    /// It has waited for room long enough.
    GiveUpWaiting(Name),
}

/// How far the end of a worker has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Life {
    New,
    Going,
    /// It ends when its children have.
    Stopping(Arc<str>),
    Gone,
}

/// Decides for one worker.
#[derive(Debug)]
pub struct Worker {
    now: Time,
    info: WorkerInfo,
    masters: Vec<Address>,
    limits: Limits,
    random: Random,
    timers: Timers<Due>,
    life: Life,
    following: Following,
    /// Whether any leader ever had it in its books.
    was_registered: bool,
    retries: u32,
    decommissioned: bool,
    room: Room,
    children: BTreeMap<Name, Child>,
    /// Children that wait for room, in order.
    waiting: VecDeque<Name>,
    applications: BTreeMap<ApplicationId, Application>,
    reports: Reports,
    finished_executors: Retained<Name, FinishedExecutor>,
    finished_drivers: Retained<Name, FinishedDriver>,
}

impl Worker {
    /// A worker that runs nothing and knows no leader yet. All randomness comes from `seed`.
    pub fn new(info: WorkerInfo, masters: Vec<Address>, settings: &Settings, seed: u64) -> Self {
        let (executors, drivers) = (
            settings.worker_retained_executors(),
            settings.worker_retained_drivers(),
        );
        let limits = Limits::new(settings);
        let reports_max = (executors as usize).saturating_add(drivers as usize);
        let total = Share {
            cores: info.cores,
            memory: info.memory,
        };
        Self {
            now: Time::START,
            info,
            masters,
            limits,
            random: Random::new(seed),
            timers: Timers::default(),
            life: Life::New,
            following: Following::default(),
            was_registered: false,
            retries: 0,
            decommissioned: false,
            room: Room::new(total),
            children: BTreeMap::new(),
            waiting: VecDeque::new(),
            applications: BTreeMap::new(),
            reports: Reports::new(limits.timeout * 2, reports_max.max(1)),
            finished_executors: Retained::new(executors),
            finished_drivers: Retained::new(drivers),
        }
    }

    /// Takes in one thing that happened and appends what must be done about it, and what listeners may want to
    /// know, to `out`.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Outbox) {
        if self.life == Life::Gone {
            return;
        }
        self.now = self.now.max(now);
        match input {
            Input::Started => self.start(),
            Input::Received {
                from,
                epoch,
                message,
            } => self.receive(from, epoch, message, out),
            Input::Disconnected { peer } => self.lose_leader(&peer, out),
            Input::ExecutorStarted { name } => self.executor_started(name, out),
            Input::ExecutorEnded {
                name,
                exit_code,
                reason,
            } => self.executor_ended(name, exit_code, reason, out),
            Input::DriverStarted { driver } => self.driver_started(driver, out),
            Input::DriverEnded {
                driver,
                exit_code,
                reason,
            } => self.driver_ended(driver, exit_code, reason, out),
            Input::FoldersFound(folders) => self.clean_up(folders, out),
            Input::DecommissionAsked => self.decommission(out),
            Input::StopAsked => self.stop("it was asked to stop".into(), out),
            Input::DeadlineReached => self.expire(out),
        }
        self.start_waiting(out);
        self.seek_leader(out);
        self.leave(out);
        if cfg!(debug_assertions) {
            self.check();
        }
    }

    /// Returns when [`Input::DeadlineReached`] is next due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Returns who it is.
    pub fn info(&self) -> &WorkerInfo {
        &self.info
    }

    /// Returns the leader that has it in its books, while that can be reached.
    pub fn master(&self) -> Option<&Address> {
        self.following.registered()
    }

    /// Returns the cores and bytes of memory that are given to executors and drivers.
    pub fn used(&self) -> (u32, u64) {
        let used = self.room.used();
        (used.cores, used.memory)
    }

    /// Returns the executors that have not ended.
    pub fn executors(&self) -> impl Iterator<Item = ExecutorReport> {
        self.children.iter().filter_map(Child::report)
    }

    /// Returns the latest executors that have ended, the oldest first.
    pub fn finished_executors(&self) -> impl Iterator<Item = &FinishedExecutor> {
        self.finished_executors.iter().map(|(_, finished)| finished)
    }

    /// Returns the latest drivers that have ended, the oldest first.
    pub fn finished_drivers(&self) -> impl Iterator<Item = &FinishedDriver> {
        self.finished_drivers.iter().map(|(_, finished)| finished)
    }

    fn start(&mut self) {
        if self.life != Life::New {
            return;
        }
        self.life = Life::Going;
        if let Some(interval) = self.limits.cleanup_interval {
            self.timers.set(Due::CleanUp, self.now + interval);
        }
    }

    fn expire(&mut self, out: &mut Outbox) {
        while let Some(due) = self.timers.pop(self.now) {
            match due {
                Due::Register => self.retry_registration(out),
                Due::Heartbeat => self.send_heartbeat(out),
                Due::CleanUp => self.find_folders(out),
                Due::Force(name) => out.actions.push(name.stop(true)),
                Due::Relaunch(name) => self.relaunch(name, out),
                Due::GiveUpWaiting(name) => self.give_up_waiting(name, out),
            }
        }
    }

    fn receive(&mut self, from: Address, epoch: Epoch, message: ToWorker, out: &mut Outbox) {
        if message == ToWorker::MasterInStandby {
            return self.hear_standby(&from, out);
        }
        if let Err(reason) = self.heed(&from, epoch) {
            return self.refuse(order::describe(&message), reason, out);
        }
        match message {
            ToWorker::RegisteredWorker { duplicate, .. } => self.registered(duplicate, out),
            ToWorker::RegisterWorkerFailed { reason } => self.registration_failed(reason, out),
            ToWorker::ReconnectWorker { .. } => self.reconnect(),
            ToWorker::MasterChanged { .. } => self.master_changed(out),
            ToWorker::LaunchExecutor {
                name,
                application,
                cores,
                memory,
            } => self.launch_executor(name, application, Share { cores, memory }, out),
            ToWorker::KillExecutor(name) => self.kill_executor(name, out),
            ToWorker::LaunchDriver { driver, spec } => self.launch_driver(driver, spec, out),
            ToWorker::KillDriver(driver) => self.kill_driver(driver, out),
            ToWorker::ApplicationFinished(application) => {
                self.finish_application(application, out);
            }
            ToWorker::DecommissionWorker => self.decommission(out),
            ToWorker::MasterInStandby => unreachable!("a standby gives no orders"),
        }
    }

    /// Takes no more work from now on, and says so.
    fn decommission(&mut self, out: &mut Outbox) {
        if !self.limits.decommission {
            let reason = "`decommission.enabled` is false";
            return self.refuse("to be taken out of service".into(), reason.into(), out);
        }
        if !self.decommissioned {
            self.decommissioned = true;
            self.publish(EventKind::Decommissioning, out);
        }
        self.tell(ToMaster::WorkerDecommissioning(self.info.id), out);
    }

    /// Stops what runs here; the worker goes when that has ended.
    fn stop(&mut self, reason: Arc<str>, out: &mut Outbox) {
        if matches!(self.life, Life::Stopping(_) | Life::Gone) {
            return;
        }
        self.life = Life::Stopping(reason.clone());
        self.timers.cancel(Due::Register);
        self.timers.cancel(Due::CleanUp);
        self.publish(EventKind::Stopping { reason }, out);
        let names: Vec<Name> = self.children.keys().copied().collect();
        for name in names {
            self.stop_child(name, "its worker is being stopped".into(), out);
        }
    }

    fn leave(&mut self, out: &mut Outbox) {
        let Life::Stopping(reason) = &self.life else {
            return;
        };
        if self.children.is_empty() {
            let reason = reason.clone();
            out.actions.push(Action::Exit { reason });
            self.life = Life::Gone;
            self.timers.clear();
        }
    }

    /// Says something to the leader, if it can be reached.
    fn tell(&self, message: ToMaster, out: &mut Outbox) {
        if let Some(leader) = self.following.leader() {
            send(leader, message, out);
        }
    }

    fn refuse(&self, order: Arc<str>, reason: Arc<str>, out: &mut Outbox) {
        self.publish(EventKind::OrderRefused { order, reason }, out);
    }

    fn publish(&self, kind: EventKind, out: &mut Outbox) {
        out.events.push(Event { at: self.now, kind });
    }

    /// States what always holds; runs after every input where assertions for debugging are on.
    fn check(&self) {
        self.room.check(
            self.children
                .values()
                .map(|child| (child.share, child.holding())),
        );
        assert!(
            self.waiting
                .iter()
                .all(|name| self.children[name].is_waiting())
        );
        let waiting = self.children.values().filter(|child| child.is_waiting());
        assert_eq!(waiting.count(), self.waiting.len());
        assert!(self.life != Life::Gone || self.children.is_empty());
        for name in self.children.keys() {
            let ended = match name {
                Name::Executor(_) => self.finished_executors.get(*name).is_some(),
                Name::Driver(_) => self.finished_drivers.get(*name).is_some(),
            };
            assert!(!ended, "{name} has ended and does not come back");
        }
    }
}

fn send(to: &Address, message: ToMaster, out: &mut Outbox) {
    out.actions.push(Action::Send {
        to: to.clone(),
        message: message.into(),
    });
}
