//! The tasks of a set that wait, by where they want to run (Spark: `PendingTasksByLocality`).
//!
//! Each list may name tasks that no longer wait: they are dropped when the list is read, so that taking a task costs
//! the same however many lists it is in. How many wait at each place is exact.

use std::collections::BTreeMap;

use crate::JobId;
use crate::event::Locality;

use super::SetKey;
use super::places::{Place, Places, Site};

/// The places that each of many tasks prefers, end to end.
#[derive(Debug, Default)]
pub(crate) struct Preferences {
    places: Vec<Place>,
    /// Where each task's places end. Tasks beyond the end have none.
    ends: Vec<u32>,
}

impl Preferences {
    /// Adds the next task's places; the rack of a machine comes with it.
    pub(crate) fn push(&mut self, wanted: impl IntoIterator<Item = Place>, places: &Places) {
        let start = self.places.len();
        for place in wanted {
            let rack = match place {
                Place::Host(host) => places.rack(host),
                Place::Executor(_) | Place::Rack(_) => None,
            };
            for place in [Some(place), rack.map(Place::Rack)].into_iter().flatten() {
                if !self.places[start..].contains(&place) {
                    self.places.push(place);
                }
            }
        }
        self.ends
            .push(u32::try_from(self.places.len()).unwrap_or(u32::MAX));
    }

    fn of(&self, task: u32) -> &[Place] {
        let end = |task: u32| self.ends.get(task as usize).map(|end| *end as usize);
        let Some(to) = end(task) else { return &[] };
        let from = task.checked_sub(1).and_then(end).unwrap_or_default();
        &self.places[from..to]
    }

    fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[derive(Debug, Default)]
struct Queue {
    /// The next task last.
    tasks: Vec<u32>,
    /// How many of them wait.
    waiting: u32,
}

/// The tasks that wait.
#[derive(Debug)]
pub(super) struct Pending {
    set: SetKey,
    priority: JobId,
    preferences: Preferences,
    /// Tasks that prefer no place.
    anywhere: Queue,
    /// Tasks that prefer some.
    somewhere: Queue,
    at: BTreeMap<Place, Queue>,
    /// How many of the places have an executor that takes tasks: process, node, rack.
    live: [usize; 3],
}

fn level(place: Place) -> usize {
    match place {
        Place::Executor(_) => 0,
        Place::Host(_) => 1,
        Place::Rack(_) => 2,
    }
}

impl Pending {
    /// Begins with all tasks waiting, the lowest to be the first.
    pub(super) fn new(
        set: SetKey,
        priority: JobId,
        tasks: u32,
        preferences: Preferences,
        places: &mut Places,
    ) -> Self {
        let mut pending = Self {
            set,
            priority,
            preferences,
            anywhere: Queue::default(),
            somewhere: Queue::default(),
            at: BTreeMap::new(),
            live: [0; 3],
        };
        if pending.preferences.is_empty() {
            pending.anywhere = Queue {
                tasks: (0..tasks).rev().collect(),
                waiting: tasks,
            };
        } else {
            (0..tasks).rev().for_each(|task| pending.push(task, places));
        }
        pending
    }

    /// Makes a task wait, before all others.
    pub(super) fn push(&mut self, task: u32, places: &mut Places) {
        let wanted = self.preferences.of(task);
        let queue = if wanted.is_empty() {
            &mut self.anywhere
        } else {
            &mut self.somewhere
        };
        queue.tasks.push(task);
        queue.waiting += 1;
        for place in wanted {
            let queue = self.at.entry(*place).or_default();
            queue.tasks.push(task);
            queue.waiting += 1;
            if queue.waiting == 1 {
                places.list(*place, self.priority, self.set);
                self.live[level(*place)] += usize::from(places.is_live(*place));
            }
        }
    }

    /// Takes note that a task that waited no longer does.
    pub(super) fn take(&mut self, task: u32, places: &mut Places) {
        let wanted = self.preferences.of(task);
        if wanted.is_empty() {
            self.anywhere.waiting -= 1;
        } else {
            self.somewhere.waiting -= 1;
        }
        for place in wanted {
            let queue = self
                .at
                .get_mut(place)
                .expect("a task is listed where it wants to run");
            queue.waiting -= 1;
            if queue.waiting == 0 {
                self.at.remove(place);
                places.unlist(*place, self.priority, self.set);
                self.live[level(*place)] -= usize::from(places.is_live(*place));
            }
        }
    }

