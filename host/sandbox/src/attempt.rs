//! One task attempt: fork an image, run the task, drop the fork.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scheduler::{FailureKind, TaskFailure};
use wasmtime::Store;

use crate::clock::{Clock, Random};
use crate::contract::{TaskHost, TaskSpec};
use crate::failure;
use crate::guest::{Checkpoints, Guest, LogBound, MemoryBound, Role};
use crate::kill::KillSwitch;
use crate::prepare::Prepared;

/// What one attempt may use.
#[derive(Clone, Copy, Debug)]
pub struct AttemptLimits {
    /// Bytes of memory beyond the image's.
    pub memory_bytes: usize,
    /// Bytes of log; what is printed beyond is left out.
    pub log_bytes: usize,
    /// Bytes of the result.
    pub result_bytes: usize,
}

/// An attempt that is about to run.
#[derive(Debug)]
pub struct Attempt {
    /// What to fork.
    pub image: Arc<Prepared>,
    /// What to compute.
    pub task: TaskSpec,
    /// Within what.
    pub limits: AttemptLimits,
    /// Ends it from outside.
    pub kill: KillSwitch,
}

/// An attempt that has run.
#[derive(Debug)]
pub struct Finished {
    /// The result's bytes (none for a map task), or why there is none.
    pub result: Result<Vec<u8>, TaskFailure>,
    /// From the start until the fork stood ready.
    pub instantiated_after: Duration,
    /// The most memory that the fork had, in bytes, its image included.
    pub peak_memory_bytes: usize,
    /// Bytes that the task printed, within the bound.
    pub log_bytes: u64,
}

impl Attempt {
    /// Runs the attempt on this thread, and gives the host back to commit or drop what the task wrote.
    ///
    /// The thread needs a stack of [`THREAD_STACK_BYTES`](crate::THREAD_STACK_BYTES).
    pub fn run<H: TaskHost>(self, host: H) -> (Finished, H) {
        let start = Instant::now();
        let mut store = Store::new(self.image.program.engine(), self.guest(Box::new(host)));
        store.limiter(|guest| &mut guest.memory);
        let (result, instantiated_after) = self.run_in(&mut store, start);
        // What a call that was woken by the kill made of the guest is no news.
        let result = result.map_err(|failure| match self.kill.reason() {
            Some(reason) => failure::of_kill(reason),
            None => failure,
        });
        let guest = store.into_data();
        let finished = Finished {
            result,
            instantiated_after,
            peak_memory_bytes: guest.memory.peak_bytes,
            log_bytes: guest.log.taken_bytes,
        };
        let Role::Task(host) = guest.role else {
            unreachable!("an attempt is a task from first to last")
        };
        let host: Box<dyn Any> = host.into_inner();
        (
            finished,
            *host.downcast().expect("what was put in is taken out"),
        )
    }

    fn guest(&self, host: Box<dyn TaskHost>) -> Guest {
        let image = &self.image.image;
        Guest {
            role: Role::Task(RefCell::new(host)),
            clock: Clock::Virtual(image.clock()),
            random: Random::new(self.task.seed),
            kill: self.kill.clone(),
            memory: MemoryBound::new(
                image
                    .memory_bytes()
                    .saturating_add(self.limits.memory_bytes),
            ),
            log: LogBound::new(self.limits.log_bytes),
            panic: None,
            fork_of: Some(Arc::clone(&self.image)),
            checkpoints: Checkpoints {
                program: self.image.program.hash(),
                globals: 0,
                seed: image.seed(),
                last: None,
            },
        }
    }

    fn run_in(
        &self,
        store: &mut Store<Guest>,
        start: Instant,
    ) -> (Result<Vec<u8>, TaskFailure>, Duration) {
        let _within_reach = match self.kill.attach() {
            Ok(attached) => attached,
            Err(killed) => return (Err(failure::of_kill(killed.0)), start.elapsed()),
        };
        let program = match self.image.pre().instantiate(&mut *store) {
            Ok(program) => program,
            Err(error) => {
                return (
                    Err(failure::of_trap(&error, store.data_mut())),
                    start.elapsed(),
                );
            }
        };
        let instantiated_after = start.elapsed();
        let result = match program
            .tinderbox_job_application()
            .call_run_task(&mut *store, self.task)
        {
            Ok(Ok(result)) => self.bounded(result),
            Ok(Err(error)) => Err(failure::of_error(error)),
            Err(trap) => Err(failure::of_trap(&trap, store.data_mut())),
        };
        (result, instantiated_after)
    }

    fn bounded(&self, result: Vec<u8>) -> Result<Vec<u8>, TaskFailure> {
        if result.len() <= self.limits.result_bytes {
            return Ok(result);
        }
        let message = format!(
            "the result of one partition is {} bytes, and all of a job's may be {}; keep the data in the cluster (reduce it, save it), \
             or raise `driver.maxResultSize`",
            result.len(),
            self.limits.result_bytes
        );
        Err(TaskFailure::new(FailureKind::ResultTooLarge, message))
    }
}
