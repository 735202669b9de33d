//! One running application: the scheduler's state machine, and what its actions are carried out on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sandbox::{
    AttemptLimits, Image, KillReason, KillSwitch, PartitionResult, PreparedImages, Program,
};
use scheduler::{
    Action, AttemptId, Dependency, Event, ExecutorId, ImageId, Input, JobFailure, JobId, JobSpec,
    LineageError, Outbox, Outcome, Rdd, RddId, Settings, ShuffleId, Task, TaskMetrics, Time,
};
use store::{
    AttemptOutput, BlockStore, FinishedMapOutput, Grants, Output, ShuffleFiles, WorkFolder,
};

use crate::Console;

/// The executor of a local run: its threads are this process's.
pub(crate) const LOCAL_EXECUTOR: ExecutorId = ExecutorId(0);

/// Results that wait for a driver which is not told of each one: a driver that wakes for every small result
/// takes a core from the tasks.
const RESULT_BATCH_BYTES: usize = 4 << 20;

/// What an application is, and what it may do.
pub(crate) struct Application {
    pub(crate) program: Arc<Program>,
    pub(crate) settings: Settings,
    pub(crate) grants: Grants,
    pub(crate) console: Arc<dyn Console>,
    pub(crate) cores: u32,
    pub(crate) limits: AttemptLimits,
    pub(crate) images: PreparedImages,
    pub(crate) shuffles: ShuffleFiles,
    pub(crate) blocks: BlockStore,
    outputs: Mutex<Vec<Arc<Output>>>,
    started: Instant,
    state: Mutex<State>,
    /// A task was queued, or the application is stopping.
    task_ready: Condvar,
    /// A job has results or has ended.
    job_progress: Condvar,
    /// There is a deadline where there was none, or the application is stopping.
    deadline_changed: Condvar,
    /// None when the application is closed.
    work_folder: Mutex<Option<WorkFolder>>,
}

struct State {
    machine: scheduler::Driver,
    outbox: Outbox,
    queue: VecDeque<Task>,
    idle_threads: u32,
    running: BTreeMap<AttemptId, KillSwitch>,
    next_job: JobId,
    /// Those whose end the driver does not know yet.
    jobs: BTreeMap<JobId, Job>,
    images: BTreeMap<ImageId, Image>,
    events: Events,
    /// Whoever keeps the deadlines sleeps until there is one.
    /// The deadline that is waited for; none: for any.
    awaited_deadline: Option<Time>,
    stopping: bool,
}

#[derive(Default)]
struct Job {
    results: Vec<PartitionResult>,
    result_bytes: usize,
    end: Option<Result<(), Arc<JobFailure>>>,
}

/// Events that wait for the listener. (Spark: `AsyncEventQueue`; a full one drops, it never blocks the scheduler.)
#[derive(Default)]
struct Events {
    waiting: Vec<Event>,
    capacity: usize,
    dropped: u64,
}

impl Events {
    fn extend(&mut self, events: &mut Vec<Event>) {
        let room = self.capacity - self.waiting.len();
        self.dropped += events.len().saturating_sub(room) as u64;
        self.waiting.extend(events.drain(..).take(room));
    }
}

/// What an attempt leaves behind. It is used if the scheduler accepts the attempt, and dropped if not.
#[derive(Default)]
pub(crate) struct Yield {
    pub(crate) result: Vec<u8>,
    pub(crate) map_output: Option<FinishedMapOutput>,
}

