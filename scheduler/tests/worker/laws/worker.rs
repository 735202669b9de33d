//! A worker, against books that the test keeps of its processes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use scheduler::message::{DriverSpec, ExecutorName, ExecutorState, Message, ToMaster, ToWorker};
use scheduler::worker::{Action, Folder, Input, Outbox};
use scheduler::{DriverId, Epoch};

use super::{address, application, cores, epoch, executor_name, memory};
use crate::host::{Machine, application as spec, driver, program};
use crate::proptests::config;

fn driver_id() -> impl Strategy<Value = DriverId> {
    (0..4_u32).prop_map(driver)
}

fn driver_spec() -> impl Strategy<Value = Arc<DriverSpec>> {
    (cores(), memory(), any::<bool>()).prop_map(|(cores, memory, supervise)| {
        Arc::new(DriverSpec {
            memory,
            ..(*program(cores, supervise)).clone()
        })
    })
}

fn message() -> impl Strategy<Value = ToWorker> {
    let master = || address().boxed();
    prop_oneof![
        3 => (master(), any::<bool>()).prop_map(|(master, duplicate)| {
            ToWorker::RegisteredWorker { master, duplicate }
        }),
        1 => Just(ToWorker::RegisterWorkerFailed { reason: "no".into() }),
        1 => Just(ToWorker::MasterInStandby),
        1 => master().prop_map(|master| ToWorker::ReconnectWorker { master }),
        1 => master().prop_map(|master| ToWorker::MasterChanged { master }),
        9 => (executor_name(), cores(), memory()).prop_map(|(name, cores, memory)| {
            ToWorker::LaunchExecutor { name, application: Arc::new(spec()), cores, memory }
        }),
        4 => executor_name().prop_map(ToWorker::KillExecutor),
        4 => (driver_id(), driver_spec()).prop_map(|(driver, spec)| ToWorker::LaunchDriver { driver, spec }),
        2 => driver_id().prop_map(ToWorker::KillDriver),
        1 => application().prop_map(ToWorker::ApplicationFinished),
        1 => Just(ToWorker::DecommissionWorker),
    ]
}

fn exit_code() -> impl Strategy<Value = Option<i32>> {
    prop_oneof![Just(None), Just(Some(0)), Just(Some(1))]
}

/// What happens, ends of processes aside.
fn input() -> impl Strategy<Value = Input> {
    let reason = || Arc::from("it ended");
    prop_oneof![
        24 => (address(), epoch(), message()).prop_map(|(from, epoch, message)| {
            Input::Received { from, epoch, message }
        }),
        2 => address().prop_map(|peer| Input::Disconnected { peer }),
        4 => executor_name().prop_map(|name| Input::ExecutorStarted { name }),
        6 => (executor_name(), exit_code()).prop_map(move |(name, exit_code)| {
            Input::ExecutorEnded { name, exit_code, reason: reason() }
        }),
        2 => driver_id().prop_map(|driver| Input::DriverStarted { driver }),
        4 => (driver_id(), exit_code()).prop_map(move |(driver, exit_code)| {
            Input::DriverEnded { driver, exit_code, reason: reason() }
        }),
        1 => application().prop_map(|application| {
            Input::FoldersFound(vec![Folder { application, age: Duration::MAX }])
        }),
        8 => Just(Input::DeadlineReached),
    ]
}

fn end() -> impl Strategy<Value = Input> {
    prop_oneof![30 => input(), 1 => Just(Input::StopAsked), 1 => Just(Input::DecommissionAsked)]
}

/// What the test knows.
#[derive(Default)]
struct Books {
    epoch: Epoch,
    executors: BTreeMap<ExecutorName, (u32, u64)>,
    drivers: BTreeMap<DriverId, (u32, u64)>,
    /// Executors that were ever started: none is started again.
    started: BTreeSet<ExecutorName>,
    /// Ends that were told since the latest loss of a connection or change of leaders.
    told: BTreeSet<ExecutorName>,
    gone: bool,
}

