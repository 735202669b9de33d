//! The processes of a worker, whatever they are: from the order to the end.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::message::{
    ApplicationSpec, DriverState, ExecutorName, ExecutorReport, ExecutorState, ToMaster,
};
use crate::{DriverId, Time, WorkerId};

use super::drivers::Runner;
use super::room::{Holding, Share};
use super::{Action, Due, Life, Outbox, Worker};

/// A process of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Executor(ExecutorName),
    Driver(DriverId),
}

impl Name {
    pub(super) fn driver(&self) -> Option<DriverId> {
        match self {
            Self::Driver(driver) => Some(*driver),
            Self::Executor(_) => None,
        }
    }

    pub(super) fn stop(self, force: bool) -> Action {
        match self {
            Self::Executor(name) => Action::StopExecutor { name, force },
            Self::Driver(driver) => Action::StopDriver { driver, force },
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Executor(name) => name.fmt(f),
            Self::Driver(driver) => driver.fmt(f),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Executor(Arc<ApplicationSpec>),
    Driver(Runner),
}

/// How far a child is, in the order of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// For its cores and memory, which others are giving back.
    Waiting,
    Starting,
    Running,
    /// It failed, and will be started again.
    BackingOff,
}

#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) share: Share,
    pub(super) phase: Phase,
    /// Why it is being stopped, if it is.
    pub(super) stop: Option<Arc<str>>,
    pub(super) kind: Kind,
}

impl Child {
    pub(super) fn is_waiting(&self) -> bool {
        self.phase == Phase::Waiting
    }

    /// Returns whether there is a process, or one is being started.
    pub(super) fn has_process(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running)
    }

    pub(super) fn holding(&self) -> Holding {
        match (&self.stop, self.phase) {
            (_, Phase::Waiting) => Holding::Waits,
            (Some(_), _) => Holding::GivesBack,
            (None, _) => Holding::Has,
        }
    }

    /// Returns what a master is told of an executor; none of a driver.
    pub(super) fn report((name, child): (&Name, &Self)) -> Option<ExecutorReport> {
        let Name::Executor(name) = *name else {
            return None;
        };
        let Share { cores, memory } = child.share;
        Some(ExecutorReport {
            name,
            cores,
            memory,
        })
    }
}

/// An executor that has ended, for pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedExecutor {
    /// Which.
    pub name: ExecutorName,
    /// How.
    pub state: ExecutorState,
    /// With what code its process ended.
    pub exit_code: Option<i32>,
    /// Why.
    pub reason: Arc<str>,
    /// When.
    pub at: Time,
}

impl FinishedExecutor {
    pub(super) fn report(&self, worker: WorkerId) -> ToMaster {
        ToMaster::ExecutorStateChanged {
            worker,
            name: self.name,
            state: self.state,
            reason: Some(self.reason.clone()),
            exit_code: self.exit_code,
        }
    }
}

/// A driver that has ended, for pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedDriver {
    /// Which.
    pub driver: DriverId,
    /// How.
    pub state: DriverState,
    /// Why.
    pub reason: Arc<str>,
    /// When.
    pub at: Time,
}

impl FinishedDriver {
    pub(super) fn report(&self, worker: WorkerId) -> ToMaster {
        ToMaster::DriverStateChanged {
            worker,
            driver: self.driver,
            state: self.state,
            reason: Some(self.reason.clone()),
        }
    }
}

impl Worker {
    /// Takes in a child that has room now, or will have it (`waits`).
    pub(super) fn add_child(
        &mut self,
        name: Name,
        share: Share,
        kind: Kind,
        waits: bool,
        out: &mut Outbox,
    ) {
        let child = Child {
            share,
            phase: Phase::Waiting,
            stop: None,
            kind,
        };
        self.children.insert(name, child);
        self.room.promise(share);
        self.waiting.push_back(name);
        if !waits {
            self.start_waiting(out);
        }
    }

    /// Starts those that wait, in order, as long as there is room.
    pub(super) fn start_waiting(&mut self, out: &mut Outbox) {
        while let Some(name) = self.waiting.front().copied() {
            let share = self.child(name).share;
            if !self.room.has(share) {
                return;
            }
            self.waiting.pop_front();
            self.room.unpromise(share);
            self.room.take(share);
            self.timers.cancel(Due::GiveUpWaiting(name));
            self.start_process(name, out);
        }
    }

    pub(super) fn start_process(&mut self, name: Name, out: &mut Outbox) {
        let now = self.now;
        let child = self.child(name);
        child.phase = Phase::Starting;
        let Share { cores, memory } = child.share;
        out.actions.push(match (name, &mut child.kind) {
            (Name::Executor(name), Kind::Executor(application)) => Action::StartExecutor {
                name,
                application: application.clone(),
                cores,
                memory,
            },
            (Name::Driver(driver), Kind::Driver(runner)) => {
                runner.began = now;
                Action::StartDriver {
                    driver,
                    spec: runner.spec.clone(),
                }
            }
            _ => unreachable!("executors and drivers are named as such"),
        });
    }

    /// Stops a child: politely first, by force when it takes too long; at once where there is no process.
    pub(super) fn stop_child(&mut self, name: Name, reason: Arc<str>, out: &mut Outbox) {
        let timeout = match name {
            Name::Executor(_) => self.limits.executor_terminate_timeout,
            Name::Driver(_) => self.limits.driver_terminate_timeout,
        };
        let child = self.child(name);
        if child.stop.is_some() {
            return;
        }
        child.stop = Some(reason.clone());
        let (share, has_process) = (child.share, child.has_process());
        if !child.is_waiting() {
            self.room.expect_back(share);
        }
        if has_process {
            out.actions.push(name.stop(false));
            self.timers.set(Due::Force(name), self.now + timeout);
        } else {
            self.end_killed(name, reason, out);
        }
    }

    /// Ends a child that has no process.
    fn end_killed(&mut self, name: Name, reason: Arc<str>, out: &mut Outbox) {
        match name {
            Name::Executor(name) => {
                self.end_executor(name, ExecutorState::Killed, None, reason, out);
            }
            Name::Driver(driver) => self.end_driver(driver, DriverState::Killed, reason, out),
        }
    }

    /// Forgets a child and takes back what it held.
    pub(super) fn remove_child(&mut self, name: Name) -> Child {
        let child = self
            .children
            .remove(&name)
            .expect("only a child that is there ends");
        if child.is_waiting() {
            self.waiting.retain(|waiting| *waiting != name);
            self.room.unpromise(child.share);
        } else {
            self.room.give_back(child.share, child.stop.is_some());
        }
        for due in [
            Due::Force(name),
            Due::Relaunch(name),
            Due::GiveUpWaiting(name),
        ] {
            self.timers.cancel(due);
        }
        child
    }

    /// Returns why this worker takes no more work at all, if it does not.
    pub(super) fn closed(&self) -> Option<Arc<str>> {
        if matches!(self.life, Life::Stopping(_)) {
            Some("the worker is being stopped".into())
        } else if self.decommissioned {
            Some("the worker is being taken out of service".into())
        } else {
            None
        }
    }

    pub(super) fn child(&mut self, name: Name) -> &mut Child {
        self.children
            .get_mut(&name)
            .expect("who is named here is a child")
    }
}
