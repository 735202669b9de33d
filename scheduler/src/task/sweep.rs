//! What a task set can launch on all cores that are free, task by task (Spark: the rounds of
//! `TaskSchedulerImpl.resourceOffers`).
//!
//! Level by level, so that no task takes a core away from one that has its data there. At each level every executor, or
//! every place that is wanted, whichever are fewer, is looked at once: what it cannot take now it cannot take later.

use crate::event::Locality;

use super::executors::{Executors, Room};
use super::places::Place;
use super::set::{Pick, TaskSet};
use crate::ExecutorId;

/// How far a sweep has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sweep {
    step: Step,
    cursor: Cursor,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Process,
    Node,
    NoPreference,
    Rack,
    Any,
    /// Second copies of slow tasks.
    Copies,
    Over,
}

impl Step {
    fn next(self) -> Self {
        match self {
            Self::Process => Self::Node,
            Self::Node => Self::NoPreference,
            Self::NoPreference => Self::Rack,
            Self::Rack => Self::Any,
            Self::Any => Self::Copies,
            Self::Copies | Self::Over => Self::Over,
        }
    }

    fn level(self) -> Option<Locality> {
        match self {
            Self::Process => Some(Locality::Process),
            Self::Node => Some(Locality::Node),
            Self::NoPreference => Some(Locality::NoPreference),
            Self::Rack => Some(Locality::Rack),
            Self::Any => Some(Locality::Any),
            Self::Copies | Self::Over => None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cursor {
    #[default]
    Start,
    /// Executors with more room were looked at.
    Executors(Option<Room>),
    /// Lesser places were looked at.
    Places(Option<Place>),
}

impl TaskSet {
    /// Begins a new sweep: something about the set, or where it may run, has changed.
    pub(super) fn refresh(&mut self) {
        self.fresh = true;
        self.sweep = Sweep::default();
    }

    /// Returns the next task of the sweep, and where it is launched. None: the sweep is over.
    pub(super) fn sweep(&mut self, executors: &Executors) -> Option<(ExecutorId, Pick)> {
        while executors.free_len() > 0 {
            let found = match (self.sweep.step, self.sweep.step.level()) {
                (Step::Over, _) => return None,
                (_, Some(level)) if level <= self.reach() && self.pending.has(level) => {
                    self.sweep_level(level, executors)
                }
                (Step::Copies, _) if !self.copies.is_empty() => {
                    self.sweep_executors(executors, |set, site| set.pick_copy(site))
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
            self.sweep = Sweep {
                step: self.sweep.step.next(),
                cursor: Cursor::Start,
            };
        }
        None
    }

    fn sweep_level(
        &mut self,
        level: Locality,
        executors: &Executors,
    ) -> Option<(ExecutorId, Pick)> {
        if self.sweep.cursor == Cursor::Start {
            let placed = !matches!(level, Locality::NoPreference | Locality::Any);
            let by_place = placed && self.pending.places_len() < executors.free_len();
            self.sweep.cursor = if by_place {
                Cursor::Places(None)
            } else {
                Cursor::Executors(None)
            };
        }
        match self.sweep.cursor {
            Cursor::Places(from) => self.sweep_places(level, from, executors),
            Cursor::Start | Cursor::Executors(_) => {
                self.sweep_executors(executors, |set, site| set.pick_at(site, level))
            }
        }
    }

    fn sweep_executors(
        &mut self,
        executors: &Executors,
        pick: impl Fn(&mut Self, super::places::Site) -> Option<Pick>,
    ) -> Option<(ExecutorId, Pick)> {
        let mut after = match self.sweep.cursor {
            Cursor::Executors(after) => after,
            Cursor::Start | Cursor::Places(_) => None,
        };
        while let Some(room) = executors.roomiest(after) {
            after = Some(room);
            self.sweep.cursor = Cursor::Executors(after);
            let executor = room.1.0;
            let site = executors.site(executor).expect("who has room is there");
            if self.excludes.excludes(site) {
                continue;
            }
            if let Some(pick) = pick(self, site) {
                return Some((executor, pick));
            }
        }
        None
    }

    fn sweep_places(
        &mut self,
        level: Locality,
        from: Option<Place>,
        executors: &Executors,
    ) -> Option<(ExecutorId, Pick)> {
        let mut next = self.pending.places(level, from).next();
        while let Some(place) = next {
            self.sweep.cursor = Cursor::Places(Some(place));
            let found = self.pick_there(level, place, executors);
            if found.is_some() {
                return found;
            }
            let mut wanted = self.pending.places(level, next);
            next = wanted.find(|other| *other > place);
        }
        None
    }

    fn pick_there(
        &mut self,
        level: Locality,
        place: Place,
        executors: &Executors,
    ) -> Option<(ExecutorId, Pick)> {
        let there = executors.places.executors(place);
        let mut free = there.filter(|id| executors.is_free(*id));
        free.find_map(|executor| {
            let site = executors.site(executor).expect("who has room is there");
            let excluded = self.excludes.excludes(site);
            let pick = if excluded {
                None
            } else {
                self.pick_at(site, level)
            };
            pick.map(|pick| (executor, pick))
        })
    }
}
