//! Begins an application, when its settings are final: the state machine, the threads that run its tasks, the one that watches deadlines.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use sandbox::Program;
use scheduler::Settings;
use store::Grants;

use crate::application::Application;
use crate::cancel::Cancel;
use crate::{Console, executor};

/// What it takes to begin the application when its settings are final.
pub(crate) struct Starter {
    pub(crate) program: Arc<Program>,
    pub(crate) grants: Grants,
    pub(crate) console: Arc<dyn Console>,
    pub(crate) cores: u32,
    pub(crate) seed: u64,
    /// The threads that it started.
    pub(crate) threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    pub(crate) cancel: Cancel,
}

impl Starter {
    pub(crate) fn start(&self, settings: Settings) -> Result<Arc<Application>, store::Error> {
        let Self {
            program,
            grants,
            console,
            cores,
            seed,
            threads,
            cancel,
        } = self;
        let application = Application::new(
            Arc::clone(program),
            settings,
            grants.clone(),
            Arc::clone(console),
            *cores,
            *seed,
        )?;
        cancel.begun(&application);
        let mut threads = threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.extend(executor::start(&application));
        let keeper = Arc::clone(&application);
        threads.push(thread::spawn(move || keeper.keep_deadlines()));
        Ok(application)
    }
}
