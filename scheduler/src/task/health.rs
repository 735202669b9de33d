//! Which executors and machines the application keeps off, because tasks of its stages failed there (Spark:
//! `HealthTracker`).
//!
//! Only the failures of stage attempts that were completed count: of one that failed, its own program may be to blame.
//! Everything here ends by itself after `excludeOnFailure.timeout`.

use std::collections::{BTreeMap, BTreeSet};

use crate::settings::Exclusion;
use crate::{ExecutorId, Time};

use super::SetKey;
use super::excludes::count;
use super::places::HostId;

/// A decision about the whole application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// No tasks for an executor, on which so many failed.
    ExcludeExecutor(ExecutorId, u32),
    /// No tasks for a machine, of which so many executors are excluded.
    ExcludeHost(HostId, u32),
    ReadmitExecutor(ExecutorId),
    ReadmitHost(HostId),
}

/// Failures, and what is excluded because of them.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// The tasks that failed on each executor, and until when that is remembered.
    failures: BTreeMap<ExecutorId, BTreeMap<(SetKey, u32), Time>>,
    /// Until when each is excluded.
    executors: BTreeMap<ExecutorId, Time>,
    hosts: BTreeMap<HostId, Time>,
    /// The excluded executors of each machine, gone ones included.
    on_host: BTreeMap<HostId, BTreeSet<ExecutorId>>,
}

impl Health {
    pub(super) fn excludes(&self, executor: ExecutorId, host: HostId) -> bool {
        self.executors.contains_key(&executor) || self.hosts.contains_key(&host)
    }

    pub(super) fn excludes_host(&self, host: HostId) -> bool {
        self.hosts.contains_key(&host)
    }

    /// Takes in where tasks of a stage attempt failed that was completed.
    pub(super) fn completed(
        &mut self,
        rules: &Exclusion,
        set: SetKey,
        failures: impl Iterator<Item = (ExecutorId, HostId, u32, Time)>,
        now: Time,
    ) -> Vec<Decision> {
        let mut failed_on = BTreeMap::new();
        for (executor, host, index, at) in failures {
            failed_on.insert(executor, host);
            let tasks = self.failures.entry(executor).or_default();
            tasks.insert((set, index), at + rules.timeout);
        }
        let mut decisions = Vec::new();
        for (executor, host) in failed_on {
            let tasks = self.failures.entry(executor).or_default();
            tasks.retain(|_, until| *until > now);
            let tasks = count(tasks.len());
            if tasks >= rules.application_tasks_per_executor {
                self.exclude(rules, (executor, tasks), host, now, &mut decisions);
            }
        }
        self.failures.retain(|_, tasks| !tasks.is_empty());
        decisions
    }

    /// Takes in that a map output could not be read from a machine.
    pub(super) fn fetch_failed(
        &mut self,
        rules: &Exclusion,
        host: HostId,
        now: Time,
    ) -> Vec<Decision> {
        // The files belong to the worker, so all executors of the machine would miss them.
        let news = self.hosts.insert(host, now + rules.timeout).is_none();
        let executors = self.on_host.get(&host).map_or(0, BTreeSet::len);
        let decision = Decision::ExcludeHost(host, count(executors));
        news.then_some(decision).into_iter().collect()
    }

    fn exclude(
        &mut self,
        rules: &Exclusion,
        (executor, tasks): (ExecutorId, u32),
        host: HostId,
        now: Time,
        decisions: &mut Vec<Decision>,
    ) {
        self.failures.remove(&executor);
        let until = now + rules.timeout;
        if self.executors.insert(executor, until).is_some() {
            return;
        }
        decisions.push(Decision::ExcludeExecutor(executor, tasks));
        let excluded = self.on_host.entry(host).or_default();
        excluded.insert(executor);
        let enough = count(excluded.len()) >= rules.application_executors_per_host;
        if enough && !self.hosts.contains_key(&host) {
            decisions.push(Decision::ExcludeHost(host, count(excluded.len())));
            self.hosts.insert(host, until);
        }
    }

    /// Ends the exclusions whose time is over.
    pub(super) fn expire(&mut self, now: Time) -> Vec<Decision> {
        let mut decisions = Vec::new();
        self.executors.retain(|executor, until| {
            let over = *until <= now;
            if over {
                decisions.push(Decision::ReadmitExecutor(*executor));
            }
            !over
        });
        let executors = &self.executors;
        self.on_host.retain(|_, there| {
            there.retain(|executor| executors.contains_key(executor));
            !there.is_empty()
        });
        self.hosts.retain(|host, until| {
            let over = *until <= now;
            if over {
                decisions.push(Decision::ReadmitHost(*host));
            }
            !over
        });
        decisions
    }

    /// Returns when the first exclusion ends.
    pub(super) fn next_expiry(&self) -> Option<Time> {
        let all = self.executors.values().chain(self.hosts.values());
        all.min().copied()
    }

    /// Forgets the failures of an executor that is gone. Its exclusion still counts against its machine.
    pub(super) fn lost(&mut self, executor: ExecutorId) {
        self.failures.remove(&executor);
    }
}
