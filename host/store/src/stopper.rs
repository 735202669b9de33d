//! Ends the waiting for a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Ends whatever one attempt, or the driver, waits for in this crate. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stopper(Arc<State>);

#[derive(Debug, Default)]
struct State {
    stopped: AtomicBool,
    stop: Notify,
}

impl Stopper {
    /// Nobody waits any longer, nor from now on.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
        self.0.stop.notify_waiters();
    }

    /// Waits until then.
    pub(crate) async fn stopped(&self) {
        loop {
            // Before the look, so that no stop comes between.
            let stop = self.0.stop.notified();
            if self.0.stopped.load(Ordering::Acquire) {
                return;
            }
            stop.await;
        }
    }
}
