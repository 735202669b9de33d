//! The process around an application's driver, and the program that runs in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use scheduler::application::{Action, Application, Input, Outbox};
use scheduler::event::EventKind;
use scheduler::message::{ApplicationSpec, DriverSpec};
use scheduler::{
    Action as Order, Address, AttemptId, Cause, DriverId, ExecutorId, ImageId, Input as Happening,
    JobFailure, JobId, JobSpec, Message, ShuffleId, Time,
};

use crate::checks::Attempts;
use crate::network::{EndpointId, HostId};
use crate::process::{Machine, ProcessId};
use crate::program::Program;
use crate::world::{Told, What, World};

/// How a job of a program stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Job {
    pub(crate) accepted: BTreeSet<u32>,
    pub(crate) cancelled: bool,
    pub(crate) excluded: bool,
    pub(crate) ended: bool,
}

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
    pub(crate) attempts: Attempts,
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
            attempts: Attempts::default(),
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
        let mut out = Outbox::default();
        driver.application.handle(now, input, &mut out);
        self.carry_out_for_driver(id, out);
    }

    fn carry_out_for_driver(&mut self, id: ProcessId, out: Outbox) {
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

    fn do_for_program(&mut self, id: ProcessId, order: Order) {
        self.note(|| format!("  the program: {order:?}"));
        let Some(endpoint) = self.processes.get(&id).map(|process| process.endpoint) else {
            return;
        };
        match order {
            Order::AcceptResult {
                job,
                partition,
                attempt,
            } => {
                let result = self.data.results.remove(&(endpoint, attempt));
                let Some(driver) = self.driver(id) else {
                    return;
                };
                driver.accept(job, partition, attempt, result);
            }
            Order::RegisterMapOutput {
                shuffle,
                partition,
                attempt,
                executor,
            } => {
                let Some(driver) = self.driver(id) else {
                    return;
                };
                let (maps, _) = driver.program.shuffles[&shuffle];
                assert!(partition < maps, "{shuffle} has no output {partition}");
                driver.attempts.registers(attempt);
                driver
                    .outputs
                    .insert((shuffle, partition), (attempt, executor));
            }
            Order::FinishJob { job } => self.job_ended(id, job, true, "finished"),
            Order::FailJob { job, failure } => {
                let Some(driver) = self.driver(id) else {
                    return;
                };
                driver.note_doom(job, &failure);
                self.job_ended(id, job, false, &failure.to_string());
            }
            Order::ReleaseImage(image) => {
                let Some(driver) = self.driver(id) else {
                    return;
                };
                driver.attempts.release(image);
            }
            _ => {}
        }
    }

    fn job_ended(&mut self, id: ProcessId, job: JobId, finished: bool, how: &str) {
        let Some(endpoint) = self.processes.get(&id).map(|process| process.endpoint) else {
            return;
        };
        let Some(driver) = self.driver(id) else {
            return;
        };
        driver.end_job(job, finished, how);
        let program = driver.program.clone();
        let planned = &program.jobs[job.0 as usize];
        if finished && planned.writes {
            self.checks_output_complete(endpoint, job, &planned.partitions);
        }
        self.stats.jobs += 1;
        let pause = u64::try_from(program.pause.as_millis()).unwrap();
        let wait = self.millis(pause / 2, pause * 3 / 2);
        self.plan(wait, What::Program(id));
    }

    /// The program goes on: it defines its datasets, submits the jobs that may run now, or ends.
    pub(crate) fn program(&mut self, id: ProcessId) {
        let Some(driver) = self.driver(id) else {
            return;
        };
        if driver.doom.is_some() {
            // The cluster has no place for it any more.
            return self.tell_driver(id, Input::Program(Happening::ApplicationEnded));
        }
        if driver.jobs.is_empty() {
            let mut out = Outbox::default();
            driver
                .application
                .define(driver.program.rdds.clone(), &mut out)
                .unwrap();
            self.carry_out_for_driver(id, out);
        }
        while let Some(job) = self.next_job(id) {
            self.tell_driver(id, Input::Program(Happening::JobSubmitted(job)));
        }
        self.end_program(id);
    }

    fn next_job(&mut self, id: ProcessId) -> Option<JobSpec> {
        let driver = self.driver(id)?;
        let running = driver.jobs.iter().filter(|job| !job.ended).count();
        let planned = driver.program.jobs.get(driver.jobs.len())?.clone();
        if running >= driver.program.at_a_time {
            return None;
        }
        let job = JobId(u32::try_from(driver.jobs.len()).unwrap());
        // Images come back now and then, as they do when nothing changed between two jobs.
        let image = ImageId([u8::try_from(job.0 % 3).unwrap(); 32]);
        driver.attempts.hold(image);
        driver.jobs.push(Job::default());
        if let Some(after) = planned.cancelled_after {
            self.plan(after, What::Cancel(id, job));
        }
        Some(JobSpec {
            job,
            rdd: planned.rdd,
            partitions: planned.partitions,
            image,
            name: "count".into(),
            call_site: "main.rs:1".into(),
            pool: planned.pool.map(Into::into),
            shuffle: None,
            group: None,
            tags: Vec::new(),
        })
    }

    pub(crate) fn cancel(&mut self, id: ProcessId, job: JobId) {
        let Some(driver) = self.driver(id) else {
            return;
        };
        let known = &mut driver.jobs[job.0 as usize];
        known.cancelled |= !known.ended;
        let reason = "it takes too long".into();
        self.tell_driver(id, Input::Program(Happening::JobCancelled { job, reason }));
    }

    fn end_program(&mut self, id: ProcessId) {
        let Some(driver) = self.driver(id) else {
            return;
        };
        let all = driver.jobs.len() == driver.program.jobs.len();
        if driver.done || !all || driver.jobs.iter().any(|job| !job.ended) {
            return;
        }
        driver.done = true;
        self.tell_driver(id, Input::Program(Happening::ApplicationEnded));
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
    fn accept(&mut self, id: JobId, partition: u32, attempt: AttemptId, result: Option<u64>) {
        self.attempts.accepts(attempt);
        let planned = &self.program.jobs[id.0 as usize];
        let job = &mut self.jobs[id.0 as usize];
        assert!(
            !job.ended && planned.partitions.contains(&partition),
            "{id} has no use for {partition}"
        );
        assert!(
            job.accepted.insert(partition),
            "partition {partition} of {id} is accepted twice"
        );
        let result = result.expect("a result is accepted of an attempt that succeeded");
        let right = self.program.value(planned.rdd, partition);
        assert_eq!(
            result, right,
            "{id} has a wrong result for partition {partition}, from {attempt}"
        );
    }

    /// A job that nobody cancelled is cancelled with its application alone. Where failures exclude, one task's failures
    /// may leave no executor for another.
    fn note_doom(&mut self, id: JobId, failure: &JobFailure) {
        self.jobs[id.0 as usize].excluded = matches!(failure.cause, Cause::Unschedulable { .. });
        let cancelled = matches!(failure.cause, Cause::Cancelled { .. });
        if cancelled && !self.jobs[id.0 as usize].cancelled {
            self.doom = Some(failure.to_string());
        }
    }

    fn end_job(&mut self, id: JobId, finished: bool, how: &str) {
        let planned = &self.program.jobs[id.0 as usize];
        let job = &mut self.jobs[id.0 as usize];
        assert!(
            !std::mem::replace(&mut job.ended, true),
            "{id} ends a second time: {how}"
        );
        if finished {
            assert_eq!(
                job.accepted.len(),
                planned.partitions.len(),
                "{id} is finished and not complete"
            );
            assert_eq!(planned.poison, None, "{id} can't be finished");
        } else {
            let excused =
                planned.poison.is_some() || job.cancelled || job.excluded || self.doom.is_some();
            assert!(
                excused,
                "{id} failed though nothing is wrong with it: {how}"
            );
        }
    }
}
