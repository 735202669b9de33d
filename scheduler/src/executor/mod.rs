//! An executor: runs tasks for one driver (Spark: `CoarseGrainedExecutorBackend` and `Executor`).
//!
//! [`Executor::handle`] is the only way in. The driver decides; the executor keeps to the cores that it has, tells the
//! end of each attempt once on a connection, and tells it again when a connection broke before the driver is known to
//! have heard. A lost driver is waited for: what runs and what is cached is worth more than a minute.
//!
//! ```text
//! RegisterExecutor ─▶ RegisteredExecutor ─▶ LaunchTasks ─▶ RunTask ─▶ TaskEnded ─▶ StatusUpdate
//!        ▲                                                                            │
//!        └── Disconnected(driver), register_again        forgotten ◀── HeartbeatResponse
//! ```

mod attempts;
mod blocks;
mod connection;
mod event;
mod line;
mod order;
mod unheard;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::message::{ToDriver, ToExecutor};
use crate::timers::Timers;
use crate::{
    Address, AttemptId, ExecutorId, Host, KillReason, Rack, RddId, Settings, Time, WorkerId,
};

use attempts::{Attempt, Update};
use connection::Connection;
use unheard::Unheard;

pub use event::{Event, EventKind};
pub use order::{Action, Input, Outbox};

/// Who an executor is and whom it works for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its number.
    pub executor: ExecutorId,
    /// Its worker.
    pub worker: WorkerId,
    /// Its machine.
    pub host: Host,
    /// Where that stands, if that is known.
    pub rack: Option<Rack>,
    /// How many tasks it runs at a time.
    pub cores: u32,
    /// Where its driver listens.
    pub driver: Address,
}

/// What is due at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Register,
    /// The driver has been away, or silent, for too long.
    GiveUpDriver,
    Heartbeat,
    /// The tasks of a decommissioned executor have had their time.
    ForceKill,
}

/// The settings, read once.
#[derive(Clone, Copy, Debug)]
struct Limits {
    heartbeat_failures_max: u32,
    driver_loss_wait: Duration,
    force_kill_timeout: Option<Duration>,
    decommission: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    New,
    Going,
    /// It takes no more tasks and goes when a heartbeat after this many is answered and all has been told.
    Leaving {
        heartbeats: u64,
    },
    Gone,
}

/// Decides for one executor.
#[derive(Debug)]
pub struct Executor {
    now: Time,
    config: Config,
    limits: Limits,
    timers: Timers<Due>,
    life: Life,
    connection: Connection,
    running: BTreeMap<AttemptId, Attempt>,
    /// The highest attempt heard of. The driver counts upwards and messages keep their order, so that one that is not
    /// higher is an order repeated.
    highest: Option<AttemptId>,
    /// Killed before they were launched.
    killed_early: BTreeMap<AttemptId, KillReason>,
    updates: Unheard<Update>,
    stored: BTreeSet<(RddId, u32)>,
    dropped: Unheard<(RddId, u32)>,
}

impl Executor {
    /// An executor that runs nothing and that its driver does not know yet.
    pub fn new(config: Config, settings: &Settings) -> Self {
        Self {
            now: Time::START,
            config,
            limits: Limits {
                heartbeat_failures_max: settings.executor_heartbeat_max_failures(),
                driver_loss_wait: settings.executor_driver_loss_wait(),
                force_kill_timeout: settings.executor_decommission_force_kill_timeout(),
                decommission: settings.decommission_enabled(),
            },
            timers: Timers::default(),
            life: Life::New,
            connection: Connection::default(),
            running: BTreeMap::new(),
            highest: None,
            killed_early: BTreeMap::new(),
            updates: Unheard::default(),
            stored: BTreeSet::new(),
            dropped: Unheard::default(),
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
            Input::Started => self.start(out),
            Input::Received { from, message } => self.receive(&from, message, out),
            Input::Disconnected { peer } => self.disconnected(&peer, out),
            Input::TaskEnded {
                attempt,
                outcome,
                metrics,
            } => self.end_attempt(attempt, outcome, metrics, out),
            Input::TaskProgressed { attempt, metrics } => self.note_progress(attempt, metrics),
            Input::CommitAsked { attempt } => self.ask_commit(attempt, out),
            Input::BlockStored { rdd, partition } => self.store_block(rdd, partition, out),
            Input::BlockDropped { rdd, partition } => self.drop_block(rdd, partition, out),
            Input::BlockNotCopied { rdd, partition } => self.not_copied(rdd, partition, out),
            Input::DecommissionAsked => self.decommission_on_signal(out),
            Input::DeadlineReached => self.expire(out),
        }
        self.leave(out);
        self.hurry(out);
        if cfg!(debug_assertions) {
            self.check();
        }
    }

    /// Returns when [`Input::DeadlineReached`] is next due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Returns who it is.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns whether the driver knows it, and can be reached.
    pub fn is_registered(&self) -> bool {
        self.connection.registered
    }

