//! Which task is launched next, and where (Spark: `TaskSchedulerImpl.resourceOffers`).
//!
//! A task set is asked only when something about it or about a free executor has changed: what did not fit does not
//! fit until then. A task set that waits for locality is found by the places that it wants, so that a free core
//! costs the same however many of them wait.

use crate::event::{EventKind, Locality, WaitReason};
use crate::{Action, ExecutorId, Outbox};

use super::alarms::Alarm;
use super::attempts::Attempt;
use super::pools::Rank;
use super::set::Pick;
use super::{SetKey, Tasks};

/// A task, and where it is to run.
#[derive(Clone, Copy, Debug)]
struct Choice {
    set: SetKey,
    executor: ExecutorId,
    pick: Pick,
}

/// A task set that waits for locality and wants what is free.
struct Local {
    path: Vec<Rank>,
    set: SetKey,
    executor: ExecutorId,
}

impl Tasks {
    /// Launches tasks while a task set wants a core that is free.
    pub(crate) fn launch(&mut self, out: &mut Outbox) {
        loop {
            let mut swept = Vec::new();
            let choice = self.choose(&mut swept);
            for set in swept {
                self.sync(set);
                self.tell(set, out);
            }
            match choice {
                Some(choice) => self.start(choice, out),
                None => break,
            }
        }
        self.executors.clear_fresh();
        self.attempts.tidy();
        self.find_unschedulable(out);
    }

    /// Returns what is launched next. Task sets that now know that they want nothing more of what is free are added
    /// to `swept`.
    fn choose(&mut self, swept: &mut Vec<SetKey>) -> Option<Choice> {
        let local = self.nearest();
        let Self {
            pools,
            sets,
            executors,
            ..
        } = self;
        let chosen = pools.ask(|key| {
            if let Some(local) = local.as_ref().filter(|local| local.path <= pools.path(key)) {
                return Some(Err((local.set, local.executor)));
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
            None => local.and_then(|local| self.local(local.set, local.executor)),
        }
    }

    fn local(&mut self, key: SetKey, executor: ExecutorId) -> Option<Choice> {
        let site = self.executors.site(executor)?;
        let pick = self.sets.get_mut(&key)?.pick(site)?;
        Some(Choice::new(key, executor, pick))
    }

    /// Returns the first of the task sets that wait for locality and have a task for an executor that has just become
    /// free.
    fn nearest(&self) -> Option<Local> {
        let mut nearest: Option<Local> = None;
        for executor in self.executors.fresh() {
            let site = self.executors.site(*executor)?;
            for place in site.places() {
                for set in self.executors.places.sets(place) {
                    let known = &self.sets[&set];
                    let picky = !self.pools.is_queued(set) && place.locality() <= known.reach();
                    if !picky || !known.would_run(site, place) {
                        continue;
                    }
                    let path = self.pools.path(set);
                    if nearest.as_ref().is_none_or(|nearest| path < nearest.path) {
                        let executor = *executor;
                        nearest = Some(Local {
                            path,
                            set,
                            executor,
                        });
                    }
                }
            }
        }
        nearest
    }

    fn start(&mut self, choice: Choice, out: &mut Outbox) {
        let Choice {
            set: key,
            executor,
            pick,
        } = choice;
        let id = self.attempts.next();
        let set = self.sets.get_mut(&key).expect("a chosen task set is there");
        let task = set.launch(pick, id, &mut self.executors.places);
        let cores = self.executors.take(executor, id);
        self.attempts.insert(Attempt {
            name: task.name,
            executor,
            launched: self.now,
            index: pick.index,
            cores,
            bytes_read: 0,
            kill: None,
        });
        self.pools.launched(key);
        let set = self.sets.get_mut(&key).expect("a chosen task set is there");
        // It took all that was free: it need not go further from its data.
        if set.pending.has_preferences() && self.executors.free_len() == 0 {
            set.delay.reset(self.now, pick.locality);
        }
        if set.told != Some(WaitReason::NoFreeCore) {
            set.told = None;
        }
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
        let served = set.is_waiting() && (set.fresh || set.is_open());
        self.pools.queue(key, served);
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
    fn tell(&mut self, key: SetKey, out: &mut Outbox) {
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
            WaitReason::NoFreeCore
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
    fn new(set: SetKey, executor: ExecutorId, pick: Pick) -> Self {
        Self {
            set,
            executor,
            pick,
        }
    }
}
