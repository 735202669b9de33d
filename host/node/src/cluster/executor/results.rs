//! Results of tasks, until the driver is known to have heard of their ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use scheduler::AttemptId;

/// By attempt.
#[derive(Default)]
pub(super) struct Results(Mutex<BTreeMap<AttemptId, Bytes>>);

impl Results {
    pub(super) fn put(&self, attempt: AttemptId, result: Vec<u8>) {
        self.lock().insert(attempt, result.into());
    }

    pub(super) fn get(&self, attempt: AttemptId) -> Option<Bytes> {
        self.lock().get(&attempt).cloned()
    }

    pub(super) fn release(&self, attempts: &[AttemptId]) {
        let mut results = self.lock();
        for attempt in attempts {
            results.remove(attempt);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AttemptId, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