    /// Returns the attempts that it runs.
    pub fn running(&self) -> impl Iterator<Item = AttemptId> {
        self.running.keys().copied()
    }

    fn start(&mut self, out: &mut Outbox) {
        if self.life == Life::New {
            self.life = Life::Going;
            self.register(out);
        }
    }

    fn expire(&mut self, out: &mut Outbox) {
        while let Some(due) = self.timers.pop(self.now) {
            match due {
                Due::Register => self.register(out),
                Due::GiveUpDriver => self.give_up_driver(out),
                Due::Heartbeat => self.beat(out),
                Due::ForceKill => {
                    self.exit("its tasks did not end in the time of `executor.decommission.forceKillTimeout`".into(), out);
                }
            }
        }
    }

    fn receive(&mut self, from: &Address, message: ToExecutor, out: &mut Outbox) {
        if *from != self.config.driver {
            let reason = format!("{from} is not its driver");
            return self.refuse("a message".into(), reason.into(), out);
        }
        match message {
            ToExecutor::RegisteredExecutor { heartbeat_interval } => {
                self.registered(heartbeat_interval, out);
            }
            ToExecutor::RegisterExecutorFailed { reason } => {
                self.exit(format!("its driver refused it: {reason}").into(), out);
            }
            ToExecutor::LaunchTasks(tasks) => self.launch(tasks, out),
            ToExecutor::KillTask { attempt, reason } => self.kill(attempt, reason, out),
            ToExecutor::HeartbeatResponse { register_again } => {
                self.heartbeat_answered(register_again, out);
            }
            ToExecutor::GrantCommit(attempt) => self.answer_commit(attempt, true, out),
            ToExecutor::DenyCommit(attempt) => self.answer_commit(attempt, false, out),
            ToExecutor::RemoveBlocks(rdd) => self.remove_blocks(rdd, out),
            ToExecutor::CopyBlock { rdd, partition } => self.copy_block(rdd, partition, out),
            ToExecutor::RemoveShuffle(shuffle) => {
                out.actions.push(Action::RemoveShuffle(shuffle));
            }
            ToExecutor::DecommissionExecutor => self.decommission(out),
            ToExecutor::StopExecutor => self.exit("its driver told it to stop".into(), out),
        }
    }

    fn decommission_on_signal(&mut self, out: &mut Outbox) {
        if !self.limits.decommission {
            let reason = "`decommission.enabled` is false";
            let order = "an order to be taken out of service";
            return self.refuse(order.into(), reason.into(), out);
        }
        self.decommission(out);
        self.say_decommissioned(out);
    }

    /// Takes no more tasks from now on.
    fn decommission(&mut self, out: &mut Outbox) {
        if let Life::Leaving { .. } = self.life {
            return;
        }
        let heartbeats = self.connection.sent;
        self.life = Life::Leaving { heartbeats };
        if let Some(timeout) = self.limits.force_kill_timeout {
            self.timers.set(Due::ForceKill, self.now + timeout);
        }
        self.publish(EventKind::Decommissioning, out);
    }

    fn say_decommissioned(&self, out: &mut Outbox) {
        if self.connection.registered && self.is_leaving() {
            self.tell(ToDriver::ExecutorDecommissioning(self.config.executor), out);
        }
    }

    fn is_leaving(&self) -> bool {
        matches!(self.life, Life::Leaving { .. })
    }

    /// Goes when nothing runs, the driver has heard of everything, and nothing it sent before it knew is under way.
    fn leave(&mut self, out: &mut Outbox) {
        let Life::Leaving { heartbeats } = self.life else {
            return;
        };
        if self.running.is_empty()
            && self.updates.is_empty()
            && self.connection.answered > heartbeats
        {
            self.exit(
                "it was taken out of service, and its tasks have ended".into(),
                out,
            );
        }
    }

    fn exit(&mut self, reason: Arc<str>, out: &mut Outbox) {
        if self.life == Life::Gone {
            return;
        }
        self.life = Life::Gone;
        self.timers.clear();
        let exiting = reason.clone();
        self.publish(EventKind::Exiting { reason: exiting }, out);
        out.actions.push(Action::Exit { reason });
    }

    fn tell(&self, message: ToDriver, out: &mut Outbox) {
        out.actions.push(Action::Send {
            to: self.config.driver.clone(),
            message: message.into(),
        });
    }

    fn refuse(&self, order: Arc<str>, reason: Arc<str>, out: &mut Outbox) {
        self.publish(EventKind::Refused { order, reason }, out);
    }

    fn publish(&self, kind: EventKind, out: &mut Outbox) {
        out.events.push(Event { at: self.now, kind });
    }

    /// States what always holds; runs after every input where assertions for debugging are on.
    fn check(&self) {
        assert!(self.running.len() <= self.tasks_max());
        assert!(self.connection.answered <= self.connection.sent);
        let highest = self.running.keys().next_back();
        assert!(highest.is_none_or(|highest| Some(*highest) <= self.highest));
        let early = self.killed_early.keys().next();
        assert!(early.is_none_or(|early| Some(*early) > self.highest));
    }
}
