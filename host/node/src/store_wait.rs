//! Calls of a guest that may wait for a store, and end with the guest.

use sandbox::KillSwitch;
use store::Stopper;

/// What a guest waits with. Clones share it.
#[derive(Clone)]
pub(crate) struct StoreWait {
    kill: KillSwitch,
    stopper: Stopper,
}

impl StoreWait {
    pub(crate) fn new(kill: KillSwitch) -> Self {
        Self {
            kill,
            stopper: Stopper::default(),
        }
    }

    /// Does what may wait. A kill ends the waiting, and then it fails.
    pub(crate) fn run<T>(&self, wait: impl FnOnce(&Stopper) -> T) -> T {
        let stopper = self.stopper.clone();
        self.kill
            .wait(move || stopper.stop(), || wait(&self.stopper))
    }
}
