//! Bytes on streams of their own.

use bytes::Bytes;
use network::Error;
use scheduler::AttemptId;
use wire::{Content, Data, Fetch, Refusal, RefusalKind, Role, Subject};

use crate::support::{self, LONG, Process, authority};

#[tokio::test]
async fn a_transfer_arrives_whole_and_asks_pass_it_by() {
    let authority = authority();
    let mut driver = Process::start(&authority, support::driver());
    let executor = Process::start(&authority, support::executor());
    let peer = executor.connect_as(&driver, Role::Driver).await.unwrap();
    driver.connected().await;
    let bytes: Bytes = (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let attempt = AttemptId(7);
    let sending = tokio::spawn({
        let (peer, bytes) = (peer.clone(), bytes.clone());
        async move { peer.send(Content::TaskResult { attempt }, bytes).await }
    });
    let incoming = driver.offered().await;
    assert_eq!(incoming.content(), &Content::TaskResult { attempt });
    assert_eq!(incoming.length(), bytes.len() as u64);
    // Nobody reads the transfer: its window is full. Asks come and go.
    for number in 0..100 {
        let shuffle = scheduler::ShuffleId(number);
        let ask = Data::MapOutputsAsked { shuffle }.into();
        let asked = peer.ask(&ask, LONG);
        let (answer, ()) = tokio::join!(asked, async {
            let (_, answer) = driver.asked().await;
            let outputs = Vec::new();
            let map_outputs = Data::MapOutputs {
                shuffle,
                maps: 0,
                outputs,
            };
            answer.give(&map_outputs.into()).unwrap();
        });
        answer.unwrap();
    }
    assert!(!sending.is_finished());
    assert_eq!(incoming.read(1 << 30).await.unwrap(), bytes);
    sending.await.unwrap().unwrap();
}

#[tokio::test]
async fn bytes_are_fetched_or_refused() {
    let authority = authority();
    let mut worker = Process::start(&authority, Subject::Worker);
    let executor = Process::start(&authority, support::executor());
    let peer = executor.connect_as(&worker, Role::Worker).await.unwrap();
    worker.connected().await;
    let named = name_of(b"\0asm");
    let component = |hash| Fetch::Component { hash };
    let serve = async {
        let (fetch, reply) = worker.fetched().await;
        assert_eq!(fetch, component(named));
        let content = Content::Component { hash: named };
        reply
            .send(content, Bytes::from_static(b"\0asm"))
            .await
            .unwrap();
        let (_, reply) = worker.fetched().await;
        let refusal = Refusal::new(RefusalKind::Missing, "no such component");
        reply.refuse(refusal).await.unwrap();
        // One whose server fails without a word.
        drop(worker.fetched().await);
    };
    let ask = async {
        let incoming = peer.fetch(component(named)).await.unwrap();
        assert_eq!(incoming.read(100).await.unwrap(), b"\0asm");
        let missing = peer.fetch(component([2; 32])).await.unwrap_err();
        assert_eq!(missing.to_string(), "get it: no such component");
        let failed = peer.fetch(component([3; 32])).await;
        assert!(matches!(failed, Err(Error::GivenUp)), "{failed:?}");
    };
    tokio::join!(serve, ask);
}

#[tokio::test]
async fn a_transfer_that_is_given_up_ends_at_both_ends() {
    let authority = authority();
    let mut driver = Process::start(&authority, support::driver());
    let executor = Process::start(&authority, support::executor());
    let peer = executor.connect_as(&driver, Role::Driver).await.unwrap();
    driver.connected().await;
    let content = || Content::TaskResult {
        attempt: AttemptId(7),
    };
    // By the sender.
    let mut sender = peer.start(content(), 10).await.unwrap();
    sender.write(Bytes::from_static(b"12345")).await.unwrap();
    let incoming = driver.offered().await;
    let short = sender.finish().await;
    assert!(matches!(
        short,
        Err(Error::WrongLength {
            length: 10,
            written: 5
        })
    ));
    assert!(matches!(incoming.read(10).await, Err(Error::GivenUp)));
    // By the receiver.
    let mut sender = peer.start(content(), 1 << 40).await.unwrap();
    let incoming = driver.offered().await;
    let too_long = incoming.read(1 << 20).await;
    assert!(matches!(too_long, Err(Error::TransferTooLong { .. })));
    let given_up = loop {
        if let Err(error) = sender.write(vec![0; 1 << 16].into()).await {
            break error;
        }
    };
    assert!(matches!(given_up, Error::GivenUp), "{given_up}");
    // More than was said.
    let mut sender = peer.start(content(), 1).await.unwrap();
    let more = sender.write(Bytes::from_static(b"12")).await;
    assert!(matches!(
        more,
        Err(Error::WrongLength {
            length: 1,
            written: 2
        })
    ));
}

fn name_of(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

#[tokio::test]
async fn bytes_go_from_file_to_file() {
    let authority = authority();
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let bytes: Vec<u8> = (0..1_000_003_u32).map(|at| at.to_le_bytes()[1]).collect();
    std::fs::write(&from, &bytes).unwrap();
    let hash = name_of(&bytes);
    let mut worker = Process::start(&authority, Subject::Worker);
    let executor = Process::start(&authority, support::executor());
    let peer = executor.connect_as(&worker, Role::Worker).await.unwrap();
    worker.connected().await;
    let serve = async {
        let (_, reply) = worker.fetched().await;
        let file = std::fs::File::open(&from).unwrap();
        let content = Content::Component { hash };
        reply
            .send_from(content, bytes.len() as u64, file)
            .await
            .unwrap();
        // One that is shorter than was said.
        let (_, reply) = worker.fetched().await;
        let content = Content::Component { hash };
        let short = reply.send_from(content, 10, &b"12345"[..]).await;
        assert!(matches!(short, Err(Error::SourceOrSink(_))), "{short:?}");
    };
    let fetch = async {
        let incoming = peer.fetch(Fetch::Component { hash }).await.unwrap();
        let file = std::fs::File::create(&to).unwrap();
        drop(incoming.save(1 << 30, file).await.unwrap());
        assert!(std::fs::read(&to).unwrap() == bytes);
        // What was sent of it may or may not come before the news that nothing follows.
        let short = match peer.fetch(Fetch::Component { hash }).await {
            Ok(incoming) => incoming.read(1 << 30).await,
            Err(error) => Err(error),
        };
        assert!(matches!(short, Err(Error::GivenUp)), "{short:?}");
    };
    tokio::join!(serve, fetch);
}

#[tokio::test]
async fn what_has_a_name_is_what_its_name_says() {
    let authority = authority();
    let mut driver = Process::start(&authority, support::driver());
    let executor = Process::start(&authority, support::executor());
    let peer = executor.connect_as(&driver, Role::Driver).await.unwrap();
    driver.connected().await;
    let mut pages = vec![1; 4096];
    pages.extend([2; 4096]);
    let asked = || Fetch::Pages {
        application: support::APPLICATION,
        pages: pages.chunks(4096).map(name_of).collect(),
    };
    let mut changed = pages.clone();
    changed[5000] = 3;
    let answers = [
        pages.clone(),
        changed,
        // One too few.
        pages[..4096].to_vec(),
    ];
    let serve = async {
        for answer in answers {
            let (_, reply) = driver.fetched().await;
            let _ = reply.send(Content::Pages, answer.into()).await;
        }
        let (_, reply) = driver.fetched().await;
        let hash = name_of(b"one thing");
        let content = Content::Component { hash };
        let _ = reply.send(content, Bytes::from_static(b"another")).await;
    };
    let fetch = async {
        let whole = peer.fetch(asked()).await.unwrap().read(1 << 20).await;
        assert_eq!(whole.unwrap(), pages);
        let wrong = peer.fetch(asked()).await.unwrap().read(1 << 20).await;
        assert!(matches!(wrong, Err(Error::WrongHash)), "{wrong:?}");
        let short = peer.fetch(asked()).await;
        assert!(matches!(short, Err(Error::SomethingElse)), "{short:?}");
        let hash = name_of(b"one thing");
        let component = peer.fetch(Fetch::Component { hash }).await.unwrap();
        let wrong = component.read(1 << 20).await;
        assert!(matches!(wrong, Err(Error::WrongHash)), "{wrong:?}");
    };
    tokio::join!(serve, fetch);
}
