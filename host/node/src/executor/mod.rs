//! The executor's half of an application: threads that run tasks, each as a fork of its image.
//!
//! What its tasks need of the driver goes through a [`DriverRef`]: a lock away in a local run, a connection away in a
//! cluster. Tasks cannot tell the difference.

mod added;
mod columns;
mod copies;
mod cost;
mod fetch;
mod kept;
mod lines;
mod memory;
mod outputs;
mod readers;
mod sorted;
mod sources;
mod task;
mod threads;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use sandbox::{AttemptLimits, Image, KillReason, KillSwitch, Program};
use scheduler::{AttemptId, ImageId, Outcome, RddId, Settings, ShuffleId, Task, TaskMetrics};
use store::{
    Block, BlockLevel, BlockStore, Files, FinishedMapOutput, MapOutputWriter, Output, ShuffleReader,
};

use crate::Console;
use cost::Cost;

pub(crate) use copies::Copier;
pub(crate) use memory::{Memory, Transfer};
pub(crate) use threads::start;

/// What an executor's tasks need of their driver (Spark: the driver's endpoint reference, `MapOutputTracker`,
/// `OutputCommitCoordinator`). Called on task threads, which may be kept waiting.
pub(crate) trait DriverRef: Send + Sync {
    /// An attempt has ended, and leaves this behind.
    fn task_ended(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        metrics: TaskMetrics,
        leaves: Leaves,
    );
    /// Asks whether an attempt may make its output visible.
    fn ask_commit(&self, attempt: AttemptId) -> bool;
    /// A partition was cached.
    fn block_stored(&self, rdd: RddId, partition: u32);
    /// A cached partition is gone.
    fn block_dropped(&self, rdd: RddId, partition: u32);
    /// A partition that was to be copied is not.
    fn block_not_copied(&self, rdd: RddId, partition: u32);
    /// A cached partition that is not in this process, and where it is kept.
    fn remote_block(&self, rdd: RddId, partition: u32) -> Option<(BlockLevel, Block)>;
    /// An output that the program has begun.
    fn output(&self, number: u32) -> Option<Arc<Output>>;
    /// Begins the map output of a task.
    fn write_map_output(
        &self,
        task: &Task,
        shuffle: ShuffleId,
        buckets: u32,
    ) -> store::Result<MapOutputWriter>;
    /// Opens a bucket of a shuffle, for a task.
    fn read_shuffle(
        &self,
        task: &Task,
        shuffle: ShuffleId,
        bucket: u32,
    ) -> store::Result<ShuffleReader>;
}

/// What an attempt leaves behind. It is used if the scheduler accepts the attempt, and dropped if not.
#[derive(Default)]
pub(crate) struct Leaves {
    pub(crate) result: Vec<u8>,
    pub(crate) map_output: Option<FinishedMapOutput>,
    /// What it has added to accumulators.
    pub(crate) added: Vec<wire::AccumulatorUpdate>,
}

/// An application's tasks in this process, and what they share.
pub(crate) struct Executor {
    pub(crate) program: Arc<Program>,
    pub(crate) settings: Settings,
    pub(crate) files: Files,
    pub(crate) console: Arc<dyn Console>,
    pub(crate) cores: u32,
    pub(crate) limits: AttemptLimits,
    pub(crate) memory: Arc<Memory>,
    pub(crate) blocks: Arc<BlockStore>,
    /// Where tasks put aside what does not fit in their memory.
    pub(crate) spill_folder: PathBuf,
    queue: Mutex<Queue>,
    /// A task was queued, or the executor is stopping.
    ready: Condvar,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Launch>,
    idle_threads: u32,
    /// Those that are queued, too: a kill may come first.
    attempts: BTreeMap<AttemptId, Reach>,
    stopping: bool,
}

/// What others than its thread can do with an attempt.
#[derive(Clone)]
struct Reach {
    kill: KillSwitch,
    cost: Cost,
}

/// A task with what it takes to run it.
struct Launch {
    task: Task,
    image: Image,
    reach: Reach,
}

