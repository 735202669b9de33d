//! Each event as a line for the executor's log.

use std::fmt;

use super::EventKind as E;
use crate::amount::Count;

impl fmt::Display for E {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered { updates: 0 } => f.write_str("registered with the driver"),
            Self::Registered { updates } => {
                let updates = Count((*updates).into(), "ended task");
                write!(f, "registered with the driver; tells it again of {updates}")
            }
            Self::DriverLost => {
                f.write_str("the driver cannot be reached; what runs goes on for a while")
            }
            Self::TaskRefused { attempt, reason } => write!(f, "did not run {attempt}: {reason}"),
            Self::Refused { order, reason } => write!(f, "does not obey {order}: {reason}"),
            Self::Decommissioning => f.write_str("takes no more tasks"),
            Self::Exiting { reason } => write!(f, "ends: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AttemptId;

    #[test]
    fn an_executors_life_reads_well() {
        let events = [
            E::Registered { updates: 0 },
            E::Registered { updates: 2 },
            E::DriverLost,
            E::TaskRefused {
                attempt: AttemptId(7),
                reason: "every core is taken".into(),
            },
            E::Refused {
                order: "an order to be taken out of service".into(),
                reason: "`decommission.enabled` is false".into(),
            },
            E::Decommissioning,
            E::Exiting {
                reason: "its driver told it to stop".into(),
            },
        ];
        let lines = events.each_ref().map(E::to_string);
        let expected = [
            "registered with the driver",
            "registered with the driver; tells it again of 2 ended tasks",
            "the driver cannot be reached; what runs goes on for a while",
            "did not run attempt-7: every core is taken",
            "does not obey an order to be taken out of service: `decommission.enabled` is false",
            "takes no more tasks",
            "ends: its driver told it to stop",
        ];
        assert_eq!(lines, expected);
    }
}
