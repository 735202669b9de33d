//! What waits for connections that are being made.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scheduler::Address;
use wire::Message;

use crate::Error;

/// How many messages may wait for one connection. Then none of them is sent: order would be lost.
pub(crate) const WAITING_MAX: usize = 1 << 16;

/// None: there were too many.
pub(crate) type Waiting = Option<Vec<Message>>;

#[derive(Debug, Default)]
pub(crate) struct Unsent(Mutex<HashMap<Address, Waiting>>);

impl Unsent {
    fn waiting(&self) -> MutexGuard<'_, HashMap<Address, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message behind those that wait for the same connection; if none do, tries to send it, and lets it wait where
    /// there is no connection. Returns whether it is the first to wait: then a connection is to be made.
    pub(crate) fn put(
        &self,
        to: &Address,
        message: Message,
        send: impl FnOnce(&Message) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let mut all = self.waiting();
        match all.get_mut(to) {
            Some(Some(messages)) if messages.len() < WAITING_MAX => messages.push(message),
            Some(too_many) => *too_many = None,
            None if send(&message)? => {}
            None => {
                all.insert(to.clone(), Some(vec![message]));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Hands over all that waits. While `send` runs nothing can come before it.
    pub(crate) fn take<T>(&self, to: &Address, send: impl FnOnce(Waiting) -> T) -> T {
        let mut all = self.waiting();
        let waiting = all.remove(to);
        send(waiting.unwrap_or_else(|| Some(Vec::new())))
    }
}
