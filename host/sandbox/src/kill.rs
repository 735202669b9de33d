//! Ends a guest from outside, whatever it is doing.
//!
//! This is the one seam of interruption. The link step puts a check into each loop and each function that calls, and cuts
//! bulk memory operations into pieces with a check between them: all read bytes of the instance's interrupt memory, which
//! stay zero until somebody is killed, and trap where one is set. Nothing ticks, and a running guest is disturbed by
//! nothing else. Host calls that wait do so in [`KillSwitch::sleep`].

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    state: Mutex<State>,
    killed: Condvar,
}

#[derive(Default)]
struct State {
    reason: Option<KillReason>,
    /// The interrupt memory of the guest, as long as there is one. The reference is not for ever, as its type says, but
    /// until it is taken back: nobody keeps a copy.
    interrupt: Option<&'static [AtomicU8]>,
}

impl State {
    /// Makes the guest trap at its next check, if it has been killed and there is a guest.
    fn interrupt(&self) {
        if self.reason.is_some() {
            for byte in self.interrupt.unwrap_or_default() {
                byte.store(1, Ordering::Relaxed);
            }
        }
    }
}

/// The guest was killed. What the engine hands back through the guest's frames.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("killed")]
pub(crate) struct Killed(pub(crate) KillReason);

/// A guest is in reach of its switch. Must be dropped before the guest's store.
#[derive(Debug)]
pub(crate) struct Attached(KillSwitch);

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.state().interrupt = None;
    }
}

impl KillSwitch {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            killed: Condvar::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the guest, now or as soon as it starts. The first reason stays.
    pub fn kill(&self, reason: KillReason) {
        let mut state = self.state();
        state.reason.get_or_insert(reason);
        state.interrupt();
        self.0.killed.notify_all();
    }

    /// Why the guest was killed, if it was.
    pub fn reason(&self) -> Option<KillReason> {
        self.state().reason
    }

    /// Sleeps for the guest; cut short by a kill.
    pub(crate) fn sleep(&self, duration: Duration) -> Result<(), Killed> {
        let end = Instant::now() + duration;
        let mut state = self.state();
        loop {
            if let Some(reason) = state.reason {
                return Err(Killed(reason));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            state = self
                .0
                .killed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// To be held while a guest runs, from before it is instantiated. Fails if it has been killed already.
    pub(crate) fn attach(&self) -> Result<Attached, Killed> {
        let attached = Attached(self.clone());
        self.reason()
            .map_or(Ok(attached), |reason| Err(Killed(reason)))
    }

    /// Says where the interrupt memory of the starting guest is, which must be [`Attached`]. A kill that came before is
    /// seen at once.
    #[expect(
        unsafe_code,
        reason = "the one place where a thread writes to the memory of a guest that another runs"
    )]
    pub(crate) fn register(&self, interrupt: &[u8]) {
        let first = interrupt.as_ptr().cast::<AtomicU8>();
        // SAFETY: the memory does not move (its pages are as many as they may be), lives as long as the store, and is used
        // only under this lock, until `Attached` takes it back, which is dropped before the store. Nobody keeps a reference
        // to its plain bytes: the guest reads them by loads of machine code, and the list is gone when `begin` returns.
        let interrupt = unsafe { std::slice::from_raw_parts(first, interrupt.len()) };
        let mut state = self.state();
        state.interrupt = Some(interrupt);
        state.interrupt();
    }
}

impl std::fmt::Debug for KillSwitch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KillSwitch").field(&self.reason()).finish()
    }
}
