//! The output folders that a program has begun.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{OutputNumber, SharedOutput};

/// By number, in the order of their beginning.
#[derive(Default)]
pub(crate) struct Outputs(Mutex<Vec<SharedOutput>>);

impl Outputs {
    pub(crate) fn add(&self, output: SharedOutput) -> OutputNumber {
        let mut outputs = self.lock();
        outputs.push(output);
        OutputNumber::try_from(outputs.len() - 1).expect("outputs are begun one by one")
    }

    pub(crate) fn get(&self, number: OutputNumber) -> Option<SharedOutput> {
        self.lock().get(number as usize).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SharedOutput>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
