//! Ends a run from outside: Ctrl-C, a signal.

use std::sync::{Arc, OnceLock, Weak};

use sandbox::{KillReason, KillSwitch, Program};

use crate::driver::JobScheduler;

/// Ends a run from outside. Clones share it.
#[derive(Clone)]
pub struct Cancel {
    pub(crate) driver: KillSwitch,
    /// Whoever may cancel a run, a signal's handler above all, may outlive it, and must not keep it.
    application: Arc<OnceLock<Weak<dyn JobScheduler>>>,
}

impl Cancel {
    /// Something to end a run of this program with.
    pub fn new(program: &Program) -> Self {
        Self {
            driver: program.kill_switch(),
            application: Arc::default(),
        }
    }

    /// Ends the run: the driver is killed, its jobs end, its tasks are killed.
    pub fn cancel(&self) {
        self.driver.kill(KillReason::Ordered);
        if let Some(application) = self.application.get().and_then(Weak::upgrade) {
            application.stop();
        }
    }

    /// The application has begun: from now on it can be stopped, too.
    pub(crate) fn begun(&self, application: &Arc<dyn JobScheduler>) {
        let _ = self.application.set(Arc::downgrade(application));
    }

    pub(crate) fn was_cancelled(&self) -> bool {
        self.driver.reason().is_some()
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cancel")
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}
