//! Asks for more executors while tasks wait, and gives idle ones back (Spark: `ExecutorAllocationManager`).
//!
//! It is fed with the driver's events and with what happens to executors and blocks, and says how many executors the
//! application wants in all, and which ones it no longer wants. While tasks wait, each request adds twice as many as
//! the one before: few for work that is soon done, many in a few rounds for work that is not.
//!
//! ```text
//! driver ──events──▶ demand (tasks that wait and run) ──▶ target ──RequestTotal──▶ master
//!                    idle   (executors, since when)   ──▶ due    ──Kill────────▶ master
//! ```

mod config;
mod demand;
mod idle;
mod order;
mod shuffles;

use std::time::Duration;

use crate::event::{EventKind, StageInfo, StageKind};
use crate::message::ApplicationSpec;
use crate::{AttemptId, ExecutorId, JobId, Outcome, Settings, TaskName, Time};

pub use config::Error;
pub use order::{Action, Input};

use config::{Config, WHOLE};
use demand::Demand;
use idle::Executors;
use shuffles::Shuffles;

/// How long after the work got less the target follows: many tasks end in that time, and one request is enough.
/// (Spark looks once in as long.)
const REVIEW: Duration = Duration::from_millis(100);

/// Decides how many executors an application wants.
#[derive(Debug)]
pub struct Allocation {
    config: Config,
    now: Time,
    demand: Demand,
    executors: Executors,
    shuffles: Shuffles,
    /// How many executors are asked for.
    target: u32,
    /// By how many the next request is higher.
    step: u32,
    /// When more executors are asked for, while tasks wait.
    grow_at: Option<Time>,
    /// When the target follows work that has got less.
    shrink_at: Option<Time>,
    /// Neither a stage has begun nor an executor been idle for too long: what it began with stays.
    begins: bool,
}

impl Allocation {
    /// Begins with the executors that the settings and the application say.
    ///
    /// # Errors
    ///
    /// The settings contradict one another.
    pub fn new(settings: &Settings, spec: &ApplicationSpec) -> Result<Self, Error> {
        let config = Config::read(settings, spec)?;
        Ok(Self {
            now: Time::START,
            demand: Demand::default(),
            executors: Executors::default(),
            shuffles: Shuffles::default(),
            target: config.initial,
            step: 1,
            grow_at: None,
            shrink_at: None,
            begins: true,
            config,
        })
    }

