//! Those of a tenant that wait, by what they need, so that the first that fits is found without asking each.

use std::collections::{BTreeMap, BTreeSet};

use super::free::Free;
use super::resources::Resources;

/// Names in order of submission, by need.
#[derive(Debug)]
pub(super) struct Queue<Id>(BTreeMap<Resources, BTreeSet<Id>>);

impl<Id> Default for Queue<Id> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Id: Copy + Ord> Queue<Id> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, id: Id, need: Resources) {
        self.0.entry(need).or_default().insert(id);
    }

    /// Returns whether it was there.
    pub(super) fn remove(&mut self, id: Id, need: Resources) -> bool {
        let Some(ids) = self.0.get_mut(&need) else {
            return false;
        };
        let was_there = ids.remove(&id);
        if ids.is_empty() {
            self.0.remove(&need);
        }
        was_there
    }

    /// Returns the earliest whose need passes, and that is not to be skipped.
    pub(super) fn first(
        &self,
        skip: &BTreeSet<Id>,
        passes: impl Fn(Resources) -> bool,
    ) -> Option<(Id, Resources)> {
        let passing = self.0.iter().filter(|(need, _)| passes(**need));
        let firsts = passing.filter_map(|(need, ids)| {
            let first = ids.iter().find(|id| !skip.contains(id))?;
            Some((*first, *need))
        });
        firsts.min()
    }

    pub(super) fn contains(&self, id: Id, need: Resources) -> bool {
        self.0.get(&need).is_some_and(|ids| ids.contains(&id))
    }

    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }
}

/// How many wait, over all queues, by what they need.
#[derive(Debug, Default)]
pub(super) struct Needs(BTreeMap<Resources, usize>);

impl Needs {
    pub(super) fn add(&mut self, need: Resources) {
        *self.0.entry(need).or_default() += 1;
    }

    pub(super) fn remove(&mut self, need: Resources) {
        let waiting = self.0.get_mut(&need).expect("it was added");
        *waiting -= 1;
        if *waiting == 0 {
            self.0.remove(&need);
        }
    }

    /// Returns whether there is room for any of them.
    pub(super) fn some_fit(&self, free: &Free) -> bool {
        self.0.keys().any(|need| free.fits(*need))
    }

    pub(super) fn len(&self) -> usize {
        self.0.values().sum()
    }
}
