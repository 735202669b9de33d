//! Which task runs where, and when it is tried again (Spark: `TaskSchedulerImpl`).
//!
//! Knows task sets, executors and attempts; of stages and jobs it knows the numbers alone.
//!
//! ```text
//! pools ──who is next──▶ task set ──which task──▶ executor with a free core
//!   running/weight         locality, exclusion       most free first
//! ```

mod ahead;
mod alarms;
mod attempts;
mod commits;
mod delay;
mod excludes;
mod exclusion;
mod executors;
mod health;
mod launch;
mod median;
mod pending;
mod places;
mod pools;
mod retries;
mod seed;
mod set;
mod speculation;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::event::EventKind;
use crate::pools::{Mode, PoolSpec};
use crate::settings::Exclusion;
use crate::{
    Action, AttemptId, Event, ExecutorId, Host, ImageId, KillReason, Outbox, Rack, Settings,
    StageId, TaskFailure, TaskMetrics, TaskName, Time,
};

pub(crate) use ahead::AHEAD_MAX;
use alarms::{Alarm, Alarms};
pub(crate) use attempts::Attempt;
use attempts::Attempts;
use commits::Commits;
use delay::Patience;
pub(crate) use executors::Executors;
use executors::{Barred, Shift};
use health::Health;
pub(crate) use pending::Preferences;
pub(crate) use places::{Place, Places};
use pools::Pools;
use retries::Retries;
pub(crate) use retries::Verdict;
pub(crate) use seed::{Stream, seed};
pub(crate) use set::{SetKey, SetSpec, TaskSet};
use speculation::Speculation;

/// What settings say about tasks.
#[derive(Clone, Debug)]
struct Rules {
    retries: Retries,
    timeout: Option<Duration>,
    patience: Patience,
    speculation: Speculation,
    exclusion: Exclusion,
    unschedulable_timeout: Duration,
    /// How much work may wait for each core of an executor.
    ahead: Duration,
}

impl Rules {
    fn new(settings: &Settings) -> Self {
        Self {
            retries: Retries {
                failures_max: settings.task_max_failures(),
                wait: settings.task_retry_wait(),
            },
            timeout: settings.task_timeout(),
            patience: Patience::new(settings),
            speculation: Speculation::new(settings),
            exclusion: settings.exclusion(),
            unschedulable_timeout: settings.unschedulable_task_set_timeout(),
            ahead: settings.task_ahead_time(),
        }
    }
}

/// A task that can run nowhere, for which its stage is given up.
#[derive(Clone, Debug)]
pub(crate) struct Unschedulable {
    pub(crate) set: SetKey,
    pub(crate) partition: u32,
}

/// The task scheduler.
#[derive(Debug)]
pub(crate) struct Tasks {
    rules: Rules,
    /// The moment of the latest input.
    now: Time,
    sets: BTreeMap<SetKey, TaskSet>,
    pools: Pools,
    executors: Executors,
    attempts: Attempts,
    commits: Commits,
    health: Health,
    alarms: Alarms,
    /// Whether slow tasks will be looked for.
    watching: bool,
    /// Executors of which a core has ended a task: they may be sent some ahead.
    hungry: BTreeSet<ExecutorId>,
    /// When it is looked for what waits too long.
    recall_alarm: Option<Time>,
    /// When exclusions are looked at.
    health_alarm: Option<Time>,
    /// Task sets with something to launch of which it is not known what they can launch on the free cores.
    unasked: BTreeSet<SetKey>,
    /// Task sets that may have become unschedulable.
    suspects: Vec<SetKey>,
    /// Those for which an executor is to be given back once one is idle.
    stranded: BTreeSet<SetKey>,
    unschedulable: Vec<Unschedulable>,
    /// The images of task sets that are over, to be let go.
    over: Vec<ImageId>,
}

impl Tasks {
    pub(crate) fn new(settings: &Settings) -> Self {
        let mode = if settings.scheduler_is_fair() {
            Mode::Fair
        } else {
            Mode::Fifo
        };
        let mut tasks = Self {
            rules: Rules::new(settings),
            now: Time::START,
            sets: BTreeMap::new(),
            pools: Pools::new(mode),
            executors: Executors::default(),
            attempts: Attempts::default(),
            commits: Commits::default(),
            health: Health::default(),
            alarms: Alarms::default(),
            watching: false,
            hungry: BTreeSet::new(),
            recall_alarm: None,
            health_alarm: None,
            unasked: BTreeSet::new(),
            suspects: Vec::new(),
            stranded: BTreeSet::new(),
            unschedulable: Vec::new(),
            over: Vec::new(),
        };
        tasks.configure(settings);
        tasks
    }

