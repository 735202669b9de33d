//! Runs a program's `main` in this process, with a listener that is told of every event.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use sandbox::Program;
use scheduler::{Event, Settings, TaskFailure};
use store::Files;

use super::{DriverSide, JobScheduler, Start};
use crate::store_wait::StoreWait;
use crate::{Cancel, Console};

/// How often the listener is given the events that have come: often enough for a progress bar to look alive.
const LISTEN_EVERY: Duration = Duration::from_millis(50);

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

/// A program whose driver runs here, wherever its tasks do.
pub(crate) struct DriverRun {
    pub(crate) program: Arc<Program>,
    pub(crate) args: Vec<String>,
    pub(crate) settings: Settings,
    pub(crate) files: Files,
    pub(crate) console: Arc<dyn Console>,
    /// What the program is told when it asks how many there are.
    pub(crate) cores: u32,
    pub(crate) seed: u64,
    pub(crate) cancel: Cancel,
}

/// Draws an application's seed.
pub(crate) fn draw_seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

impl DriverRun {
    /// Runs the program to its end. The application is begun by `start`; when it has stopped, `join` waits for
    /// whatever threads it had.
    pub(crate) fn run(
        self,
        start: Box<dyn Start>,
        join: impl FnOnce(),
        listener: impl FnMut(&[Event]) + Send,
    ) -> Result<(), RunError> {
        let jobs: Arc<OnceLock<Arc<dyn JobScheduler>>> = Arc::default();
        let finished = Finished::default();
        let cancel = self.cancel.clone();
        thread::scope(|scope| {
            scope.spawn(|| listen(&jobs, &finished, listener));
            let at_the_end = SetAtTheEnd(&finished);
            let result = self.run_main(&jobs, start);
            if let Some(jobs) = jobs.get() {
                jobs.stop();
            }
            join();
            if let Some(jobs) = jobs.get() {
                jobs.close();
            }
            drop(at_the_end);
            match result {
                Err(_) if cancel.was_cancelled() => Err(RunError::Cancelled),
                result => result.map_err(RunError::Failed),
            }
        })
    }

    fn run_main(
        self,
        jobs: &Arc<OnceLock<Arc<dyn JobScheduler>>>,
        start: Box<dyn Start>,
    ) -> Result<(), TaskFailure> {
        let memory_bytes = usize::try_from(self.settings.driver_memory()).unwrap_or(usize::MAX);
        let side = DriverSide {
            settings: self.settings,
            files: self.files,
            console: self.console,
            cores: self.cores,
            start,
            jobs: Arc::clone(jobs),
            wait: StoreWait::new(self.cancel.driver.clone()),
        };
        let kill = self.cancel.driver.clone();
        let main = || {
            sandbox::run_driver(
                &self.program,
                &self.args,
                self.seed,
                memory_bytes,
                kill,
                Box::new(side),
            )
        };
        thread::scope(|scope| {
            let driver = thread::Builder::new()
                .name("driver".into())
                .stack_size(sandbox::THREAD_STACK_BYTES)
                .spawn_scoped(scope, main);
            driver
                .expect("the machine has room for a thread")
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
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
    jobs: &OnceLock<Arc<dyn JobScheduler>>,
    finished: &Finished,
    mut listener: impl FnMut(&[Event]),
) {
    let mut reported = 0;
    loop {
        let last = finished.wait(LISTEN_EVERY);
        if let Some(jobs) = jobs.get() {
            let (events, dropped) = jobs.take_events();
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
