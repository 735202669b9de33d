//! What is remembered of tasks that failed, and what follows from it.

use std::sync::Arc;
use std::time::Duration;

use crate::{TaskFailure, Time};

/// What is remembered of a task that failed.
#[derive(Debug, Default)]
pub(super) struct Failed {
    /// Failures by its own fault.
    pub(super) times: u32,
    /// Failures after which the next attempt waits.
    pub(super) tries: u32,
    last: Option<Arc<TaskFailure>>,
    /// Until when it waits, if it does.
    pub(super) until: Option<Time>,
}

impl Failed {
    /// Keeps a failure; returns whether it is the program's last one over again.
    pub(super) fn remember(&mut self, failure: &Arc<TaskFailure>) -> bool {
        let recurs = self.last.as_ref().is_some_and(|last| failure.recurs(last));
        // A failure of the host in between says nothing about the program's.
        if self.last.is_none() || failure.kind.is_guests() {
            self.last = Some(failure.clone());
        }
        recurs
    }
}

/// What follows from a task's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: the set is stopped, or another copy of the task runs.
    Ignore,
    /// The task waits again.
    Retry { failures: u32 },
    /// The task has failed for good.
    GiveUp { failures: u32, deterministic: bool },
}

/// How failed tasks are tried again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retries {
    pub(super) failures_max: u32,
    /// The wait before the third attempt.
    pub(super) wait: Duration,
}

impl Retries {
    /// The longest wait is this many times the first.
    const WAITS_MAX: u32 = 100;

    pub(super) fn wait(&self, tries: u32) -> Duration {
        let Some(doublings) = tries.checked_sub(2) else {
            return Duration::ZERO;
        };
        let times = 1_u32.checked_shl(doublings).unwrap_or(Self::WAITS_MAX);
        self.wait.saturating_mul(times.min(Self::WAITS_MAX))
    }
}
