//! The master: its state, and the one way in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::accounts::Accounts;
use super::applications::Applications;
use super::drivers::Drivers;
use super::executors::Executors;
use super::workers::{Want, Workers};
use super::{Action, Change, Event, EventKind, Input, Outbox, Policy, Tenants};
use crate::message::{ToApplication, ToMaster, ToSubmitter, ToWorker};
use crate::{Address, ApplicationId, DriverId, Epoch, Message, Settings, Time, WorkerId};

/// How a master is (Spark: `RecoveryState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was not elected.
    Standby,
    /// It was, and waits to hear from those that the leader before it knew.
    Recovering,
    /// It takes off those that did not answer. Never seen between inputs.
    CompletingRecovery,
    /// It leads.
    Alive,
    /// It no longer leads, and is to exit.
    Deposed,
}

/// What the settings say.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) cores_default: u32,
    pub(super) drivers_max: u32,
    pub(super) retries_max: u32,
    pub(super) recovery_timeout: Duration,
    pub(super) spread_applications: bool,
    pub(super) spread_drivers: bool,
    pub(super) policy: Policy,
    pub(super) preemption_wait: Duration,
    /// Whether machines can be taken out of service.
    pub(super) decommission: bool,
}

/// Who is told when a change is on disk.
#[derive(Debug)]
pub(super) enum Pending {
    Worker(WorkerId),
    Application(ApplicationId),
    Driver(DriverId),
    /// An application that was taken off.
    Removal {
        driver: Address,
        reason: Arc<str>,
    },
}

/// Decides for a cluster.
#[derive(Debug)]
pub struct Master {
    pub(super) address: Address,
    pub(super) config: Config,
    pub(super) state: State,
    pub(super) epoch: Epoch,
    /// The moment of the latest input.
    pub(super) now: Time,
    pub(super) accounts: Accounts,
    pub(super) workers: Workers,
    pub(super) executors: Executors,
    pub(super) applications: Applications,
    pub(super) drivers: Drivers,
    pub(super) next_application: u32,
    pub(super) next_driver: u32,
    pub(super) next_launch: u64,
    next_ticket: u64,
    pending: BTreeMap<u64, Pending>,
    pub(super) silent_workers: BTreeSet<WorkerId>,
    pub(super) silent_applications: BTreeSet<ApplicationId>,
    pub(super) recovery_due: Option<Time>,
    /// The worker that got the latest driver.
    pub(super) driver_cursor: Option<WorkerId>,
    /// Workers on which room is being made.
    pub(super) reservations: BTreeMap<WorkerId, Want>,
    /// Applications that get no executor until then, for theirs have failed.
    pub(super) rests: BTreeSet<(Time, ApplicationId)>,
    /// When to tell applications what they wait for, where that has changed.
    pub(super) news_due: Option<Time>,
    /// Applications that are told at once what they wait for.
    pub(super) fresh: BTreeSet<ApplicationId>,
    /// Whether something may have room now that had none.
    pub(super) stale: bool,
}

impl Master {
    /// A standby that listens at `address`.
    pub fn new(address: Address, settings: &Settings, tenants: Tenants) -> Self {
        let config = Config {
            cores_default: settings.deploy_default_cores(),
            drivers_max: settings.deploy_max_drivers(),
            retries_max: settings.deploy_max_executor_retries(),
            recovery_timeout: settings.deploy_recovery_timeout(),
            spread_applications: settings.deploy_spread_out_apps(),
            spread_drivers: settings.deploy_spread_out_drivers(),
            policy: settings.deploy_worker_selection_policy(),
            preemption_wait: settings.tenant_preemption_wait(),
            decommission: settings.decommission_enabled(),
        };
        let persistence = settings.dead_worker_persistence();
        Self {
            address,
            accounts: Accounts::new(tenants, config.preemption_wait),
            workers: Workers::new(settings.worker_timeout(), persistence),
            executors: Executors::default(),
            applications: Applications::new(settings.deploy_retained_applications()),
            drivers: Drivers::new(settings.deploy_retained_drivers()),
            config,
            state: State::Standby,
            epoch: Epoch::default(),
            now: Time::START,
            next_application: 0,
            next_driver: 0,
            next_launch: 0,
            next_ticket: 0,
            pending: BTreeMap::new(),
            silent_workers: BTreeSet::new(),
            silent_applications: BTreeSet::new(),
            recovery_due: None,
            driver_cursor: None,
            reservations: BTreeMap::new(),
            rests: BTreeSet::new(),
            news_due: None,
            fresh: BTreeSet::new(),
            stale: false,
        }
    }

