//! Who gets in, and with which certificate.

use daemon::{Error, certify, master, submitter::Submitter, worker};
use network::{Credentials, Endpoint, Error as NetworkError};
use scheduler::message::ExecutorState;
use scheduler::{ExecutorId, Tenant};
use wire::{RefusalKind, Subject};

use crate::support::{Cluster, LONG, soon};

fn is_forbidden(error: &Error) -> bool {
    matches!(
        error,
        Error::Network(NetworkError::NotToBeHad(refusal)) if refusal.kind == RefusalKind::Forbidden
    )
}

#[tokio::test]
async fn a_token_of_another_cluster_or_role_leads_nowhere() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let other = Cluster::new();
    let _other_master = other.master();
    let mut config = cluster.worker_config(&master, "hangs");
    config.token = Some(other.token(master::WORKER_TOKEN));
    let error = worker::start(config).await.unwrap_err();
    assert!(
        matches!(error, Error::Network(NetworkError::OtherCluster { .. })),
        "{error:?}"
    );
    let mut config = cluster.worker_config(&master, "hangs");
    config.token = Some(cluster.token(master::SUBMITTER_TOKEN));
    let error = worker::start(config).await.unwrap_err();
    assert!(is_forbidden(&error), "{error:?}");
    let mut config = cluster.worker_config(&master, "hangs");
    config.token = None;
    let error = worker::start(config).await.unwrap_err();
    assert!(matches!(error, Error::NoToken { .. }), "{error:?}");
}

#[tokio::test]
async fn a_certificate_is_kept_and_replaced_when_the_cluster_is_another_one() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let file = cluster.path("work").join(worker::CERTIFICATE);
    let text = || std::fs::read_to_string(&file).unwrap();
    soon(cluster.worker(&master, "hangs").await.stop())
        .await
        .unwrap();
    let first = text();
    let mut config = cluster.worker_config(&master, "hangs");
    config.token = None;
    soon(worker::start(config).await.unwrap().stop())
        .await
        .unwrap();
    soon(cluster.worker(&master, "hangs").await.stop())
        .await
        .unwrap();
    assert_eq!(text(), first);
    soon(master.stop()).await.unwrap();
    std::fs::remove_dir_all(cluster.path("master")).unwrap();
    let master = cluster.master();
    soon(cluster.worker(&master, "hangs").await.stop())
        .await
        .unwrap();
    assert_ne!(text(), first);
}

#[tokio::test]
async fn secrets_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let cluster = Cluster::new();
    let master = cluster.master();
    let _worker = cluster.worker(&master, "hangs").await;
    for file in [
        cluster.path("master").join(master::WORKER_TOKEN),
        cluster.path("master").join(master::SUBMITTER_TOKEN),
        cluster.path("work").join(worker::CERTIFICATE),
    ] {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_worker_certifies_only_what_it_was_told_to_launch() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let worker = cluster.worker(&master, "hangs").await;
    let mut application = cluster.application(&master).await;
    let (executor, _, _) = application.state(ExecutorState::Running).await;
    let another = cluster.worker_config(&master, "hangs").listen;
    let own = Credentials::load(&cluster.path("work").join(worker::CERTIFICATE));
    let own = own.unwrap().unwrap();
    let (endpoint, _events) = Endpoint::bind(another.config(), &own).unwrap();
    let masters = master.address().clone().into();
    let certify = async |subject: Subject| certify(&endpoint, &masters, &subject, LONG).await;
    let tenant = Tenant::default;
    // It runs on another worker, or nowhere.
    for executor in [executor, ExecutorId(executor.0 + 1)] {
        let subject = Subject::Executor {
            tenant: tenant(),
            application: application.id,
            executor,
        };
        assert!(is_forbidden(&certify(subject).await.unwrap_err()));
    }
    for application in [None, Some(application.id)] {
        let subject = Subject::Driver {
            tenant: tenant(),
            application,
        };
        assert!(is_forbidden(&certify(subject).await.unwrap_err()));
    }
    certify(Subject::Worker).await.unwrap();
    soon(worker.stop()).await.unwrap();
}

#[tokio::test]
async fn a_driver_becomes_its_own_application_s_alone() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let first = cluster.application(&master).await;
    let second = cluster.application(&master).await;
    assert_ne!(first.id, second.id);
    let submitter = Submitter::connect(cluster.submitter_config(&master));
    let own = submitter.await.unwrap().driver_credentials().await.unwrap();
    let listen = cluster.worker_config(&master, "hangs").listen;
    let (endpoint, _events) = Endpoint::bind(listen.config(), &own).unwrap();
    let subject = Subject::Driver {
        tenant: Tenant::default(),
        application: Some(second.id),
    };
    let masters = master.address().clone().into();
    let stolen = certify(&endpoint, &masters, &subject, LONG).await;
    assert!(is_forbidden(&stolen.unwrap_err()));
}