    /// Changes the rules for what is decided from now on.
    pub(crate) fn configure(&mut self, settings: &Settings) {
        self.rules = Rules::new(settings);
        let shift = self.executors.set_cpus(settings.task_cpus());
        self.shift(shift);
        self.attempts.watch(self.rules.timeout.is_some());
    }

    /// Makes pools, or changes them.
    pub(crate) fn define_pools(&mut self, pools: &[PoolSpec]) {
        self.pools.define(pools);
    }

    /// Moves on in time.
    pub(crate) fn at(&mut self, now: Time) {
        self.now = now;
    }

    pub(crate) fn failures_max(&self) -> u32 {
        self.rules.retries.failures_max
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.rules.timeout
    }

    pub(crate) fn executors(&self) -> &Executors {
        &self.executors
    }

    /// Returns the books of where things are, to name what a task prefers.
    pub(crate) fn places(&mut self) -> &mut Places {
        &mut self.executors.places
    }

    /// Takes in a task set, which is not empty.
    pub(crate) fn submit(&mut self, spec: SetSpec) {
        let key = spec.key;
        self.pools.add(key, spec.priority, spec.pool.as_ref());
        let set = TaskSet::new(spec, self.now, &mut self.executors.places);
        let before = self.sets.insert(key, set);
        assert!(before.is_none(), "a stage attempt has one task set");
        self.suspects.push(key);
        self.sync(key);
        self.watch();
    }

    /// Adds an executor; returns whether it is new.
    pub(crate) fn add_executor(
        &mut self,
        id: ExecutorId,
        host: &Host,
        rack: Option<&Rack>,
        cores: u32,
        out: &mut Outbox,
    ) -> bool {
        if self.executors.contains(id) {
            let shift = self.executors.bar(id, |barred| barred.silent = false);
            self.shift(shift);
            return false;
        }
        let host_id = self.executors.places.host(host);
        let barred = Barred {
            excluded: self.health.excludes(id, host_id),
            ..Barred::default()
        };
        let shift = self.executors.add(id, host, rack, cores, barred);
        self.shift(shift);
        self.reprieve(out);
        true
    }

    /// Launches nothing more on an executor of which nobody hears.
    pub(crate) fn silence_executor(&mut self, id: ExecutorId) {
        let shift = self.executors.bar(id, |barred| barred.silent = true);
        self.shift(shift);
    }

    /// Launches nothing more on an executor that is about to go; returns whether that is news.
    pub(crate) fn decommission_executor(&mut self, id: ExecutorId) -> bool {
        let news = self.executors.decommission(id, self.now);
        let shift = self
            .executors
            .bar(id, |barred| barred.decommissioned = true);
        self.shift(shift);
        news
    }

    /// Begins to take an executor off: launches nothing more there. Returns the attempts that end with it.
    pub(crate) fn leave_executor(&mut self, id: ExecutorId) -> Vec<AttemptId> {
        let shift = self.executors.bar(id, |barred| barred.killed = true);
        self.shift(shift);
        self.executors.running(id)
    }

    /// Takes off an executor whose attempts have ended.
    pub(crate) fn remove_executor(&mut self, id: ExecutorId, files_lost: bool) {
        self.executors.remove(id, files_lost);
        self.health.lost(id);
    }

    /// Tells task sets of places that have executors now, or none any more.
    fn shift(&mut self, shift: Shift) {
        // A task may have nowhere to go but where it failed.
        self.suspect_all();
        let moved = shift.live.into_iter().map(|place| (place, true));
        for (place, live) in moved.chain(shift.dead.into_iter().map(|place| (place, false))) {
            let sets: Vec<SetKey> = self.executors.places.sets(place).collect();
            for key in sets {
                let set = self.sets.get_mut(&key).expect("a listed task set is there");
                set.shift(place, live, self.now);
                set.refresh();
                self.sync(key);
            }
        }
    }

    /// Takes an attempt that has ended out of the books; its cores are free again.
    pub(crate) fn end(&mut self, id: AttemptId) -> Option<Attempt> {
        let sets = &mut self.sets;
        let attempt = self.attempts.remove(id, |attempt| {
            let set = sets.get_mut(&attempt.set());
            let set = set.expect("a set outlives its attempts");
            set.ended(attempt.index, id);
            &mut set.running
        })?;
        let executor = attempt.executor;
        let next = self.executors.give_back(executor, id, attempt.cores);
        if let Some(next) = next.and_then(|next| self.attempts.get_mut(next)) {
            next.cores = self.executors.cpus();
            next.launched = self.now;
        }
        self.hungry.insert(executor);
        self.pools.ended(attempt.set());
        Some(attempt)
    }

