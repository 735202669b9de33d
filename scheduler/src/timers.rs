//! Deadlines by name: each name has at most one.
//!
//! Names that are due at the same moment come in their own order, so that nothing is left to chance.

use std::collections::{BTreeMap, BTreeSet};

use crate::Time;

/// The deadlines of one machine.
#[derive(Clone, Debug)]
pub(crate) struct Timers<Name> {
    due: BTreeSet<(Time, Name)>,
    moments: BTreeMap<Name, Time>,
}

impl<Name> Default for Timers<Name> {
    fn default() -> Self {
        Self {
            due: BTreeSet::new(),
            moments: BTreeMap::new(),
        }
    }
}

impl<Name: Copy + Ord> Timers<Name> {
    /// Sets when `name` is due, whatever was set before.
    pub(crate) fn set(&mut self, name: Name, at: Time) {
        self.cancel(name);
        self.due.insert((at, name));
        self.moments.insert(name, at);
    }

    pub(crate) fn cancel(&mut self, name: Name) {
        if let Some(at) = self.moments.remove(&name) {
            self.due.remove(&(at, name));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.due.clear();
        self.moments.clear();
    }

    pub(crate) fn is_set(&self, name: Name) -> bool {
        self.moments.contains_key(&name)
    }

    /// Returns the earliest moment at which something is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes out a name that is due by `now`, the earliest first.
    pub(crate) fn pop(&mut self, now: Time) -> Option<Name> {
        let (at, name) = *self.due.first()?;
        (at <= now).then(|| {
            self.cancel(name);
            name
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_again_is_due_once() {
        let mut timers = Timers::default();
        timers.set('a', Time::from_micros(1));
        timers.set('b', Time::from_micros(2));
        timers.set('a', Time::from_micros(3));
        assert_eq!(timers.next(), Some(Time::from_micros(2)));
        assert_eq!(timers.pop(Time::from_micros(1)), None);
        assert_eq!(timers.pop(Time::from_micros(3)), Some('b'));
        assert_eq!(timers.pop(Time::from_micros(3)), Some('a'));
        assert_eq!(timers.next(), None);
    }
}
