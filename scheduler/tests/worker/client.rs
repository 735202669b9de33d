//! An application's client and its masters. Some scenarios are those of Spark's `AppClientSuite`.

use std::time::Duration;

use scheduler::client::{Action, Client, EventKind, Input, News, Outbox};
use scheduler::message::{ExecutorState, Message, ToApplication, ToMaster};
use scheduler::{Epoch, ExecutorId, Time, WorkerId};

use crate::host::{app, application, masters, settings};

struct Side {
    client: Client,
    now: Time,
    out: Outbox,
}

impl Side {
    fn new(set: &[(&str, &str)]) -> Self {
        Self {
            client: Client::new(application(), masters(), &settings(set), 1),
            now: Time::START,
            out: Outbox::default(),
        }
    }

    fn connected() -> Self {
        let mut side = Self::new(&[]);
        side.give(Input::Started);
        side.hear(1, registered(0));
        side
    }

    fn give(&mut self, input: Input) -> Vec<String> {
        self.out.clear();
        self.client.handle(self.now, input, &mut self.out);
        self.out.actions.iter().map(show).collect()
    }

    fn hear(&mut self, epoch: u64, message: ToApplication) -> Vec<String> {
        let from = if epoch % 2 == 1 { "a:7077" } else { "b:7077" };
        self.give(Input::Received {
            from: from.into(),
            epoch: Epoch(epoch),
            message,
        })
    }

    fn lose(&mut self, peer: &str) -> Vec<String> {
        let peer = peer.into();
        self.give(Input::Disconnected { peer })
    }

    fn wait(&mut self) -> (Duration, Vec<String>) {
        let due = self.client.next_deadline().expect("something is due");
        let waited = due.since(self.now);
        self.now = due;
        (waited, self.give(Input::DeadlineReached))
    }

    fn refusal(&self) -> String {
        match &self.out.events[..] {
            [event] => match &event.kind {
                EventKind::Refused { message, reason } => format!("{message}: {reason}"),
                other => panic!("a refusal, not {other:?}"),
            },
            other => panic!("one refusal, not {other:?}"),
        }
    }
}

fn show(action: &Action) -> String {
    match action {
        Action::Send {
            to,
            message: Message::ToMaster(message),
        } => {
            let message = match message {
                ToMaster::RegisterApplication(spec) => format!("register {}", spec.name),
                ToMaster::UnregisterApplication(application) => format!("unregister {application}"),
                ToMaster::MasterChangeAcknowledged { next_executor, .. } => {
                    format!("acknowledged, next is {next_executor}")
                }
                ToMaster::RequestExecutors { total, .. } => format!("wants {total}"),
                ToMaster::KillExecutors { executors, .. } => format!("kill {executors:?}"),
                other => format!("{other:?}"),
            };
            format!("{to} < {message}")
        }
        Action::Send { .. } => panic!("a client speaks with masters"),
        Action::Tell(news) => match news {
            News::Connected { application } => format!("connected as {application}"),
            News::Disconnected => "disconnected".into(),
            News::Failed { reason } => format!("failed: {reason}"),
            News::ExecutorAdded { executor, .. } => format!("added {executor}"),
            News::ExecutorEnded {
                executor,
                reason,
                exit_code,
                worker_lost,
            } => {
                let code = exit_code.map_or_else(String::new, |code| format!(" with {code}"));
                let lost = if *worker_lost { " with its worker" } else { "" };
                format!("{executor} ended{code}{lost}: {reason}")
            }
            News::ExecutorDecommissioned { executor } => format!("{executor} decommissioned"),
            News::WorkerRemoved { host, reason, .. } => format!("{host} removed: {reason}"),
            News::Waiting { because } => format!("waiting: {because:?}"),
        },
    }
}

fn registered(number: u32) -> ToApplication {
    ToApplication::RegisteredApplication {
        application: app(number),
        master: "a:7077".into(),
    }
}

fn changed() -> ToApplication {
    let master = "b:7077".into();
    ToApplication::MasterChanged { master }
}

fn added(executor: u32, worker: u64) -> ToApplication {
    ToApplication::ExecutorAdded {
        executor: ExecutorId(executor),
        worker: WorkerId(worker),
        host: "w".into(),
        rack: None,
        cores: 4,
        memory: 1 << 30,
    }
}

fn updated(executor: u32, state: ExecutorState) -> ToApplication {
    ToApplication::ExecutorUpdated {
        executor: ExecutorId(executor),
        state,
        reason: Some("it ended".into()),
        exit_code: Some(1),
        worker_lost: false,
    }
}

const REGISTER_WITH_ALL: [&str; 2] = ["a:7077 < register words", "b:7077 < register words"];

