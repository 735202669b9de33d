//! What must hold after every event, in books of the world's own.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scheduler::cluster::WorkerState;
use scheduler::event::EventKind;
use scheduler::message::{ExecutorName, ToExecutor, ToWorker};
use scheduler::worker::{Action, Input};
use scheduler::{
    ApplicationId, AttemptId, DriverId, Epoch, ImageId, JobId, Outcome, ShuffleId, StageId, Task,
    Work,
};

use crate::network::EndpointId;
use crate::process::Machine;
use crate::worker::WorkerProcess;
use crate::world::World;

/// Names that leaders gave.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    applications: BTreeMap<ApplicationId, EndpointId>,
}

impl Checks {
    /// An application's name is its own, whoever leads.
    pub(crate) fn name(&mut self, application: ApplicationId, driver: EndpointId) {
        let first = *self.applications.entry(application).or_insert(driver);
        assert_eq!(
            first, driver,
            "{application} is the name of two applications"
        );
    }
}

/// What a worker was ordered, and by whom it may be.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    highest: Epoch,
    /// Whether what it is told now comes from a leader that was deposed, as it could know.
    deposed: bool,
    executors: BTreeSet<ExecutorName>,
    drivers: BTreeSet<DriverId>,
}

impl Orders {
    pub(crate) fn hear(&mut self, input: &Input) {
        self.deposed = false;
        let Input::Received { epoch, message, .. } = input else {
            return;
        };
        self.deposed = *epoch < self.highest;
        self.highest = self.highest.max(*epoch);
        if self.deposed {
            return;
        }
        match message {
            ToWorker::LaunchExecutor { name, .. } => drop(self.executors.insert(*name)),
            ToWorker::LaunchDriver { driver, .. } => drop(self.drivers.insert(*driver)),
            _ => {}
        }
    }

    /// No order of a deposed leader is obeyed.
    pub(crate) fn check(&self, action: &Action) {
        let by_rights = match action {
            Action::StartExecutor { name, .. } => self.executors.contains(name),
            Action::StartDriver { driver, .. } => self.drivers.contains(driver),
            _ => true,
        };
        let obeys = !matches!(action, Action::Send { .. });
        assert!(
            by_rights && !(self.deposed && obeys),
            "the order of a deposed leader is obeyed: {action:?}"
        );
    }
}

impl WorkerProcess {
    /// No core or byte is given twice.
    pub(crate) fn check_room(&self) {
        let cores: u64 = self
            .children
            .values()
            .map(|child| u64::from(child.cores))
            .sum();
        let memory: u128 = self
            .children
            .values()
            .map(|child| u128::from(child.memory))
            .sum();
        assert!(
            cores <= u64::from(self.cores),
            "{cores} cores are given of {}",
            self.cores
        );
        assert!(
            memory <= u128::from(self.memory),
            "{memory} bytes are given of {}",
            self.memory
        );
    }
}

/// What a partition is computed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Job(JobId),
    Shuffle(ShuffleId),
}

impl From<Work> for Purpose {
    fn from(work: Work) -> Self {
        match work {
            Work::Action { job } => Self::Job(job),
            Work::ShuffleMap { shuffle, .. } => Self::Shuffle(shuffle),
        }
    }
}

/// A driver's attempts, images and permissions to commit, as its events and orders tell.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// Begun, and not ended for the driver.
    running: BTreeSet<AttemptId>,
    ended: BTreeMap<AttemptId, bool>,
    tasks: BTreeMap<AttemptId, Task>,
    /// Of jobs that were submitted, as long as they are held.
    images: BTreeSet<ImageId>,
    /// What the first output of each shuffle was computed from.
    shuffles: BTreeMap<ShuffleId, ImageId>,
    seeds: BTreeMap<(Purpose, u32), u64>,
    /// Who may commit, or has.
    commits: BTreeMap<(StageId, u32), AttemptId>,
}

impl Attempts {
    pub(crate) fn hold(&mut self, image: ImageId) {
        self.images.insert(image);
    }

    pub(crate) fn release(&mut self, image: ImageId) {
        assert!(self.images.remove(&image), "{image} is released twice");
    }

    pub(crate) fn hear(&mut self, event: &EventKind) {
        match event {
            EventKind::TaskStarted { attempt, .. } => {
                assert!(self.running.insert(*attempt), "{attempt} begins twice");
            }
            EventKind::TaskEnded {
                attempt, outcome, ..
            } => {
                assert!(
                    self.running.remove(attempt),
                    "{attempt} ends twice, or never began"
                );
                self.ended.insert(*attempt, *outcome == Outcome::Succeeded);
            }
            _ => {}
        }
    }

    pub(crate) fn order(&mut self, order: &ToExecutor) {
        match order {
            ToExecutor::LaunchTasks(tasks) => tasks.iter().for_each(|task| self.launch(*task)),
            ToExecutor::GrantCommit(attempt) => self.grant(*attempt),
            _ => {}
        }
    }

