//! An executor, against books that the test keeps of its attempts.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use scheduler::executor::{Action, Input};
use scheduler::message::{Message, ToDriver, ToExecutor};
use scheduler::{
    Address, AttemptId, FailureKind, KillReason, Outcome, RddId, ShuffleId, TaskFailure,
    TaskMetrics,
};

use crate::host::{DRIVER, Process, task};
use crate::proptests::config;

fn attempt() -> impl Strategy<Value = AttemptId> {
    prop_oneof![29 => 0..12_u64, 1 => Just(u64::MAX)].prop_map(AttemptId)
}

fn message() -> impl Strategy<Value = ToExecutor> {
    let reason = KillReason::JobEnded;
    prop_oneof![
        4 => (0..20_u64).prop_map(|seconds| ToExecutor::RegisteredExecutor {
            heartbeat_interval: Duration::from_secs(seconds),
        }),
        10 => prop::collection::vec(attempt().prop_map(task), 0..3).prop_map(ToExecutor::LaunchTasks),
        4 => attempt().prop_map(move |attempt| ToExecutor::KillTask { attempt, reason }),
        6 => (0..8_u8).prop_map(|drawn| ToExecutor::HeartbeatResponse { register_again: drawn == 0 }),
        2 => attempt().prop_map(ToExecutor::GrantCommit),
        2 => attempt().prop_map(ToExecutor::DenyCommit),
        1 => (0..2_u32).prop_map(|rdd| ToExecutor::RemoveBlocks(RddId(rdd))),
        1 => Just(ToExecutor::RemoveShuffle(ShuffleId(0))),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let block = || (0..2_u32, 0..3_u32);
    prop_oneof![
        24 => (0..30_u8, message()).prop_map(|(drawn, message)| Input::Received {
            from: if drawn == 0 { "x:1".into() } else { DRIVER.into() },
            message,
        }),
        2 => Just(Input::Disconnected { peer: DRIVER.into() }),
        8 => (attempt(), any::<bool>()).prop_map(|(attempt, well)| Input::TaskEnded {
            attempt,
            outcome: if well {
                Outcome::Succeeded
            } else {
                TaskFailure::new(FailureKind::Trapped, "unreachable").into()
            },
            metrics: TaskMetrics::default(),
        }),
        3 => attempt().prop_map(|attempt| Input::CommitAsked { attempt }),
        2 => block().prop_map(|(rdd, partition)| Input::BlockStored { rdd: RddId(rdd), partition }),
        1 => block().prop_map(|(rdd, partition)| Input::BlockDropped { rdd: RddId(rdd), partition }),
        6 => Just(Input::DeadlineReached),
    ]
}

/// The last of it: it is told to go, in one way or another.
fn last() -> impl Strategy<Value = Input> {
    let received = |message| Input::Received {
        from: DRIVER.into(),
        message,
    };
    prop_oneof![
        Just(received(ToExecutor::DecommissionExecutor)),
        Just(received(ToExecutor::StopExecutor)),
        Just(Input::DecommissionAsked),
    ]
}

/// What the test knows.
#[derive(Default)]
struct Books {
    running: BTreeSet<AttemptId>,
    ever_run: BTreeSet<AttemptId>,
    /// Those that asked for a commit and have no answer.
    asking: BTreeSet<AttemptId>,
    /// Ends told on this connection.
    told: BTreeSet<AttemptId>,
    /// Ends that happened, each of which is told as long as the driver is not known to have heard.
    ended: BTreeSet<AttemptId>,
    released: BTreeSet<AttemptId>,
    gone: bool,
}

impl Books {
    fn take(&mut self, input: &Input) {
        match input {
            Input::Disconnected { peer } if *peer == Address::from(DRIVER) => self.told.clear(),
            Input::TaskEnded { attempt, .. } => {
                if self.running.remove(attempt) {
                    self.ended.insert(*attempt);
                }
                self.asking.remove(attempt);
            }
            Input::CommitAsked { attempt } => {
                self.asking.insert(*attempt);
            }
            _ => {}
        }
    }

    fn carry_out(&mut self, action: &Action) {
        assert!(!self.gone, "nothing comes after the exit");
        match action {
            Action::RunTask(task) => {
                assert!(self.ever_run.insert(task.attempt), "an attempt runs once");
                self.running.insert(task.attempt);
                assert!(
                    self.running.len() <= 2 * 17,
                    "each task has a core, or waits with 15 others for one"
                );
            }
            Action::KillTask { attempt, .. } => assert!(self.running.contains(attempt)),
            Action::GrantCommit(attempt) => {
                assert!(
                    self.running.contains(attempt),
                    "an attempt that runs commits"
                );
                assert!(
                    self.asking.remove(attempt),
                    "an answer follows its question"
                );
            }
            Action::DenyCommit(attempt) => {
                assert!(
                    self.asking.remove(attempt),
                    "an answer follows its question"
                );
            }
            Action::ReleaseResults(attempts) => {
                for attempt in attempts {
                    assert!(
                        self.told.contains(attempt),
                        "only what was told is forgotten"
                    );
                    assert!(self.released.insert(*attempt));
                }
            }
            Action::Exit { .. } => self.gone = true,
            Action::Send {
                message: Message::ToDriver(message),
                ..
            } => self.hear(message),
            other => assert!(matches!(
                other,
                Action::RemoveBlocks(_) | Action::RemoveShuffle(_)
            )),
        }
    }

    fn hear(&mut self, message: &ToDriver) {
        match message {
            ToDriver::StatusUpdate { attempt, .. } => {
                assert!(!self.running.contains(attempt), "what has ended is told");
                assert!(self.told.insert(*attempt), "an end is told once");
                assert!(
                    !self.released.contains(attempt),
                    "what was heard is not told"
                );
            }
            ToDriver::RegisterExecutor { running, .. } => {
                self.told.clear();
                let running: BTreeSet<AttemptId> = running.iter().copied().collect();
                assert!(self.running.is_subset(&running));
                let unheard = self.ended.difference(&self.released);
                assert!(unheard.into_iter().all(|ended| running.contains(ended)));
            }
            _ => {}
        }
    }
}

fn play(inputs: Vec<(u32, Input)>) {
    let mut process = Process::new(&[("decommission.enabled", "true")]);
    let mut books = Books::default();
    for (micros, input) in std::iter::once((0, Input::Started)).chain(inputs) {
        process.now = process.now + Duration::from_micros(u64::from(micros));
        books.take(&input);
        process.give(input);
        for action in &process.out.actions {
            books.carry_out(action);
        }
        if books.gone {
            assert_eq!(process.executor.next_deadline(), None);
        } else {
            let running: BTreeSet<AttemptId> = process.executor.running().collect();
            assert_eq!(running, books.running);
        }
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn an_executor_runs_each_attempt_once_and_tells_each_end_once(
        inputs in prop::collection::vec((0..5_000_000_u32, input()), 0..200),
        end in last(),
        after in prop::collection::vec((0..5_000_000_u32, input()), 0..30),
    ) {
        let inputs = inputs.into_iter().chain([(0, end)]).chain(after);
        play(inputs.collect());
    }
}
