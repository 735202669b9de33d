//! Second copies of slow tasks (Spark: `TaskSetManager.checkSpeculatableTasks`, `TaskProcessRateCalculator`).
//!
//! Slow is who has run several times longer than the median of those that succeeded, once most have.

use std::time::Duration;

use crate::event::{EventKind, SlowReason};
use crate::{AttemptId, Outbox, Settings, TaskMetrics, Time};

use super::alarms::Alarm;
use super::attempts::Attempt;
use super::set::TaskSet;
use super::{SetKey, Tasks};

/// What is called slow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speculation {
    pub(super) enabled: bool,
    interval: Duration,
    quantile: f64,
    multiplier: f64,
    runtime_min: Duration,
    threshold: Option<Duration>,
    efficiency: bool,
    rate_multiplier: f64,
    long_run_factor: f64,
    /// How long a decommissioned executor lives.
    kill_interval: Option<Duration>,
}

impl Speculation {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            enabled: settings.speculation(),
            interval: settings.speculation_interval(),
            quantile: settings.speculation_quantile(),
            multiplier: settings.speculation_multiplier(),
            runtime_min: settings.speculation_min_task_runtime(),
            threshold: settings.speculation_task_duration_threshold(),
            efficiency: settings.speculation_efficiency(),
            rate_multiplier: settings.speculation_process_rate_multiplier(),
            long_run_factor: settings.speculation_long_run_task_factor(),
            kill_interval: settings.decommission_kill_interval(),
        }
    }

    /// Returns from how long a running time on an attempt is slow, and whether it may be excused by its rate. None:
    /// nothing is slow yet.
    fn slow_from(&self, set: &TaskSet, slots: u32) -> Option<(Duration, bool)> {
        if set.is_stopped() || (set.len() == 1 && self.threshold.is_none()) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length is a length"
        )]
        let enough = ((self.quantile * set.len() as f64).floor() as usize).max(1);
        if set.durations.len() >= enough {
            let median = Duration::from_micros(set.durations.get()?);
            return Some((
                scaled(median, self.multiplier).max(self.runtime_min),
                self.efficiency,
            ));
        }
        let small = set.len() <= slots as usize;
        self.threshold
            .filter(|_| small)
            .map(|threshold| (threshold, false))
    }

    /// Returns whether an attempt that has run so long reads as fast as others did.
    fn is_efficient(
        &self,
        ran: Duration,
        from: Duration,
        attempt: &Attempt,
        set: &TaskSet,
    ) -> bool {
        let (bytes, micros) = set.read;
        if bytes == 0 || ran > scaled(from, self.long_run_factor) {
            return false;
        }
        let usual = bytes as f64 / micros.max(1) as f64;
        let own = attempt.bytes_read as f64 / ran.as_micros().max(1) as f64;
        own >= usual * self.rate_multiplier
    }
}

fn scaled(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// Returns the bytes of input that an attempt has read.
pub(super) fn bytes_read(metrics: &TaskMetrics) -> u64 {
    let shuffled = metrics
        .bytes_read
        .saturating_add(metrics.shuffle_read_bytes);
    shuffled.saturating_add(metrics.blocks_read_bytes)
}

impl Tasks {
    /// Looks for slow tasks from now on, while there are task sets.
    pub(super) fn watch(&mut self) {
        if self.rules.speculation.enabled && !self.watching && !self.sets.is_empty() {
            self.watching = true;
            let next = self.now + self.rules.speculation.interval;
            self.alarms.set(next, Alarm::Speculation);
        }
    }

    /// Asks for second copies of the tasks that are slow.
    pub(super) fn speculate(&mut self, out: &mut Outbox) {
        self.watching = false;
        let keys: Vec<SetKey> = self.sets.keys().copied().collect();
        let slots = (self.executors.cores_max() / self.executors.cpus()).max(1);
        let leaving = self.executors.any_decommissioned();
        for key in keys {
            for (id, because) in self.slow(key, slots, leaving) {
                self.copy(key, id, because, out);
            }
        }
        self.watch();
    }

    /// Returns the slow attempts of a task set, given how many tasks an executor runs at a time and whether one is
    /// `leaving`.
    fn slow(&self, key: SetKey, slots: u32, leaving: bool) -> Vec<(AttemptId, SlowReason)> {
        let (set, rules) = (&self.sets[&key], &self.rules.speculation);
        let from = rules.slow_from(set, slots);
        let leaving = rules.kill_interval.filter(|_| leaving);
        let mut slow = Vec::new();
        for (id, attempt) in self.attempts.of(&set.running) {
            let ran = self.now.since(attempt.launched);
            if let Some((from, excused)) = from.filter(|(from, _)| ran > *from) {
                if !(excused && rules.is_efficient(ran, from, attempt, set)) {
                    let micros = u64::try_from(from.as_micros()).unwrap_or(u64::MAX);
                    slow.push((id, SlowReason::LongerThan { micros }));
                }
            } else if let Some(interval) = leaving {
                if self.ends_too_late(attempt, set, interval) {
                    slow.push((id, SlowReason::Decommissioned));
                }
            } else {
                // Who was launched later has run no longer.
                break;
            }
        }
        slow
    }

    /// Returns whether an attempt's executor is about to go and will be gone before the attempt ends, if that takes as
    /// long as others did.
    fn ends_too_late(&self, attempt: &Attempt, set: &TaskSet, interval: Duration) -> bool {
        let gone = self
            .executors
            .decommissioned(attempt.executor)
            .map(|since| since + interval);
        let usual = set.durations.get().map(Duration::from_micros);
        let ends: Option<Time> = usual.map(|usual| attempt.launched + usual);
        gone.zip(ends)
            .is_some_and(|(gone, ends)| ends > gone && set.len() > 1)
    }

    fn copy(&mut self, key: SetKey, id: AttemptId, because: SlowReason, out: &mut Outbox) {
        let attempt = self.attempts.get(id).expect("what runs is known");
        let (index, task) = (attempt.index, attempt.name);
        let site = self
            .executors
            .site(attempt.executor)
            .expect("who runs tasks is there");
        let set = self.sets.get_mut(&key).expect("what runs has a set");
        if attempt.is_killed() || !set.copy(index, site.host) {
            return;
        }
        set.refresh();
        self.sync(key);
        self.publish(EventKind::SpeculationStarted { task, because }, out);
    }
}
