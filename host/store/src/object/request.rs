//! What is waited for here and runs elsewhere.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{self, Handle};

use crate::Stopper;

/// What runs on this crate's own thread. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Request<T>(tokio::task::JoinHandle<object_store::Result<T>>);

impl<T: Send + 'static> Request<T> {
    pub(super) fn begin(
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Self {
        Self(runtime().spawn(work))
    }

    /// What came of it; none if it was stopped before.
    pub(super) fn wait(mut self, stopper: &Stopper) -> Option<object_store::Result<T>> {
        let ended = runtime().block_on(async {
            tokio::select! {
                biased;
                () = stopper.stopped() => None,
                ended = &mut self.0 => Some(ended),
            }
        });
        match ended? {
            Ok(result) => Some(result),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => None,
        }
    }
}

impl<T> Drop for Request<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The event loop of all requests of this process.
pub(super) fn runtime() -> &'static Handle {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the machine has room for an event loop");
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("objects".into())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .expect("the machine has room for a thread");
        handle
    })
}
