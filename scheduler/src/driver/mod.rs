//! The driver's decisions as one state machine (Spark: `DAGScheduler` and `TaskSchedulerImpl` together).
//!
//! [`Driver::handle`] is the only way in for what happens; control flow is here, bookkeeping in `dag/` and `task/`.
//!
//! ```text
//! submit_job ─▶ plan stages ─▶ submit_stage ─┬─▶ wait for missing parents
//!                                            └─▶ submit_tasks ─▶ launch ─▶ end_attempt
//!                 job finished ◀─ accept ◀─ stage complete ◀──────────────────┤
//!                 job failed ◀──────────── given up ◀─────────────────────────┤
//!                 parents again ◀───────── fetch failed ◀─────────────────────┘
//! ```

mod attempts;
mod cancel;
mod copies;
mod jobs;
mod limits;
mod losses;
mod plan;
mod preferences;
mod stages;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::dag::{
    Blocks, Copies, Gone, Graph, Images, Job, Labels, Shuffles, Stage, State, Wanted,
};
use crate::event::{self, EventKind};
use crate::pools::PoolSpec;
use crate::task::Tasks;
use crate::{
    Action, Event, ExecutorId, Host, ImageId, Input, JobId, LineageError, MapOutput, Outbox, Rack,
    Rdd, RddId, Settings, ShuffleId, StageId, StorageLevel, Time,
};

use limits::Limits;

/// Decides for one application.
#[derive(Debug)]
pub struct Driver {
    seed: u64,
    limits: Limits,
    /// The moment of the latest input.
    now: Time,
    graph: Graph,
    blocks: Blocks,
    copies: Copies,
    shuffles: Shuffles,
    images: Images,
    jobs: BTreeMap<JobId, Job>,
    labels: Labels,
    stages: BTreeMap<StageId, Stage>,
    /// The stage that computes each shuffle, while a job needs it.
    map_stages: BTreeMap<ShuffleId, StageId>,
    /// Which stages wait for which shuffles.
    waiting: BTreeSet<(ShuffleId, StageId)>,
    next_stage: u32,
    last_job: Option<JobId>,
    tasks: Tasks,
}

impl Driver {
    /// A driver without executors and jobs. All randomness of its tasks comes from `seed`.
    pub fn new(settings: &Settings, seed: u64) -> Self {
        let mut driver = Self {
            seed,
            limits: Limits::new(settings),
            now: Time::START,
            graph: Graph::default(),
            blocks: Blocks::default(),
            copies: Copies::default(),
            shuffles: Shuffles::default(),
            images: Images::default(),
            jobs: BTreeMap::new(),
            labels: Labels::default(),
            stages: BTreeMap::new(),
            map_stages: BTreeMap::new(),
            waiting: BTreeSet::new(),
            next_stage: 0,
            last_job: None,
            tasks: Tasks::new(settings),
        };
        driver.configure(settings);
        driver
    }

    /// Takes in settings that the program has changed, for what is decided from now on.
    pub fn configure(&mut self, settings: &Settings) {
        self.limits = Limits::new(settings);
        self.tasks.configure(settings);
    }

    /// Makes the pools that jobs are served from, parents first, or changes them. They count where `scheduler.mode` is
    /// FAIR.
    pub fn define_pools(&mut self, pools: &[PoolSpec]) {
        self.tasks.define_pools(pools);
    }

    /// Takes in datasets, parents first. A dataset that is known may only change its storage level.
    ///
    /// Apart from [`Self::handle`], because the program waits for the answer.
    pub fn define(&mut self, rdds: Vec<Rdd>, out: &mut Outbox) -> Result<(), LineageError> {
        for rdd in self.graph.define(rdds)? {
            self.remove_blocks(rdd, out);
        }
        Ok(())
    }

