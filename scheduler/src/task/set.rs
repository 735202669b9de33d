//! The tasks of one attempt at a stage (Spark: `TaskSetManager`).
//!
//! A task waits, runs and is done, or fails and waits again; a set that has been stopped launches nothing more, but
//! what runs of it may still succeed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::event::{Locality, WaitReason};
use crate::{
    AttemptId, FailureKind, ImageId, JobId, RddId, StageId, Task, TaskFailure, TaskName, Time, Work,
};

use crate::sorted::Sorted;

use super::ahead::Pace;
use super::attempts::Chain;
use super::delay::{Delay, Patience};
use super::excludes::Excludes;
use super::executors::Executors;
use super::median::Median;
use super::pending::{Pending, Preferences};
use super::places::{HostId, Place, Places, Site};
use super::pools::Line;
use super::retries::{Failed, Retries, Verdict};
use super::sweep::Sweep;
use super::{Stream, seed};

/// One attempt at a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SetKey {
    pub(crate) stage: StageId,
    pub(crate) attempt: u32,
}

/// What is kept of each task: small, as there are many.
#[derive(Clone, Copy, Debug)]
struct TaskState {
    /// The latest attempt that runs, while one does.
    latest: AttemptId,
    /// Attempts launched.
    attempts: u32,
    /// Attempts that run: two at most.
    running: u8,
    waits: bool,
    done: bool,
    /// Whether a second copy was asked for since the task last began.
    slow: bool,
}

/// A task to be launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) index: u32,
    pub(super) locality: Locality,
    /// Whether an attempt at it runs already.
    pub(super) speculative: bool,
}

/// A task set.
#[derive(Debug)]
pub(crate) struct TaskSet {
    pub(crate) key: SetKey,
    pub(crate) image: ImageId,
    work: Work,
    rdd: RddId,
    /// The application's seed.
    seed: u64,
    /// A task's index is its place here.
    partitions: Sorted,
    tasks: Vec<TaskState>,
    pub(super) pending: Pending,
    /// Tasks that wait before they are tried again.
    delayed: BTreeSet<(Time, u32)>,
    failed: BTreeMap<u32, Failed>,
    /// Attempts that run.
    pub(super) running: Chain,
    /// The first attempts at tasks of which a second copy runs.
    originals: BTreeMap<u32, AttemptId>,
    /// Tasks to be copied, and the machine that runs the attempt that is slow.
    pub(super) copies: BTreeMap<u32, HostId>,
    /// Tasks that are not done.
    left: usize,
    stopped: bool,
    pub(super) delay: Delay,
    /// How long tasks took that succeeded.
    pub(super) durations: Median,
    /// How long they take, as their executors tell.
    pub(super) pace: Pace,
    /// What tasks that succeeded read, in bytes and microseconds.
    pub(super) read: (u64, u64),
    pub(super) excludes: Excludes,
    /// Whether what it can launch on the free cores is not known yet.
    pub(super) fresh: bool,
    pub(super) sweep: Sweep,
    /// The reason for waiting that listeners know.
    pub(super) told: Option<WaitReason>,
    /// When it is looked at again.
    pub(super) alarm: Option<Time>,
    /// When it is given up because a task can run nowhere, and that task's partition.
    pub(super) unschedulable: Option<(Time, u32)>,
}

/// What a task set computes.
#[derive(Debug)]
pub(crate) struct SetSpec {
    pub(crate) key: SetKey,
    /// The first job that needs it: earlier jobs go first.
    pub(crate) priority: JobId,
    /// The pool that it is served from.
    pub(crate) pool: Option<Arc<str>>,
    pub(crate) image: ImageId,
    pub(crate) work: Work,
    pub(crate) rdd: RddId,
    pub(crate) seed: u64,
    /// Sorted, each once.
    pub(crate) partitions: Vec<u32>,
    /// Where each of them wants to be computed.
    pub(crate) preferences: Preferences,
}

impl TaskSet {
    pub(super) fn new(spec: SetSpec, now: Time, places: &mut Places) -> Self {
        let SetSpec {
            key,
            priority,
            pool: _,
            image,
            work,
            rdd,
            seed,
            partitions,
            preferences,
        } = spec;
        let partitions = Sorted::new(partitions).expect("missing partitions are in order");
        let left = partitions.len();
        let tasks = u32::try_from(left).expect("a dataset has no more partitions than that");
        let task = TaskState {
            latest: AttemptId(0),
            attempts: 0,
            running: 0,
            waits: true,
            done: false,
            slow: false,
        };
        Self {
            key,
            image,
            work,
            rdd,
            seed,
            tasks: vec![task; left],
            partitions,
            pending: Pending::new(key, priority, tasks, preferences, places),
            delayed: BTreeSet::new(),
            failed: BTreeMap::new(),
            running: Chain::default(),
            originals: BTreeMap::new(),
            copies: BTreeMap::new(),
            left,
            stopped: false,
            delay: Delay::new(now),
            durations: Median::default(),
            pace: Pace::default(),
            read: (0, 0),
            excludes: Excludes::default(),
            fresh: true,
            sweep: Sweep::default(),
            told: None,
            alarm: None,
            unschedulable: None,
        }
    }

