//! Ends a guest from outside, whatever it is doing.
//!
//! This is the one seam of interruption. The link step puts a check into each loop and each function that calls, and cuts
//! bulk memory operations into pieces with a check between them: all read bytes of the instance's interrupt memory, which
//! stay zero until somebody is killed, and trap where one is set. Nothing ticks, and a running guest is disturbed by
//! nothing else. Host calls that wait do so in [`KillSwitch::sleep`] or in [`KillSwitch::wait`].

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
    /// Ends what a host call waits for.
    wake: Option<Box<dyn FnOnce() + Send>>,
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

impl Default for KillSwitch {
    fn default() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            killed: Condvar::new(),
        }))
    }
}

impl KillSwitch {
    /// A switch that nothing is within reach of yet.
    pub fn new() -> Self {
        Self::default()
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
        let wake = state.wake.take();
        drop(state);
        if let Some(wake) = wake {
            wake();
        }
    }

    /// Why the guest was killed, if it was.
    pub fn reason(&self) -> Option<KillReason> {
        self.state().reason
    }

    /// Waits for the guest, in `wait`. A kill calls `wake`, which must have that return soon. A guest waits for one thing
    /// at a time.
    pub fn wait<T>(&self, wake: impl FnOnce() + Send + 'static, wait: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        if state.reason.is_some() {
            drop(state);
            wake();
        } else {
            state.wake = Some(Box::new(wake));
            drop(state);
        }
        let waited = wait();
        self.state().wake = None;
        waited
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_kill_wakes_what_waits() {
        let (kill, (wake, woken)) = (KillSwitch::new(), mpsc::channel());
        let (waits, waiting) = mpsc::channel();
        let killer = thread::spawn({
            let kill = kill.clone();
            move || {
                waiting.recv().unwrap();
                kill.kill(KillReason::Ordered);
            }
        });
        kill.wait(
            move || wake.send(()).unwrap(),
            || {
                waits.send(()).unwrap();
                woken.recv().unwrap();
            },
        );
        killer.join().unwrap();
    }

    #[test]
    fn who_is_killed_waits_for_nothing_and_who_has_waited_is_not_woken() {
        let kill = KillSwitch::new();
        kill.wait(|| unreachable!("it has been waited for"), || ());
        kill.kill(KillReason::Ordered);
        let (wake, woken) = mpsc::channel();
        kill.wait(move || wake.send(()).unwrap(), || woken.try_recv().unwrap());
    }
}
