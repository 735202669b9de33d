//! A client and a submission, against books that the test keeps of what they told.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use scheduler::client::submission::{self, Submission};
use scheduler::client::{Action, Client, Input, News, Outbox, Request};
use scheduler::message::{ExecutorState, ToApplication, ToSubmitter};
use scheduler::{Epoch, ExecutorId, SubmissionKey, Time, WorkerId};

use super::{address, application, cores, epoch, executor_id, memory};
use crate::host::{application as spec, driver, masters, program, settings};
use crate::proptests::config;

fn state() -> impl Strategy<Value = ExecutorState> {
    prop_oneof![
        Just(ExecutorState::Launching),
        Just(ExecutorState::Running),
        Just(ExecutorState::Killed),
        Just(ExecutorState::Failed),
        Just(ExecutorState::Lost),
        Just(ExecutorState::Exited),
        Just(ExecutorState::Decommissioned),
    ]
}

fn message() -> impl Strategy<Value = ToApplication> {
    prop_oneof![
        40 => (application(), address()).prop_map(|(application, master)| {
            ToApplication::RegisteredApplication { application, master }
        }),
        1 => Just(ToApplication::RegisterApplicationFailed { reason: "no".into() }),
        10 => Just(ToApplication::MasterInStandby),
        1 => Just(ToApplication::ApplicationRemoved { reason: "killed".into() }),
        20 => address().prop_map(|master| ToApplication::MasterChanged { master }),
        60 => (executor_id(), 0..3_u64, cores(), memory()).prop_map(
            |(executor, worker, cores, memory)| ToApplication::ExecutorAdded {
                executor,
                worker: WorkerId(worker),
                host: "w".into(),
                rack: None,
                cores,
                memory,
            }
        ),
        60 => (executor_id(), state(), any::<bool>()).prop_map(|(executor, state, worker_lost)| {
            ToApplication::ExecutorUpdated {
                executor,
                state,
                reason: None,
                exit_code: None,
                worker_lost,
            }
        }),
        10 => (0..3_u64).prop_map(|worker| ToApplication::WorkerRemoved {
            worker: WorkerId(worker),
            host: "w".into(),
            reason: "silent".into(),
        }),
        5 => any::<bool>().prop_map(|waits| ToApplication::Waiting {
            because: waits.then(|| "no worker".into()),
        }),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        120 => (address(), epoch(), message()).prop_map(|(from, epoch, message)| {
            Input::Received { from, epoch, message }
        }),
        10 => address().prop_map(|peer| Input::Disconnected { peer }),
        5 => any::<u32>().prop_map(|total| Input::ExecutorsRequested { total }),
        5 => prop::collection::vec(executor_id(), 0..3).prop_map(Input::ExecutorsKilled),
        20 => Just(Input::DeadlineReached),
        1 => Just(Input::Stopped),
    ]
}

/// What the test knows.
#[derive(Default)]
struct Books {
    epoch: Epoch,
    connected: bool,
    over: bool,
    there: BTreeSet<ExecutorId>,
    ended: BTreeSet<ExecutorId>,
}

impl Books {
    /// Returns whether nothing must come of an input.
    fn take(&mut self, input: &Input) -> bool {
        let Input::Received { epoch, message, .. } = input else {
            return false;
        };
        if *message == ToApplication::MasterInStandby {
            return false;
        }
        let old = *epoch < self.epoch;
        self.epoch = self.epoch.max(*epoch);
        // An application that a master takes in too late is taken back, whoever leads.
        old && !self.over
    }

    fn hear(&mut self, news: &News) {
        assert!(!self.over, "nothing is told after the end");
        match news {
            News::Connected { .. } => self.connected = true,
            News::Disconnected => {
                assert!(self.connected, "a lost leader is told once");
                self.connected = false;
            }
            News::Failed { .. } => self.over = true,
            News::ExecutorAdded { executor, .. } => {
                assert!(!self.ended.contains(executor), "nobody comes back");
                assert!(self.there.insert(*executor), "each is added once");
            }
            News::ExecutorEnded { executor, .. } => {
                self.there.remove(executor);
                assert!(self.ended.insert(*executor), "each end is told once");
            }
            News::ExecutorDecommissioned { executor } => {
                assert!(!self.ended.contains(executor));
            }
            News::WorkerRemoved { .. } | News::Waiting { .. } => {}
        }
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn a_client_tells_each_executor_once_and_believes_the_latest_epoch(
        inputs in prop::collection::vec((0..20_000_000_u32, input()), 0..200),
    ) {
        let mut client = Client::new(spec(), masters(), &settings(&[]), 1);
        let (mut books, mut out, mut now) = (Books::default(), Outbox::default(), Time::START);
        for (micros, input) in std::iter::once((0, Input::Started)).chain(inputs) {
            now = now + Duration::from_micros(u64::from(micros));
            let nothing = books.take(&input);
            let stopped = input == Input::Stopped;
            out.clear();
            client.handle(now, input, &mut out);
            prop_assert!(!nothing || out.actions.is_empty(), "an old epoch is not believed");
            for action in &out.actions {
                if let Action::Tell(news) = action {
                    books.hear(news);
                }
            }
            books.over |= stopped;
            prop_assert!(!books.over || client.next_deadline().is_none());
        }
    }

    #[test]
    fn a_submission_is_answered_once(
        inputs in prop::collection::vec(
            (0..10_000_000_u32, address(), epoch(), 0..3_u8, any::<bool>()),
            0..50,
        ),
    ) {
        let request = Request::SubmitDriver((*program(1, false)).clone());
        let mut submission = Submission::new(request, masters(), &settings(&[]), 1);
        let (mut out, mut now, mut answers) = (submission::Outbox::default(), Time::START, 0);
        submission.handle(now, submission::Input::Started, &mut out);
        for (micros, from, epoch, drawn, mine) in inputs {
            now = now + Duration::from_micros(u64::from(micros));
            let message = if drawn == 0 {
                ToSubmitter::MasterInStandby
            } else {
                let key = SubmissionKey(if mine { 2 } else { 3 });
                ToSubmitter::SubmitDriverResponse { key, driver: Ok(driver(0)) }
            };
            let received = submission::Input::Received { from, epoch, message };
            let input = if drawn == 2 { submission::Input::DeadlineReached } else { received };
            submission.handle(now, input, &mut out);
        }
        now = now + Duration::from_secs(60);
        submission.handle(now, submission::Input::DeadlineReached, &mut out);
        for action in &out.actions {
            if let submission::Action::Answer(_) = action {
                answers += 1;
            } else {
                prop_assert_eq!(answers, 0);
            }
        }
        prop_assert_eq!(answers, 1);
        prop_assert_eq!(submission.next_deadline(), None);
    }
}
