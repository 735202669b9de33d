//! Processes as state machines know them: by address.

use std::time::Duration;

use network::{Disconnect, Error, Event};
use scheduler::Epoch;
use scheduler::message::ToWorker;
use wire::{Message, Refused, Subject};

use crate::support::{
    LONG, Process, authority, config, credentials, driver, heartbeat, is_heartbeat,
};

fn order() -> Message {
    scheduler::Message::ToWorker(Epoch(1), ToWorker::MasterInStandby).into()
}

#[tokio::test]
async fn what_is_sent_before_there_is_a_connection_arrives_in_order() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let mut worker = Process::start(&authority, Subject::Worker);
    for number in 0..1000 {
        let message = heartbeat(number);
        worker.endpoint.send(&master.listening(), message).unwrap();
        if number % 100 == 50 {
            // The connection comes about amid it.
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }
    let from = master.connected().await;
    for number in 0..1000 {
        assert!(is_heartbeat(&master.received().await, number));
    }
    // The way back needs no connection of its own.
    master.endpoint.send(from.address(), order()).unwrap();
    worker.connected().await;
    assert_eq!(worker.received().await, order());
}

#[tokio::test]
async fn an_ask_by_address_gets_its_answer() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let worker = Process::start(&authority, Subject::Worker);
    let (address, question) = (master.listening(), heartbeat(1));
    let ask = worker.endpoint.ask(&address, &question, LONG);
    let (answer, ()) = tokio::join!(ask, async {
        master.connected().await;
        let (_, answer) = master.asked().await;
        answer.give(&order()).unwrap();
    });
    assert_eq!(answer.unwrap(), order());
}

#[tokio::test]
async fn what_is_sent_where_nobody_listens_is_told_to_be_lost() {
    let authority = authority();
    let mut hasty = config();
    hasty.connect_timeout = Duration::from_millis(100);
    let mut worker = Process::start_with(hasty, &credentials(&authority, Subject::Worker));
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = (&*nobody.local_addr().unwrap().to_string()).into();
    for number in 0..3 {
        worker.endpoint.send(&address, heartbeat(number)).unwrap();
    }
    let event = worker.next().await;
    assert!(
        matches!(&event, Event::Unreachable(of, Error::Unreachable { .. }) if *of == address),
        "{event:?}"
    );
    // Once for all three.
    assert!(worker.events.try_recv().is_err());
}

#[tokio::test]
async fn what_is_for_another_role_is_not_sent() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let mut other = Process::start(&authority, Subject::Master);
    other.endpoint.send(&master.listening(), order()).unwrap();
    let event = loop {
        match other.next().await {
            Event::Connected(_) => {}
            event => break event,
        }
    };
    let wrong = matches!(event, Event::Unreachable(_, Error::WrongRole { .. }));
    assert!(wrong, "{event:?}");
    let at_once = other.endpoint.send(&master.listening(), order());
    assert!(
        matches!(at_once, Err(Error::WrongRole { .. })),
        "{at_once:?}"
    );
    master.connected().await;
    assert!(master.events.try_recv().is_err());
}

/// A state machine that hears of the new one first would take the old one's end for the new one's.
#[tokio::test]
async fn the_end_of_a_process_is_told_before_its_successor_begins() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let mut same = config();
    same.advertised = Some("node-1:40000".into());
    let own = credentials(&authority, Subject::Worker);
    let first = Process::start_with(same.clone(), &own);
    first.connect(&master).await.unwrap();
    let first_peer = master.connected().await;
    let second = Process::start_with(same, &own);
    let peer = second.connect(&master).await.unwrap();
    peer.tell(&heartbeat(2)).unwrap();
    assert_eq!(master.disconnected().await, Disconnect::Replaced);
    let second_peer = master.connected().await;
    assert_eq!(first_peer.address(), second_peer.address());
    assert!(is_heartbeat(&master.received().await, 2));
}

#[tokio::test]
async fn nobody_takes_the_address_of_another() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let mut same = config();
    same.advertised = Some("node-1:40000".into());
    let owner = Process::start_with(same.clone(), &credentials(&authority, driver()));
    owner.connect(&master).await.unwrap();
    master.connected().await;
    let tenant = "another".into();
    let thief = Subject::Driver {
        tenant,
        application: None,
    };
    let thief = Process::start_with(same, &credentials(&authority, thief));
    let refused = thief.connect(&master).await.unwrap_err();
    let taken = matches!(
        refused,
        Error::Refused {
            refused: Refused::Address,
            ..
        }
    );
    assert!(taken, "{refused}");
    assert!(master.events.try_recv().is_err());
}
