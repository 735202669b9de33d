//! Which task is launched next, and where (Spark: `TaskSchedulerImpl.resourceOffers`).
//!
//! A task set is asked only when something about it or about a free executor has changed: what did not fit does not
//! fit until then. A task set that waits for locality is found by the places that it wants, so that a free core
//! costs the same however many of them wait.

use crate::event::{EventKind, Locality, WaitReason};
use crate::{Action, ExecutorId, Outbox};

use super::alarms::Alarm;
use super::attempts::Attempt;
use super::places::Site;
use super::pools::Line;
use super::set::Pick;
use super::{SetKey, Tasks};

/// A task, and where it is to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    set: SetKey,
    executor: ExecutorId,
    pick: Pick,
}

/// So many task sets that want one place are compared; of more, one is soon found in the order in which they are
/// served.
const COMPARED_MAX: usize = 4;

impl Tasks {
    /// Launches tasks while a task set wants a core that is free.
    pub(crate) fn launch(&mut self, out: &mut Outbox) {
        self.launch_all(out);
        // An executor that is given back is near nobody's data any more.
        while self.find_unschedulable(out) {
            self.launch_all(out);
        }
        self.send_ahead(out);
        if !self.unasked.is_empty() {
            self.launch_all(out);
        }
        self.attempts.tidy();
    }

    fn launch_all(&mut self, out: &mut Outbox) {
        loop {
            let mut swept = Vec::new();
            let choice = self.choose(&mut swept);
            for set in swept {
                self.sync(set);
                self.tell(set, out);
            }
            match choice {
                Some(choice) => self.start(choice, false, out),
                None => break,
            }
        }
        if !self.executors.fresh().is_empty() {
            self.executors.clear_fresh();
            // Of those that wait for certain cores the first is told: it has the first claim to what is free.
            if let Some(set) = self.pools.ask(Line::Picky, Some) {
                self.tell(set, out);
            }
        }
    }

    /// Returns what is launched next. Task sets that now know that they want nothing more of what is free are added
    /// to `swept`.
    fn choose(&mut self, swept: &mut Vec<SetKey>) -> Option<Choice> {
        if self.executors.fresh().is_empty() && self.unasked.is_empty() {
            return None;
        }
        let local = self.nearest();
        let Self {
            pools,
            sets,
            executors,
            ..
        } = self;
        let chosen = pools.ask(Line::Open, |key| {
            if let Some(local) = local.filter(|(set, _)| pools.before(*set, key)) {
                return Some(Err(local));
            }
            let set = sets.get_mut(&key).expect("a queued task set is there");
            if set.fresh {
                let found = set.sweep(executors);
                if found.is_none() {
                    set.fresh = false;
                    swept.push(key);
                }
                return found.map(|(executor, pick)| Ok(Choice::new(key, executor, pick)));
            }
            let mut free = executors.fresh().iter();
            free.find_map(|executor| {
                let site = executors.site(*executor).expect("who is free is there");
                let pick = set.pick(site)?;
                Some(Ok(Choice::new(key, *executor, pick)))
            })
        });
        match chosen {
            Some(Ok(choice)) => Some(choice),
            Some(Err((set, executor))) => self.local(set, executor),
            None => local.and_then(|(set, executor)| self.local(set, executor)),
        }
    }

    fn local(&mut self, key: SetKey, executor: ExecutorId) -> Option<Choice> {
        let site = self.executors.site(executor)?;
        let pick = self.sets.get_mut(&key)?.pick(site)?;
        Some(Choice::new(key, executor, pick))
    }

    /// Returns the first of the task sets that wait for certain cores and have a task for an executor that has just
    /// become free.
    fn nearest(&self) -> Option<(SetKey, ExecutorId)> {
        if self.pools.is_empty(Line::Picky) {
            return None;
        }
        let fresh = self.executors.fresh().iter();
        let mut nearest: Option<(SetKey, ExecutorId)> = None;
        for executor in fresh.copied() {
            let first = self.nearest_to(executor).map(|set| (set, executor));
            let better = |set| nearest.is_none_or(|(known, _)| self.pools.before(set, known));
            if let Some((set, executor)) = first.filter(|(set, _)| better(*set)) {
                nearest = Some((set, executor));
            }
        }
        nearest
    }