    fn launch(&mut self, task: Task) {
        assert!(
            self.images.contains(&task.image),
            "{} has an image that was let go",
            task.attempt
        );
        if let Work::ShuffleMap { shuffle, .. } = task.work {
            let first = self.shuffles.get(&shuffle).copied().unwrap_or(task.image);
            assert_eq!(first, task.image, "{shuffle} is computed from two images");
        }
        let key = (task.work.into(), task.partition);
        let seed = *self.seeds.entry(key).or_insert(task.seed);
        assert_eq!(seed, task.seed, "two attempts draw different numbers");
        self.tasks.insert(task.attempt, task);
    }

    /// One attempt at a partition may commit; another one only when that has failed.
    fn grant(&mut self, attempt: AttemptId) {
        let name = self.tasks[&attempt].name;
        let before = self.commits.insert((name.stage, name.partition), attempt);
        let Some(before) = before.filter(|before| *before != attempt) else {
            return;
        };
        assert!(
            self.has_failed(before),
            "{before} and {attempt} may both commit {name}"
        );
    }

    /// Returns whether the driver takes the attempt for failed.
    pub(crate) fn has_failed(&self, attempt: AttemptId) -> bool {
        self.ended.get(&attempt) == Some(&false)
    }

    /// A result is accepted of an attempt that has just succeeded.
    pub(crate) fn accepts(&self, attempt: AttemptId) {
        assert_eq!(
            self.ended.get(&attempt),
            Some(&true),
            "{attempt} did not succeed"
        );
    }

    /// What an attempt was to do.
    pub(crate) fn work(&self, attempt: AttemptId) -> Work {
        self.tasks[&attempt].work
    }

    /// A map output is taken into the books: from now on its shuffle keeps its image.
    pub(crate) fn registers(&mut self, attempt: AttemptId) {
        self.accepts(attempt);
        let task = self.tasks[&attempt];
        if let Work::ShuffleMap { shuffle, .. } = task.work {
            self.shuffles.entry(shuffle).or_insert(task.image);
        }
    }
}

impl World {
    /// A partition of an output is visible once: of all who made it visible, one at most has not failed for the driver.
    pub(crate) fn check_output(&self, key: (EndpointId, JobId, u32)) {
        let Some(driver) = self.driver_at(key.0) else {
            return;
        };
        let by = self.data.output[&key].iter();
        let good = by
            .filter(|attempt| !driver.attempts.has_failed(**attempt))
            .count();
        assert!(
            good <= 1,
            "partition {} of {} is committed twice",
            key.2,
            key.1
        );
    }

    pub(crate) fn checks_output_complete(
        &self,
        driver: EndpointId,
        job: JobId,
        partitions: &[u32],
    ) {
        for partition in partitions {
            let there = self.data.output.contains_key(&(driver, job, *partition));
            assert!(
                there,
                "{job} is finished, and partition {partition} of its output is not there"
            );
        }
    }
}

/// So long a tenant may have work and nobody who does it, while nothing goes wrong.
const HUNGER_MAX: Duration = Duration::from_secs(180);

/// So long after the end of all work the leader may take to know.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);

impl World {
    /// Nobody starves: a tenant whose jobs run has an executor, sooner or later.
    pub(crate) fn check_hunger(&mut self) {
        let calm = self
            .healed
            .is_some_and(|healed| self.now.since(healed) > HUNGER_MAX);
        let (mut hungry, mut fed) = (BTreeSet::new(), BTreeSet::new());
        for process in self.processes.values() {
            match &process.machine {
                Machine::Driver(driver) if driver.jobs.iter().any(|job| !job.ended) => {
                    hungry.insert(self.errands[driver.errand].spec.tenant.clone());
                }
                Machine::Executor(executor) => {
                    fed.insert(executor.tenant.clone());
                }
                _ => {}
            }
        }
        self.hungry_since
            .retain(|tenant, _| hungry.contains(tenant) && !fed.contains(tenant));
        for tenant in hungry.difference(&fed) {
            let since = *self.hungry_since.entry(tenant.clone()).or_insert(self.now);
            let long = self.now.since(since);
            assert!(
                !calm || long <= HUNGER_MAX,
                "{tenant} has had no executor for {long:?}"
            );
        }
    }

    /// When all is done the leader's books are soon empty, and all workers are in them.
    pub(crate) fn check_leader(&mut self) {
        let end = self.now + SETTLED_WITHIN;
        while self.leaders_mistake().is_some() && self.now < end {
            self.run_until(self.now + Duration::from_secs(1));
        }
        assert_eq!(
            self.leaders_mistake(),
            None,
            "{SETTLED_WITHIN:?} after all was done"
        );
    }

    /// Returns what is wrong in the leader's books of a cluster where nothing runs.
    fn leaders_mistake(&self) -> Option<String> {
        let leader = self
            .election
            .leader()
            .and_then(|leader| self.processes.get(&leader));
        let Some(Machine::Master(master)) = leader.map(|process| &process.machine) else {
            return Some("there is no leader".to_owned());
        };
        let alive = master
            .workers()
            .filter(|worker| worker.state == WorkerState::Alive);
        let alive: Vec<_> = alive.collect();
        if alive.len() != self.scenario.workers.len() {
            return Some(format!("the leader knows {} workers", alive.len()));
        }
        let busy = alive
            .iter()
            .find(|worker| worker.cores_used > 0 || worker.memory_used > 0);
        busy.map(|worker| format!("the leader takes {} for busy", worker.info.host))
    }
}
