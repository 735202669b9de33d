//! A local run: driver and executor threads in this process.

mod application;
mod start;

use std::sync::{Arc, PoisonError};

use sandbox::Program;
use scheduler::{Event, Settings};
use store::{Files, Grants};

use crate::driver::{DriverRun, draw_seed};
use crate::{Cancel, Console, RunError};

use start::{Starter, Threads};

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

impl LocalRun {
    /// Runs the program to its end. The listener is given every event, in order.
    ///
    /// # Errors
    ///
    /// How the program failed, or that it was cancelled.
    pub fn run(self, listener: impl FnMut(&[Event]) + Send) -> Result<(), RunError> {
        let threads = Threads::default();
        let seed = draw_seed();
        let files = Files::new(self.grants, &self.settings);
        let starter = Starter {
            program: Arc::clone(&self.program),
            files: files.clone(),
            console: Arc::clone(&self.console),
            cores: self.cores,
            seed,
            threads: Arc::clone(&threads),
            cancel: self.cancel.clone(),
        };
        let run = DriverRun {
            program: self.program,
            args: self.args,
            settings: self.settings,
            files,
            console: self.console,
            cores: self.cores,
            seed,
            cancel: self.cancel,
        };
        run.run(Box::new(starter), || join(&threads), listener)
    }
}

fn join(threads: &Threads) {
    let mut threads = threads.lock().unwrap_or_else(PoisonError::into_inner);
    for thread in threads.drain(..) {
        // A thread that panicked has said so; its task is lost with the run.
        let _ = thread.join();
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
