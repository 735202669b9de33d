//! Events on their way to a listener.

use std::sync::{Mutex, MutexGuard, PoisonError};

use scheduler::Event;

/// Events that wait for the listener (Spark: `AsyncEventQueue`): a full queue drops what comes, it never blocks the
/// scheduler.
pub(crate) struct EventQueue {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Event>,
    dropped: u64,
}

impl EventQueue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
        }
    }

    /// Takes the events out of `events`, as many as there is room for.
    pub(crate) fn extend(&self, events: &mut Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut state = self.lock();
        let room = self.capacity - state.waiting.len();
        state.dropped += events.len().saturating_sub(room) as u64;
        state.waiting.extend(events.drain(..).take(room));
    }

    /// The events since the last call, and how many were dropped for want of room in all.
    pub(crate) fn take(&self) -> (Vec<Event>, u64) {
        let mut state = self.lock();
        (std::mem::take(&mut state.waiting), state.dropped)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
