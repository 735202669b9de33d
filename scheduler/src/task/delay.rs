//! How far from its data a task set is willing to go by now (Spark: delay scheduling,
//! `TaskSetManager.getAllowedLocalityLevel`).
//!
//! It waits at each level at which a task could still find its data near a living executor. The wait begins anew when
//! a near task is launched and no core is left over (SPARK-18886): a task set that leaves cores idle comes to the end
//! of its patience, however many tasks it launches.

use std::time::Duration;

use crate::event::Locality;
use crate::{Settings, Time};

use super::pending::Pending;

/// How long to wait at each level.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    process: Duration,
    node: Duration,
    rack: Duration,
    /// The most median tasks that a wait may take.
    task_multiple: Option<f64>,
}

impl Patience {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            process: settings.locality_wait_process(),
            node: settings.locality_wait_node(),
            rack: settings.locality_wait_rack(),
            task_multiple: settings.locality_wait_task_multiple(),
        }
    }

    /// Returns how long to wait at a level, given the median duration of the set's tasks in microseconds.
    fn at(&self, level: Locality, median: Option<u64>) -> Duration {
        let most = match level {
            Locality::Process => self.process,
            Locality::Node => self.node,
            Locality::Rack => self.rack,
            Locality::NoPreference | Locality::Any => Duration::ZERO,
        };
        let bound = self
            .task_multiple
            .zip(median)
            .and_then(|(multiple, median)| {
                Duration::try_from_secs_f64(Duration::from_micros(median).as_secs_f64() * multiple)
                    .ok()
            });
        bound.map_or(most, |bound| most.min(bound))
    }
}

/// The level that a task set goes to, and since when it waits there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delay {
    pub(super) level: Locality,
    since: Time,
}

impl Delay {
    pub(super) fn new(now: Time) -> Self {
        Self {
            level: Locality::Process,
            since: now,
        }
    }

    /// Goes as far as patience, or the want of anything to wait for, allows.
    pub(super) fn advance(
        &mut self,
        now: Time,
        pending: &Pending,
        patience: &Patience,
        median: Option<u64>,
    ) {
        while self.level != Locality::Any {
            if pending.has(self.level) {
                let until = self.since + patience.at(self.level, median);
                if now < until {
                    return;
                }
                self.since = until;
            } else {
                self.since = now;
            }
            self.level = match self.level {
                Locality::Process => Locality::Node,
                Locality::Node => Locality::Rack,
                Locality::NoPreference | Locality::Rack | Locality::Any => Locality::Any,
            };
        }
    }

    /// Returns until when it waits, if it does.
    pub(super) fn until(&self, patience: &Patience, median: Option<u64>) -> Option<Time> {
        let waits = self.level != Locality::Any;
        waits.then(|| self.since + patience.at(self.level, median))
    }

    /// Begins anew at the level of a task that took the last free core.
    pub(super) fn reset(&mut self, now: Time, level: Locality) {
        self.since = now;
        if level != Locality::NoPreference {
            self.level = self.level.min(level);
        }
    }

    /// Goes back to a level at which data has come near an executor (SPARK-31837).
    pub(super) fn come_back(&mut self, now: Time, level: Locality) {
        if level < self.level {
            (self.level, self.since) = (level, now);
        }
    }
}