    fn nearest_to(&self, executor: ExecutorId) -> Option<SetKey> {
        let (site, places) = (self.executors.site(executor)?, &self.executors.places);
        let listed = || site.places().flat_map(|place| places.sets(place));
        let wants = |set: &SetKey| self.wants(*set, site);
        if self.pools.is_plain() {
            // Those of a place are listed in the order in which they are served.
            let first = site
                .places()
                .filter_map(|place| places.sets(place).find(wants));
            return first.reduce(|known, set| self.pools.first(known, set));
        }
        if listed().nth(COMPARED_MAX).is_some() {
            return self
                .pools
                .ask(Line::Picky, |set| wants(&set).then_some(set));
        }
        let listed = listed().filter(wants);
        listed.reduce(|known, set| self.pools.first(known, set))
    }

    /// Returns whether a task set waits for certain cores, and a site has one.
    fn wants(&self, key: SetKey, site: Site) -> bool {
        if self.pools.line(key) != Some(Line::Picky) {
            return false;
        }
        let set = &self.sets[&key];
        let mut places = site
            .places()
            .filter(|place| place.locality() <= set.reach());
        places.any(|place| set.would_run(site, place))
    }

    /// Begins an attempt; one that is sent ahead gets its cores later.
    pub(super) fn start(&mut self, choice: Choice, ahead: bool, out: &mut Outbox) {
        let Choice {
            set: key,
            executor,
            pick,
        } = choice;
        let id = self.attempts.next();
        let set = self.sets.get_mut(&key).expect("a chosen task set is there");
        let task = set.launch(pick, id, &mut self.executors);
        let cores = if ahead {
            self.executors.queue(executor, id)
        } else {
            self.executors.take(executor, id)
        };
        let attempt = Attempt {
            name: task.name,
            executor,
            launched: self.now,
            index: pick.index,
            cores,
            bytes_read: 0,
            kill: None,
        };
        self.attempts.insert(attempt, &mut set.running);
        self.pools.launched(key);
        // It took all that was free: it need not go further from its data.
        if !ahead && set.pending.has_preferences() && self.executors.free_len() == 0 {
            set.delay.reset(self.now, pick.locality);
        }
        if set.told != Some(WaitReason::NoFreeCore) {
            set.told = None;
        }
        self.spare(key, task.name.partition, out);
        self.sync(key);
        let started = EventKind::TaskStarted {
            task: task.name,
            attempt: id,
            executor,
            locality: pick.locality,
            speculative: pick.speculative,
        };
        self.publish(started, out);
        out.actions.push(Action::LaunchTask { executor, task });
    }

    /// Brings a task set up to now: how far it goes, whether it is served, when it is looked at again.
    pub(super) fn sync(&mut self, key: SetKey) {
        let Some(set) = self.sets.get_mut(&key) else {
            return;
        };
        let patience = &self.rules.patience;
        if set.advance(self.now, patience, &mut self.executors.places) {
            set.refresh();
        }
        let line = set.line();
        self.pools.queue(key, line);
        if set.fresh && line.is_some() {
            self.unasked.insert(key);
        } else {
            self.unasked.remove(&key);
        }
        // One that comes too early does no harm, so a later moment need not replace it.
        let next = set.next_change(patience);
        if let Some(next) = next.filter(|next| set.alarm.is_none_or(|alarm| *next < alarm)) {
            if let Some(before) = set.alarm.replace(next) {
                self.alarms.cancel(before, Alarm::Set(key));
            }
            self.alarms.set(next, Alarm::Set(key));
        }
    }

    /// Tells listeners why a task set waits that launches nothing more for now, if they do not know.
    pub(super) fn tell(&mut self, key: SetKey, out: &mut Outbox) {
        let Some(because) = self.wait_reason(key) else {
            return;
        };
        let set = self
            .sets
            .get_mut(&key)
            .expect("a task set that waits is there");
        if set.told.replace(because) == Some(because) {
            return;
        }
        let SetKey { stage, attempt } = key;
        let waiting = EventKind::TaskSetWaiting {
            stage,
            attempt,
            because,
        };
        self.publish(waiting, out);
    }

    fn wait_reason(&self, key: SetKey) -> Option<WaitReason> {
        let set = self.sets.get(&key)?;
        if set.pending.len() == 0 {
            return set.is_delayed().then_some(WaitReason::Retry);
        }
        Some(if self.executors.len() == 0 {
            WaitReason::NoExecutor
        } else if self.executors.free_len() == 0 {
            if self.executors.all_small() {
                WaitReason::TooFewCores
            } else {
                WaitReason::NoFreeCore
            }
        } else if set.is_open() {
            WaitReason::Excluded
        } else {
            WaitReason::Locality {
                level: set.reach().max(Locality::Process),
            }
        })
    }
}

impl Choice {
    pub(super) fn new(set: SetKey, executor: ExecutorId, pick: Pick) -> Self {
        Self {
            set,
            executor,
            pick,
        }
    }
}