impl Books {
    /// Takes note of an input, and of whether it is an order that must not be obeyed.
    fn take(&mut self, input: &Input) -> bool {
        match input {
            Input::Received {
                message: ToWorker::MasterInStandby,
                ..
            } => {
                self.told.clear();
                false
            }
            Input::Received {
                epoch,
                message: ToWorker::ReconnectWorker { .. },
                ..
            } => {
                self.told.clear();
                self.hear_epoch(*epoch)
            }
            Input::Received { epoch, .. } => self.hear_epoch(*epoch),
            Input::Disconnected { .. } => {
                self.told.clear();
                false
            }
            Input::ExecutorEnded { name, .. } => {
                self.executors.remove(name);
                false
            }
            Input::DriverEnded { driver, .. } => {
                self.drivers.remove(driver);
                false
            }
            _ => false,
        }
    }

    fn hear_epoch(&mut self, epoch: Epoch) -> bool {
        if epoch > self.epoch {
            self.told.clear();
        }
        let old = epoch < self.epoch;
        self.epoch = self.epoch.max(epoch);
        old
    }

    fn carry_out(&mut self, action: &Action, repeated: bool) {
        assert!(!self.gone, "nothing comes after the exit");
        match action {
            Action::StartExecutor {
                name,
                cores,
                memory,
                ..
            } => {
                assert!(self.started.insert(*name), "{name} is started once");
                self.executors.insert(*name, (*cores, *memory));
            }
            Action::StartDriver { driver, spec } => {
                let share = (spec.cores, spec.memory);
                let before = self.drivers.insert(*driver, share);
                assert_eq!(before, None, "{driver} has one process");
            }
            Action::StopExecutor { name, .. } => assert!(self.executors.contains_key(name)),
            Action::StopDriver { driver, .. } => assert!(self.drivers.contains_key(driver)),
            Action::RemoveFiles(application) | Action::RemoveFolder(application) => {
                let mut running = self.executors.keys();
                assert!(running.all(|name| name.application != *application));
            }
            Action::Send { message, .. } => self.hear(message, repeated),
            Action::Exit { .. } => {
                assert!(self.executors.is_empty() && self.drivers.is_empty());
                self.gone = true;
            }
            Action::FindFolders | Action::RemoveScratch(_) => {}
        }
    }

    /// An end is told once on a connection, but for the answer to an order that asks for it again.
    fn hear(&mut self, message: &Message, repeated: bool) {
        let Message::ToMaster(ToMaster::ExecutorStateChanged { name, state, .. }) = message else {
            return;
        };
        if *state == ExecutorState::Running {
            assert!(self.executors.contains_key(name));
        } else {
            assert!(self.told.insert(*name) || repeated, "{name} ended once");
        }
    }

    fn check(&self) {
        let all = self.executors.values().chain(self.drivers.values());
        let (cores, memory) = all.fold((0_u64, 0_u128), |(cores, memory), share| {
            (cores + u64::from(share.0), memory + u128::from(share.1))
        });
        assert!(
            cores <= 8 && memory <= 8 << 30,
            "{cores} cores, {memory} bytes"
        );
    }
}

fn play(inputs: Vec<(u32, Input)>, set: &[(&str, &str)]) {
    let mut machine = Machine::new(set);
    let (mut books, mut out) = (Books::default(), Outbox::default());
    for (micros, input) in std::iter::once((0, Input::Started)).chain(inputs) {
        machine.now = machine.now + Duration::from_micros(u64::from(micros));
        let old = books.take(&input);
        let repeated = matches!(
            input,
            Input::Received {
                message: ToWorker::LaunchExecutor { .. } | ToWorker::KillExecutor(_),
                ..
            }
        );
        out.clear();
        machine.worker.handle(machine.now, input, &mut out);
        assert!(!old || out.actions.is_empty(), "an old epoch is not obeyed");
        for action in &out.actions {
            books.carry_out(action, repeated);
        }
        books.check();
        if books.gone {
            assert_eq!(machine.worker.next_deadline(), None);
        }
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn a_worker_keeps_to_its_cores_and_to_the_latest_epoch(
        inputs in prop::collection::vec((0..20_000_000_u32, input()), 0..150),
    ) {
        play(inputs, &[]);
    }

    #[test]
    fn a_worker_that_remembers_little_does_too(
        inputs in prop::collection::vec((0..20_000_000_u32, end()), 0..150),
    ) {
        play(inputs, &[
            ("worker.ui.retainedExecutors", "1"),
            ("worker.ui.retainedDrivers", "1"),
            ("decommission.enabled", "true"),
        ]);
    }
}
