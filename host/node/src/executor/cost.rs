//! What a running attempt has cost so far: its thread counts, and heartbeats tell.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scheduler::TaskMetrics;

/// Where bytes are counted.
pub(super) type Counter = fn(&mut TaskMetrics) -> &mut u64;

/// Counts for one attempt. Clones count together.
#[derive(Clone, Default)]
pub(super) struct Cost(Arc<Mutex<TaskMetrics>>);

impl Cost {
    pub(super) fn add(&self, counter: Counter, bytes: usize) {
        *counter(&mut self.lock()) += bytes as u64;
    }

    pub(super) fn so_far(&self) -> TaskMetrics {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, TaskMetrics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