    /// Takes in one thing that happened and appends what must be done about it.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Action>) {
        self.now = self.now.max(now);
        self.take_in(input);
        self.begins &= !self.executors.is_due(self.now);
        self.watch_backlog();
        self.watch_excess(out);
        self.grow_if_due(out);
        self.give_back(out);
        if cfg!(debug_assertions) {
            self.check();
        }
    }

    /// Returns when [`Input::DeadlineReached`] is next due.
    pub fn next_deadline(&self) -> Option<Time> {
        let idle = self.executors.next_due(self.now);
        [self.grow_at, self.shrink_at, idle]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns how many executors it wants.
    pub fn target(&self) -> u32 {
        self.target
    }

    fn take_in(&mut self, input: Input<'_>) {
        let config = &self.config;
        match input {
            Input::Event(event) => self.observe(event),
            Input::BlockStored {
                rdd,
                partition,
                executor,
            } => {
                self.executors.store(rdd, partition, executor, config);
            }
            Input::BlockDropped {
                rdd,
                partition,
                executor,
            } => {
                self.executors.drop_block(rdd, partition, executor, config);
            }
            Input::BlocksRemoved(rdd) => self.executors.remove_blocks(rdd, config),
            Input::ShuffleRemoved(shuffle) => {
                let active = self.shuffles.is_active(shuffle);
                self.shuffles.remove(shuffle);
                self.executors.remove_shuffle(shuffle, active, config);
            }
            Input::DeadlineReached => {}
        }
    }

    fn observe(&mut self, event: &EventKind) {
        match event {
            EventKind::ExecutorAdded { executor, cores } => {
                self.executors
                    .add(*executor, *cores, self.now, &self.config);
            }
            EventKind::ExecutorRemoved { executor, .. } => self.executors.remove(*executor),
            EventKind::JobStarted { job, stages, .. } => {
                for info in stages {
                    self.need_shuffle(info, *job);
                }
            }
            EventKind::StageSubmitted { info, jobs, .. } => {
                self.begins = false;
                self.demand.submit(info);
                for job in jobs {
                    self.need_shuffle(info, *job);
                }
            }
            EventKind::StageCompleted { stage, attempt, .. } => {
                self.demand.complete(*stage, *attempt);
            }
            EventKind::TaskStarted {
                task,
                attempt,
                executor,
                ..
            } => self.start(*task, *attempt, *executor),
            EventKind::TaskEnded {
                attempt, outcome, ..
            } => self.end(*attempt, outcome),
            EventKind::SpeculationStarted { task, .. } => self.demand.speculate(*task),
            EventKind::TaskSetUnschedulable { stage, attempt, .. } => {
                self.demand.set_unschedulable(*stage, *attempt, true);
            }
            EventKind::TaskSetSchedulable { stage, attempt } => {
                self.demand.set_unschedulable(*stage, *attempt, false);
            }
            EventKind::ExecutorDecommissioned { executor, .. } => {
                self.executors.decommission(*executor, &self.config);
            }
            EventKind::JobEnded { job, .. } => {
                for shuffle in self.shuffles.end(*job) {
                    self.executors
                        .set_active(shuffle, false, self.now, &self.config);
                }
            }
            _ => {}
        }
    }

    fn start(&mut self, task: TaskName, attempt: AttemptId, executor: ExecutorId) {
        if self.demand.start(task, attempt, executor) {
            self.executors.start(executor, &self.config);
        }
    }

    fn end(&mut self, attempt: AttemptId, outcome: &Outcome) {
        let Some(ended) = self.demand.end(attempt, outcome) else {
            return;
        };
        if let Some(shuffle) = ended.wrote.filter(|_| self.config.shuffle_tracking) {
            let active = self.shuffles.is_active(shuffle);
            self.executors
                .wrote(shuffle, active, ended.executor, &self.config);
        }
        self.executors.end(ended.executor, self.now, &self.config);
    }

    fn need_shuffle(&mut self, info: &StageInfo, job: JobId) {
        let StageKind::ShuffleMap { shuffle } = info.kind else {
            return;
        };
        if self.config.shuffle_tracking && self.shuffles.need(shuffle, job) {
            self.executors
                .set_active(shuffle, true, self.now, &self.config);
        }
    }

    /// Sets the alarm for more executors when the first task waits, and takes it off when none does.
    fn watch_backlog(&mut self) {
        if self.demand.waiting() == 0 {
            self.grow_at = None;
            self.step = 1;
        } else if self.grow_at.is_none() {
            self.grow_at = Some(self.now + self.config.backlog_timeout);
        }
    }

    /// Lowers the target to what is needed, a little after less is needed.
    fn watch_excess(&mut self, out: &mut Vec<Action>) {
        let wanted = self.needed().max(self.config.min);
        if self.begins || wanted >= self.target {
            self.shrink_at = None;
            return;
        }
        let at = *self.shrink_at.get_or_insert(self.now + REVIEW);
        if at > self.now {
            return;
        }
        self.shrink_at = None;
        self.step = 1;
        let because = format!("{wanted} are enough for {} tasks", self.demand.tasks());
        self.request(wanted, because, out);
    }

    /// Raises the target by one step, up to what is needed.
    fn grow_if_due(&mut self, out: &mut Vec<Action>) {
        if self.grow_at.is_none_or(|at| at > self.now) {
            return;
        }
        self.grow_at = Some(self.now + self.config.sustained_backlog_timeout);
        // What is there already need not be approached step by step.
        let from = self.target.max(self.executors.count());
        let wanted = from.saturating_add(self.step).min(self.needed());
        let wanted = wanted.clamp(self.config.min, self.config.max);
        let more = wanted.saturating_sub(self.target);
        self.step = if more == self.step {
            self.step.saturating_mul(2)
        } else {
            1
        };
        if more > 0 {
            let because = format!("{} tasks wait", self.demand.waiting());
            self.request(wanted, because, out);
        }
    }

    fn request(&mut self, total: u32, because: String, out: &mut Vec<Action>) {
        self.target = total;
        let because = because.into();
        out.push(Action::RequestTotal { total, because });
    }

    /// Gives back executors that are idle for too long, but for those that are wanted.
    fn give_back(&mut self, out: &mut Vec<Action>) {
        let kept = self.target.max(self.config.min);
        let spare = self.executors.alive().saturating_sub(kept);
        if spare == 0 || !self.executors.is_due(self.now) {
            return;
        }
        let executors = self.executors.kill_due(spare, self.now, &self.config);
        let left = self.executors.alive();
        let because = format!("idle for longer than the settings allow, {left} are left").into();
        out.push(if self.config.decommission {
            Action::Decommission { executors, because }
        } else {
            Action::Kill { executors, because }
        });
    }

    /// Returns how many executors would run all tasks at once, or the share of them that the settings say
    /// (Spark: `maxNumExecutorsNeededPerResourceProfile`).
    fn needed(&self) -> u32 {
        let slots = self.slots();
        let needed = self.share(self.demand.tasks(), slots);
        // A further attempt must not run where the first one does.
        let alone = slots > 1 && needed == 1 && self.demand.speculated() > 0;
        let needed = needed.saturating_add(u32::from(alone));
        match self.demand.unschedulable() {
            0 => needed,
            // Those that are there may not run them, however many they are.
            stages => needed.max(
                self.executors
                    .count()
                    .saturating_add(self.share(stages, slots)),
            ),
        }
    }

    fn share(&self, tasks: u64, slots: u32) -> u32 {
        let parts = u128::from(tasks) * u128::from(self.config.ratio);
        let executors = parts.div_ceil(u128::from(slots) * u128::from(WHOLE));
        u32::try_from(executors).unwrap_or(u32::MAX)
    }

    /// Returns how many tasks an executor runs at a time: by its cores where they are known, else by those of the
    /// executors that are there. (Spark takes one there, and asks for too many: SPARK-30299.)
    fn slots(&self) -> u32 {
        let known = self.config.executor_cores;
        let cores = known.unwrap_or_else(|| self.executors.mean_cores());
        (cores / self.config.task_cpus.max(1)).max(1)
    }

    /// States what always holds; runs after every input where assertions for debugging are on.
    fn check(&self) {
        let Config { min, max, .. } = self.config;
        assert!((min..=max).contains(&self.target), "the target has bounds");
        assert!(self.step > 0);
        let alarms = [self.grow_at, self.shrink_at];
        assert!(alarms.into_iter().flatten().all(|at| at >= self.now));
        self.demand.check();
        self.executors.check();
    }
}
