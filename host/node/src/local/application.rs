//! The application of a local run: the scheduler's machine, and the executor in the same process that its orders are
//! carried out on.
//!
//! Whoever has news locks the machine, feeds it and carries out its orders; so no thread stands between a task that
//! ends and the next one that starts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandbox::{AccumulatorUpdate, Image, Program};
use scheduler::{
    Action, AttemptId, Dependency, Event, ExecutorId, ImageId, Input, JobId, JobSpec, LineageError,
    Outcome, Rdd, RddId, Settings, ShuffleId, Task, TaskMetrics,
};
use store::{
    Block, BlockLevel, Files, MapOutputWriter, Output, ShuffleFiles, ShuffleReader, WorkFolder,
};

use crate::Console;
use crate::driver::{EventQueue, JobScheduler, Jobs, Outputs, Progress};
use crate::executor::{DriverRef, Executor, Leaves};
use crate::machine::{Shared, State};

/// The executor of a local run: its threads are this process's.
const LOCAL_EXECUTOR: ExecutorId = ExecutorId(0);

/// What an application of a local run is.
pub(crate) struct Application {
    driver: Shared<scheduler::Driver>,
    executor: Arc<Executor>,
    jobs: Jobs,
    events: EventQueue,
    outputs: Outputs,
    images: Mutex<BTreeMap<ImageId, Image>>,
    shuffles: ShuffleFiles,
    /// None when the application is closed.
    work_folder: Mutex<Option<WorkFolder>>,
}

/// What is removed when the lock is free again: files take their time.
#[derive(Default)]
struct Leftovers {
    shuffles: Vec<ShuffleId>,
    rdds: Vec<RddId>,
    images: Vec<ImageId>,
}

impl Application {
    pub(crate) fn new(
        program: Arc<Program>,
        settings: &Settings,
        files: Files,
        console: Arc<dyn Console>,
        cores: u32,
        seed: u64,
    ) -> Result<Arc<Self>, store::Error> {
        let work_folder = WorkFolder::create(settings.local_dir().as_ref())?;
        let scratch = work_folder.path().to_path_buf();
        let executor = Executor::new(program, settings, files, console, cores, scratch);
        let application = Arc::new(Self {
            driver: Shared::new(scheduler::Driver::new(settings, seed)),
            executor: Arc::new(executor),
            jobs: Jobs::default(),
            events: EventQueue::new(settings.event_queue_capacity() as usize),
            outputs: Outputs::default(),
            images: Mutex::default(),
            shuffles: ShuffleFiles::new(work_folder.path()),
            work_folder: Mutex::new(Some(work_folder)),
        });
        let name = settings.app_name().unwrap_or("application").into();
        application.feed(Input::ApplicationStarted { name });
        application.feed(Input::ExecutorAdded {
            executor: LOCAL_EXECUTOR,
            host: "localhost".into(),
            rack: None,
            cores,
        });
        Ok(application)
    }

    pub(crate) fn executor(&self) -> &Arc<Executor> {
        &self.executor
    }

    /// Says each of the scheduler's deadlines as it comes, until the application stops.
    pub(crate) fn keep_deadlines(&self) {
        self.driver
            .keep_deadlines(|state| self.carry_out(state, &mut Leaves::default()));
    }

    fn handle(&self, input: Input, leaves: &mut Leaves) {
        let mut state = self.driver.lock();
        self.driver.feed(&mut state, input);
        self.carry_out(state, leaves);
    }

    /// Carries out what the scheduler ordered.
    fn carry_out(&self, mut state: MutexGuard<'_, State<scheduler::Driver>>, leaves: &mut Leaves) {
        let mut outbox = std::mem::take(&mut state.outbox);
        self.events.extend(&mut outbox.events);
        let mut leftovers: Option<Leftovers> = None;
        for action in outbox.actions.drain(..) {
            self.obey(action, leaves, &mut leftovers);
        }
        outbox.clear();
        state.outbox = outbox;
        drop(state);
        self.remove(leftovers);
    }

    fn obey(&self, action: Action, leaves: &mut Leaves, leftovers: &mut Option<Leftovers>) {
        match action {
            Action::LaunchTask { task, .. } => self.executor.run(task, self.image(task.image)),
            Action::KillTask {
                attempt, reason, ..
            } => self.executor.kill(attempt, reason),
            Action::AcceptResult { job, partition, .. } => {
                let result = std::mem::take(&mut leaves.result);
                self.jobs.accept(job, partition, result);
            }
            Action::CountAccumulators {
                job,
                stage,
                partition,
                ..
            } => {
                let added = std::mem::take(&mut leaves.added);
                self.jobs.count(job, (stage, partition), added);
            }
            Action::RegisterMapOutput {
                shuffle, partition, ..
            } => {
                let output = leaves.map_output.take();
                let output = output.expect("a map task that succeeded has an output");
                self.shuffles.commit(shuffle, partition, output);
            }
            // Who asked reads the answer; nobody asks for sizes yet.
            Action::GrantCommit { .. }
            | Action::DenyCommit { .. }
            | Action::AcceptStatistics { .. } => {}
            // This process is the only executor, and nobody would give it another one.
            Action::KillExecutor { .. } | Action::CopyBlock { .. } => {}
            Action::FinishJob { job } => self.jobs.end(job, Ok(())),
            Action::FailJob { job, failure } => self.jobs.end(job, Err(failure)),
            Action::RemoveShuffle(shuffle) => {
                leftovers.get_or_insert_default().shuffles.push(shuffle);
            }
            Action::RemoveBlocks(rdd) => leftovers.get_or_insert_default().rdds.push(rdd),
            Action::ReleaseImage(image) => {
                self.images().remove(&image);
                leftovers.get_or_insert_default().images.push(image);
            }
        }
    }

