//! Those of a tenant that wait, by what they need, so that the first that fits is found without asking each.

use std::collections::{BTreeMap, BTreeSet};

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

    pub(super) fn remove(&mut self, id: Id, need: Resources) {
        if let Some(ids) = self.0.get_mut(&need) {
            ids.remove(&id);
            if ids.is_empty() {
                self.0.remove(&need);
            }
        }
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
