//! What waits to be written to a control stream.
//!
//! Whoever has a message leaves it here without waiting; one task writes, as much at a time as there is.

use std::sync::{Mutex, PoisonError};

use quinn::SendStream;
use tokio::sync::Notify;
use wire::{Envelope, Kind, Message, frame};

/// What became of a message.
pub(crate) enum Put {
    /// It waits to be written.
    Taken,
    /// Nothing more is written.
    Closed,
    /// There is more than the limit: the peer does not read.
    Full,
}

#[derive(Debug, Default)]
struct State {
    buffer: Vec<u8>,
    closed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    state: Mutex<State>,
    more: Notify,
}

/// A buffer that was once large is not kept for ever.
const BUFFER_KEPT: usize = 1 << 20;

impl Outgoing {
    /// Leaves a message.
    pub(crate) fn put(
        &self,
        kind: Kind,
        message: &Message,
        frame_max: u32,
        queue_max: usize,
    ) -> Result<Put, wire::Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Ok(Put::Closed);
        }
        frame(&mut state.buffer, frame_max, |out| {
            Envelope::encode(kind, message, out)
        })?;
        if state.buffer.len() > queue_max {
            return Ok(Put::Full);
        }
        drop(state);
        self.more.notify_one();
        Ok(Put::Taken)
    }

    /// Takes nothing more; what waits is still written.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        drop(state);
        self.more.notify_one();
    }

    /// Writes all that comes, until it is closed and the peer has all of it.
    pub(crate) async fn write_to(&self, stream: &mut SendStream) -> Result<(), quinn::WriteError> {
        let mut writing = Vec::new();
        while self.take(&mut writing) {
            if writing.is_empty() {
                self.more.notified().await;
            } else {
                stream.write_all(&writing).await?;
            }
        }
        // Both fail only where the connection is gone, which its reader tells.
        let _ = stream.finish();
        let _ = stream.stopped().await;
        Ok(())
    }

    /// Takes what waits; false: nothing does, and nothing will.
    fn take(&self, writing: &mut Vec<u8>) -> bool {
        writing.clear();
        writing.shrink_to(BUFFER_KEPT);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.buffer, writing);
        !(state.closed && writing.is_empty())
    }
}