    fn image(&self, id: ImageId) -> Image {
        let images = self.images();
        let image = images.get(&id);
        image
            .expect("an image is held until the scheduler releases it")
            .clone()
    }

    fn images(&self) -> MutexGuard<'_, BTreeMap<ImageId, Image>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, leftovers: Option<Leftovers>) {
        let Some(Leftovers {
            shuffles,
            rdds,
            images,
        }) = leftovers
        else {
            return;
        };
        shuffles
            .into_iter()
            .for_each(|shuffle| self.shuffles.remove(shuffle));
        rdds.into_iter()
            .for_each(|rdd| drop(self.executor.blocks.remove(rdd)));
        images
            .into_iter()
            .for_each(|image| self.executor.release(image));
    }
}

impl JobScheduler for Application {
    fn define(&self, rdds: Vec<Rdd>) -> Result<(), LineageError> {
        let shuffles: Vec<_> = rdds
            .iter()
            .flat_map(|rdd| &rdd.dependencies)
            .filter_map(buckets)
            .collect();
        let mut state = self.driver.lock();
        let State {
            machine, outbox, ..
        } = &mut *state;
        machine.define(rdds, outbox)?;
        for (shuffle, buckets) in shuffles {
            self.shuffles.declare(shuffle, buckets);
        }
        self.carry_out(state, &mut Leaves::default());
        Ok(())
    }

    fn submit(&self, mut job: JobSpec, image: Image) -> JobId {
        let id = self.jobs.begin();
        job.job = id;
        self.images().insert(job.image, image);
        self.feed(Input::JobSubmitted(job));
        id
    }

    fn await_job(&self, job: JobId, timeout: Duration) -> Option<Progress> {
        self.jobs.await_job(job, timeout)
    }

    fn take_added(&self, job: JobId) -> Vec<AccumulatorUpdate> {
        self.jobs.take_added(job)
    }

    fn feed(&self, input: Input) {
        self.handle(input, &mut Leaves::default());
    }

    fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    fn take_events(&self) -> (Vec<Event>, u64) {
        self.events.take()
    }

    fn stop(&self) {
        self.feed(Input::ApplicationEnded);
        self.executor.stop();
        self.jobs.stop();
        self.driver.end();
    }

    /// Whoever still holds the application, such as the handler of a signal, may do so beyond the end of the run, where
    /// nothing is dropped any more.
    fn close(&self) {
        let folder = self
            .work_folder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(folder);
    }
}

impl DriverRef for Application {
    fn task_ended(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        metrics: TaskMetrics,
        mut leaves: Leaves,
    ) {
        let ended = Input::TaskEnded {
            attempt,
            outcome,
            metrics,
        };
        self.handle(ended, &mut leaves);
    }

    fn ask_commit(&self, attempt: AttemptId) -> bool {
        let mut state = self.driver.lock();
        self.driver.feed(&mut state, Input::CommitAsked { attempt });
        let granted = state
            .outbox
            .actions
            .contains(&Action::GrantCommit { attempt });
        self.carry_out(state, &mut Leaves::default());
        granted
    }

    fn block_stored(&self, rdd: RddId, partition: u32) {
        self.feed(Input::BlockStored {
            rdd,
            partition,
            executor: LOCAL_EXECUTOR,
        });
    }

    fn block_dropped(&self, rdd: RddId, partition: u32) {
        self.feed(Input::BlockDropped {
            rdd,
            partition,
            executor: LOCAL_EXECUTOR,
        });
    }

    fn block_not_copied(&self, _: RddId, _: u32) {
        // There is nobody to copy from, so nothing is ordered.
    }

    fn remote_block(&self, _: RddId, _: u32) -> Option<(BlockLevel, Block)> {
        // What this process has not, nobody has.
        None
    }

    fn output(&self, number: u32) -> Option<Arc<Output>> {
        self.outputs.get(number)
    }

    fn write_map_output(
        &self,
        task: &Task,
        shuffle: ShuffleId,
        _: u32,
    ) -> store::Result<MapOutputWriter> {
        self.shuffles.writer(shuffle, task.attempt)
    }

    fn read_shuffle(
        &self,
        _: &Task,
        shuffle: ShuffleId,
        bucket: u32,
    ) -> store::Result<ShuffleReader> {
        Ok(self.shuffles.open(shuffle, bucket))
    }
}

fn buckets(dependency: &Dependency) -> Option<(ShuffleId, u32)> {
    match dependency {
        Dependency::Shuffle {
            shuffle,
            partitions,
            ..
        } => Some((*shuffle, *partitions)),
        Dependency::Narrow { .. } => None,
    }
}
