//! What the driver was told and may not have heard.
//!
//! Messages keep their order, so the answer to a heartbeat says that everything sent before that heartbeat has
//! arrived. What was sent after it is told again when the connection has broken.

use std::collections::VecDeque;

/// Things to tell, in order: those that were sent come before those that were not.
#[derive(Clone, Debug)]
pub(super) struct Unheard<Item> {
    /// Each with the number of heartbeats sent before it; none: it was not sent on this connection.
    items: VecDeque<(Item, Option<u64>)>,
}

impl<Item> Default for Unheard<Item> {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
        }
    }
}

impl<Item> Unheard<Item> {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().map(|(item, _)| item)
    }

    pub(super) fn push(&mut self, item: Item) {
        self.items.push_back((item, None));
    }

    pub(super) fn pop_oldest(&mut self) -> Option<Item> {
        self.items.pop_front().map(|(item, _)| item)
    }

    /// Notes that nothing is sure to have arrived.
    pub(super) fn doubt(&mut self) {
        for (_, sent) in &mut self.items {
            *sent = None;
        }
    }

    /// Returns what is to be sent, and takes it for sent after that many heartbeats.
    pub(super) fn send(&mut self, heartbeats: u64) -> impl Iterator<Item = &Item> {
        let first = self.items.partition_point(|(_, sent)| sent.is_some());
        self.items.range_mut(first..).map(move |(item, sent)| {
            *sent = Some(heartbeats);
            &*item
        })
    }

    /// Takes out what has arrived, now that so many heartbeats are answered.
    pub(super) fn heard(&mut self, answered: u64) -> impl Iterator<Item = Item> {
        let arrived = |sent: Option<u64>| sent.is_some_and(|sent| sent < answered);
        let count = self.items.partition_point(|(_, sent)| arrived(*sent));
        self.items.drain(..count).map(|(item, _)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_before_an_answered_heartbeat_has_arrived() {
        let mut unheard = Unheard::default();
        unheard.push('a');
        assert_eq!(unheard.send(0).count(), 1);
        unheard.push('b');
        assert_eq!(unheard.send(1).collect::<String>(), "b");
        assert_eq!(unheard.heard(0).count(), 0);
        assert_eq!(unheard.heard(1).collect::<String>(), "a");
        unheard.doubt();
        assert_eq!(unheard.heard(9).count(), 0);
        assert_eq!(unheard.send(0).collect::<String>(), "b");
    }
}
