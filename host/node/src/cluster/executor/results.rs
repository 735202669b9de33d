//! Results of tasks, and what they added to accumulators, until the driver is known to have heard of their ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use scheduler::AttemptId;
use wire::AccumulatorUpdate;

/// What goes to the driver just before an attempt's end is told.
#[derive(Clone, Default)]
pub(super) struct Left {
    /// None of a map task: its files stay where they are.
    pub(super) result: Option<Bytes>,
    pub(super) added: Vec<AccumulatorUpdate>,
}

/// By attempt.
#[derive(Default)]
pub(super) struct Results(Mutex<BTreeMap<AttemptId, Left>>);

impl Results {
    pub(super) fn put(&self, attempt: AttemptId, left: Left) {
        self.lock().insert(attempt, left);
    }

    pub(super) fn get(&self, attempt: AttemptId) -> Option<Left> {
        self.lock().get(&attempt).cloned()
    }

    pub(super) fn release(&self, attempts: &[AttemptId]) {
        let mut results = self.lock();
        for attempt in attempts {
            results.remove(attempt);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AttemptId, Left>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
