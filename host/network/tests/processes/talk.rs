//! What is told and asked, and how it ends.

use std::time::Duration;

use network::{Disconnect, Error};
use scheduler::message::ToWorker;
use scheduler::{AttemptId, Epoch};
use wire::{Data, Message, Refusal, RefusalKind, Role, Subject};

use crate::support::{LONG, Process, authority, config, credentials, heartbeat, is_heartbeat};

#[tokio::test]
async fn what_is_told_arrives_in_order_and_from_whom_it_is_known() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let worker = Process::start(&authority, Subject::Worker);
    let peer = worker.connect(&master).await.unwrap();
    assert_eq!(peer.identity().subject, Subject::Master);
    for number in 0..1000 {
        peer.tell(&heartbeat(number)).unwrap();
    }
    let from = master.connected().await;
    assert_eq!(from.identity().subject, Subject::Worker);
    assert_eq!(from.identity().cluster, authority.cluster());
    assert_eq!(Some(from.address()), worker.endpoint.advertised());
    for number in 0..1000 {
        assert!(is_heartbeat(&master.received().await, number));
    }
}

#[tokio::test]
async fn there_is_one_connection_for_both_directions() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let mut worker = Process::start(&authority, Subject::Worker);
    let to_master = worker.connect(&master).await.unwrap();
    let to_worker = master.connected().await;
    worker.connected().await;
    let again = worker.connect(&master).await.unwrap();
    let address = worker.endpoint.advertised().unwrap();
    let back = master
        .endpoint
        .connect(address, Role::Worker)
        .await
        .unwrap();
    assert_eq!((again, back), (to_master, to_worker.clone()));
    let told = ToWorker::MasterInStandby;
    let told = scheduler::Message::ToWorker(Epoch(1), told).into();
    to_worker.tell(&told).unwrap();
    assert_eq!(worker.received().await, told);
}

#[tokio::test]
async fn two_that_connect_to_one_another_at_once_share_a_connection() {
    let authority = authority();
    for _ in 0..20 {
        let mut master = Process::start(&authority, Subject::Master);
        let mut worker = Process::start(&authority, Subject::Worker);
        let address = worker.endpoint.advertised().unwrap();
        let (to_master, to_worker) = tokio::join!(
            worker.connect(&master),
            master.endpoint.connect(address, Role::Worker),
        );
        let (to_master, to_worker) = (to_master.unwrap(), to_worker.unwrap());
        assert_eq!(master.connected().await, to_worker);
        assert_eq!(worker.connected().await, to_master);
        to_master.tell(&heartbeat(7)).unwrap();
        assert!(is_heartbeat(&master.received().await, 7));
    }
}

#[tokio::test]
async fn an_ask_gets_its_answer_whatever_else_is_asked() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let worker = Process::start(&authority, Subject::Worker);
    let peer = worker.connect(&master).await.unwrap();
    let refused = |reason: &str| Data::Refused(Refusal::new(RefusalKind::Busy, reason)).into();
    let asker = peer.clone();
    let first = tokio::spawn(async move { asker.ask(&heartbeat(1), LONG).await });
    let second = tokio::spawn(async move { peer.ask(&heartbeat(2), LONG).await });
    master.connected().await;
    let (one, two) = (master.asked().await, master.asked().await);
    // Answered in the other order.
    for (message, answer) in [two, one] {
        assert_eq!(answer.within(), LONG);
        let which = if is_heartbeat(&message, 1) {
            "first"
        } else {
            "second"
        };
        answer.give(&refused(which)).unwrap();
    }
    for (asked, answer) in [(first, "first"), (second, "second")] {
        let error = asked.await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), format!("get it: {answer}"));
    }
}

#[tokio::test]
async fn an_ask_that_nobody_answers_ends() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let worker = Process::start(&authority, Subject::Worker);
    let peer = worker.connect(&master).await.unwrap();
    master.connected().await;
    // Not in time.
    let within = Duration::from_millis(20);
    let late = peer.ask(&heartbeat(1), within).await;
    assert!(matches!(late, Err(Error::NoAnswer { .. })), "{late:?}");
    drop(master.asked().await);
    // Not at all: whoever was to answer has forgotten.
    let ask = tokio::spawn({
        let peer = peer.clone();
        async move { peer.ask(&heartbeat(2), LONG).await }
    });
    drop(master.asked().await);
    let dropped = ask.await.unwrap();
    assert!(matches!(dropped, Err(Error::NotToBeHad(_))), "{dropped:?}");
    // Not any more: the one who was to answer goes.
    let ask = tokio::spawn(async move { peer.ask(&heartbeat(3), LONG).await });
    let (_, answer) = master.asked().await;
    master.endpoint.close(LONG).await;
    let gone = ask.await.unwrap();
    assert!(matches!(gone, Err(Error::Disconnected { .. })), "{gone:?}");
    assert!(answer.give(&heartbeat(3)).is_err());
}

