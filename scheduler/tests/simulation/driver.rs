//! The process around an application's driver, and the program that runs in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scheduler::application::{Action, Application, Input, Outbox};
use scheduler::event::EventKind;
use scheduler::message::{ApplicationSpec, DriverSpec};
use scheduler::{Address, AttemptId, DriverId, Epoch, ExecutorId, Message, ShuffleId, Time};

use crate::checks::Attempts;
use crate::failures::Failures;
use crate::jobs::Job;
use crate::network::{EndpointId, HostId};
use crate::process::{Machine, ProcessId};
use crate::program::Program;
use crate::world::{Told, What, World};

/// A driver's process.
#[derive(Debug)]
pub(crate) struct DriverProcess {
    pub(crate) application: Application,
    pub(crate) program: Arc<Program>,
    pub(crate) errand: usize,
    /// Those submitted so far.
    pub(crate) jobs: Vec<Job>,
    /// Who has which map output.
    pub(crate) outputs: BTreeMap<(ShuffleId, u32), (AttemptId, ExecutorId)>,
    /// The map tasks whose accumulators were counted and whose outputs are not taken yet.
    pub(crate) counted: BTreeSet<AttemptId>,
    /// The highest epoch of which it heard.
    epoch: Epoch,
    pub(crate) attempts: Attempts,
    pub(crate) failures: Failures,
    /// Whether the program has come to its end.
    pub(crate) done: bool,
    /// How a job of it ended with the application, which is about to end then.
    pub(crate) doom: Option<String>,
}

/// What a user wants: a program, run in this way.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    pub(crate) program: Arc<Program>,
    pub(crate) spec: ApplicationSpec,
    /// None: in client mode.
    pub(crate) cluster: Option<DriverSpec>,
    pub(crate) done: bool,
    /// Since when nobody works on it.
    pub(crate) idle_since: Option<Time>,
    /// How often the user came with it.
    pub(crate) tries: u32,
    /// Of them, after the last fault.
    pub(crate) again: u32,
}

impl World {
    /// A user starts a program on a machine of theirs.
    pub(crate) fn start_client_driver(&mut self, host: HostId, errand: usize) {
        let address = self.free_address(host);
        self.start_driver(host, &address, errand, None);
    }

    /// A worker starts a program.
    pub(crate) fn start_cluster_driver(
        &mut self,
        host: HostId,
        driver: DriverId,
        spec: &DriverSpec,
    ) -> ProcessId {
        let address = self.free_address(host);
        let errand = spec.component.parse().unwrap();
        self.start_driver(host, &address, errand, Some(driver))
    }

    fn start_driver(
        &mut self,
        host: HostId,
        address: &Address,
        errand: usize,
        driver_id: Option<DriverId>,
    ) -> ProcessId {
        let (seed, key) = (self.random.draw(), self.key());
        let program = self.errands[errand].program.clone();
        let spec = ApplicationSpec {
            key,
            driver: address.clone(),
            driver_id,
            ..self.errands[errand].spec.clone()
        };
        let settings = &self.scenario.settings;
        let application =
            Application::new(spec, self.master_addresses.clone(), settings, seed).unwrap();
        let process = DriverProcess {
            application,
            program: program.clone(),
            errand,
            jobs: Vec::new(),
            outputs: BTreeMap::new(),
            counted: BTreeSet::new(),
            epoch: Epoch(0),
            attempts: Attempts::default(),
            failures: Failures::new(self.scenario.task_failures_max),
            done: false,
            doom: None,
        };
        let endpoint = self.network.endpoint(address);
        self.programs.insert(endpoint, program);
        self.stats.applications += 1;
        let id = self.spawn(address, host, Machine::Driver(Box::new(process)));
        self.plan_told(id, Told::Driver(Input::Started));
        self.plan(std::time::Duration::from_millis(1), What::Program(id));
        id
    }

    pub(crate) fn driver(&mut self, id: ProcessId) -> Option<&mut DriverProcess> {
        match &mut self.processes.get_mut(&id)?.machine {
            Machine::Driver(driver) => Some(driver),
            _ => None,
        }
    }

    /// Returns the driver that listens there, if it can be asked.
    pub(crate) fn driver_at(&self, endpoint: EndpointId) -> Option<&DriverProcess> {
        let process = self.processes.get(&self.network.listener(endpoint)?)?;
        match &process.machine {
            Machine::Driver(driver) if process.stopped.is_none() => Some(driver),
            _ => None,
        }
    }

    pub(crate) fn tell_driver(&mut self, id: ProcessId, input: Input) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let now = process.clock.read(self.now);
        let Machine::Driver(driver) = &mut process.machine else {
            return;
        };
        let deposed = driver.is_deposed(&input);
        let mut out = Outbox::default();
        driver.application.handle(now, input, &mut out);
        let answers = |action| matches!(action, &Action::Send { .. });
        assert!(
            !deposed || out.actions.iter().all(answers),
            "the word of a deposed leader is taken: {:?}",
            out.actions
        );
        self.carry_out_for_driver(id, out);
    }

    pub(crate) fn carry_out_for_driver(&mut self, id: ProcessId, out: Outbox) {
        self.stats.decisions += out.actions.len() as u64;
        for event in &out.events {
            self.hear_of_driver(id, &event.kind);
        }
        for action in out.actions {
            self.do_for_driver(id, action);
        }
        self.plan_wake(id);
    }

    fn hear_of_driver(&mut self, id: ProcessId, event: &EventKind) {
        // Orders and answers tell of tasks already.
        let told = matches!(
            event,
            EventKind::TaskStarted { .. } | EventKind::TaskEnded { .. }
        );
        if !told {
            self.note(|| format!("  it says: {event:?}"));
        }
        if let Some(driver) = self.driver(id) {
            driver.attempts.hear(event);
            driver.failures.hear(event);
        }
    }

    fn do_for_driver(&mut self, id: ProcessId, action: Action) {
        match action {
            Action::Send { to, message } => {
                if let (Message::ToExecutor(order), Some(driver)) = (&message, self.driver(id)) {
                    driver.attempts.order(order);
                }
                self.say(id, &to, message);
            }
            Action::Program(order) => self.do_for_program(id, order),
            Action::Exit { reason } => self.driver_exits(id, &reason),
        }
    }

    fn driver_exits(&mut self, id: ProcessId, reason: &str) {
        let Some(driver) = self.driver(id) else {
            return;
        };
        let done = driver.done;
        self.exit_child(id, i32::from(!done), reason);
    }

    /// A driver's process is gone.
    pub(crate) fn driver_gone(&mut self, id: ProcessId) {
        let Some(driver) = self.driver(id) else {
            return;
        };
        let (errand, done) = (driver.errand, driver.done);
        self.note(|| {
            format!(
                "  errand {errand}: {}",
                if done { "done" } else { "its driver is gone" }
            )
        });
        if done {
            self.errands[errand].done = true;
        } else {
            self.excuse(errand, "its driver is gone");
        }
    }
}

impl DriverProcess {
    /// Returns whether it is told something by a leader that was deposed, as it could know.
    fn is_deposed(&mut self, input: &Input) -> bool {
        let Input::FromMaster { epoch, .. } = input else {
            return false;
        };
        let deposed = *epoch < self.epoch;
        self.epoch = self.epoch.max(*epoch);
        deposed
    }
}
