//! Attempts that wait to hear whether they may make their output visible.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use scheduler::AttemptId;

/// By attempt, whom to tell.
#[derive(Default)]
pub(super) struct Commits(Mutex<BTreeMap<AttemptId, Sender<bool>>>);

impl Commits {
    /// Notes that an attempt waits. What is received is the answer; nothing, where there will be none.
    pub(super) fn wait(&self, attempt: AttemptId) -> Receiver<bool> {
        let (answer, answered) = channel();
        self.lock().insert(attempt, answer);
        answered
    }

    /// Tells an attempt, if it waits.
    pub(super) fn answer(&self, attempt: AttemptId, granted: bool) {
        if let Some(waiting) = self.lock().remove(&attempt) {
            // One that was killed meanwhile does not listen.
            let _ = waiting.send(granted);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AttemptId, Sender<bool>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
