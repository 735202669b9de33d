//! What the first tasks wait for: executors, enough of them (Spark: `isReady`, `sufficientResourcesRegistered`, and
//! the warning that the initial job has not accepted any resources).

use std::sync::Arc;
use std::time::Duration;

use crate::event::EventKind;
use crate::message::ApplicationSpec;
use crate::{ExecutorId, Settings};

use super::{Application, Due, Life, Outbox};

/// How long jobs wait for executors before somebody is told. (Spark: 15 s, `spark.starvation.timeout`; but here an
/// executor stands ready in a fraction of a second.)
const AWAITED: Duration = Duration::from_secs(3);

/// How long until it is told again. (Spark: `spark.starvation.timeout`.)
const AWAITED_AGAIN: Duration = Duration::from_secs(15);

/// What is known about what is waited for.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Whether tasks may be launched.
    ready: bool,
    /// How many cores must be there first.
    cores_needed: u64,
    /// How long they are waited for.
    longest: Duration,
    /// Whether a leader has the application in its books and can be reached.
    pub(super) connected: bool,
    /// Whether somebody was told that jobs wait.
    told: bool,
    /// Why the master gives no executors, if it says so.
    pub(super) because: Option<Arc<str>>,
    /// Why the latest executor ended that did.
    pub(super) last_end: Option<Arc<str>>,
}

impl Waiting {
    pub(super) fn new(spec: &ApplicationSpec, settings: &Settings) -> Self {
        let ratio = settings.scheduler_min_registered_resources_ratio();
        let executors = u64::from(spec.executors.unwrap_or(0));
        let by_executors = executors * u64::from(spec.executor_cores.unwrap_or(1));
        let expected = spec.cores_max.map_or(by_executors, u64::from);
        let cores_needed = share(expected, ratio);
        Self {
            ready: cores_needed == 0,
            cores_needed,
            longest: settings.scheduler_max_registered_resources_waiting_time(),
            connected: false,
            told: false,
            because: None,
            last_end: None,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share from 0 to 1 of what fits 53 bits"
)]
fn share(of: u64, ratio: f64) -> u64 {
    (of as f64 * ratio).ceil() as u64
}

impl Application {
    pub(super) fn await_executors(&mut self) {
        if !self.waiting.ready {
            let at = self.now + self.waiting.longest;
            self.timers.set(Due::Ready, at);
        }
    }

    /// An executor is registered: tasks may be given to it, as soon as they may at all.
    pub(super) fn offer(&mut self, executor: ExecutorId, out: &mut Outbox) {
        if self.waiting.ready {
            return self.add(executor, out);
        }
        if self.executors.cores() >= self.waiting.cores_needed {
            self.be_ready(out);
        }
    }

    /// There are enough executors, or they were waited for long enough.
    pub(super) fn be_ready(&mut self, out: &mut Outbox) {
        self.timers.cancel(Due::Ready);
        self.waiting.ready = true;
        for executor in self.executors.ids() {
            self.add(executor, out);
        }
    }

    fn add(&mut self, id: ExecutorId, out: &mut Outbox) {
        let Some(executor) = self.executors.get_mut(id) else {
            return;
        };
        let wanted = executor.offered || executor.leaving.is_none();
        if executor.reachable().is_none() || !wanted {
            return;
        }
        executor.offered = true;
        let added = crate::Input::ExecutorAdded {
            executor: id,
            host: executor.host.clone(),
            rack: executor.rack.clone(),
            cores: executor.cores,
        };
        self.drive(added, out);
    }

    /// Sets the alarm when jobs begin to wait for executors, and takes it off when they do not.
    pub(super) fn watch_waiting(&mut self) {
        let there = self.waiting.ready && self.executors.registered() > 0;
        if self.life != Life::Going || self.jobs.is_empty() || there {
            self.timers.cancel(Due::Awaited);
        } else if !self.timers.is_set(Due::Awaited) {
            let wait = if self.waiting.told {
                AWAITED_AGAIN
            } else {
                AWAITED
            };
            self.timers.set(Due::Awaited, self.now + wait);
        }
    }

    pub(super) fn tell_awaited(&mut self, out: &mut Outbox) {
        self.waiting.told = true;
        let jobs = u32::try_from(self.jobs.len()).unwrap_or(u32::MAX);
        let because = self.missing().into();
        self.publish(EventKind::ExecutorsAwaited { jobs, because }, out);
    }

    /// Says what is missing.
    fn missing(&self) -> String {
        if self.executors.registered() > 0 {
            let (needed, cores) = (self.waiting.cores_needed, self.executors.cores());
            return format!("{cores} of {needed} cores have registered so far");
        }
        if !self.waiting.connected {
            return "no master has the application in its books, or can be reached".into();
        }
        if let Some(because) = &self.waiting.because {
            return because.to_string();
        }
        let last = self.waiting.last_end.as_ref();
        let last = last.map_or_else(String::new, |reason| {
            format!("; the last one ended: {reason}")
        });
        match self.executors.len() {
            0 => format!("the master has given no executor{last}"),
            1 => format!("1 executor is ordered, none has registered{last}"),
            ordered => format!("{ordered} executors are ordered, none has registered{last}"),
        }
    }
}
