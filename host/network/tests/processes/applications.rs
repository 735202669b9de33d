//! An application's processes and files are its own.

use std::time::Duration;

use bytes::Bytes;
use network::{Disconnect, Error};
use scheduler::message::{ApplicationSpec, ToDriver, ToMaster};
use scheduler::{ApplicationId, AttemptId, ExecutorId, ShuffleId, SubmissionKey, Tenant};
use wire::{Content, Fetch, Message, RefusalKind, Refused, Role, Subject};

use crate::support::{APPLICATION, Process, authority, credentials, driver, executor};

const ANOTHER: ApplicationId = ApplicationId {
    number: APPLICATION.number + 1,
    ..APPLICATION
};

fn driver_of(tenant: &str, application: Option<ApplicationId>) -> Subject {
    Subject::Driver {
        tenant: tenant.into(),
        application,
    }
}

fn is_of_another(error: &Error) -> bool {
    let refused = Refused::Application;
    matches!(error, Error::Refused { refused: because, .. } if *because == refused)
}

#[tokio::test]
async fn an_executor_and_a_driver_meet_within_their_application_alone() {
    let authority = authority();
    let executor = Process::start(&authority, executor());
    for stranger in [
        driver_of("default", Some(ANOTHER)),
        driver_of("another", Some(APPLICATION)),
    ] {
        let mut stranger = Process::start(&authority, stranger);
        let error = executor.connect_as(&stranger, Role::Driver).await;
        assert!(is_of_another(&error.unwrap_err()));
        let error = stranger.connect_as(&executor, Role::Executor).await;
        assert!(is_of_another(&error.unwrap_err()));
        assert!(stranger.events.try_recv().is_err());
    }
    let own = Process::start(&authority, driver());
    executor.connect_as(&own, Role::Driver).await.unwrap();
}

#[tokio::test]
async fn executors_wait_until_their_driver_has_its_application() {
    let authority = authority();
    let mut driver = Process::start(&authority, driver_of("default", None));
    let executor = Process::start(&authority, executor());
    let address = driver.listening();
    let connecting = executor.endpoint.connect(&address, Role::Driver);
    let renewed = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(driver.events.try_recv().is_err());
        let own = credentials(&authority, driver_of("default", Some(APPLICATION)));
        driver.endpoint.renew(&own).unwrap();
        driver.connected().await
    };
    let (connected, from) = tokio::join!(connecting, renewed);
    assert_eq!(
        connected.unwrap().identity().subject.application(),
        Some(APPLICATION)
    );
    assert_eq!(from.identity().subject.application(), Some(APPLICATION));
    // Not to become somebody else.
    let worker = credentials(&authority, Subject::Worker);
    assert!(driver.endpoint.renew(&worker).is_err());
}

#[tokio::test]
async fn no_application_reads_the_files_of_another() {
    let authority = authority();
    let mut worker = Process::start(&authority, Subject::Worker);
    let buckets = |application| Fetch::Buckets {
        application,
        shuffle: ShuffleId(1),
        bucket: 0,
        outputs: Vec::new(),
    };
    for (reader, application) in [
        (executor(), ANOTHER),
        (driver_of("default", None), APPLICATION),
        (
            Subject::Submitter {
                tenant: Tenant::default(),
            },
            APPLICATION,
        ),
    ] {
        let reader = Process::start(&authority, reader);
        let peer = reader.connect_as(&worker, Role::Worker).await.unwrap();
        worker.connected().await;
        match peer.fetch(buckets(application)).await {
            Err(Error::NotToBeHad(refusal)) => assert_eq!(refusal.kind, RefusalKind::Forbidden),
            other => unreachable!("{other:?}"),
        }
        assert!(worker.events.try_recv().is_err());
        reader.endpoint.close(Duration::from_secs(1)).await;
        worker.disconnected().await;
    }
    // Its own are asked of the host.
    let reader = Process::start(&authority, executor());
    let peer = reader.connect_as(&worker, Role::Worker).await.unwrap();
    worker.connected().await;
    let (own, ()) = tokio::join!(peer.fetch(buckets(APPLICATION)), async {
        let (fetch, reply) = worker.fetched().await;
        assert_eq!(fetch, buckets(APPLICATION));
        let lengths = Vec::new();
        reply
            .send(Content::Buckets { lengths }, Bytes::new())
            .await
            .unwrap();
    });
    assert_eq!(own.unwrap().length(), 0);
}

/// Has one process say something to another, and returns how it was disconnected.
async fn disconnected(
    subject: Subject,
    hears: Subject,
    says: impl Fn(&Process) -> Message,
) -> Disconnect {
    let authority = authority();
    let role = hears.role();
    let mut hearer = Process::start(&authority, hears);
    let speaker = Process::start(&authority, subject);
    let peer = speaker.connect_as(&hearer, role).await.unwrap();
    peer.tell(&says(&speaker)).unwrap();
    hearer.connected().await;
    hearer.disconnected().await
}

#[tokio::test]
async fn nobody_speaks_in_the_name_of_another() {
    let expected = Disconnect::Broken("that was said in another's name".into());
    let commits = |_: &Process| {
        let executor = ExecutorId(4);
        scheduler::Message::from(ToDriver::ExecutorDecommissioning(executor)).into()
    };
    assert_eq!(disconnected(executor(), driver(), commits).await, expected);
    let unregisters =
        |_: &Process| scheduler::Message::from(ToMaster::UnregisterApplication(ANOTHER)).into();
    assert_eq!(
        disconnected(driver(), Subject::Master, unregisters).await,
        expected
    );
    let register = |tenant: &str, driver: &str| ApplicationSpec {
        key: SubmissionKey(1),
        name: "word count".into(),
        tenant: tenant.into(),
        driver: driver.into(),
        driver_id: None,
        cores_max: None,
        executor_cores: None,
        executor_memory: 1 << 30,
        executors: None,
    };
    let as_tenant = |speaker: &Process| {
        let spec = register("another", &speaker.listening().0);
        scheduler::Message::from(ToMaster::RegisterApplication(spec)).into()
    };
    assert_eq!(
        disconnected(driver(), Subject::Master, as_tenant).await,
        expected
    );
    let from_elsewhere = |_: &Process| {
        let spec = register("default", "node-9:1");
        scheduler::Message::from(ToMaster::RegisterApplication(spec)).into()
    };
    assert_eq!(
        disconnected(driver(), Subject::Master, from_elsewhere).await,
        expected
    );
}

#[tokio::test]
async fn each_role_says_what_is_for_it_alone() {
    let broken = |role: &str| Disconnect::Broken(format!("that is not for {role}s to say"));
    let commits =
        |_: &Process| scheduler::Message::from(ToDriver::CommitAsked(AttemptId(1))).into();
    assert_eq!(
        disconnected(Subject::Worker, driver(), commits).await,
        broken("worker")
    );
    let registers =
        |_: &Process| scheduler::Message::from(ToMaster::UnregisterApplication(APPLICATION)).into();
    assert_eq!(
        disconnected(executor(), Subject::Master, registers).await,
        broken("executor")
    );
}
