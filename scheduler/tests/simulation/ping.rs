//! The smallest process: it counts aloud to another one. It tests the world, not the scheduler.

use std::time::Duration;

use scheduler::message::ToMaster;
use scheduler::{Address, Message, Time, WorkerId};

/// Counts aloud to its peer, and listens.
#[derive(Debug)]
pub(crate) struct Ping {
    pub(crate) peer: Address,
    pub(crate) said: u64,
    pub(crate) most: u64,
    pub(crate) next: Time,
    /// What it heard, in order.
    pub(crate) heard: Vec<u64>,
    pub(crate) disconnected: u32,
}

impl Ping {
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        (self.said < self.most).then_some(self.next)
    }

    /// Returns what it says now.
    pub(crate) fn count(&mut self, now: Time) -> Option<Message> {
        if self.said >= self.most || self.next > now {
            return None;
        }
        self.next = now + Duration::from_millis(10);
        self.said += 1;
        Some(Message::ToMaster(ToMaster::Heartbeat(WorkerId(
            self.said - 1,
        ))))
    }

    pub(crate) fn hear(&mut self, message: &Message) {
        if let Message::ToMaster(ToMaster::Heartbeat(WorkerId(number))) = message {
            self.heard.push(*number);
        }
    }
}
