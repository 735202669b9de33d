//! Time and randomness as a guest sees them: real for a driver, a function of the image and the task for a task.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::image::ClockReading;

/// How far a task's clock moves when it is read, so that a loop that waits for time to pass ends.
const TICK_NS: u64 = 1_000;

/// The clocks of one guest.
#[derive(Debug)]
pub(crate) enum Clock {
    /// A driver's: the machine's.
    Real { started: Instant },
    /// A task's: starts at its image's, and moves only by being read and by sleeping.
    Virtual(ClockReading),
}

impl Clock {
    pub(crate) fn real() -> Self {
        Self::Real {
            started: Instant::now(),
        }
    }

    /// Reads both clocks without moving them.
    pub(crate) fn reading(&self) -> ClockReading {
        match self {
            Self::Real { started } => ClockReading {
                wall_ns: nanoseconds(
                    SystemTime::now()
                        .duration_since(UNIX_EPOCH)
                        .unwrap_or_default(),
                ),
                monotonic_ns: nanoseconds(started.elapsed()),
            },
            Self::Virtual(reading) => *reading,
        }
    }

    /// Reads both clocks for the guest.
    pub(crate) fn read(&mut self) -> ClockReading {
        self.advance(TICK_NS);
        self.reading()
    }

    /// The guest has slept.
    pub(crate) fn slept(&mut self, duration: Duration) {
        self.advance(nanoseconds(duration));
    }

    fn advance(&mut self, by_ns: u64) {
        if let Self::Virtual(reading) = self {
            reading.wall_ns = reading.wall_ns.saturating_add(by_ns);
            reading.monotonic_ns = reading.monotonic_ns.saturating_add(by_ns);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Randomness that is the same for each attempt of a task: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
///
/// It is for hash seeds, sampling and simulation; a sandboxed job has no use for secrets.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| self.word().to_le_bytes())
            .take(length.div_ceil(8))
            .flatten()
            .collect();
        bytes.truncate(length);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tasks_clock_moves_only_by_being_read_and_by_sleeping() {
        let mut clock = Clock::Virtual(ClockReading {
            wall_ns: 5,
            monotonic_ns: 7,
        });
        assert_eq!(clock.reading(), clock.reading());
        assert_eq!(
            clock.read(),
            ClockReading {
                wall_ns: 5 + TICK_NS,
                monotonic_ns: 7 + TICK_NS
            }
        );
        clock.slept(Duration::from_secs(1));
        assert_eq!(clock.reading().monotonic_ns, 7 + TICK_NS + 1_000_000_000);
    }

    #[test]
    fn randomness_depends_on_the_seed_alone() {
        assert_eq!(Random::new(1).bytes(13), Random::new(1).bytes(13));
        assert_ne!(Random::new(1).bytes(13), Random::new(2).bytes(13));
        assert_eq!(Random::new(1).bytes(13).len(), 13);
    }
}
