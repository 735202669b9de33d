//! Tasks that end sooner than a message comes: some are sent ahead, so that a core finds its next one at its executor.
//!
//! They wait there in the order in which they were sent, and hold no core until one is free for them. A task is sent ahead only if
//! those of its set are known to be short, and only while more are left than the others will soon want; where one of them turns
//! out to be long, what waits behind it is recalled as soon as a core elsewhere has nothing to do.

use std::time::Duration;

use crate::{AttemptId, ExecutorId, KillReason, Outbox};

use super::alarms::Alarm;
use super::launch::Choice;
use super::pools::Line;
use super::{SetKey, Tasks};

/// The most tasks that wait at an executor for each of its cores.
pub(crate) const AHEAD_MAX: u32 = 16;

/// How long the tasks of a set take: of each that succeeds a quarter counts, of what was known three.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace(Option<u64>);

impl Pace {
    /// Takes note of how many microseconds a task took; none were measured if it is zero.
    pub(super) fn note(&mut self, micros: u64) {
        if micros > 0 {
            let known = self.0.unwrap_or(micros);
            self.0 = Some((known - known / 4) + micros / 4);
        }
    }

    /// Returns how many tasks take so long together, if it is known.
    fn tasks_in(self, time: Duration) -> Option<u64> {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Some(time / self.0?.max(1))
    }
}

impl Tasks {
    /// Sends tasks ahead to executors whose cores have ended some, and sees to it that none waits for long.
    pub(super) fn send_ahead(&mut self, out: &mut Outbox) {
        while let Some(executor) = self.hungry.pop_first() {
            self.fill(executor, out);
        }
        let idle = self.executors.free_len() > 0 && self.executors.ahead_len() > 0;
        if idle && self.recall_alarm.is_none() {
            let at = self.now + self.rules.ahead;
            self.recall_alarm = Some(at);
            self.alarms.set(at, Alarm::Recall);
        }
    }

    /// Sends tasks ahead to an executor of which no core is free. It gets several at a time: fewer messages.
    fn fill(&mut self, executor: ExecutorId, out: &mut Outbox) {
        if self.executors.is_free(executor) {
            return;
        }
        let Some(cores) = self.executors.cores_taking(executor) else {
            return;
        };
        let slots = cores / self.executors.cpus();
        let mut waiting = self.executors.ahead(executor);
        let first = self.pools.ask(Line::Open, Some);
        if first.is_none_or(|set| waiting > self.depth(set) * slots / 2) {
            return;
        }
        while let Some(set) = self.pools.ask(Line::Open, Some) {
            if waiting >= self.depth(set) * slots {
                return;
            }
            let Some(choice) = self.choose_for(set, executor) else {
                return;
            };
            self.start(choice, true, out);
            waiting += 1;
        }
    }

    fn choose_for(&mut self, key: SetKey, executor: ExecutorId) -> Option<Choice> {
        let site = self.executors.site(executor)?;
        let pick = self.sets.get_mut(&key)?.pick(site)?;
        // A second copy is to begin at once, or not at all.
        (!pick.speculative).then(|| Choice::new(key, executor, pick))
    }

    /// Returns how many tasks of a set may wait for each core: what takes no longer than `task.aheadTime`, and no more than its
    /// share of those that are left.
    fn depth(&self, key: SetKey) -> u32 {
        let set = &self.sets[&key];
        // What waits is not to be taken for what runs too long.
        if self.rules.timeout.is_some() {
            return 0;
        }
        let Some(by_time) = set.pace.tasks_in(self.rules.ahead) else {
            return 0;
        };
        let share = set.pending.len() / self.executors.cores_len().max(1);
        share
            .min(AHEAD_MAX)
            .min(u32::try_from(by_time).unwrap_or(AHEAD_MAX))
    }

    /// Recalls what has waited too long, if a core has nothing to do.
    pub(super) fn recall(&mut self, out: &mut Outbox) {
        self.recall_alarm = None;
        if self.executors.free_len() == 0 {
            return;
        }
        let (attempts, now, ahead) = (&self.attempts, self.now, self.rules.ahead);
        let long = |id: &AttemptId| {
            let attempt = attempts.get(*id);
            attempt.is_some_and(|attempt| attempt.launched + ahead <= now)
        };
        let late: Vec<AttemptId> = self.executors.all_ahead().filter(long).collect();
        for id in &late {
            let set = self.attempts.get(*id).map(|attempt| attempt.set());
            if let Some(set) = set.and_then(|set| self.sets.get_mut(&set)) {
                // One of its tasks is long: what is left begins where a core is free.
                set.pace = Pace::default();
            }
        }
        self.kill(late, KillReason::Recalled, out);
    }
}
