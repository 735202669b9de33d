//! What a process takes for the time.

use std::time::Duration;

use scheduler::Time;

/// A process' clock: the world's, moved. It may jump, also backwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    ahead_us: u64,
}

/// So far ahead every clock is at least, so that it can be put back.
const ROOM_US: u64 = 3_600_000_000;

impl Clock {
    pub(crate) fn ahead_by(ahead: Duration) -> Self {
        let ahead = Time::from(ahead).as_micros();
        Self {
            ahead_us: ROOM_US + ahead,
        }
    }

    /// What the process reads when the world's time is `now`.
    pub(crate) fn read(self, now: Time) -> Time {
        Time::from_micros(now.as_micros() + self.ahead_us)
    }

    /// When the process reads `shown`, but not before `now`.
    pub(crate) fn when(self, shown: Time, now: Time) -> Time {
        Time::from_micros(shown.as_micros().saturating_sub(self.ahead_us)).max(now)
    }

    pub(crate) fn jump_forward(&mut self, by: Duration) {
        self.ahead_us += Time::from(by).as_micros();
    }

    pub(crate) fn jump_back(&mut self, by: Duration) {
        self.ahead_us = self.ahead_us.saturating_sub(Time::from(by).as_micros());
    }
}
