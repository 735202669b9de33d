//! Who may have which certificate: what the roles allow, as far as the books agree.

use std::sync::Arc;
use std::time::Duration;

use network::{Answer, Authority, Peer, Validity};
use scheduler::cluster::Master;
use scheduler::message::ExecutorName;
use scheduler::{ApplicationId, Tenant, WorkerId};
use tracing::{info, warn};
use wire::{Data, Join, Message, Refusal, RefusalKind, Subject};

const DAY: Duration = Duration::from_secs(86_400);

/// How long a certificate holds. It is shown when a connection is made, so that it must outlive its process.
const LIFETIME: Duration = DAY.saturating_mul(365);

/// Answers a wish for a certificate: decided here, signed where nobody waits.
pub(super) fn answer(
    master: &Master,
    authority: &Arc<Authority>,
    asker: &Peer,
    (request, wanted): (Vec<u8>, Subject),
    answer: Answer,
) {
    if let Err(reason) = may_have(master, asker, &wanted) {
        warn!("gives the {asker} no certificate for {wanted}: {reason}");
        // One that is gone waits for nothing.
        let _ = answer.refuse(Refusal::new(RefusalKind::Forbidden, reason));
        return;
    }
    info!("gives the {asker} a certificate for {wanted}");
    let authority = Arc::clone(authority);
    tokio::task::spawn_blocking(move || {
        let message = match authority.sign(&request, wanted, Validity::from_now(LIFETIME)) {
            Ok(chain) => Message::Join(Join::Joined { chain }),
            Err(error) => {
                Data::Refused(Refusal::new(RefusalKind::Invalid, error.to_string())).into()
            }
        };
        let _ = answer.give(&message);
    });
}

fn may_have(master: &Master, asker: &Peer, wanted: &Subject) -> Result<(), String> {
    let subject = &asker.identity().subject;
    if !Authority::may_issue(subject, wanted) {
        return Err(format!(
            "a {} may not have the certificate of such a {}",
            subject.role(),
            wanted.role()
        ));
    }
    match (subject, wanted) {
        (
            Subject::Worker,
            Subject::Executor {
                tenant,
                application,
                executor,
            },
        ) => {
            let name = ExecutorName {
                application: *application,
                executor: *executor,
            };
            is_launched(master, asker, name, tenant)
        }
        (
            Subject::Worker,
            Subject::Driver {
                tenant,
                application: None,
            },
        ) => runs_driver(master, asker, tenant),
        (
            Subject::Driver { .. },
            Subject::Driver {
                tenant,
                application: Some(application),
            },
        ) => is_driver(master, asker, *application, tenant),
        (
            _,
            Subject::Driver {
                application: Some(_),
                ..
            },
        ) => Err("a driver registers its application first, and asks itself".into()),
        _ => Ok(()),
    }
}

fn is_at(master: &Master, worker: WorkerId, asker: &Peer) -> bool {
    let worker = master.worker(worker);
    worker.is_some_and(|worker| worker.info.address == *asker.address())
}

fn is_launched(
    master: &Master,
    asker: &Peer,
    name: ExecutorName,
    tenant: &Tenant,
) -> Result<(), String> {
    let known = master
        .application(name.application)
        .filter(|known| known.spec.tenant == *tenant);
    let executor = known.and_then(|known| {
        let mut executors = known.executors.into_iter();
        executors.find(|executor| executor.name == name)
    });
    match executor {
        Some(executor)
            if !executor.state.is_finished() && is_at(master, executor.worker, asker) =>
        {
            Ok(())
        }
        _ => Err(format!("{name} is not to be launched there")),
    }
}

fn runs_driver(master: &Master, asker: &Peer, tenant: &Tenant) -> Result<(), String> {
    let runs = master.drivers().any(|driver| {
        let here = driver
            .status
            .worker
            .is_some_and(|worker| is_at(master, worker, asker));
        here && !driver.status.state.is_finished() && driver.spec.tenant == *tenant
    });
    match runs {
        true => Ok(()),
        false => Err(format!("no driver of `{tenant}` is to be launched there")),
    }
}

fn is_driver(
    master: &Master,
    asker: &Peer,
    application: ApplicationId,
    tenant: &Tenant,
) -> Result<(), String> {
    let known = master.application(application);
    let own = known
        .is_some_and(|known| known.spec.driver == *asker.address() && known.spec.tenant == *tenant);
    match own {
        true => Ok(()),
        false => Err(format!("{application} is not that driver's")),
    }
}