    /// Takes in one thing that happened and appends what must be done about it, and what listeners may want to
    /// know, to `out`.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Outbox) {
        self.now = self.now.max(now);
        match input {
            _ if self.state == State::Deposed => return,
            Input::LeadershipGained { epoch, persisted } => self.lead(epoch, persisted, out),
            Input::LeadershipLost => self.step_down(out),
            Input::Received { from, message } if self.state == State::Standby => {
                self.decline(from, message, out);
            }
            Input::Received { from, message } => self.receive(from, message, out),
            Input::Disconnected { peer } => self.lose_peer(&peer, out),
            Input::Persisted { ticket } => self.acknowledge(ticket, out),
            Input::TenantsChanged(tenants) => self.change_tenants(tenants, out),
            Input::DeadlineReached => self.expire(out),
        }
        self.complete_recovery_if_heard(out);
        if self.state == State::Alive && std::mem::take(&mut self.stale) {
            self.schedule(out);
        }
        if cfg!(debug_assertions) {
            self.check();
        }
    }

    /// Returns when [`Input::DeadlineReached`] is next due. It may find nothing to do.
    pub fn next_deadline(&self) -> Option<Time> {
        if matches!(self.state, State::Standby | State::Deposed) {
            return None;
        }
        let alarm = self.accounts.next_alarm();
        let rest = self.rests.first().map(|(until, _)| *until);
        let alive = alarm.into_iter().chain(rest).chain(self.news_due);
        let alive = alive.filter(|_| self.state == State::Alive);
        let any = self.workers.next_deadline().into_iter();
        any.chain(self.recovery_due).chain(alive).min()
    }

    /// Answers what was meant for the leader.
    fn decline(&self, from: Address, message: ToMaster, out: &mut Outbox) {
        let epoch = self.epoch;
        let message = match message {
            ToMaster::RegisterWorker(_) | ToMaster::WorkerDecommissioning(_) => {
                Message::ToWorker(epoch, ToWorker::MasterInStandby)
            }
            ToMaster::RegisterApplication(_) => {
                Message::ToApplication(epoch, ToApplication::MasterInStandby)
            }
            ToMaster::RequestSubmitDriver(_)
            | ToMaster::RequestKillDriver(_)
            | ToMaster::RequestDriverStatus(_)
            | ToMaster::RequestKillApplication(_)
            | ToMaster::DecommissionWorkersOnHosts(_) => {
                Message::ToSubmitter(epoch, ToSubmitter::MasterInStandby)
            }
            _ => return,
        };
        out.actions.push(Action::Send { to: from, message });
    }

    fn receive(&mut self, from: Address, message: ToMaster, out: &mut Outbox) {
        match message {
            ToMaster::RegisterWorker(info) => self.register_worker(&from, info, out),
            ToMaster::Heartbeat(worker) => self.hear(from, worker, out),
            ToMaster::WorkerLatestState {
                worker,
                executors,
                drivers,
            }
            | ToMaster::WorkerSchedulerStateResponse {
                worker,
                executors,
                drivers,
            } => self.take_report(&from, worker, &executors, &drivers, out),
            ToMaster::ExecutorStateChanged {
                worker,
                name,
                state,
                reason,
                exit_code,
            } if self.speaks_for_worker(&from, worker) => {
                self.change_executor(worker, name, state, reason, exit_code, out);
            }
            ToMaster::DriverStateChanged {
                worker,
                driver,
                state,
                reason,
            } if self.speaks_for_worker(&from, worker) => {
                self.change_driver(worker, driver, state, reason, out);
            }
            ToMaster::WorkerDecommissioning(worker) if self.speaks_for_worker(&from, worker) => {
                self.decommission(worker, out);
            }
            ToMaster::RegisterApplication(spec) => self.register_application(&from, spec, out),
            ToMaster::UnregisterApplication(id) if self.speaks_for_application(&from, id) => {
                self.unregister_application(id, out);
            }
            ToMaster::MasterChangeAcknowledged {
                application,
                next_executor,
            } if self.speaks_for_application(&from, application) => {
                self.acknowledge_change(application, next_executor, out);
            }
            ToMaster::RequestExecutors { application, total }
                if self.speaks_for_application(&from, application) =>
            {
                self.request_executors(application, total, out);
            }
            ToMaster::KillExecutors {
                application,
                executors,
            } if self.speaks_for_application(&from, application) => {
                self.kill_executors(application, &executors, out);
            }
            ToMaster::RequestSubmitDriver(spec) => self.submit_driver(from, spec, out),
            ToMaster::RequestKillDriver(driver) => self.kill_driver(from, driver, out),
            ToMaster::RequestDriverStatus(driver) => self.tell_driver_status(from, driver, out),
            ToMaster::RequestKillApplication(id) => self.kill_application(from, id, out),
            ToMaster::DecommissionWorkersOnHosts(hosts) => {
                self.decommission_hosts(from, &hosts, out);
            }
            // From a process that speaks of another's affairs: what it says is out of date.
            _ => {}
        }
    }

    /// Returns whether this is the process of that worker.
    pub(super) fn speaks_for_worker(&self, from: &Address, worker: WorkerId) -> bool {
        let known = self.workers.get(worker);
        known.is_some_and(|worker| worker.info.address == *from)
    }

    /// Returns whether this is the driver of that application.
    fn speaks_for_application(&self, from: &Address, application: ApplicationId) -> bool {
        let known = self.applications.get(application);
        known.is_some_and(|application| application.spec.driver == *from)
    }

    fn lose_peer(&mut self, peer: &Address, out: &mut Outbox) {
        if let Some(worker) = self.workers.at(peer) {
            self.lose_worker(worker, "it is disconnected".into(), out);
        }
        if let Some(application) = self.applications.at(peer) {
            self.lose_application(application, out);
        }
    }

    fn acknowledge(&mut self, ticket: u64, out: &mut Outbox) {
        match self.pending.remove(&ticket) {
            Some(Pending::Worker(worker)) => self.accept_worker(worker, out),
            Some(Pending::Application(application)) => self.accept_application(application, out),
            Some(Pending::Driver(driver)) => self.accept_driver(driver, out),
            Some(Pending::Removal { driver, reason }) => {
                self.tell_driver(&driver, ToApplication::ApplicationRemoved { reason }, out);
            }
            None => {}
        }
    }

    fn change_tenants(&mut self, tenants: Tenants, out: &mut Outbox) {
        self.accounts.replace(self.now, tenants);
        let all: Vec<_> = self.applications.iter().map(|(id, _)| id).collect();
        for application in all {
            self.stand_in_line(application);
        }
        self.publish(EventKind::TenantsChanged, out);
        self.touch();
    }

    fn expire(&mut self, out: &mut Outbox) {
        if self.state == State::Standby {
            return;
        }
        if self.recovery_due.is_some_and(|due| due <= self.now) {
            self.complete_recovery(out);
        }
        while let Some(worker) = self.workers.overdue(self.now) {
            self.lose_worker(worker, "it was not heard for `worker.timeout`".into(), out);
        }
        self.workers.reap(self.now);
        if self.state == State::Alive {
            self.end_rests();
            self.preempt_for_all_due(out);
            self.tell_news(out);
        }
    }

    /// Something has changed: there may be room for somebody, or another reason why there is none.
    pub(super) fn touch(&mut self) {
        self.stale = true;
    }

    pub(super) fn persist(
        &mut self,
        change: Change,
        pending: impl Into<Option<Pending>>,
        out: &mut Outbox,
    ) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if let Some(pending) = pending.into() {
            self.pending.insert(ticket, pending);
        }
        out.actions.push(Action::Persist { ticket, change });
    }

    /// A worker is gone before it was written down.
    pub(super) fn forget_pending_worker(&mut self, gone: WorkerId) {
        let is_gone = |pending: &Pending| matches!(pending, Pending::Worker(id) if *id == gone);
        self.pending.retain(|_, pending| !is_gone(pending));
    }

    pub(super) fn publish(&self, kind: EventKind, out: &mut Outbox) {
        out.events.push(Event { at: self.now, kind });
    }

    pub(super) fn tell_worker(&self, to: &Address, message: ToWorker, out: &mut Outbox) {
        let (to, message) = (to.clone(), Message::ToWorker(self.epoch, message));
        out.actions.push(Action::Send { to, message });
    }

    pub(super) fn tell_driver(&self, to: &Address, message: ToApplication, out: &mut Outbox) {
        let (to, message) = (to.clone(), Message::ToApplication(self.epoch, message));
        out.actions.push(Action::Send { to, message });
    }

    pub(super) fn answer(&self, to: Address, message: ToSubmitter, out: &mut Outbox) {
        let message = Message::ToSubmitter(self.epoch, message);
        out.actions.push(Action::Send { to, message });
    }

    /// Tells a worker that is in the books.
    pub(super) fn order(&self, worker: WorkerId, message: ToWorker, out: &mut Outbox) {
        if let Some(worker) = self.workers.get(worker) {
            self.tell_worker(&worker.info.address, message, out);
        }
    }

    /// Tells the driver of an application that is in the books.
    pub(super) fn tell(&self, to: ApplicationId, message: ToApplication, out: &mut Outbox) {
        if let Some(application) = self.applications.get(to) {
            self.tell_driver(&application.spec.driver, message, out);
        }
    }
}

/// A reason as text that is shared.
pub(super) fn because(reason: impl Into<Arc<str>>) -> Arc<str> {
    reason.into()
}