    /// Forgets all tasks.
    pub(super) fn clear(&mut self, places: &mut Places) {
        for place in std::mem::take(&mut self.at).into_keys() {
            places.unlist(place, self.priority, self.set);
        }
        self.live = [0; 3];
        (self.anywhere, self.somewhere) = (Queue::default(), Queue::default());
    }

    /// Takes note that a place where tasks want to run has executors now, or none any more.
    pub(super) fn shift(&mut self, place: Place, live: bool) {
        let count = &mut self.live[level(place)];
        *count = if live { *count + 1 } else { *count - 1 };
    }

    /// Returns the places that a task prefers.
    pub(super) fn wanted(&self, task: u32) -> &[Place] {
        self.preferences.of(task)
    }

    pub(super) fn len(&self) -> u32 {
        self.anywhere.waiting + self.somewhere.waiting
    }

    pub(super) fn has_preferences(&self) -> bool {
        !self.preferences.is_empty()
    }

    /// Returns how many tasks wait that prefer no place.
    pub(super) fn anywhere(&self) -> u32 {
        self.anywhere.waiting
    }

    /// Returns whether a task could be launched at a level and at none before it.
    pub(super) fn has(&self, level: Locality) -> bool {
        match level {
            Locality::Process => self.live[0] > 0,
            Locality::Node => self.live[1] > 0,
            Locality::NoPreference => self.anywhere.waiting > 0,
            Locality::Rack => self.live[2] > 0,
            Locality::Any => self.somewhere.waiting > 0,
        }
    }

    /// Returns how many places are wanted.
    pub(super) fn places_len(&self) -> usize {
        self.at.len()
    }

    /// Returns the places of a level that are wanted, from one of them on.
    pub(super) fn places(
        &self,
        level: Locality,
        from: Option<Place>,
    ) -> impl Iterator<Item = Place> {
        let from = from.unwrap_or_else(|| Place::first(level));
        let places = self.at.range(from..).map(|(place, _)| *place);
        places.take_while(move |place| place.locality() == level)
    }

    /// Takes the next task for a site at a level out of that level's list, of those that wait and `fit`.
    pub(super) fn pop(
        &mut self,
        site: Site,
        level: Locality,
        waits: impl Fn(u32) -> bool,
        fits: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        if !self.has(level) {
            return None;
        }
        let queue = match level {
            Locality::NoPreference => &mut self.anywhere,
            Locality::Any => &mut self.somewhere,
            Locality::Process | Locality::Node | Locality::Rack => {
                self.at.get_mut(&site.at(level)?)?
            }
        };
        let mut at = queue.tasks.len();
        while queue.waiting > 0 && at > 0 {
            at -= 1;
            let task = queue.tasks[at];
            if !waits(task) {
                queue.tasks.remove(at);
            } else if fits(task) {
                queue.tasks.remove(at);
                return Some(task);
            }
        }
        None
    }

    /// Returns whether one of the tasks that want a place, where an executor takes tasks, fits.
    pub(super) fn any(&self, place: Place, fits: impl Fn(u32) -> bool) -> bool {
        if self.live[level(place)] == 0 {
            return false;
        }
        let queue = self.at.get(&place);
        queue.is_some_and(|queue| queue.tasks.iter().rev().any(|task| fits(*task)))
    }

    /// Returns how near its data a task would run at a site.
    pub(super) fn locality(&self, task: u32, site: Site) -> Locality {
        let wanted = self.preferences.of(task);
        if wanted.is_empty() {
            return Locality::NoPreference;
        }
        let nearest = site.places().find(|place| wanted.contains(place));
        nearest.map_or(Locality::Any, Place::locality)
    }

    /// States what always holds, where there are few tasks.
    pub(super) fn check(&self, waits: impl Fn(u32) -> bool, tasks: u32, places: &Places) {
        let mut waiting: BTreeMap<Place, u32> = BTreeMap::new();
        for task in (0..tasks).filter(|task| waits(*task)) {
            for place in self.preferences.of(task) {
                *waiting.entry(*place).or_default() += 1;
            }
        }
        let kept: BTreeMap<Place, u32> = self
            .at
            .iter()
            .map(|(place, queue)| (*place, queue.waiting))
            .collect();
        assert_eq!(kept, waiting);
        let mut live = [0; 3];
        for place in kept.keys().filter(|place| places.is_live(**place)) {
            live[level(*place)] += 1;
        }
        assert_eq!(self.live, live);
        for place in kept.keys() {
            assert!(places.sets(*place).any(|set| set == self.set));
        }
    }
}
