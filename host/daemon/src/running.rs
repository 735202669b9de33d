//! A daemon that runs, held by who started it.

use scheduler::Address;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Error;

/// A daemon in a task of its own. Dropped, it is stopped.
#[derive(Debug)]
pub struct Running {
    address: Address,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Error>>,
}

/// Tells a daemon's task that it is to stop.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits until it is to stop.
    pub(crate) async fn asked(&mut self) {
        // Who cannot ask any more wants nobody to go on.
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Returns whether it was to stop.
    pub(crate) fn was_asked(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

impl Running {
    pub(crate) fn start<F>(address: Address, run: impl FnOnce(Stop) -> F) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(Stop(stopped)));
        Self {
            address,
            stop,
            task,
        }
    }

    /// Returns what others connect to.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    ///
    /// Why it could not go on.
    pub async fn ended(&mut self) -> Result<(), Error> {
        match (&mut self.task).await {
            Ok(ended) => ended,
            Err(failed) => Err(Error::Ended(failed.to_string().into())),
        }
    }

    /// Stops it in good order.
    ///
    /// # Errors
    ///
    /// If it had ended by itself.
    pub async fn stop(mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        self.ended().await
    }

    /// Waits until it has ended, or is stopped in good order by SIGTERM or SIGINT. A second signal ends the process
    /// at once.
    ///
    /// # Errors
    ///
    /// Why it could not go on.
    pub async fn until_signalled(mut self) -> Result<(), Error> {
        tokio::select! {
            ended = self.ended() => return ended,
            () = signalled() => {}
        }
        tokio::spawn(async {
            signalled().await;
            std::process::exit(130);
        });
        self.stop().await
    }
}

/// Waits for SIGTERM or SIGINT.
async fn signalled() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
