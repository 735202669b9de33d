//! A local run: driver and executor threads in this process.

mod application;
mod start;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sandbox::Program;
use scheduler::{Event, Settings, TaskFailure};
use store::Grants;

use crate::Console;
use crate::cancel::Cancel;
use crate::driver::{DriverSide, JobScheduler};

use start::Starter;

/// How often the listener is given the events that have come: often enough for a progress bar to look alive.
const LISTEN_EVERY: Duration = Duration::from_millis(50);

/// A program to be run on this machine.
pub struct LocalRun {
    /// The program.
    pub program: Arc<Program>,
    /// Its arguments.
    pub args: Vec<String>,
    /// How many tasks run at a time.
    pub cores: u32,
    /// What it was told.
    pub settings: Settings,
    /// What it may touch.
    pub grants: Grants,
    /// Where its output goes.
    pub console: Arc<dyn Console>,
    /// Ends it from outside.
    pub cancel: Cancel,
}

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program failed.
    #[error("{0}")]
    Failed(TaskFailure),
    /// It was cancelled.
    #[error("the run was cancelled")]
    Cancelled,
}

impl LocalRun {
    /// Runs the program to its end. The listener is given every event, in order.
    ///
    /// # Errors
    ///
    /// How the program failed, or that it was cancelled.
    pub fn run(self, listener: impl FnMut(&[Event]) + Send) -> Result<(), RunError> {
        let threads = Arc::<Mutex<Vec<_>>>::default();
        let application: Arc<OnceLock<Arc<dyn JobScheduler>>> = Arc::default();
        let finished = Finished::default();
        thread::scope(|scope| {
            scope.spawn(|| listen(&application, &finished, listener));
            let at_the_end = SetAtTheEnd(&finished);
            let result = self.run_driver(&application, &threads);
            if let Some(application) = application.get() {
                application.stop();
            }
            for thread in threads
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .drain(..)
            {
                // A thread that panicked has said so; its task is lost with the run.
                let _ = thread.join();
            }
            if let Some(application) = application.get() {
                application.close();
            }
            drop(at_the_end);
            match result {
                Err(_) if self.cancel.was_cancelled() => Err(RunError::Cancelled),
                result => result.map_err(RunError::Failed),
            }
        })
    }

    fn run_driver(
        &self,
        application: &Arc<OnceLock<Arc<dyn JobScheduler>>>,
        threads: &Arc<Mutex<Vec<JoinHandle<()>>>>,
    ) -> Result<(), TaskFailure> {
        let seed = RandomState::new().hash_one(std::process::id());
        let memory_bytes = usize::try_from(self.settings.driver_memory()).unwrap_or(usize::MAX);
        let side = DriverSide {
            settings: self.settings.clone(),
            grants: self.grants.clone(),
            console: Arc::clone(&self.console),
            cores: self.cores,
            start: Box::new(Starter {
                program: Arc::clone(&self.program),
                grants: self.grants.clone(),
                console: Arc::clone(&self.console),
                cores: self.cores,
                seed,
                threads: Arc::clone(threads),
                cancel: self.cancel.clone(),
            }),
            jobs: Arc::clone(application),
        };
        let driver = || {
            sandbox::run_driver(
                &self.program,
                &self.args,
                seed,
                memory_bytes,
                self.cancel.driver.clone(),
                Box::new(side),
            )
        };
        thread::scope(|scope| {
            let driver = thread::Builder::new()
                .name("driver".into())
                .stack_size(sandbox::THREAD_STACK_BYTES)
                .spawn_scoped(scope, driver);
            driver
                .expect("the machine has room for a thread")
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl std::fmt::Debug for LocalRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalRun")
            .field("program", &self.program)
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}

/// Whether everything has happened that the listener is to be told of.
#[derive(Default)]
struct Finished(Mutex<bool>, Condvar);

impl Finished {
    fn set(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.1.notify_all();
    }

    /// Waits until then, or for `timeout`.
    fn wait(&self, timeout: Duration) -> bool {
        let finished = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *self
            .1
            .wait_timeout_while(finished, timeout, |finished| !*finished)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// Also where the run panics: the scope waits for the listener, and that would wait for ever.
struct SetAtTheEnd<'f>(&'f Finished);

impl Drop for SetAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.set();
    }
}

fn listen(
    application: &OnceLock<Arc<dyn JobScheduler>>,
    finished: &Finished,
    mut listener: impl FnMut(&[Event]),
) {
    let mut reported = 0;
    loop {
        let last = finished.wait(LISTEN_EVERY);
        if let Some(application) = application.get() {
            let (events, dropped) = application.take_events();
            listener(&events);
            if dropped > reported {
                tracing::warn!(
                    dropped,
                    "the listener is too slow: progress and summary miss events"
                );
                reported = dropped;
            }
        }
        if last {
            return;
        }
    }
}
