//! Each event as a line for operators: names as they are typed, amounts as they are read.

use std::fmt;

use super::EventKind as E;
use crate::amount::{Bytes, Cores, Count};
use crate::message::{ApplicationState, DriverState, Verb as _};

impl fmt::Display for E {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeaderElected { .. }
            | Self::RecoveryStarted { .. }
            | Self::RecoveryCompleted { .. }
            | Self::LeadershipLost { .. }
            | Self::TenantsChanged => self.of_master(f),
            Self::WorkerRegistered { .. }
            | Self::WorkerRefused { .. }
            | Self::WorkerDecommissioned { .. }
            | Self::WorkerLost { .. } => self.of_worker(f),
            Self::ApplicationRegistered { .. }
            | Self::ApplicationRefused { .. }
            | Self::ApplicationWaiting { .. }
            | Self::ExecutorsRequested { .. }
            | Self::ApplicationEnded { .. } => self.of_application(f),
            Self::ExecutorLaunched { .. }
            | Self::ExecutorChanged { .. }
            | Self::ExecutorKilled { .. }
            | Self::ExecutorEnded { .. } => self.of_executor(f),
            Self::DriverSubmitted { .. }
            | Self::DriverLaunched { .. }
            | Self::DriverRelaunched { .. }
            | Self::DriverEnded { .. } => self.of_driver(f),
        }
    }
}

impl E {
    fn of_master(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeaderElected { master, epoch, .. } => write!(f, "{master} leads ({epoch})"),
            Self::RecoveryStarted {
                workers,
                applications,
                drivers,
            } => write!(
                f,
                "recovery: asks {}, {} and {} what runs",
                Count((*workers).into(), "worker"),
                Count((*applications).into(), "application"),
                Count((*drivers).into(), "driver"),
            ),
            Self::RecoveryCompleted {
                workers_lost,
                applications_lost,
            } => write!(
                f,
                "recovery: completed; {} and {} did not answer",
                Count((*workers_lost).into(), "worker"),
                Count((*applications_lost).into(), "application"),
            ),
            Self::LeadershipLost { epoch } => write!(f, "leads no more ({epoch})"),
            Self::TenantsChanged => f.write_str("the tenants' quotas were changed"),
            _ => Ok(()),
        }
    }

    fn of_worker(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkerRegistered {
                worker,
                address,
                host,
                cores,
                memory,
            } => {
                let (cores, memory) = (Cores((*cores).into()), Bytes(*memory));
                write!(
                    f,
                    "{worker} registered: {cores} and {memory} on {host}, at {address}"
                )
            }
            Self::WorkerRefused { worker, reason } => write!(f, "{worker} was refused: {reason}"),
            Self::WorkerDecommissioned { worker } => write!(f, "{worker} takes no more work"),
            Self::WorkerLost { worker, reason } => write!(f, "{worker} is lost: {reason}"),
            _ => Ok(()),
        }
    }

    fn of_application(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApplicationRegistered {
                application,
                name,
                tenant,
            } => write!(f, "{application} registered: `{name}` of tenant `{tenant}`"),
            Self::ApplicationRefused { name, reason } => {
                write!(f, "application `{name}` was refused: {reason}")
            }
            Self::ApplicationWaiting {
                application,
                because: Some(because),
            } => write!(f, "{application} waits for executors: {because}"),
            Self::ApplicationWaiting {
                application,
                because: None,
            } => write!(f, "{application} has the executors that it waited for"),
            Self::ExecutorsRequested { application, total } => {
                let total = Count((*total).into(), "executor");
                write!(f, "{application} wants {total} in all")
            }
            Self::ApplicationEnded {
                application,
                state,
                reason,
            } => {
                let reason = (*state != ApplicationState::Finished).then_some(&**reason);
                ended(f, application, state.verb(), reason)
            }
            _ => Ok(()),
        }
    }

    fn of_executor(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExecutorLaunched {
                executor,
                worker,
                cores,
                memory,
                because,
            } => {
                let (cores, memory) = (Cores((*cores).into()), Bytes(*memory));
                write!(
                    f,
                    "{executor} launched on {worker}: {cores} and {memory} ({because})"
                )
            }
            Self::ExecutorChanged { executor, state } => write!(f, "{executor} {}", state.verb()),
            Self::ExecutorKilled { executor, reason } => {
                write!(f, "{executor} is told to stop: {reason}")
            }
            Self::ExecutorEnded {
                executor,
                state,
                reason,
                exit_code,
            } => {
                let code = exit_code.map(|code| format!("its exit code was {code}"));
                // A reason tells the code where it matters.
                let reason = reason.as_deref().or(code.as_deref());
                ended(f, executor, state.verb(), reason)
            }
            _ => Ok(()),
        }
    }

    fn of_driver(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DriverSubmitted {
                driver,
                name,
                tenant,
            } => write!(f, "{driver} submitted: `{name}` of tenant `{tenant}`"),
            Self::DriverLaunched { driver, worker } => write!(f, "{driver} launched on {worker}"),
            Self::DriverRelaunched {
                old,
                driver,
                reason,
            } => write!(f, "{old} is started again as {driver}: {reason}"),
            Self::DriverEnded {
                driver,
                state,
                reason,
            } => {
                let ordinary = *state == DriverState::Finished;
                let reason = reason.as_deref().filter(|_| !ordinary);
                ended(f, driver, state.verb(), reason)
            }
            _ => Ok(()),
        }
    }
}

