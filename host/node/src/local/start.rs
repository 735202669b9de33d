//! Begins the application of a local run: its machine, the threads that run its tasks, the one that keeps deadlines.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use sandbox::Program;
use scheduler::Settings;
use store::Files;

use super::application::Application;
use crate::Console;
use crate::cancel::Cancel;
use crate::driver::{JobScheduler, Start, StartError};
use crate::executor::{self, DriverRef};

/// The threads of a run.
pub(super) type Threads = Arc<Mutex<Vec<JoinHandle<()>>>>;

/// What it takes to begin the application when its settings are final.
pub(super) struct Starter {
    pub(super) program: Arc<Program>,
    pub(super) files: Files,
    pub(super) console: Arc<dyn Console>,
    pub(super) cores: u32,
    pub(super) seed: u64,
    /// The threads that it started.
    pub(super) threads: Threads,
    pub(super) cancel: Cancel,
}

impl Start for Starter {
    fn start(&self, settings: Settings) -> Result<Arc<dyn JobScheduler>, StartError> {
        let application = Application::new(
            Arc::clone(&self.program),
            &settings,
            self.files.clone(),
            Arc::clone(&self.console),
            self.cores,
            self.seed,
        )?;
        let jobs: Arc<dyn JobScheduler> = application.clone();
        let driver: Arc<dyn DriverRef> = application.clone();
        self.cancel.begun(&jobs);
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.extend(executor::start(application.executor(), &driver));
        threads.push(thread::spawn(move || application.keep_deadlines()));
        Ok(jobs)
    }
}
