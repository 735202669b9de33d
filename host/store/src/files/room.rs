//! How much of what servers send one task may hold before it uses it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of all ranges that a task's readers hold or have asked for. One reader takes 12 MiB of it.
const TASK_BYTES: usize = 48 << 20;

/// Room that the readers of one task share. Clones are the same room.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

/// A part of it, which is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    _permit: OwnedSemaphorePermit,
}

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TASK_BYTES)))
    }
}

impl Room {
    /// Takes room for so many bytes, if there is.
    pub(super) fn take(&self, bytes: u64) -> Option<Taken> {
        let bytes = u32::try_from(bytes).ok()?;
        let permit = Arc::clone(&self.0).try_acquire_many_owned(bytes).ok()?;
        Some(Taken { _permit: permit })
    }
}
