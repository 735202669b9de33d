//! The task that this instance is, if it is one.
//!
//! A source that fails ends its records early and leaves the reason here; the task asks for it before it commits
//! anything, so iterators give plain records and no failure is lost.

use std::cell::{Cell, RefCell};

use crate::error::{Error, ErrorKind, Result};
use crate::memory;

/// What a task knows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskContext {
    /// The number of the stage.
    pub stage: u32,
    /// The number of the partition.
    pub partition: u32,
    /// A seed for random choices: the same for every attempt of this partition.
    pub seed: u64,
    /// Bytes of memory that the task may use beyond the driver's own.
    pub memory: u64,
}

thread_local! {
    static CURRENT: Cell<Option<TaskContext>> = const { Cell::new(None) };
    static FAILURE: RefCell<Option<Error>> = const { RefCell::new(None) };
}

/// The task that is running, or none in the driver.
///
/// ```no_run
/// # fn sample(numbers: tinderbox::Rdd<'_, u64>) {
/// numbers.for_each(|number| {
///     if let Some(task) = tinderbox::task() {
///         println!("partition {} holds {number}", task.partition);
///     }
/// });
/// # }
/// ```
pub fn task() -> Option<TaskContext> {
    CURRENT.get()
}

/// Runs `work` as this task: it fails with the first failure that was noted on the way.
pub(crate) fn run<T>(context: TaskContext, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let _share = memory::begin(context.memory);
    let outer = CURRENT.replace(Some(context));
    let done = work();
    CURRENT.set(outer);
    check()?;
    done
}

/// Notes why records ended early. The first failure counts.
#[cold]
pub(crate) fn fail(error: Error) {
    FAILURE.with_borrow_mut(|failure| {
        failure.get_or_insert(error);
    });
}

/// The failure that was noted, if there is one.
pub(crate) fn check() -> Result<()> {
    FAILURE.with_borrow_mut(Option::take).map_or(Ok(()), Err)
}

/// The partition of the running task, and the error of who asks outside one.
pub(crate) fn refuse_inside(doing: &str) -> Result<()> {
    match task() {
        None => Ok(()),
        Some(task) => Err(Error::of(
            ErrorKind::WrongRole,
            format_args!(
                "{doing} was called inside a task (stage {}, partition {}): only the driver may start a job; \
                 collect what the closure needs before, and capture it",
                task.stage, task.partition
            ),
        )),
    }
}
