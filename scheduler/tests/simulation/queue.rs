//! What will happen, in order: by time, and at the same time by when it was planned.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use scheduler::Time;

/// Things that will happen.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    planned: BinaryHeap<Planned<T>>,
    next: u64,
}

#[derive(Debug)]
struct Planned<T> {
    at: Time,
    number: u64,
    what: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            planned: BinaryHeap::new(),
            next: 0,
        }
    }
}

impl<T> Queue<T> {
    pub(crate) fn plan(&mut self, at: Time, what: T) {
        let number = self.next;
        self.next += 1;
        self.planned.push(Planned { at, number, what });
    }

    /// Takes out what happens next, if that is not after `end`.
    pub(crate) fn pop_until(&mut self, end: Time) -> Option<(Time, T)> {
        self.planned.peek().filter(|next| next.at <= end)?;
        self.planned.pop().map(|planned| (planned.at, planned.what))
    }
}

impl<T> Ord for Planned<T> {
    /// The heap gives the greatest first: that is the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<T> PartialOrd for Planned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Planned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Planned<T> {}
