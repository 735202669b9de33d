//! Ends a guest from outside, whatever it is doing.
//!
//! This is the one seam of interruption: guests check an epoch at loop heads and function entries, and the link step cuts
//! bulk memory operations into pieces between which it is checked too. Nothing ticks; the epoch moves only when somebody is killed, so
//! that a running guest is disturbed by nothing else. Host calls that wait do so in [`KillSwitch::sleep`].

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::{Engine, Store, UpdateDeadline};

/// Why a guest was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillReason {
    /// Somebody asked for it: the job was cancelled, another attempt won, the application is stopping.
    Ordered,
    /// It ran for longer than it may (`task.timeout`).
    TimedOut,
}

/// Ends one guest. Clones share the switch.
#[derive(Clone)]
pub struct KillSwitch(Arc<Shared>);

struct Shared {
    engine: Engine,
    reason: Mutex<Option<KillReason>>,
    killed: Condvar,
}

/// The guest was killed. What the engine hands back through the guest's frames.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("killed")]
pub(crate) struct Killed(pub(crate) KillReason);

impl KillSwitch {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self(Arc::new(Shared {
            engine: engine.clone(),
            reason: Mutex::new(None),
            killed: Condvar::new(),
        }))
    }

    /// Ends the guest, now or as soon as it starts. The first reason stays.
    pub fn kill(&self, reason: KillReason) {
        self.0
            .reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
        self.0.killed.notify_all();
        self.0.engine.increment_epoch();
    }

    /// Why the guest was killed, if it was.
    pub fn reason(&self) -> Option<KillReason> {
        *self.0.reason.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps for the guest; cut short by a kill.
    pub(crate) fn sleep(&self, duration: Duration) -> Result<(), Killed> {
        let end = Instant::now() + duration;
        let mut reason = self.0.reason.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(reason) = *reason {
                return Err(Killed(reason));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            reason = self
                .0
                .killed
                .wait_timeout(reason, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Makes the guest of this store stop when the switch is thrown. A kill that came before is seen at once.
    pub(crate) fn attach<T: 'static>(&self, store: &mut Store<T>) -> Result<(), Killed> {
        let switch = self.clone();
        store.epoch_deadline_callback(move |_| match switch.reason() {
            Some(reason) => Err(Killed(reason).into()),
            None => Ok(UpdateDeadline::Continue(1)),
        });
        store.set_epoch_deadline(1);
        self.reason().map_or(Ok(()), |reason| Err(Killed(reason)))
    }
}

impl std::fmt::Debug for KillSwitch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KillSwitch").field(&self.reason()).finish()
    }
}
