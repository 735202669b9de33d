//! Each event as a line for operators: names as they are typed, amounts as they are read.

use std::fmt;

use super::EventKind as E;
use crate::amount::{Bytes, Cores};
use crate::message::Verb as _;

impl fmt::Display for E {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExecutorLaunched { .. }
            | Self::ExecutorEnded { .. }
            | Self::DriverLaunched { .. }
            | Self::DriverRelaunching { .. }
            | Self::DriverEnded { .. } => self.of_child(f),
            Self::RegistrationTried { retry: 0 } => f.write_str("registers with the masters"),
            Self::RegistrationTried { retry } => {
                write!(f, "registers with the masters again (retry {retry})")
            }
            Self::Registered {
                master,
                epoch,
                duplicate,
            } => {
                let again = if *duplicate { " again" } else { "" };
                write!(f, "registered{again} with {master} ({epoch})")
            }
            Self::MasterChanged { master, epoch } => write!(f, "follows {master} ({epoch})"),
            Self::MasterLost { master } => {
                write!(
                    f,
                    "{master}, the leader, cannot be reached; what runs here goes on"
                )
            }
            Self::OrderRefused { order, reason } => {
                write!(f, "does not obey the order {order}: {reason}")
            }
            Self::Decommissioning => f.write_str("takes no more work"),
            Self::FilesRemoved { application } => {
                write!(
                    f,
                    "{application} is over: removes its files, keeps its logs"
                )
            }
            Self::FolderRemoved {
                application,
                because,
            } => write!(f, "removes the folder of {application}: {because}"),
            Self::Stopping { reason } => write!(f, "stops what runs here: {reason}"),
        }
    }
}

impl E {
    fn of_child(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExecutorLaunched {
                name,
                cores,
                memory,
                waits,
            } => {
                let (cores, memory) = (Cores((*cores).into()), Bytes(*memory));
                write!(f, "launches {name} with {cores} and {memory}")?;
                later(waits.as_deref(), f)
            }
            Self::ExecutorEnded {
                name,
                state,
                reason,
                ..
            } => write!(f, "{name} {}: {reason}", state.verb()),
            Self::DriverLaunched { driver, waits } => {
                write!(f, "launches {driver}")?;
                later(waits.as_deref(), f)
            }
            Self::DriverRelaunching {
                driver,
                wait,
                reason,
            } => {
                let seconds = wait.as_secs();
                write!(f, "{driver} is started again after {seconds} s: {reason}")
            }
            Self::DriverEnded {
                driver,
                state,
                reason,
            } => write!(f, "{driver} {}: {reason}", state.verb()),
            _ => Ok(()),
        }
    }
}

fn later(waits: Option<&str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    waits
        .iter()
        .try_for_each(|waits| write!(f, " as soon as there is room: {waits}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::message::{DriverState, ExecutorName, ExecutorState};
    use crate::{ApplicationId, DriverId, Epoch, ExecutorId};

    const EPOCH: Epoch = Epoch(1);

    const APPLICATION: ApplicationId = ApplicationId {
        epoch: EPOCH,
        number: 4,
    };

    const DRIVER: DriverId = DriverId {
        epoch: EPOCH,
        number: 2,
    };

    const NAME: ExecutorName = ExecutorName {
        application: APPLICATION,
        executor: ExecutorId(1),
    };

    fn lines(events: &[E]) -> Vec<String> {
        events.iter().map(E::to_string).collect()
    }

    #[test]
    fn what_a_worker_is_with_its_masters_reads_well() {
        let registered = |duplicate| E::Registered {
            master: "a:7077".into(),
            epoch: EPOCH,
            duplicate,
        };
        let events = [
            E::RegistrationTried { retry: 0 },
            E::RegistrationTried { retry: 3 },
            registered(false),
            registered(true),
            E::MasterChanged {
                master: "b:7077".into(),
                epoch: Epoch(2),
            },
            E::MasterLost {
                master: "b:7077".into(),
            },
            E::OrderRefused {
                order: "to kill app-1-0004/1".into(),
                reason: "epoch-1 of a:7077 is over".into(),
            },
            E::Decommissioning,
            E::Stopping {
                reason: "it was asked to stop".into(),
            },
        ];
        let expected = [
            "registers with the masters",
            "registers with the masters again (retry 3)",
            "registered with a:7077 (epoch-1)",
            "registered again with a:7077 (epoch-1)",
            "follows b:7077 (epoch-2)",
            "b:7077, the leader, cannot be reached; what runs here goes on",
            "does not obey the order to kill app-1-0004/1: epoch-1 of a:7077 is over",
            "takes no more work",
            "stops what runs here: it was asked to stop",
        ];
        assert_eq!(lines(&events), expected);
    }

    #[test]
    fn what_runs_on_a_worker_reads_well() {
        let launched = |waits: Option<&str>| E::ExecutorLaunched {
            name: NAME,
            cores: 1,
            memory: 512 << 20,
            waits: waits.map(Into::into),
        };
        let events = [
            launched(None),
            launched(Some("1 core is being given back")),
            E::ExecutorEnded {
                name: NAME,
                state: ExecutorState::Killed,
                exit_code: Some(143),
                reason: "the master ordered it".into(),
            },
            E::DriverLaunched {
                driver: DRIVER,
                waits: None,
            },
            E::DriverRelaunching {
                driver: DRIVER,
                wait: Duration::from_secs(2),
                reason: "it ended with exit code 1".into(),
            },
            E::DriverEnded {
                driver: DRIVER,
                state: DriverState::Failed,
                reason: "it ended with exit code 1".into(),
            },
            E::FilesRemoved {
                application: APPLICATION,
            },
            E::FolderRemoved {
                application: APPLICATION,
                because: "nothing in it has changed for long".into(),
            },
        ];
        let expected = [
            "launches app-1-0004/1 with 1 core and 512 MiB",
            "launches app-1-0004/1 with 1 core and 512 MiB as soon as there is room: 1 core is being given back",
            "app-1-0004/1 was killed: the master ordered it",
            "launches driver-1-0002",
            "driver-1-0002 is started again after 2 s: it ended with exit code 1",
            "driver-1-0002 failed: it ended with exit code 1",
            "app-1-0004 is over: removes its files, keeps its logs",
            "removes the folder of app-1-0004: nothing in it has changed for long",
        ];
        assert_eq!(lines(&events), expected);
    }
}
