//! Who may meet whom and who may say what: a message from somebody of the wrong role, or in another's name, never
//! reaches a state machine.

use scheduler::message::{ToDriver, ToMaster};
use scheduler::{ApplicationId, ExecutorId, Message as M};
use wire::{Data, Fetch, LogSource, Message, Role, Subject};

use crate::connection::Who;

/// Returns whether two processes belong together: a driver and executors only if they are of one application.
pub(crate) fn may_meet(one: &Subject, other: &Subject) -> bool {
    let belong = |subject: &Subject| matches!(subject.role(), Role::Driver | Role::Executor);
    if !(belong(one) && belong(other)) {
        return true;
    }
    one.application().is_some()
        && one.application() == other.application()
        && one.tenant() == other.tenant()
}

/// Returns what is wrong with somebody's saying this.
pub(crate) fn check(who: &Who, message: &Message) -> Result<(), String> {
    let role = who.identity.subject.role();
    if !may_say(role, message) {
        return Err(format!("that is not for {role}s to say"));
    }
    if !is_in_own_name(who, message) {
        return Err("that was said in another's name".into());
    }
    Ok(())
}

/// Returns whether somebody may have this. A host may well be stricter: which components are whose, it alone knows.
pub(crate) fn may_fetch(subject: &Subject, fetch: &Fetch) -> bool {
    match fetch {
        Fetch::Component { .. } => true,
        Fetch::Pages { application, .. }
        | Fetch::Block { application, .. }
        | Fetch::Buckets { application, .. } => may_see(subject, *application),
    }
}

/// Workers serve all applications, each from what it owns; masters show logs. Others see their own alone.
fn may_see(subject: &Subject, application: ApplicationId) -> bool {
    match subject.role() {
        Role::Master | Role::Worker => true,
        Role::Driver | Role::Executor => subject.application() == Some(application),
        Role::Submitter | Role::Joiner => false,
    }
}

/// Returns who may be told this, where it is not for anybody.
pub(crate) const fn hearer(message: &Message) -> Option<Role> {
    match message {
        Message::Scheduler(M::ToMaster(_)) | Message::Join(_) => Some(Role::Master),
        Message::Scheduler(M::ToWorker(..)) => Some(Role::Worker),
        Message::Scheduler(M::ToApplication(..) | M::ToDriver(_)) => Some(Role::Driver),
        Message::Scheduler(M::ToSubmitter(..)) => Some(Role::Submitter),
        Message::Scheduler(M::ToExecutor(_)) => Some(Role::Executor),
        Message::Data(_) | Message::Transfer(_) => None,
    }
}

const fn may_say(role: Role, message: &Message) -> bool {
    match message {
        Message::Join(_) => true,
        Message::Data(Data::LogAsked { .. }) => {
            matches!(role, Role::Master | Role::Driver | Role::Submitter)
        }
        Message::Data(_) => !matches!(role, Role::Joiner),
        // Those have streams of their own.
        Message::Transfer(_) => false,
        Message::Scheduler(M::ToMaster(message)) => may_tell_master(role, message),
        Message::Scheduler(M::ToWorker(..) | M::ToApplication(..) | M::ToSubmitter(..)) => {
            matches!(role, Role::Master)
        }
        Message::Scheduler(M::ToExecutor(_)) => matches!(role, Role::Driver),
        Message::Scheduler(M::ToDriver(_)) => matches!(role, Role::Executor),
    }
}

const fn may_tell_master(role: Role, message: &ToMaster) -> bool {
    match message {
        ToMaster::RegisterWorker(_)
        | ToMaster::Heartbeat(_)
        | ToMaster::WorkerLatestState { .. }
        | ToMaster::WorkerSchedulerStateResponse { .. }
        | ToMaster::ExecutorStateChanged { .. }
        | ToMaster::DriverStateChanged { .. }
        | ToMaster::WorkerDecommissioning(_) => matches!(role, Role::Worker),
        ToMaster::RegisterApplication(_)
        | ToMaster::UnregisterApplication(_)
        | ToMaster::MasterChangeAcknowledged { .. }
        | ToMaster::RequestExecutors { .. }
        | ToMaster::KillExecutors { .. } => matches!(role, Role::Driver),
        ToMaster::RequestSubmitDriver(_)
        | ToMaster::RequestKillDriver(_)
        | ToMaster::RequestDriverStatus(_)
        | ToMaster::RequestKillApplication(_)
        | ToMaster::DecommissionWorkersOnHosts(_) => matches!(role, Role::Submitter),
    }
}

/// Returns whether whom a message names is who says it, as far as the certificate tells.
fn is_in_own_name(who: &Who, message: &Message) -> bool {
    let subject = &who.identity.subject;
    match message {
        Message::Scheduler(M::ToMaster(message)) => names_sender(who, message),
        Message::Scheduler(M::ToDriver(message)) => match (executor_of(message), subject) {
            (Some(named), Subject::Executor { executor, .. }) => named == *executor,
            _ => true,
        },
        Message::Data(
            Data::ImageAsked { application, .. }
            | Data::LogAsked {
                source: LogSource::Executor(application, _),
                ..
            },
        ) if subject.role() != Role::Submitter => may_see(subject, *application),
        _ => true,
    }
}

fn names_sender(who: &Who, message: &ToMaster) -> bool {
    let subject = &who.identity.subject;
    match message {
        ToMaster::RegisterWorker(info) => info.address == who.address,
        ToMaster::RegisterApplication(spec) => {
            spec.driver == who.address && subject.tenant() == Some(&spec.tenant)
        }
        ToMaster::RequestSubmitDriver(spec) => subject.tenant() == Some(&spec.tenant),
        // Of one that got its certificate before its application the master knows the address.
        ToMaster::UnregisterApplication(named)
        | ToMaster::MasterChangeAcknowledged {
            application: named, ..
        }
        | ToMaster::RequestExecutors {
            application: named, ..
        }
        | ToMaster::KillExecutors {
            application: named, ..
        } => subject.application().is_none_or(|own| own == *named),
        _ => true,
    }
}

const fn executor_of(message: &ToDriver) -> Option<ExecutorId> {
    match message {
        ToDriver::RegisterExecutor { executor, .. }
        | ToDriver::StatusUpdate { executor, .. }
        | ToDriver::Heartbeat { executor, .. }
        | ToDriver::BlockStored { executor, .. }
        | ToDriver::BlockDropped { executor, .. }
        | ToDriver::BlockNotCopied { executor, .. }
        | ToDriver::ExecutorDecommissioning(executor) => Some(*executor),
        ToDriver::CommitAsked(_) => None,
    }
}