#[tokio::test]
async fn what_was_said_before_a_goodbye_arrives() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let mut worker = Process::start(&authority, Subject::Worker);
    let peer = worker.connect(&master).await.unwrap();
    for number in 0..500 {
        peer.tell(&heartbeat(number)).unwrap();
    }
    let closing = tokio::spawn(async move {
        worker.endpoint.close(LONG).await;
        worker.connected().await;
        worker.disconnected().await
    });
    master.connected().await;
    for number in 0..500 {
        assert!(is_heartbeat(&master.received().await, number));
    }
    assert_eq!(master.disconnected().await, Disconnect::Closed);
    assert_eq!(closing.await.unwrap(), Disconnect::ClosedHere);
    assert!(matches!(
        peer.tell(&heartbeat(0)),
        Err(Error::Disconnected { .. })
    ));
}

#[test]
fn a_process_that_dies_is_noticed() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let authority = authority();
    let (survivor, victim) = (runtime(), runtime());
    let mut master = survivor.block_on(async { Process::start(&authority, Subject::Master) });
    let address = master.endpoint.advertised().unwrap().clone();
    std::thread::scope(|scope| {
        let (connected, wait) = std::sync::mpsc::channel();
        scope.spawn(move || {
            let authority = &authority;
            victim.block_on(async {
                let worker = Process::start(authority, Subject::Worker);
                let peer = worker.endpoint.connect(&address, Role::Master).await;
                peer.unwrap().tell(&heartbeat(1)).unwrap();
                // Until the master has heard it.
                tokio::select! {
                    () = std::future::pending() => {}
                    done = tokio::task::spawn_blocking(move || wait.recv()) => done.unwrap().unwrap(),
                }
                std::mem::forget(worker.endpoint);
            });
            drop(victim);
        });
        survivor.block_on(async {
            let peer = master.connected().await;
            assert!(is_heartbeat(&master.received().await, 1));
            connected.send(()).unwrap();
            assert_eq!(master.disconnected().await, Disconnect::Silent);
            assert!(!peer.is_connected());
        });
    });
}

#[tokio::test]
async fn who_does_not_read_is_disconnected_in_the_end() {
    let authority = authority();
    let mut small = config();
    small.queue_max = 100_000;
    small.events_max = 1;
    let master = Process::start(&authority, Subject::Master);
    let worker = Process::start_with(small, &credentials(&authority, Subject::Worker));
    let peer = worker.connect(&master).await.unwrap();
    let text = Message::Data(Data::TaskResult {
        attempt: AttemptId(1),
        bytes: vec![0; 50_000],
    });
    // The master's host never looks. Its windows and queues fill, then this side's.
    let full = loop {
        match peer.tell(&text) {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    let reason = Disconnect::TooSlow(100_000);
    assert!(
        matches!(&full, Error::Disconnected { reason: because, .. } if *because == reason),
        "{full}"
    );
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_before_it_is_sent() {
    let authority = authority();
    let mut small = config();
    small.frame_max = 1000;
    let mut master = Process::start_with(small.clone(), &credentials(&authority, Subject::Master));
    let worker = Process::start_with(small, &credentials(&authority, Subject::Worker));
    let peer = worker.connect(&master).await.unwrap();
    let long = Data::TaskResult {
        attempt: AttemptId(1),
        bytes: vec![0; 1000],
    };
    let error = peer.tell(&long.into()).unwrap_err();
    assert!(
        matches!(error, Error::Wire(wire::Error::FrameTooLong { .. })),
        "{error}"
    );
    // Nothing of it was sent: the connection is as good as before.
    peer.tell(&heartbeat(1)).unwrap();
    master.connected().await;
    assert!(is_heartbeat(&master.received().await, 1));
}
