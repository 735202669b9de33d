//! One question to the masters.

use std::sync::Arc;
use std::time::Duration;

use scheduler::client::submission::{Action, Input, Outbox};
use scheduler::client::{Request, Submission};
use scheduler::message::{Message, ToMaster, ToSubmitter};
use scheduler::{Address, Epoch, SubmissionKey, Time};

use crate::host::{app, driver, masters, program, settings};

struct Side {
    submission: Submission,
    now: Time,
}

impl Side {
    fn new(request: Request) -> Self {
        let submission = Submission::new(request, masters(), &settings(&[]), 1);
        let mut side = Self {
            submission,
            now: Time::START,
        };
        assert_eq!(side.give(Input::Started).len(), 2);
        side
    }

    fn give(&mut self, input: Input) -> Vec<Action> {
        let mut out = Outbox::default();
        self.submission.handle(self.now, input, &mut out);
        out.actions
    }

    fn hear(&mut self, from: &str, epoch: u64, message: ToSubmitter) -> Vec<Action> {
        self.give(Input::Received {
            from: from.into(),
            epoch: Epoch(epoch),
            message,
        })
    }

    /// Plays all deadlines until it is answered. Returns how often it asked meanwhile, and the answer.
    fn run(&mut self) -> (usize, Action) {
        let mut asked = 0;
        loop {
            self.now = self.submission.next_deadline().expect("it is not answered");
            let mut actions = self.give(Input::DeadlineReached);
            match actions.pop().expect("something is done") {
                Action::Send { .. } => asked += 1,
                answer @ Action::Answer(_) => return (asked, answer),
            }
        }
    }
}

fn submit() -> Request {
    Request::SubmitDriver((*program(1, false)).clone())
}

fn taken(key: u128) -> ToSubmitter {
    ToSubmitter::SubmitDriverResponse {
        key: SubmissionKey(key),
        driver: Ok(driver(0)),
    }
}

#[test]
fn every_master_is_asked_and_the_leaders_answer_taken() {
    let mut side = Side::new(submit());
    assert!(
        side.hear("a:7077", 0, ToSubmitter::MasterInStandby)
            .is_empty()
    );
    assert_eq!(
        side.hear("b:7077", 1, taken(2)),
        [Action::Answer(Ok(taken(2)))]
    );
    assert!(side.hear("b:7077", 1, taken(2)).is_empty());
    assert_eq!(side.submission.next_deadline(), None);
}

#[test]
fn a_question_is_asked_again_with_the_same_key() {
    let mut side = Side::new(submit());
    side.give(Input::Disconnected {
        peer: "a:7077".into(),
    });
    side.now = side.submission.next_deadline().unwrap();
    let to: Vec<Address> = masters();
    for (action, master) in side.give(Input::DeadlineReached).into_iter().zip(to) {
        let Action::Send {
            to,
            message: Message::ToMaster(ToMaster::RequestSubmitDriver(spec)),
        } = action
        else {
            panic!("asked again");
        };
        assert_eq!((to, spec.key), (master, SubmissionKey(2)));
    }
}

fn failure(action: Action) -> Arc<str> {
    match action {
        Action::Answer(Err(reason)) => reason,
        other => panic!("a failure, not {other:?}"),
    }
}

#[test]
fn a_question_that_nobody_answers_fails_with_the_masters_names() {
    let mut side = Side::new(submit());
    let (asked, answer) = side.run();
    assert_eq!(
        &*failure(answer),
        "no master at a:7077, b:7077 answered within 30 s"
    );
    assert_eq!(side.now, Time::from(Duration::from_secs(30)));
    assert!((10..=30).contains(&asked), "{asked}");
}

#[test]
fn a_question_to_standbys_alone_says_so() {
    let mut side = Side::new(submit());
    side.hear("a:7077", 0, ToSubmitter::MasterInStandby);
    let (_, answer) = side.run();
    assert_eq!(
        &*failure(answer),
        "no master at a:7077, b:7077 came to lead within 30 s; standing by: a:7077"
    );
}

#[test]
fn an_answer_to_another_question_is_not_taken() {
    let mut side = Side::new(submit());
    assert!(side.hear("a:7077", 1, taken(9)).is_empty());
    let killed = ToSubmitter::KillDriverResponse {
        driver: driver(0),
        refused: None,
    };
    assert!(side.hear("a:7077", 1, killed).is_empty());
}

#[test]
fn a_deposed_leaders_answer_is_not_taken() {
    let mut side = Side::new(submit());
    side.hear("b:7077", 2, taken(9));
    assert!(side.hear("a:7077", 1, taken(2)).is_empty());
    assert_eq!(side.hear("b:7077", 2, taken(2)).len(), 1);
}

#[test]
fn each_question_has_its_own_answer() {
    let refused = None;
    let questions = [
        (
            Request::KillDriver(driver(0)),
            ToSubmitter::KillDriverResponse {
                driver: driver(0),
                refused: refused.clone(),
            },
        ),
        (
            Request::DriverStatus(driver(0)),
            ToSubmitter::DriverStatusResponse {
                driver: driver(0),
                status: None,
            },
        ),
        (
            Request::KillApplication(app(0)),
            ToSubmitter::KillApplicationResponse {
                application: app(0),
                refused: refused.clone(),
            },
        ),
        (
            Request::DecommissionWorkersOnHosts(vec!["w".into()]),
            ToSubmitter::DecommissionResponse {
                workers: 1,
                refused,
            },
        ),
    ];
    for (request, _) in &questions {
        for (asked, answer) in &questions {
            let mut side = Side::new(request.clone());
            let taken = !side.hear("a:7077", 1, answer.clone()).is_empty();
            assert_eq!(taken, asked == request, "{request:?} {answer:?}");
        }
    }
}
