//! Tokens, wrong certificates, wrong roles, and nobody there.

use std::time::Duration;

use network::{Authority, Credentials, Disconnect, Endpoint, Error, Token, Whose};
use scheduler::Epoch;
use scheduler::message::ToWorker;
use wire::{Join, Message, Role, Subject};

use crate::support::{Process, authority, config, credentials, heartbeat, hours};

#[tokio::test]
async fn a_token_makes_a_member() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let address = master.endpoint.advertised().unwrap().clone();
    let token = authority.token(Role::Worker, hours(1)).unwrap();
    let token: Token = token.to_string().parse().unwrap();
    let serve = async {
        let from = master.connected().await;
        let (message, answer) = master.asked().await;
        let Message::Join(Join::Join { request, subject }) = message else {
            unreachable!("a joiner says `Join` alone");
        };
        assert!(Authority::may_issue(&from.identity().subject, &subject));
        let chain = authority.sign(&request, subject, hours(10)).unwrap();
        answer.give(&Join::Joined { chain }.into()).unwrap();
        assert_eq!(master.disconnected().await, Disconnect::Closed);
    };
    let join = Endpoint::join(config(), &token, &address, Subject::Worker);
    let (joined, ()) = tokio::join!(join, serve);
    // What was joined with is kept as text.
    let joined = Credentials::from_pem(&joined.unwrap().to_pem()).unwrap();
    assert_eq!(joined.identity().subject, Subject::Worker);
    let worker = Process::start_with(config(), &joined);
    worker.connect(&master).await.unwrap();
    assert_eq!(master.connected().await.identity(), joined.identity());
}

#[tokio::test]
async fn a_token_is_good_for_nothing_else() {
    let authority = authority();
    let mut master = Process::start(&authority, Subject::Master);
    let mut worker = Process::start(&authority, Subject::Worker);
    let token = authority.token(Role::Submitter, hours(1)).unwrap();
    let bearer = Process::start_with(config(), &token.credentials().unwrap());
    // Not to talk to a worker.
    let refused = bearer.connect_as(&worker, Role::Worker).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    // Not to tell a master anything.
    let peer = bearer.connect(&master).await.unwrap();
    peer.tell(&heartbeat(1)).unwrap();
    master.connected().await;
    let broken = master.disconnected().await;
    assert!(matches!(broken, Disconnect::Broken(_)), "{broken}");
    // Not to be connected to.
    let nobody = worker
        .endpoint
        .connect(&bearer.listening(), Role::Master)
        .await;
    assert!(
        matches!(
            nobody,
            Err(Error::Unreachable { .. } | Error::NotTinderbox { .. })
        ),
        "{nobody:?}"
    );
    assert!(worker.events.try_recv().is_err());
}

#[tokio::test]
async fn an_expired_token_says_so() {
    let authority = authority();
    let master = Process::start(&authority, Subject::Master);
    let address = master.endpoint.advertised().unwrap();
    let past = network::Validity {
        from: std::time::SystemTime::now() - Duration::from_secs(7200),
        lifetime: Duration::from_secs(3600),
    };
    let token = authority.token(Role::Worker, past).unwrap();
    let joined = Endpoint::join(config(), &token, address, Subject::Worker).await;
    let error = joined.unwrap_err();
    assert!(matches!(error, Error::TokenExpired), "{error}");
    // The same of a certificate, on either side.
    let old = authority.credentials(Subject::Worker, past).unwrap();
    let old = Process::start_with(config(), &old);
    let ours = old.connect(&master).await.unwrap_err();
    assert!(
        matches!(
            ours,
            Error::CertificateExpired {
                whose: Whose::Ours,
                ..
            }
        ),
        "{ours}"
    );
    let theirs = master.connect_as(&old, Role::Worker).await.unwrap_err();
    assert!(
        matches!(
            theirs,
            Error::CertificateExpired {
                whose: Whose::Theirs,
                ..
            }
        ),
        "{theirs}"
    );
}

#[tokio::test]
async fn another_cluster_is_not_talked_to() {
    let (ours, other) = (authority(), authority());
    let master = Process::start(&ours, Subject::Master);
    let stranger = Process::start(&other, Subject::Worker);
    let error = stranger.connect(&master).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::OtherCluster {
                whose: Whose::Theirs,
                ..
            }
        ),
        "{error}"
    );
    let token = other.token(Role::Worker, hours(1)).unwrap();
    let address = master.endpoint.advertised().unwrap();
    let error = Endpoint::join(config(), &token, address, Subject::Worker)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::OtherCluster { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("use the token of the cluster at that address")
    );
}

#[tokio::test]
async fn a_workers_certificate_makes_no_master() {
    let authority = authority();
    let mut impostor = Process::start(&authority, Subject::Worker);
    let worker = Process::start(&authority, Subject::Worker);
    let error = worker.connect(&impostor).await.unwrap_err();
    let wrong = matches!(
        error,
        Error::WrongRole {
            expected: Role::Master,
            found: Role::Worker,
            ..
        }
    );
    assert!(wrong, "{error}");
    // Nor does it speak as one, once it is connected to as what it is.
    let peer = worker.connect_as(&impostor, Role::Worker).await.unwrap();
    let order = scheduler::Message::ToWorker(Epoch(1), ToWorker::DecommissionWorker);
    peer.tell(&order.into()).unwrap();
    impostor.connected().await;
    let broken = impostor.disconnected().await;
    assert_eq!(
        broken,
        Disconnect::Broken("that is not for workers to say".into())
    );
}

#[tokio::test]
async fn a_port_that_is_taken_and_one_where_nobody_listens_are_named() {
    let authority = authority();
    let master = Process::start(&authority, Subject::Master);
    let mut taken = config();
    taken.bind = master.endpoint.local_address();
    let error = Endpoint::bind(taken, &credentials(&authority, Subject::Master)).unwrap_err();
    assert!(matches!(error, Error::PortInUse { .. }), "{error}");
    // A port that was just given back.
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let mut hasty = config();
    hasty.connect_timeout = Duration::from_millis(200);
    let worker = Process::start_with(hasty, &credentials(&authority, Subject::Worker));
    let error = worker
        .endpoint
        .connect(&(&*address).into(), Role::Master)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let error = worker
        .endpoint
        .connect(&"no-such-host.invalid:7077".into(), Role::Master)
        .await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, Error::Resolve { .. } | Error::Unreachable { .. }),
        "{error}"
    );
}