    /// Returns whether a task waits to be launched.
    pub(super) fn is_waiting(&self) -> bool {
        self.pending.len() > 0 || !self.copies.is_empty()
    }

    /// Returns whether tasks only wait to be tried again.
    pub(super) fn is_delayed(&self) -> bool {
        !self.delayed.is_empty()
    }

    /// Returns whether a free core anywhere would do, as far as the data goes.
    pub(super) fn is_open(&self) -> bool {
        self.reach() == Locality::Any || self.pending.anywhere() > 0 || !self.copies.is_empty()
    }

    /// Returns where it stands among those that are served, if it has something to launch.
    pub(super) fn line(&self) -> Option<Line> {
        let line = if self.fresh || self.is_open() {
            Line::Open
        } else {
            Line::Picky
        };
        self.is_waiting().then_some(line)
    }

    /// Returns the furthest level that it launches tasks at. Tasks that do not care never wait, and with them those
    /// on the machines of their data.
    pub(super) fn reach(&self) -> Locality {
        if self.pending.anywhere() > 0 {
            self.delay.level.max(Locality::NoPreference)
        } else {
            self.delay.level
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.left == 0
    }

    /// Returns whether it launches nothing more.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped || self.left == 0
    }

    /// Returns whether nothing of it runs or will run.
    pub(super) fn is_over(&self) -> bool {
        self.running.len() == 0 && self.is_stopped()
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(super) fn partition(&self, index: u32) -> u32 {
        self.partitions.get(index)
    }

    /// Goes as far from the data as it is time to, and lets tasks wait for a core whose wait before a retry is over.
    /// Returns whether that changed what it can launch.
    pub(super) fn advance(&mut self, now: Time, patience: &Patience, places: &mut Places) -> bool {
        let mut changed = false;
        while let Some((_, index)) = self
            .delayed
            .first()
            .copied()
            .filter(|(until, _)| *until <= now)
        {
            self.undelay(index);
            self.wait(index, places);
            changed = true;
        }
        let before = self.delay.level;
        let median = self.durations.get();
        self.delay.advance(now, &self.pending, patience, median);
        changed || before != self.delay.level
    }

    /// Returns when [`Self::advance`] may next change something.
    pub(super) fn next_change(&self, patience: &Patience) -> Option<Time> {
        let waits = self.pending.len() > 0 && self.pending.has_preferences();
        let further = waits.then(|| self.delay.until(patience, self.durations.get()));
        let retry = self.delayed.first().map(|(until, _)| *until);
        [further.flatten(), retry].into_iter().flatten().min()
    }

    fn wait(&mut self, index: u32, places: &mut Places) {
        self.tasks[index as usize].waits = true;
        self.pending.push(index, places);
    }

    fn undelay(&mut self, index: u32) {
        let until = self
            .failed
            .get_mut(&index)
            .and_then(|failed| failed.until.take());
        if let Some(until) = until {
            self.delayed.remove(&(until, index));
        }
    }

    /// Returns the task that it launches on a site, the nearest to its data.
    pub(super) fn pick(&mut self, site: Site) -> Option<Pick> {
        const LEVELS: [Locality; 5] = [
            Locality::Process,
            Locality::Node,
            Locality::NoPreference,
            Locality::Rack,
            Locality::Any,
        ];
        if self.excludes.excludes(site) {
            return None;
        }
        let reach = self.reach();
        let mut levels = LEVELS.into_iter().take_while(|level| *level <= reach);
        let pick = levels.find_map(|level| self.pick_at(site, level));
        pick.or_else(|| self.pick_copy(site))
    }

    /// Returns a task that waits for a site because of this level.
    pub(super) fn pick_at(&mut self, site: Site, level: Locality) -> Option<Pick> {
        let (tasks, excludes) = (&self.tasks, &self.excludes);
        let waits = |index: u32| tasks[index as usize].waits;
        let fits = |index: u32| !excludes.excludes_task(index, site);
        let index = self.pending.pop(site, level, waits, fits)?;
        Some(Pick {
            index,
            locality: level,
            speculative: false,
        })
    }

    /// Returns whether a task that waits for a place may run on a site there.
    pub(super) fn would_run(&self, site: Site, place: Place) -> bool {
        let waits = |index: u32| self.tasks[index as usize].waits;
        let fits = |index: u32| waits(index) && !self.excludes.excludes_task(index, site);
        !self.excludes.excludes(site) && self.pending.any(place, fits)
    }

    /// Returns a slow task of which a copy may run on a site: the one nearest to its data.
    pub(super) fn pick_copy(&self, site: Site) -> Option<Pick> {
        let copies = self.copies.keys();
        let there = copies.filter_map(|index| self.copy_of(*index, site));
        there.min_by_key(|pick| pick.locality)
    }

    /// Returns the second copy of a slow task, if it may run on a site: on another machine, and no further from its
    /// data than any other task.
    pub(super) fn copy_of(&self, index: u32, site: Site) -> Option<Pick> {
        let there = *self.copies.get(&index)? == site.host;
        let excluded = self.excludes.excludes(site) || self.excludes.excludes_task(index, site);
        let locality = self.pending.locality(index, site);
        let near = locality == Locality::NoPreference || locality <= self.reach();
        let may = !there && !excluded && near;
        may.then_some(Pick {
            index,
            locality,
            speculative: true,
        })
    }

    /// Begins an attempt at a task that was picked.
    pub(super) fn launch(
        &mut self,
        pick: Pick,
        attempt: AttemptId,
        executors: &mut Executors,
    ) -> Task {
        let Pick {
            index, speculative, ..
        } = pick;
        let state = &mut self.tasks[index as usize];
        let name = TaskName {
            stage: self.key.stage,
            stage_attempt: self.key.attempt,
            partition: self.partitions.get(index),
            attempt: state.attempts,
        };
        if speculative {
            self.copies.remove(&index);
            self.originals.insert(index, state.latest);
        } else {
            state.waits = false;
            state.slow = false;
            self.pending.take(index, &mut executors.places);
        }
        state.attempts += 1;
        state.running += 1;
        state.latest = attempt;
        let mut task = self.task(name, attempt);
        if let Work::ShuffleMap { fetched, .. } = &mut task.work {
            *fetched = executors.on_several_hosts();
        }
        task
    }

    fn task(&self, name: TaskName, attempt: AttemptId) -> Task {
        let stream = match self.work {
            Work::Action { .. } => Stream::Rdd(self.rdd),
            Work::ShuffleMap { shuffle, .. } => Stream::Shuffle(shuffle),
        };
        Task {
            attempt,
            name,
            work: self.work,
            image: self.image,
            rdd: self.rdd,
            partition: name.partition,
            seed: seed(self.seed, stream, name.partition),
        }
    }

    /// Takes note that an attempt has ended, one way or another.
    pub(super) fn ended(&mut self, index: u32, attempt: AttemptId) {
        let state = &mut self.tasks[index as usize];
        state.running -= 1;
        if let Some(original) = self.originals.remove(&index)
            && state.latest == attempt
        {
            state.latest = original;
        }
        self.copies.remove(&index);
    }

    /// Returns the running attempts at a partition.
    pub(super) fn attempts_at(&self, partition: u32) -> impl Iterator<Item = AttemptId> {
        let index = self.index(partition);
        let state = index.map(|index| &self.tasks[index as usize]);
        let latest = state
            .filter(|state| state.running > 0)
            .map(|state| state.latest);
        let original = index.and_then(|index| self.originals.get(&index)).copied();
        original.into_iter().chain(latest)
    }

    fn index(&self, partition: u32) -> Option<u32> {
        self.partitions.position(partition)
    }

    /// Takes note that a partition is computed, here or in an earlier attempt at the stage.
    pub(super) fn succeed(&mut self, partition: u32, places: &mut Places) {
        let Some(index) = self.index(partition) else {
            return;
        };
        let state = &mut self.tasks[index as usize];
        if std::mem::replace(&mut state.done, true) {
            return;
        }
        self.left -= 1;
        if std::mem::take(&mut state.waits) {
            self.pending.take(index, places);
        }
        self.copies.remove(&index);
        if !self.failed.is_empty() {
            self.undelay(index);
            self.failed.remove(&index);
        }
    }

    /// Decides what follows from a failure.
    pub(super) fn fail(
        &mut self,
        index: u32,
        failure: &Arc<TaskFailure>,
        retries: &Retries,
        now: Time,
        places: &mut Places,
    ) -> Verdict {
        if self.stopped || self.tasks[index as usize].done {
            return Verdict::Ignore;
        }
        let waits = failure.kind.counts() || failure.kind == FailureKind::CommitDenied;
        if !waits && !self.failed.contains_key(&index) {
            return self.retry(index, 0, now, now, places);
        }
        let failed = self.failed.entry(index).or_default();
        failed.tries += u32::from(waits);
        if failure.kind.counts() {
            failed.times += 1;
            let deterministic = failed.remember(failure);
            if deterministic || failed.times >= retries.failures_max {
                return Verdict::GiveUp {
                    failures: failed.times,
                    deterministic,
                };
            }
        }
        let (failures, wait) = (failed.times, retries.wait(failed.tries));
        let wait = if waits { wait } else { Duration::ZERO };
        self.retry(index, failures, now, now + wait, places)
    }

    /// Makes a failed task wait again, unless another copy of it runs.
    fn retry(
        &mut self,
        index: u32,
        failures: u32,
        now: Time,
        until: Time,
        places: &mut Places,
    ) -> Verdict {
        if self.tasks[index as usize].running > 0 {
            return Verdict::Ignore;
        }
        if until > now {
            self.failed.entry(index).or_default().until = Some(until);
            self.delayed.insert((until, index));
        } else {
            self.wait(index, places);
        }
        Verdict::Retry { failures }
    }

    /// Launches nothing more.
    pub(super) fn stop(&mut self, places: &mut Places) {
        self.stopped = true;
        self.pending.clear(places);
        self.tasks.iter_mut().for_each(|task| task.waits = false);
        self.delayed.clear();
        self.copies.clear();
    }

    /// Asks for a second copy of a running attempt's task; returns whether that is news.
    pub(super) fn copy(&mut self, index: u32, host: HostId) -> bool {
        let state = &mut self.tasks[index as usize];
        let news = state.running == 1 && !state.done && !std::mem::replace(&mut state.slow, true);
        if news {
            self.copies.insert(index, host);
        }
        news
    }

    /// Returns a task that waits and none of the sites takes, looking at those that failed: no others are excluded.
    pub(super) fn excluded_from_all(&self, sites: &[Site]) -> Option<u32> {
        let nowhere = |index: u32| {
            let takes = |site: &Site| {
                !self.excludes.excludes(*site) && !self.excludes.excludes_task(index, *site)
            };
            !sites.iter().any(takes)
        };
        let whole = sites.iter().all(|site| self.excludes.excludes(*site));
        // A task whose next attempt is put off will have nowhere to run either.
        let delayed = self.delayed.iter().map(|(_, index)| *index);
        if whole {
            let waiting = self.tasks.iter().position(|task| task.waits);
            let waiting = waiting.and_then(|index| u32::try_from(index).ok());
            return waiting.or_else(|| delayed.min());
        }
        let failed = self.failed.keys().copied();
        let waiting = failed.filter(|index| self.tasks[*index as usize].waits);
        waiting.chain(delayed).find(|index| nowhere(*index))
    }

    /// Takes note of a place that has executors now, or none any more.
    pub(super) fn shift(&mut self, place: Place, live: bool, now: Time) {
        self.pending.shift(place, live);
        if live {
            self.delay.come_back(now, place.locality());
        }
    }

    /// States what always holds. Looks at each task only where there are few: this runs after every input.
    pub(super) fn check(&self, places: &Places) {
        if self.tasks.len() > 64 {
            return;
        }
        let running: usize = self
            .tasks
            .iter()
            .map(|task| usize::from(task.running))
            .sum();
        assert_eq!(running, self.running.len());
        assert_eq!(
            self.tasks.iter().filter(|task| !task.done).count(),
            self.left
        );
        let waiting = self.tasks.iter().filter(|task| task.waits).count();
        assert_eq!(waiting, self.pending.len() as usize);
        for (index, task) in (0_u32..).zip(&self.tasks) {
            let failed = self.failed.get(&index);
            let delayed = failed.is_some_and(|failed| failed.until.is_some());
            let elsewhere = delayed || task.running > 0 || task.done;
            assert!(!(task.waits && elsewhere), "a task is in one state");
            let accounted = task.done || task.waits || delayed || task.running > 0;
            assert!(self.stopped || accounted, "no task is lost");
        }
        let waits = |index: u32| self.tasks[index as usize].waits;
        let len = u32::try_from(self.tasks.len()).unwrap_or_default();
        self.pending.check(waits, len, places);
    }
}