/// Spark's scenario, with its master played: connect, ask for executors, lose one to a decommission, kill it, stop.
#[test]
fn interface_methods_of_app_client_using_local_master() {
    let mut side = Side::new(&[]);
    assert_eq!(side.give(Input::Started), REGISTER_WITH_ALL);
    assert_eq!(side.hear(1, registered(0)), ["connected as app-1-0000"]);
    assert_eq!(
        side.give(Input::ExecutorsRequested { total: 1 }),
        ["a:7077 < wants 1"]
    );
    assert_eq!(side.hear(1, added(0, 1)), ["added executor-0"]);
    assert!(side.hear(1, updated(0, ExecutorState::Running)).is_empty());
    let decommissioned = updated(0, ExecutorState::Decommissioned);
    assert_eq!(
        side.hear(1, decommissioned.clone()),
        ["executor-0 decommissioned"]
    );
    assert!(side.hear(1, decommissioned).is_empty());
    assert_eq!(
        side.give(Input::ExecutorsKilled(vec![ExecutorId(0)])),
        ["a:7077 < kill [ExecutorId(0)]"]
    );
    assert_eq!(
        side.hear(1, updated(0, ExecutorState::Killed)),
        ["executor-0 ended with 1: it ended"]
    );
    assert_eq!(
        side.give(Input::ExecutorsRequested { total: 1 }),
        ["a:7077 < wants 1"]
    );
    assert_eq!(
        side.give(Input::Stopped),
        ["a:7077 < unregister app-1-0000"]
    );
    assert!(side.give(Input::Stopped).is_empty());
    assert_eq!(side.client.next_deadline(), None);
}

/// Spark answers no; here the wish is kept.
#[test]
fn request_from_app_client_before_initialized_with_master() {
    let mut side = Side::new(&[]);
    assert!(side.give(Input::ExecutorsRequested { total: 2 }).is_empty());
    side.give(Input::Started);
    assert!(side.give(Input::ExecutorsRequested { total: 3 }).is_empty());
    assert_eq!(
        side.hear(1, registered(0)),
        ["connected as app-1-0000", "a:7077 < wants 3"]
    );
}

#[test]
fn an_application_that_no_master_takes_in_fails() {
    let mut side = Side::new(&[]);
    side.give(Input::Started);
    assert!(side.lose("a:7077").is_empty());
    assert!(side.hear(2, ToApplication::MasterInStandby).is_empty());
    for _ in 0..2 {
        let (waited, lines) = side.wait();
        assert_eq!(waited, Duration::from_secs(20));
        assert_eq!(lines, REGISTER_WITH_ALL);
    }
    assert_eq!(
        side.wait().1,
        ["failed: no master at a:7077, b:7077 has taken the application in within 60 s (3 tries)"]
    );
    assert_eq!(side.client.next_deadline(), None);
    // The answer comes too late: the application must not hold anything.
    assert_eq!(
        side.hear(1, registered(0)),
        ["a:7077 < unregister app-1-0000"]
    );
}

#[test]
fn an_application_that_is_refused_fails() {
    let mut side = Side::new(&[]);
    side.give(Input::Started);
    let reason = "tenant `x` has no quota".into();
    assert_eq!(
        side.hear(1, ToApplication::RegisterApplicationFailed { reason }),
        ["failed: the master refused the application: tenant `x` has no quota"]
    );
}

#[test]
fn an_application_that_is_removed_fails_once() {
    let mut side = Side::connected();
    let removed = ToApplication::ApplicationRemoved {
        reason: "it was killed".into(),
    };
    assert_eq!(
        side.hear(1, removed.clone()),
        ["failed: the master removed the application: it was killed"]
    );
    assert!(side.hear(1, removed).is_empty());
    assert!(side.hear(1, added(0, 1)).is_empty());
}

#[test]
fn a_lost_leader_is_told_once_and_looked_for_ever_after() {
    let mut side = Side::connected();
    let mut expected = vec!["disconnected"];
    expected.extend(REGISTER_WITH_ALL);
    assert_eq!(side.lose("a:7077"), expected);
    assert!(side.lose("a:7077").is_empty());
    for _ in 0..100 {
        let (waited, lines) = side.wait();
        assert!(waited >= Duration::from_secs(10) && waited <= Duration::from_secs(30));
        assert_eq!(lines, REGISTER_WITH_ALL);
    }
    assert_eq!(side.hear(1, registered(0)), ["connected as app-1-0000"]);
}

#[test]
fn the_loss_of_a_standby_is_nothing_to_an_application() {
    let mut side = Side::connected();
    assert!(side.lose("b:7077").is_empty());
}

#[test]
fn a_leader_that_stands_by_now_is_left() {
    let mut side = Side::connected();
    assert_eq!(
        side.hear(1, ToApplication::MasterInStandby)[0],
        "disconnected"
    );
}

