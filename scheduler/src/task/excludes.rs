//! Where the tasks of one task set failed, and where they are therefore kept off (Spark: `TaskSetExcludelist`).
//!
//! A task is kept off an executor or a machine where its attempts failed, a stage off one where many of its tasks did.

use std::collections::{BTreeMap, BTreeSet};

use crate::settings::Exclusion;
use crate::{ExecutorId, Time};

use super::places::{HostId, Site};

/// The failures of a set's tasks on one executor.
#[derive(Debug, Default)]
struct Failures {
    /// How often each task failed there, and when it last did.
    tasks: BTreeMap<u32, (u32, Time)>,
}

/// What a failure brought about for the whole stage attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Consequence {
    /// The executor is excluded now: so many tasks failed there.
    pub(super) executor: Option<u32>,
    /// The machine is: so many of its executors are excluded.
    pub(super) host: Option<u32>,
}

/// What a task set is kept off.
#[derive(Debug, Default)]
pub(super) struct Excludes {
    failures: BTreeMap<ExecutorId, Failures>,
    /// The executors of a machine on which something failed.
    on_host: BTreeMap<HostId, BTreeSet<ExecutorId>>,
    tasks_executors: BTreeSet<(u32, ExecutorId)>,
    tasks_hosts: BTreeSet<(u32, HostId)>,
    executors: BTreeSet<ExecutorId>,
    hosts: BTreeSet<HostId>,
}

impl Excludes {
    /// Returns whether the whole set is kept off a site.
    pub(super) fn excludes(&self, site: Site) -> bool {
        self.executors.contains(&site.executor) || self.hosts.contains(&site.host)
    }

    /// Returns whether a task is kept off a site.
    pub(super) fn excludes_task(&self, index: u32, site: Site) -> bool {
        self.tasks_executors.contains(&(index, site.executor))
            || self.tasks_hosts.contains(&(index, site.host))
    }

    /// Takes in that a task failed by its own fault.
    pub(super) fn failed(
        &mut self,
        rules: &Exclusion,
        index: u32,
        site: Site,
        now: Time,
    ) -> Consequence {
        let Site { executor, host, .. } = site;
        let failures = self.failures.entry(executor).or_default();
        let (times, last) = failures.tasks.entry(index).or_insert((0, now));
        (*times, *last) = (*times + 1, now);
        if *times >= rules.task_attempts_per_executor {
            self.tasks_executors.insert((index, executor));
        }
        let tasks = count(failures.tasks.len());
        self.on_host.entry(host).or_default().insert(executor);
        if self.times_on_host(index, host) >= rules.task_attempts_per_host {
            self.tasks_hosts.insert((index, host));
        }
        if tasks < rules.stage_tasks_per_executor || !self.executors.insert(executor) {
            return Consequence::default();
        }
        let there = self.on_host[&host].intersection(&self.executors);
        let excluded = count(there.count());
        let enough = excluded >= rules.stage_executors_per_host && self.hosts.insert(host);
        Consequence {
            executor: Some(tasks),
            host: enough.then_some(excluded),
        }
    }

    fn times_on_host(&self, index: u32, host: HostId) -> u32 {
        let there = self.on_host[&host].iter();
        let times = there.filter_map(|executor| self.failures[executor].tasks.get(&index));
        times.map(|(times, _)| *times).sum()
    }

    /// Returns which tasks failed on each executor, and when they last did.
    pub(super) fn failures(&self) -> impl Iterator<Item = (ExecutorId, u32, Time)> {
        self.failures.iter().flat_map(|(executor, failures)| {
            let tasks = failures.tasks.iter();
            tasks.map(|(index, (_, last))| (*executor, *index, *last))
        })
    }
}

pub(super) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
