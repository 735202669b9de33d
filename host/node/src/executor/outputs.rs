//! What one attempt writes to outputs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use scheduler::AttemptId;
use store::{AttemptOutput, Compression, Output};

use crate::store_wait::StoreWait;

/// The outputs that an attempt has begun to write, by number.
#[derive(Default)]
pub(super) struct AttemptOutputs(BTreeMap<u32, AttemptOutput>);

impl AttemptOutputs {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds bytes to a file of an output; none where `find` knows no such output.
    pub(super) fn write(
        &mut self,
        (number, attempt): (u32, AttemptId),
        find: impl FnOnce(u32) -> Option<Arc<Output>>,
        (name, compression): (&str, Option<Compression>),
        bytes: &[u8],
        wait: &StoreWait,
    ) -> Option<store::Result<()>> {
        let output = match self.0.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(none) => {
                let output = find(number)?;
                none.insert(wait.run(|stopper| output.attempt(attempt, stopper)))
            }
        };
        Some(wait.run(|_| output.write(name, compression, bytes)))
    }

    /// Writes out what is buffered.
    pub(super) fn flush(&mut self, wait: &StoreWait) -> store::Result<()> {
        let mut outputs = self.0.values_mut();
        wait.run(|_| outputs.try_for_each(AttemptOutput::flush))
    }

    /// Makes it all visible.
    pub(super) fn commit(&mut self, wait: &StoreWait) -> store::Result<()> {
        let mut outputs = std::mem::take(&mut self.0).into_values();
        wait.run(|_| outputs.try_for_each(AttemptOutput::commit))
    }
}

/// What the store is told.
pub(super) fn compression(how: sandbox::Compression) -> Compression {
    match how {
        sandbox::Compression::Gzip => Compression::Gzip,
        sandbox::Compression::Zstd => Compression::Zstd,
    }
}