fn ended(
    f: &mut fmt::Formatter<'_>,
    who: &dyn fmt::Display,
    how: &str,
    reason: Option<&str>,
) -> fmt::Result {
    write!(f, "{who} {how}")?;
    reason.map_or(Ok(()), |reason| write!(f, ": {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ExecutorName, ExecutorState};
    use crate::{ApplicationId, DriverId, Epoch, ExecutorId, WorkerId};

    const EPOCH: Epoch = Epoch(1);
    const WORKER: WorkerId = WorkerId(0xea2c);

    const APPLICATION: ApplicationId = ApplicationId {
        epoch: EPOCH,
        number: 4,
    };

    const EXECUTOR: ExecutorName = ExecutorName {
        application: APPLICATION,
        executor: ExecutorId(0),
    };

    const fn driver(number: u32) -> DriverId {
        DriverId {
            epoch: EPOCH,
            number,
        }
    }

    fn lines(events: &[E]) -> Vec<String> {
        events.iter().map(E::to_string).collect()
    }

    #[test]
    fn a_masters_own_life_reads_well() {
        let events = [
            E::LeaderElected {
                master: "a:7077".into(),
                epoch: EPOCH,
                version: 1,
            },
            E::RecoveryStarted {
                workers: 2,
                applications: 1,
                drivers: 0,
            },
            E::RecoveryCompleted {
                workers_lost: 1,
                applications_lost: 0,
            },
            E::LeadershipLost { epoch: EPOCH },
            E::TenantsChanged,
        ];
        let expected = [
            "a:7077 leads (epoch-1)",
            "recovery: asks 2 workers, 1 application and 0 drivers what runs",
            "recovery: completed; 1 worker and 0 applications did not answer",
            "leads no more (epoch-1)",
            "the tenants' quotas were changed",
        ];
        assert_eq!(lines(&events), expected);
    }

    #[test]
    fn a_workers_life_reads_well() {
        let events = [
            E::WorkerRegistered {
                worker: WORKER,
                address: "b:40001".into(),
                host: "b".into(),
                cores: 2,
                memory: 3 << 29,
            },
            E::WorkerRefused {
                worker: WORKER,
                reason: "it offers no cores".into(),
            },
            E::WorkerDecommissioned { worker: WORKER },
            E::WorkerLost {
                worker: WORKER,
                reason: "it was silent for 60s".into(),
            },
        ];
        let expected = [
            "worker-000000000000ea2c registered: 2 cores and 1.5 GiB on b, at b:40001",
            "worker-000000000000ea2c was refused: it offers no cores",
            "worker-000000000000ea2c takes no more work",
            "worker-000000000000ea2c is lost: it was silent for 60s",
        ];
        assert_eq!(lines(&events), expected);
    }

    #[test]
    fn an_applications_life_reads_well_and_an_ordinary_end_needs_no_reason() {
        let waiting = |because: Option<&str>| E::ApplicationWaiting {
            application: APPLICATION,
            because: because.map(Into::into),
        };
        let ended = |state, reason: &str| E::ApplicationEnded {
            application: APPLICATION,
            state,
            reason: reason.into(),
        };
        let events = [
            E::ApplicationRegistered {
                application: APPLICATION,
                name: "count".into(),
                tenant: "default".into(),
            },
            E::ApplicationRefused {
                name: "count".into(),
                reason: "its quota is 0".into(),
            },
            waiting(Some("all 2 cores are in use")),
            waiting(None),
            E::ExecutorsRequested {
                application: APPLICATION,
                total: 1,
            },
            ended(ApplicationState::Finished, "it said goodbye"),
            ended(ApplicationState::Failed, "its driver is disconnected"),
        ];
        let expected = [
            "app-1-0004 registered: `count` of tenant `default`",
            "application `count` was refused: its quota is 0",
            "app-1-0004 waits for executors: all 2 cores are in use",
            "app-1-0004 has the executors that it waited for",
            "app-1-0004 wants 1 executor in all",
            "app-1-0004 finished",
            "app-1-0004 failed: its driver is disconnected",
        ];
        assert_eq!(lines(&events), expected);
    }

    #[test]
    fn an_executors_life_reads_well() {
        let executor = EXECUTOR;
        let ended = |state, reason: Option<&str>, exit_code| E::ExecutorEnded {
            executor,
            state,
            reason: reason.map(Into::into),
            exit_code,
        };
        let events = [
            E::ExecutorLaunched {
                executor,
                worker: WORKER,
                cores: 1,
                memory: 512 << 20,
                because: "2 cores were free".into(),
            },
            E::ExecutorChanged {
                executor,
                state: ExecutorState::Running,
            },
            E::ExecutorKilled {
                executor,
                reason: "its application has ended".into(),
            },
            ended(ExecutorState::Exited, Some("it ended by itself"), Some(0)),
            ended(ExecutorState::Exited, None, Some(3)),
            ended(ExecutorState::Lost, None, None),
        ];
        let expected = [
            "app-1-0004/0 launched on worker-000000000000ea2c: 1 core and 512 MiB (2 cores were free)",
            "app-1-0004/0 runs",
            "app-1-0004/0 is told to stop: its application has ended",
            "app-1-0004/0 exited: it ended by itself",
            "app-1-0004/0 exited: its exit code was 3",
            "app-1-0004/0 is lost",
        ];
        assert_eq!(lines(&events), expected);
    }

    #[test]
    fn a_drivers_life_reads_well() {
        let ended = |state| E::DriverEnded {
            driver: driver(3),
            state,
            reason: Some("it ended with exit code 1".into()),
        };
        let events = [
            E::DriverSubmitted {
                driver: driver(2),
                name: "pi".into(),
                tenant: "default".into(),
            },
            E::DriverLaunched {
                driver: driver(2),
                worker: WORKER,
            },
            E::DriverRelaunched {
                old: driver(2),
                driver: driver(3),
                reason: "its worker is lost".into(),
            },
            ended(DriverState::Failed),
            ended(DriverState::Finished),
        ];
        let expected = [
            "driver-1-0002 submitted: `pi` of tenant `default`",
            "driver-1-0002 launched on worker-000000000000ea2c",
            "driver-1-0002 is started again as driver-1-0003: its worker is lost",
            "driver-1-0003 failed: it ended with exit code 1",
            "driver-1-0003 finished",
        ];
        assert_eq!(lines(&events), expected);
    }
}
