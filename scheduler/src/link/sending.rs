//! Messages on their way out: under way, then waiting.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Time;

use super::Content;

/// How many of the oldest messages are sent again at a time.
const AGAIN: usize = 4;

/// What was said and is not acknowledged.
#[derive(Debug)]
pub(super) struct Sending<M> {
    /// The number of the first message in `messages`.
    first: u64,
    messages: VecDeque<M>,
    /// So many of them were sent.
    under_way: usize,
    /// When the oldest are sent again.
    resend_at: Option<Time>,
    /// How long that waits.
    wait: Duration,
}

impl<M: Clone> Sending<M> {
    pub(super) fn new(wait: Duration) -> Self {
        Self {
            first: 0,
            messages: VecDeque::new(),
            under_way: 0,
            resend_at: None,
            wait,
        }
    }

    pub(super) fn push(&mut self, message: M) {
        self.messages.push_back(message);
    }

    /// Returns the next message to send for the first time, if there is room for it.
    pub(super) fn next(&mut self, now: Time, window: usize) -> Option<Content<M>> {
        if self.under_way >= window {
            return None;
        }
        let content = self.content(self.under_way)?;
        self.under_way += 1;
        self.wait(now);
        Some(content)
    }

    fn content(&self, at: usize) -> Option<Content<M>> {
        let message = self.messages.get(at)?.clone();
        let number = self.first + at as u64;
        Some(Content::Message { number, message })
    }

    /// Returns the messages that have waited longest for their acknowledgement.
    pub(super) fn oldest(&self) -> Vec<Content<M>> {
        let again = 0..self.under_way.min(AGAIN);
        again.filter_map(|at| self.content(at)).collect()
    }

    /// The peer has received this many messages in order. A number that makes no sense changes nothing.
    pub(super) fn acknowledged(&mut self, received: u64, now: Time, wait: Duration) {
        let more = received
            .checked_sub(self.first)
            .and_then(|more| usize::try_from(more).ok());
        let Some(more) = more.filter(|more| (1..=self.under_way).contains(more)) else {
            return;
        };
        self.messages.drain(..more);
        self.first = received;
        self.under_way -= more;
        self.wait = wait;
        self.resend_at = (self.under_way > 0).then(|| now + wait);
    }
}

impl<M> Sending<M> {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn resend_at(&self) -> Option<Time> {
        self.resend_at
    }

    /// Sets the timer where it does not run.
    pub(super) fn wait(&mut self, now: Time) {
        self.resend_at.get_or_insert(now + self.wait);
    }

    /// Stops the timer; the next time it waits this long.
    pub(super) fn stop_waiting(&mut self, wait: Duration) {
        self.wait = wait;
        self.resend_at = None;
    }

    /// Sets the timer again, to wait twice as long.
    pub(super) fn back_off(&mut self, now: Time, longest: Duration) {
        self.wait = self.wait.saturating_mul(2).min(longest);
        self.resend_at = Some(now + self.wait);
    }
}