    /// Drops the attempt's task set if nothing is left to do with it. To be called after what [`Self::end`]
    /// returned has been dealt with.
    pub(crate) fn settle(&mut self, attempt: &Attempt) {
        self.drop_if_over(attempt.set());
    }

    fn drop_if_over(&mut self, key: SetKey) {
        if !self.sets.get(&key).is_some_and(TaskSet::is_over) {
            return;
        }
        if let Some(mut set) = self.sets.remove(&key) {
            set.stop(&mut self.executors.places);
            self.over.push(set.image);
            let alarm = set.alarm.map(|at| (at, Alarm::Set(key)));
            let last = set
                .unschedulable
                .map(|(at, _)| (at, Alarm::Unschedulable(key)));
            for (at, alarm) in alarm.into_iter().chain(last) {
                self.alarms.cancel(at, alarm);
            }
            self.stranded.remove(&key);
            self.unasked.remove(&key);
            self.pools.remove(key);
        }
    }

    /// Returns the next image of a task set that is over, to be let go.
    pub(crate) fn pop_over(&mut self) -> Option<ImageId> {
        self.over.pop()
    }

    /// Takes note that `partition` of the stage is computed, by whichever of its attempts; other attempts at
    /// it are killed. Returns whether that was the last one of the `running` task set.
    pub(crate) fn succeed(
        &mut self,
        stage: StageId,
        running: Option<u32>,
        partition: u32,
        out: &mut Outbox,
    ) -> bool {
        let sets = self.sets.range(attempts_of(stage)).map(|(_, set)| set);
        let rivals: Vec<AttemptId> = sets.flat_map(|set| set.attempts_at(partition)).collect();
        self.kill(rivals, KillReason::AnotherSucceeded, out);
        let Some(attempt) = running else { return false };
        let key = SetKey { stage, attempt };
        let set = self.sets.get_mut(&key).expect("a running set is there");
        set.succeed(partition, &mut self.executors.places);
        let complete = set.is_complete();
        if complete {
            self.complete(key, out);
        }
        self.sync(key);
        if complete {
            // The last partition may have come from an earlier attempt, with nothing of this one running.
            self.drop_if_over(key);
        }
        complete
    }

    /// Takes note of how an attempt that succeeded went.
    pub(crate) fn measure(&mut self, attempt: &Attempt, metrics: &TaskMetrics) {
        let Some(set) = self.sets.get_mut(&attempt.set()) else {
            return;
        };
        set.pace.note(metrics.run_time_us);
        if !self.rules.speculation.enabled && !set.pending.has_preferences() {
            return;
        }
        let took = self.now.since(attempt.launched).as_micros();
        let took = u64::try_from(took).unwrap_or(u64::MAX);
        set.durations.add(took);
        let (bytes, micros) = set.read;
        let bytes = bytes.saturating_add(speculation::bytes_read(metrics));
        set.read = (bytes, micros.saturating_add(took));
    }

    /// Decides whether a failed task is tried again; if so, it waits again.
    pub(crate) fn fail(
        &mut self,
        attempt: &Attempt,
        failure: &Arc<TaskFailure>,
        out: &mut Outbox,
    ) -> Verdict {
        let key = attempt.set();
        self.blame(attempt, failure.kind, out);
        let (rules, places) = (&self.rules.retries, &mut self.executors.places);
        let set = self
            .sets
            .get_mut(&key)
            .expect("a set outlives its attempts");
        let verdict = set.fail(attempt.index, failure, rules, self.now, places);
        if matches!(verdict, Verdict::Retry { .. }) {
            set.refresh();
            self.suspects.push(key);
            self.sync(key);
            if self.pools.line(key).is_none() {
                self.tell(key, out);
            }
        }
        verdict
    }

    /// Launches nothing more of a stage attempt; what runs of it may go on.
    pub(crate) fn stop(&mut self, stage: StageId, attempt: u32) {
        let key = SetKey { stage, attempt };
        let Some(set) = self.sets.get_mut(&key) else {
            return;
        };
        set.stop(&mut self.executors.places);
        self.sync(key);
        self.drop_if_over(key);
    }

    /// Stops all attempts at a stage and kills what runs of them.
    pub(crate) fn kill_stage(&mut self, stage: StageId, out: &mut Outbox) {
        let sets = self.sets.range(attempts_of(stage));
        let keys: Vec<SetKey> = sets.map(|(key, _)| *key).collect();
        let runs = |id| self.attempts.get(id).is_some();
        self.commits.forget_stage(stage, runs);
        for key in keys {
            let running = self.attempts.of(&self.sets[&key].running);
            let running = running.map(|(id, _)| id).collect();
            self.kill(running, KillReason::JobEnded, out);
            self.stop(stage, key.attempt);
        }
    }