/// A task with what it takes to run it.
pub(crate) struct Launch {
    pub(crate) task: Task,
    pub(crate) image: Image,
    pub(crate) kill: KillSwitch,
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
        settings: Settings,
        grants: Grants,
        console: Arc<dyn Console>,
        cores: u32,
        seed: u64,
    ) -> Result<Arc<Self>, store::Error> {
        let shares = scheduler::memory::shares(settings.executor_memory(), cores);
        let work_folder = WorkFolder::create(settings.local_dir().as_ref())?;
        let limits = AttemptLimits {
            memory_bytes: bytes(shares.task),
            log_bytes: bytes(settings.task_max_log_size()),
            result_bytes: bytes(settings.driver_max_result_size().unwrap_or(u64::MAX)),
        };
        let events = Events {
            capacity: settings.event_queue_capacity() as usize,
            ..Events::default()
        };
        let application = Arc::new(Self {
            images: PreparedImages::new(Arc::clone(&program), bytes(shares.images)),
            blocks: BlockStore::new(bytes(shares.blocks)),
            shuffles: ShuffleFiles::new(work_folder.path()),
            outputs: Mutex::default(),
            started: Instant::now(),
            state: Mutex::new(State {
                machine: scheduler::Driver::new(&settings, seed),
                outbox: Outbox::default(),
                queue: VecDeque::new(),
                idle_threads: 0,
                running: BTreeMap::new(),
                next_job: JobId(0),
                jobs: BTreeMap::new(),
                images: BTreeMap::new(),
                events,
                awaited_deadline: None,
                stopping: false,
            }),
            task_ready: Condvar::new(),
            job_progress: Condvar::new(),
            deadline_changed: Condvar::new(),
            work_folder: Mutex::new(Some(work_folder)),
            program,
            settings,
            grants,
            console,
            cores,
            limits,
        });
        application.feed(Input::ApplicationStarted {
            name: application
                .settings
                .app_name()
                .unwrap_or("application")
                .into(),
        });
        application.feed(Input::ExecutorAdded {
            executor: LOCAL_EXECUTOR,
            host: "localhost".into(),
            rack: None,
            cores,
        });
        Ok(application)
    }

    /// Learns of datasets.
    pub(crate) fn define(&self, rdds: Vec<Rdd>) -> Result<(), LineageError> {
        let shuffles: Vec<_> = rdds
            .iter()
            .flat_map(|rdd| &rdd.dependencies)
            .filter_map(buckets)
            .collect();
        let mut state = self.lock();
        let State {
            machine, outbox, ..
        } = &mut *state;
        outbox.clear();
        machine.define(rdds, outbox)?;
        for (shuffle, buckets) in shuffles {
            self.shuffles.declare(shuffle, buckets);
        }
        let leftovers = self.carry_out(&mut state, &mut Yield::default());
        drop(state);
        self.remove(leftovers);
        Ok(())
    }

    pub(crate) fn submit(&self, mut job: JobSpec, image: Image) -> JobId {
        let mut state = self.lock();
        let id = state.next_job;
        state.next_job = JobId(id.0 + 1);
        job.job = id;
        state.jobs.insert(id, Job::default());
        state.images.insert(job.image, image);
        self.handle(state, Input::JobSubmitted(job), &mut Yield::default());
        id
    }

    /// Waits until a job has a batch of results or has ended, at most for `timeout`.
    pub(crate) fn await_job(&self, id: JobId, timeout: Duration) -> Option<Progress> {
        let deadline = Instant::now().checked_add(timeout);
        let mut state = self.lock();
        loop {
            let stopping = state.stopping;
            let job = state.jobs.get_mut(&id)?;
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let over = left.is_some_and(|left| left.is_zero());
            if stopping || over || job.end.is_some() || job.result_bytes >= RESULT_BATCH_BYTES {
                job.result_bytes = 0;
                let progress = Progress {
                    results: std::mem::take(&mut job.results),
                    end: job.end.clone(),
                    stopping,
                };
                if progress.end.is_some() {
                    state.jobs.remove(&id);
                }
                return Some(progress);
            }
            state = match left {
                Some(left) => {
                    self.job_progress
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .job_progress
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// The next task for a thread of the executor; none when the application stops.
    pub(crate) fn next_task(&self) -> Option<Launch> {
        self.take_task(self.lock())
    }

    /// Reports how an attempt ended, and takes the next task.
    pub(crate) fn end_task(
        &self,
        attempt: AttemptId,
        outcome: Outcome,
        metrics: TaskMetrics,
        mut leaves: Yield,
    ) -> Option<Launch> {
        let mut state = self.lock();
        state.running.remove(&attempt);
        let leftovers = self.handle_locked(
            &mut state,
            Input::TaskEnded {
                attempt,
                outcome,
                metrics,
            },
            &mut leaves,
        );
        if leftovers.is_none() {
            return self.take_task(state);
        }
        drop(state);
        self.remove(leftovers);
        self.next_task()
    }

    /// Asks whether an attempt may make its output visible.
    pub(crate) fn ask_commit(&self, attempt: AttemptId) -> bool {
        let mut state = self.lock();
        let State {
            machine, outbox, ..
        } = &mut *state;
        outbox.clear();
        machine.handle(self.now(), Input::CommitAsked { attempt }, outbox);
        let granted = outbox.actions.contains(&Action::GrantCommit { attempt });
        self.carry_out(&mut state, &mut Yield::default());
        granted
    }

    /// Tells the scheduler what has happened.
    pub(crate) fn feed(&self, input: Input) {
        self.handle(self.lock(), input, &mut Yield::default());
    }

    /// Stops handing out tasks, kills those that run, and wakes whoever waits.
    pub(crate) fn stop(&self) {
        self.feed(Input::ApplicationEnded);
        let mut state = self.lock();
        state.stopping = true;
        for kill in state.running.values() {
            kill.kill(KillReason::Ordered);
        }
        self.task_ready.notify_all();
        self.job_progress.notify_all();
        self.deadline_changed.notify_all();
    }

    /// Removes the application's files, when its threads have ended. Whoever still holds the application, such as the
    /// handler of a signal, may do so beyond the end of the run, where nothing is dropped any more.
    pub(crate) fn close(&self) {
        let folder = self
            .work_folder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(folder);
    }

    /// Feeds the scheduler's deadlines as they come, until the application stops.
    pub(crate) fn keep_deadlines(&self) {
        let mut state = self.lock();
        while !state.stopping {
            let deadline = state.machine.next_deadline();
            state.awaited_deadline = deadline;
            state = match deadline.map(|deadline| deadline.since(self.now())) {
                None => self
                    .deadline_changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    self.handle(state, Input::DeadlineReached, &mut Yield::default());
                    self.lock()
                }
                Some(wait) => {
                    self.deadline_changed
                        .wait_timeout(state, wait)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    /// The events since the last call, and how many were dropped for want of room in all.
    pub(crate) fn take_events(&self) -> (Vec<Event>, u64) {
        let mut state = self.lock();
        (
            std::mem::take(&mut state.events.waiting),
            state.events.dropped,
        )
    }

    pub(crate) fn add_output(&self, output: Output) -> u32 {
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.push(Arc::new(output));
        u32::try_from(outputs.len() - 1).expect("outputs are made one by one")
    }

    pub(crate) fn output(&self, number: u32) -> Option<Arc<Output>> {
        self.outputs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(number as usize)
            .cloned()
    }

    pub(crate) fn attempt_output(&self, number: u32, attempt: AttemptId) -> Option<AttemptOutput> {
        Some(self.output(number)?.attempt(attempt))
    }

    fn now(&self) -> Time {
        self.started.elapsed().into()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_task(&self, mut state: MutexGuard<'_, State>) -> Option<Launch> {
        loop {
            if state.stopping {
                return None;
            }
            if let Some(task) = state.queue.pop_front() {
                let kill = self.program.kill_switch();
                state.running.insert(task.attempt, kill.clone());
                let image = state
                    .images
                    .get(&task.image)
                    .expect("an image is held until the scheduler releases it")
                    .clone();
                return Some(Launch { task, image, kill });
            }
            state.idle_threads += 1;
            state = self
                .task_ready
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle_threads -= 1;
        }
    }

    fn handle(&self, mut state: MutexGuard<'_, State>, input: Input, leaves: &mut Yield) {
        let leftovers = self.handle_locked(&mut state, input, leaves);
        drop(state);
        self.remove(leftovers);
    }

    fn handle_locked(
        &self,
        state: &mut State,
        input: Input,
        leaves: &mut Yield,
    ) -> Option<Leftovers> {
        state.outbox.clear();
        state.machine.handle(self.now(), input, &mut state.outbox);
        let next = state.machine.next_deadline();
        let sooner = |next| state.awaited_deadline.is_none_or(|awaited| next < awaited);
        if next.is_some_and(sooner) {
            state.awaited_deadline = next;
            self.deadline_changed.notify_all();
        }
        self.carry_out(state, leaves)
    }

    /// Carries out what the scheduler ordered.
    fn carry_out(&self, state: &mut State, leaves: &mut Yield) -> Option<Leftovers> {
        state.events.extend(&mut state.outbox.events);
        let mut actions = std::mem::take(&mut state.outbox.actions);
        let mut leftovers: Option<Leftovers> = None;
        for action in actions.drain(..) {
            match action {
                Action::LaunchTask { task, .. } => self.queue(state, task),
                Action::KillTask {
                    attempt, reason, ..
                } => kill(state, attempt, reason),
                Action::AcceptResult { job, partition, .. } => {
                    self.accept(state, job, partition, std::mem::take(&mut leaves.result));
                }
                Action::RegisterMapOutput {
                    shuffle, partition, ..
                } => {
                    let output = leaves
                        .map_output
                        .take()
                        .expect("a map task that succeeded has an output");
                    self.shuffles.commit(shuffle, partition, output);
                }
                // Who asked reads the answer; nobody asks for sizes yet.
                Action::GrantCommit { .. }
                | Action::DenyCommit { .. }
                | Action::AcceptStatistics { .. } => {}
                // This process is the only executor, and nobody would give it another one.
                Action::KillExecutor { .. } => {}
                Action::FinishJob { job } => self.end_job(state, job, Ok(())),
                Action::FailJob { job, failure } => self.end_job(state, job, Err(failure)),
                Action::RemoveShuffle(shuffle) => {
                    leftovers.get_or_insert_default().shuffles.push(shuffle);
                }
                Action::RemoveBlocks(rdd) => leftovers.get_or_insert_default().rdds.push(rdd),
                Action::ReleaseImage(image) => leftovers.get_or_insert_default().images.push(image),
            }
        }
        state.outbox.actions = actions;
        for image in leftovers.iter().flat_map(|leftovers| &leftovers.images) {
            state.images.remove(image);
        }
        leftovers
    }

    fn queue(&self, state: &mut State, task: Task) {
        state.queue.push_back(task);
        // A thread that is not idle takes its next task without being woken.
        if state.idle_threads > 0 {
            self.task_ready.notify_one();
        }
    }

    fn accept(&self, state: &mut State, job: JobId, partition: u32, bytes: Vec<u8>) {
        let Some(job) = state.jobs.get_mut(&job) else {
            return;
        };
        job.result_bytes += bytes.len();
        job.results.push(PartitionResult { partition, bytes });
        if job.result_bytes >= RESULT_BATCH_BYTES {
            self.job_progress.notify_all();
        }
    }

    fn end_job(&self, state: &mut State, job: JobId, end: Result<(), Arc<JobFailure>>) {
        if let Some(job) = state.jobs.get_mut(&job) {
            job.end = Some(end);
        }
        self.job_progress.notify_all();
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
        rdds.into_iter().for_each(|rdd| self.blocks.remove(rdd));
        images
            .into_iter()
            .for_each(|image| self.images.remove(image.0.into()));
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application")
            .field("program", &self.program)
            .field("cores", &self.cores)
            .finish_non_exhaustive()
    }
}

/// How far a job is.
pub(crate) struct Progress {
    pub(crate) results: Vec<PartitionResult>,
    pub(crate) end: Option<Result<(), Arc<JobFailure>>>,
    pub(crate) stopping: bool,
}

fn kill(state: &mut State, attempt: AttemptId, reason: scheduler::KillReason) {
    let reason = match reason {
        scheduler::KillReason::TimedOut => KillReason::TimedOut,
        scheduler::KillReason::AnotherSucceeded | scheduler::KillReason::JobEnded => {
            KillReason::Ordered
        }
    };
    if let Some(kill) = state.running.get(&attempt) {
        kill.kill(reason);
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

fn bytes(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