#[test]
fn a_new_leader_hears_what_numbers_are_taken_and_what_is_wanted() {
    let mut side = Side::connected();
    side.give(Input::ExecutorsRequested { total: 5 });
    side.hear(1, added(6, 1));
    side.hear(1, added(7, 1));
    side.give(Input::ExecutorsKilled(vec![ExecutorId(6), ExecutorId(7)]));
    side.hear(1, updated(7, ExecutorState::Exited));
    side.lose("a:7077");
    assert_eq!(
        side.hear(2, changed()),
        [
            "connected as app-1-0000",
            "b:7077 < acknowledged, next is executor-8",
            "b:7077 < wants 5",
            "b:7077 < kill [ExecutorId(6)]"
        ]
    );
    assert_eq!(side.client.next_deadline(), None);
}

#[test]
fn a_new_leader_found_by_registering_hears_it_too() {
    let mut side = Side::connected();
    side.hear(1, added(6, 1));
    side.lose("a:7077");
    assert_eq!(
        side.hear(2, registered(0)),
        [
            "connected as app-1-0000",
            "b:7077 < acknowledged, next is executor-7"
        ]
    );
    // Once is enough.
    assert!(side.hear(2, changed()).is_empty());
}

#[test]
fn a_new_leader_before_the_first_registration_is_offered_the_application() {
    let mut side = Side::new(&[]);
    side.give(Input::Started);
    assert_eq!(side.hear(2, changed()), ["b:7077 < register words"]);
}

#[test]
fn a_deposed_leader_is_not_believed() {
    let mut side = Side::connected();
    side.hear(1, added(0, 1));
    side.hear(2, changed());
    let reason = "x".into();
    for message in [
        added(1, 1),
        updated(0, ExecutorState::Exited),
        ToApplication::ApplicationRemoved { reason },
        registered(0),
    ] {
        assert!(side.hear(1, message).is_empty());
    }
    side.hear(1, added(1, 1));
    assert_eq!(
        side.refusal(),
        "executor-1 was added: epoch-1 of a:7077 is over, epoch-2 has begun"
    );
}

#[test]
fn the_end_of_an_executor_is_told_once() {
    let mut side = Side::connected();
    side.hear(1, added(0, 1));
    assert_eq!(side.hear(1, updated(0, ExecutorState::Failed)).len(), 1);
    assert!(side.hear(1, updated(0, ExecutorState::Lost)).is_empty());
    assert!(side.hear(1, added(0, 1)).is_empty());
    assert_eq!(side.refusal(), "executor-0 was added: it was told before");
}

#[test]
fn the_end_of_an_executor_whose_beginning_was_lost_is_told() {
    let mut side = Side::connected();
    assert_eq!(side.hear(1, updated(4, ExecutorState::Failed)).len(), 1);
    assert!(side.hear(1, updated(4, ExecutorState::Failed)).is_empty());
}

#[test]
fn executors_end_with_their_worker() {
    let mut side = Side::connected();
    for (executor, worker) in [(0, 1), (1, 2), (2, 1)] {
        side.hear(1, added(executor, worker));
    }
    side.hear(1, updated(2, ExecutorState::Exited));
    let removed = ToApplication::WorkerRemoved {
        worker: WorkerId(1),
        host: "w".into(),
        reason: "it was silent for 60 s".into(),
    };
    assert_eq!(
        side.hear(1, removed),
        [
            "executor-0 ended with its worker: it was silent for 60 s",
            "w removed: it was silent for 60 s"
        ]
    );
}

#[test]
fn masters_that_have_lost_their_books_take_the_application_in_anew() {
    let mut side = Side::connected();
    side.hear(1, added(0, 1));
    side.lose("a:7077");
    assert_eq!(
        side.hear(2, registered(5)),
        [
            "executor-0 ended: the masters have lost the application and registered it anew",
            "connected as app-1-0005",
            "b:7077 < acknowledged, next is executor-1"
        ]
    );
}

#[test]
fn what_it_waits_for_is_told_when_it_changes() {
    let mut side = Side::connected();
    let waiting = |because: Option<&str>| ToApplication::Waiting {
        because: because.map(Into::into),
    };
    assert!(side.hear(1, waiting(None)).is_empty());
    assert_eq!(side.hear(1, waiting(Some("no worker"))).len(), 1);
    assert!(side.hear(1, waiting(Some("no worker"))).is_empty());
    assert_eq!(side.hear(1, waiting(None)), ["waiting: None"]);
}

#[test]
fn news_before_the_registration_is_refused() {
    let mut side = Side::new(&[]);
    side.give(Input::Started);
    assert!(side.hear(1, added(0, 1)).is_empty());
    assert_eq!(
        side.refusal(),
        "executor-0 was added: the application is not registered yet"
    );
}

#[test]
fn an_application_that_stops_without_a_leader_tells_all() {
    let mut side = Side::connected();
    side.lose("a:7077");
    assert_eq!(
        side.give(Input::Stopped),
        [
            "a:7077 < unregister app-1-0000",
            "b:7077 < unregister app-1-0000"
        ]
    );
    assert_eq!(
        side.hear(2, registered(0)),
        ["b:7077 < unregister app-1-0000"]
    );
}
