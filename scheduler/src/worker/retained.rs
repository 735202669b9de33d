//! What is kept of that which is over: so many, the latest.

use std::collections::{BTreeMap, VecDeque};

/// The latest so many values, by name.
#[derive(Clone, Debug)]
pub(super) struct Retained<Name, Value> {
    limit: usize,
    order: VecDeque<Name>,
    values: BTreeMap<Name, Value>,
}

impl<Name: Copy + Ord, Value> Retained<Name, Value> {
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit: limit as usize,
            order: VecDeque::new(),
            values: BTreeMap::new(),
        }
    }

    /// Keeps `value`, unless one of that name is kept already, and forgets the oldest where there are too many.
    pub(super) fn keep(&mut self, name: Name, value: Value) {
        if self.values.contains_key(&name) {
            return;
        }
        self.order.push_back(name);
        self.values.insert(name, value);
        if self.order.len() > self.limit {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.values.remove(&oldest));
        }
    }

    pub(super) fn get(&self, name: Name) -> Option<&Value> {
        self.values.get(&name)
    }

    /// Returns all, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Name, &Value)> {
        self.order.iter().map(|name| (*name, &self.values[name]))
    }
}