    /// Kills those of the attempts that are not being killed, or recalled for the same reason, already.
    fn kill(&mut self, attempts: Vec<AttemptId>, reason: KillReason, out: &mut Outbox) {
        for id in attempts {
            let attempt = self.attempts.get_mut(id).expect("what runs is known");
            if !attempt.is_killed() && attempt.kill != Some(reason) {
                attempt.kill = Some(reason);
                let (executor, attempt) = (attempt.executor, id);
                out.actions.push(Action::KillTask {
                    executor,
                    attempt,
                    reason,
                });
            }
        }
    }

    /// Takes in what running attempts have cost so far.
    pub(crate) fn heartbeat(&mut self, running: &[(AttemptId, TaskMetrics)]) {
        for (id, metrics) in running {
            if let Some(attempt) = self.attempts.get_mut(*id) {
                attempt.bytes_read = speculation::bytes_read(metrics);
            }
        }
    }

    /// Returns when something is to be looked at again: an attempt that may have run too long, a wait that is over.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let timeout = self.rules.timeout.and_then(|timeout| {
            // Attempts are numbered in order of launch, and all may run equally long.
            self.attempts
                .oldest()
                .map(|(_, launched)| launched + timeout)
        });
        [timeout, self.alarms.next()].into_iter().flatten().min()
    }

    /// Does what it is time for.
    pub(crate) fn expire(&mut self, out: &mut Outbox) {
        self.kill_overdue(out);
        while let Some(alarm) = self.alarms.pop(self.now) {
            match alarm {
                Alarm::Set(key) => self.look_at(key),
                Alarm::Unschedulable(key) => self.give_up(key),
                Alarm::Speculation => self.speculate(out),
                Alarm::Health => self.readmit(out),
                Alarm::Recall => self.recall(out),
            }
        }
    }

    fn look_at(&mut self, key: SetKey) {
        if let Some(set) = self.sets.get_mut(&key) {
            set.alarm = None;
            self.sync(key);
        }
    }

    fn kill_overdue(&mut self, out: &mut Outbox) {
        let Some(timeout) = self.rules.timeout else {
            return;
        };
        while let Some((id, _)) = self
            .attempts
            .oldest()
            .filter(|(_, launched)| *launched + timeout <= self.now)
        {
            self.kill(vec![id], KillReason::TimedOut, out);
            self.attempts.tidy();
        }
    }

    /// Answers an attempt that wants to make its output visible (Spark: `OutputCommitCoordinator`).
    pub(crate) fn ask_commit(&mut self, id: AttemptId) -> Action {
        let alive = self.attempts.get(id).filter(|attempt| !attempt.is_killed());
        match alive {
            Some(attempt) if self.commits.ask(attempt.name, id) => {
                Action::GrantCommit { attempt: id }
            }
            _ => Action::DenyCommit { attempt: id },
        }
    }

    /// Lets another attempt commit, if it was this one that might.
    pub(crate) fn give_up_commit(&mut self, id: AttemptId, name: TaskName) {
        self.commits.give_up(name, id);
    }

    /// Lets a partition be committed again: its map output is gone, so it is computed again.
    pub(crate) fn forget_commit(&mut self, stage: StageId, partition: u32) {
        let runs = |id| self.attempts.get(id).is_some();
        self.commits.forget(stage, partition, runs);
    }

    /// Returns how many task sets hold an image.
    pub(crate) fn sets_len(&self) -> usize {
        self.sets.len()
    }

    fn publish(&self, kind: EventKind, out: &mut Outbox) {
        out.events.push(Event { at: self.now, kind });
    }

    /// States what always holds.
    pub(crate) fn check(&self) {
        let running = self.attempts.iter();
        self.executors
            .check(running.map(|(id, attempt)| (id, attempt.executor, attempt.cores)));
        self.pools.check();
        for (key, set) in &self.sets {
            set.check(&self.executors.places);
            assert!(!set.is_over(), "a set that is over is dropped");
            assert_eq!(self.pools.line(*key), set.line());
            assert!(
                !(set.fresh && set.is_waiting()),
                "all that is free was offered"
            );
        }
        assert!(self.unasked.is_empty());
        let running: usize = self.sets.values().map(|set| set.running.len()).sum();
        assert_eq!(running, self.attempts.len());
    }
}

fn attempts_of(stage: StageId) -> std::ops::RangeInclusive<SetKey> {
    let attempt = |attempt| SetKey { stage, attempt };
    attempt(0)..=attempt(u32::MAX)
}