    /// Takes in one thing that happened and appends what must be done about it, and what listeners may want to
    /// know, to `out`.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Outbox) {
        self.now = self.now.max(now);
        self.tasks.at(self.now);
        match input {
            Input::ApplicationStarted { name } => {
                let version = event::VERSION;
                self.publish(EventKind::ApplicationStarted { name, version }, out);
            }
            Input::ExecutorAdded {
                executor,
                host,
                rack,
                cores,
            } => self.add_executor(executor, &host, rack.as_ref(), cores, out),
            Input::ExecutorSilent { executor } => self.tasks.silence_executor(executor),
            Input::ExecutorDecommissioned { executor, reason } => {
                self.decommission_executor(executor, reason, out);
            }
            Input::Heartbeat { running } => self.tasks.heartbeat(&running),
            Input::ExecutorLost {
                executor,
                reason,
                files_lost,
            } => {
                self.lose_executor(executor, reason, files_lost, out);
            }
            Input::WorkerLost {
                host,
                reason,
                files_lost,
            } => {
                if files_lost {
                    self.lose_worker(&host, &reason, out);
                }
            }
            Input::JobSubmitted(spec) => self.submit_job(spec, out),
            Input::JobCancelled { job, reason } => self.cancel_job(job, reason, out),
            Input::JobGroupCancelled {
                group,
                reason,
                future,
            } => self.cancel_group(group, &reason, future, out),
            Input::JobTagCancelled { tag, reason } => self.cancel_tag(&tag, &reason, out),
            Input::StageCancelled { stage, reason } => self.cancel_stage(stage, &reason, out),
            Input::AllJobsCancelled { reason } => self.cancel_all(&reason, out),
            Input::TaskEnded {
                attempt,
                outcome,
                metrics,
            } => {
                self.end_attempt(attempt, outcome, metrics, out);
            }
            Input::CommitAsked { attempt } => out.actions.push(self.tasks.ask_commit(attempt)),
            Input::BlockStored {
                rdd,
                partition,
                executor,
            } => {
                self.store_block(rdd, partition, executor, out);
            }
            Input::BlockDropped {
                rdd,
                partition,
                executor,
            } => {
                self.drop_block(rdd, partition, executor);
            }
            Input::BlockNotCopied {
                rdd,
                partition,
                executor,
            } => self.not_copied((rdd, partition), executor, out),
            Input::CopiesWanted { rdd, copies } => self.want_copies(rdd, copies, out),
            Input::RddsReleased(rdds) => self.release_rdds(&rdds, out),
            Input::DeadlineReached => self.tasks.expire(out),
            Input::ApplicationEnded => self.end_application(out),
        }
        self.fail_unschedulable(out);
        self.tasks.launch(out);
        while let Some(image) = self.tasks.pop_over() {
            self.let_go_image(image, out);
        }
        if cfg!(debug_assertions) {
            self.check();
        }
    }

    /// Returns when [`Input::DeadlineReached`] is next due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.tasks.next_deadline()
    }

    /// Returns a dataset's definition, while it is kept.
    pub fn rdd(&self, rdd: RddId) -> Option<&Rdd> {
        self.graph.get(rdd)
    }

    /// Returns where the output of each map partition of a shuffle is, if it is there; none at all where the shuffle
    /// has not begun (Spark: `MapOutputTrackerMaster`).
    pub fn map_outputs(&self, shuffle: ShuffleId) -> Option<Vec<Option<MapOutput>>> {
        Some(self.shuffles.get(shuffle)?.places().collect())
    }

    /// Returns the executors that hold a cached partition (Spark: `BlockManagerMaster.getLocations`).
    pub fn block_locations(&self, rdd: RddId, partition: u32) -> &[ExecutorId] {
        self.blocks.holders(rdd, partition)
    }

    fn publish(&self, kind: EventKind, out: &mut Outbox) {
        out.events.push(Event { at: self.now, kind });
    }

    fn add_executor(
        &mut self,
        executor: ExecutorId,
        host: &Host,
        rack: Option<&Rack>,
        cores: u32,
        out: &mut Outbox,
    ) {
        if self.tasks.add_executor(executor, host, rack, cores, out) {
            self.shuffles.add_executor(executor, host.clone());
            self.publish(EventKind::ExecutorAdded { executor, cores }, out);
        } else {
            // What it was told before it fell silent may have been lost.
            self.copies.lost(executor);
        }
        self.copy_all_lacking(out);
    }

    fn decommission_executor(&mut self, executor: ExecutorId, reason: Arc<str>, out: &mut Outbox) {
        self.shuffles.decommission(executor);
        if self.tasks.decommission_executor(executor) {
            self.publish(EventKind::ExecutorDecommissioned { executor, reason }, out);
        }
    }

    fn store_block(&mut self, rdd: RddId, partition: u32, executor: ExecutorId, out: &mut Outbox) {
        let known = self
            .graph
            .get(rdd)
            .filter(|rdd| rdd.storage != StorageLevel::None);
        match known {
            // A task that began earlier may cache what nobody can reach any more.
            None => out.actions.push(Action::RemoveBlocks(rdd)),
            Some(known)
                if partition < known.partitions && self.tasks.executors().contains(executor) =>
            {
                self.blocks.stored(rdd, partition, executor);
                self.copies.stored((rdd, partition), executor);
                self.copy_block(rdd, partition, out);
            }
            Some(_) => {}
        }
    }

    fn remove_blocks(&mut self, rdd: RddId, out: &mut Outbox) {
        self.blocks.remove(rdd);
        self.copies.forget(rdd);
        out.actions.push(Action::RemoveBlocks(rdd));
    }

    fn release_rdds(&mut self, rdds: &[RddId], out: &mut Outbox) {
        for rdd in rdds {
            let gone = self.graph.release(*rdd);
            self.remove(gone, out);
        }
    }

    /// Removes what nobody can reach any more.
    fn remove(&mut self, gone: Vec<Gone>, out: &mut Outbox) {
        for gone in gone {
            match gone {
                Gone::Rdd { rdd, stored: true } => self.remove_blocks(rdd, out),
                Gone::Rdd { .. } => {}
                Gone::Shuffle(shuffle) => self.remove_shuffle(shuffle, out),
            }
        }
    }

    fn remove_shuffle(&mut self, shuffle: ShuffleId, out: &mut Outbox) {
        assert!(
            !self.map_stages.contains_key(&shuffle),
            "a job holds what its stages compute"
        );
        if let Some(image) = self.shuffles.remove(shuffle) {
            out.actions.push(Action::RemoveShuffle(shuffle));
            self.let_go_image(image, out);
        }
    }

    fn let_go_image(&mut self, image: ImageId, out: &mut Outbox) {
        if self.images.let_go(image) {
            out.actions.push(Action::ReleaseImage(image));
        }
    }

    /// States what always holds; runs after every input where assertions for debugging are on.
    fn check(&self) {
        self.tasks.check();
        let holders = self.jobs.len() + self.shuffles.len() + self.tasks.sets_len();
        assert_eq!(
            self.images.holders(),
            holders,
            "each holder holds its image once"
        );
        for (id, stage) in &self.stages {
            assert!(!stage.jobs.is_empty(), "a stage works for a job");
            assert!(
                stage
                    .jobs
                    .iter()
                    .all(|job| self.jobs[job].stages.contains(id))
            );
        }
        for (id, job) in &self.jobs {
            if let Wanted::Results(results) = &job.wanted {
                assert!(!results.is_complete(), "a job that is complete is finished");
            }
            assert!(
                job.stages
                    .iter()
                    .all(|stage| self.stages[stage].jobs.contains(id))
            );
        }
        for stage in self.map_stages.values() {
            assert!(self.stages.contains_key(stage));
        }
        let labels: usize = self.jobs.values().map(Job::labels).sum();
        assert_eq!(self.labels.len(), labels, "running jobs alone have labels");
        self.check_waiting();
    }

    /// No stage waits for what nobody computes.
    fn check_waiting(&self) {
        let mut waiting = 0;
        for stage in self.stages.values() {
            let State::Waiting { on } = &stage.state else {
                continue;
            };
            assert!(!on.is_empty());
            waiting += on.len();
            for shuffle in on {
                assert!(self.waiting.contains(&(*shuffle, stage.id)));
                let parent = &self.stages[&self.map_stages[shuffle]];
                assert_ne!(
                    parent.state,
                    State::Idle,
                    "a parent that is waited for is on its way"
                );
                assert!(
                    stage.jobs.is_subset(&parent.jobs),
                    "a parent works for all its children's jobs"
                );
            }
        }
        assert_eq!(self.waiting.len(), waiting, "who waits is listed");
    }
}