impl Executor {
    /// An executor of so many cores and of the memory that `settings` say, without tasks. [`start`] runs its threads.
    /// The folder need not exist. What tasks put aside there is gone when they are; kept blocks when they are let go, and at
    /// the latest with the folder.
    pub(crate) fn new(
        program: Arc<Program>,
        settings: &Settings,
        files: Files,
        console: Arc<dyn Console>,
        cores: u32,
        scratch: PathBuf,
    ) -> Self {
        let shares = scheduler::memory::shares(settings, cores);
        let limits = AttemptLimits {
            memory_bytes: bytes(shares.task),
            log_bytes: bytes(settings.task_max_log_size()),
            result_bytes: bytes(settings.driver_max_result_size().unwrap_or(u64::MAX)),
        };
        let memory = Arc::new(Memory::new(Arc::clone(&program), &shares));
        let room: Arc<Memory> = Arc::clone(&memory);
        let blocks = Arc::new(BlockStore::new(room, scratch.join("blocks")));
        memory.lend_to(&blocks);
        Self {
            memory,
            blocks,
            program,
            settings: settings.clone(),
            files,
            console,
            cores,
            limits,
            spill_folder: scratch.join("spill"),
            queue: Mutex::default(),
            ready: Condvar::new(),
        }
    }

    /// Queues a task.
    pub(crate) fn run(&self, task: Task, image: Image) {
        let reach = Reach {
            kill: self.program.kill_switch(),
            cost: Cost::default(),
        };
        let mut queue = self.lock();
        queue.attempts.insert(task.attempt, reach.clone());
        queue.tasks.push_back(Launch { task, image, reach });
        // A thread that is not idle takes its next task without being woken.
        if queue.idle_threads > 0 {
            self.ready.notify_one();
        }
    }

    /// Stops an attempt. Its end is still reported.
    pub(crate) fn kill(&self, attempt: AttemptId, reason: scheduler::KillReason) {
        let reason = match reason {
            scheduler::KillReason::TimedOut => KillReason::TimedOut,
            scheduler::KillReason::AnotherSucceeded | scheduler::KillReason::JobEnded => {
                KillReason::Ordered
            }
            // It has begun.
            scheduler::KillReason::Recalled => return,
        };
        let reach = self.lock().attempts.get(&attempt).cloned();
        if let Some(reach) = reach {
            reach.kill.kill(reason);
        }
    }

    /// Takes back a task that no thread has begun; returns whether there was one. Its end is for the caller to report.
    pub(crate) fn take_back(&self, attempt: AttemptId) -> bool {
        let mut queue = self.lock();
        let mut tasks = queue.tasks.iter();
        let waiting = tasks.position(|launch| launch.task.attempt == attempt);
        let launch = waiting.and_then(|position| queue.tasks.remove(position));
        if launch.is_some() {
            queue.attempts.remove(&attempt);
        }
        launch.is_some()
    }

    /// Returns what the attempts that have not ended have cost so far.
    pub(crate) fn costs(&self) -> Vec<(AttemptId, TaskMetrics)> {
        let queue = self.lock();
        let costs = queue.attempts.iter();
        costs
            .map(|(attempt, reach)| (*attempt, reach.cost.so_far()))
            .collect()
    }

    /// Hands out no more tasks, and kills those that run.
    pub(crate) fn stop(&self) {
        let mut queue = self.lock();
        queue.stopping = true;
        for reach in queue.attempts.values() {
            reach.kill.kill(KillReason::Ordered);
        }
        self.ready.notify_all();
    }

    /// Forgets what was prepared of an image.
    pub(crate) fn release(&self, image: ImageId) {
        self.memory.images().remove(image.0.into());
    }

    /// The next task for a thread; none when the executor stops.
    fn next_task(&self) -> Option<Launch> {
        let mut queue = self.lock();
        loop {
            if queue.stopping {
                return None;
            }
            if let Some(launch) = queue.tasks.pop_front() {
                return Some(launch);
            }
            queue.idle_threads += 1;
            queue = self
                .ready
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
            queue.idle_threads -= 1;
        }
    }

    fn ended(&self, attempt: AttemptId) {
        self.lock().attempts.remove(&attempt);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
