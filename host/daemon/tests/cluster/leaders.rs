//! Masters that stop and start again, and workers that find them.

use std::time::Duration;

use daemon::machine::Listen;
use daemon::submitter::Submitter;
use daemon::{Error, Masters, master, worker};
use network::{Authority, Endpoint, Event, Validity};
use scheduler::message::{ExecutorState, ToApplication, ToMaster, ToWorker};
use scheduler::{Epoch, ExecutorId, Message, WorkerId};
use wire::{Role, Subject};

use crate::support::{Cluster, LONG, soon};

#[tokio::test]
async fn what_runs_goes_on_while_the_master_is_away() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let address = master.address().clone();
    let _worker = cluster.worker(&master, "hangs").await;
    let mut application = cluster.application(&master).await;
    let (executor, _, _) = application.state(ExecutorState::Running).await;
    soon(master.stop()).await.unwrap();
    let mut config = cluster.master_config();
    config.listen.bind = address.0.parse().unwrap();
    config.listen.advertised = address.clone();
    let master = master::start(config).unwrap();
    let leader = application.hear(|said| match said {
        ToApplication::MasterChanged { master } => Some(master),
        _ => None,
    });
    assert_eq!(leader.await, address);
    application.master = application
        .endpoint
        .connect(&address, Role::Master)
        .await
        .unwrap();
    application.say(ToMaster::MasterChangeAcknowledged {
        application: application.id,
        next_executor: ExecutorId(executor.0 + 1),
    });
    let submitter = cluster.submitter(&master).await;
    let status = loop {
        let status = submitter.status().await.unwrap();
        if status.state == "ALIVE" {
            break status;
        }
    };
    assert_eq!(status.epoch, 2);
    assert_eq!(status.applications[0].state, "RUNNING");
    assert_eq!(
        status.applications[0].executors[0].id,
        format!("{}/{}", application.id, executor.0)
    );
    assert_eq!(status.workers[0].state, "ALIVE");
}

/// A master of which the test says what it says.
struct Puppet {
    endpoint: Endpoint,
    events: tokio::sync::mpsc::Receiver<Event>,
}

impl Puppet {
    fn new(cluster: &Cluster) -> Self {
        let authority = Authority::open(&cluster.path("master")).unwrap();
        let token = authority
            .token(Role::Worker, Validity::from_now(LONG))
            .unwrap();
        let file = cluster.path("master").join(master::WORKER_TOKEN);
        std::fs::write(file, token.to_string()).unwrap();
        let own = authority
            .credentials(Subject::Master, Validity::from_now(LONG))
            .unwrap();
        let config = Listen::new("127.0.0.1", None, 0).config();
        let (endpoint, events) = Endpoint::bind(config, &own).unwrap();
        Self { endpoint, events }
    }

    async fn registration(&mut self) -> (network::Peer, WorkerId) {
        loop {
            let event = soon(self.events.recv()).await.unwrap();
            if let Event::Received(from, wire::Message::Scheduler(Message::ToMaster(said))) = event
                && let ToMaster::RegisterWorker(info) = said
            {
                assert_eq!(info.address, *from.address());
                return (from, info.id);
            }
        }
    }
}

fn order(message: ToWorker) -> wire::Message {
    Message::ToWorker(Epoch(1), message).into()
}

#[tokio::test]
async fn a_worker_registers_again_when_it_is_told_to() {
    let cluster = Cluster::new();
    let mut puppet = Puppet::new(&cluster);
    let address = puppet.endpoint.advertised().unwrap().clone();
    let authority = Authority::open(&cluster.path("master")).unwrap();
    let mut config = cluster.worker_config_at(address.clone(), "hangs");
    config.token = None;
    let own = authority
        .credentials(Subject::Worker, Validity::from_now(LONG))
        .unwrap();
    std::fs::create_dir_all(&config.work_folder).unwrap();
    own.save(&config.work_folder.join(worker::CERTIFICATE))
        .unwrap();
    let worker = worker::start(config).await.unwrap();
    let (peer, first) = puppet.registration().await;
    let registered = ToWorker::RegisteredWorker {
        master: address.clone(),
        duplicate: false,
    };
    peer.tell(&order(registered)).unwrap();
    peer.tell(&order(ToWorker::ReconnectWorker { master: address }))
        .unwrap();
    let (_, again) = puppet.registration().await;
    assert_eq!(first, again);
    // One that no master has taken in stops as well.
    soon(worker.stop()).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_is_refused_ends_and_says_why() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let mut config = cluster.worker_config(&master, "hangs");
    config.cores = 0;
    let mut worker = worker::start(config).await.unwrap();
    let error = soon(worker.ended()).await.unwrap_err().to_string();
    let expected = "the master refused the worker: it claims 0 cores";
    assert!(error.starts_with(expected), "{error}");
}

#[tokio::test]
async fn a_master_that_is_not_there_is_told_with_the_tries() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut config = cluster.submitter_config(&master);
    let address = nobody.local_addr().unwrap().to_string();
    config.masters = Masters::from(scheduler::Address::from(&*address));
    config.access.patience = Duration::from_millis(900);
    let error = Submitter::connect(config).await.unwrap_err();
    assert!(matches!(error, Error::NoMaster { .. }), "{error:?}");
    let error = error.to_string();
    let begins = format!("no master answers at tinderbox://{address} (tried ");
    assert!(error.starts_with(&begins), "{error}");
    assert!(error.ends_with("; is it running?"), "{error}");
}

#[tokio::test]
async fn a_request_says_how_often_it_was_tried() {
    let cluster = Cluster::new().set("deploy.client.submissionTimeout", "1s");
    let master = cluster.master();
    let mut submitter = cluster.submitter(&master).await;
    soon(master.stop()).await.unwrap();
    let driver = "driver-1-0000".parse().unwrap();
    let error = soon(submitter.driver_status(driver)).await.unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("no master a"), "{error}");
}

#[tokio::test]
async fn a_folder_and_a_port_are_one_daemon_s() {
    let cluster = Cluster::new();
    let master = cluster.master();
    let error = master::start(cluster.master_config()).unwrap_err();
    assert!(matches!(error, Error::FolderInUse { .. }), "{error}");
    let mut config = cluster.master_config();
    config.folder = cluster.path("another");
    config.listen.bind = master.address().0.parse().unwrap();
    let error = master::start(config).unwrap_err().to_string();
    assert!(
        error.contains("another program has that port") && error.contains("--port"),
        "{error}"
    );
    let _worker = cluster.worker(&master, "hangs").await;
    let config = cluster.worker_config(&master, "hangs");
    let error = worker::start(config).await.unwrap_err();
    assert!(matches!(error, Error::FolderInUse { .. }), "{error}");
}
