//! A state machine that any thread may feed, one input at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use scheduler::Time;

/// A state machine of the scheduler.
pub(crate) trait Machine {
    /// What it takes in.
    type Input;
    /// What it orders.
    type Outbox: Default;

    /// Takes in one thing that has happened.
    fn handle(&mut self, now: Time, input: Self::Input, out: &mut Self::Outbox);
    /// When it next wants to hear that its deadline has come.
    fn next_deadline(&self) -> Option<Time>;
    /// That news.
    fn deadline_reached() -> Self::Input;
}

impl Machine for scheduler::Driver {
    type Input = scheduler::Input;
    type Outbox = scheduler::Outbox;

    fn handle(&mut self, now: Time, input: Self::Input, out: &mut Self::Outbox) {
        self.handle(now, input, out);
    }

    fn next_deadline(&self) -> Option<Time> {
        self.next_deadline()
    }

    fn deadline_reached() -> Self::Input {
        scheduler::Input::DeadlineReached
    }
}

/// A machine, its orders, and who waits for its deadlines.
pub(crate) struct Shared<M: Machine> {
    started: Instant,
    state: Mutex<State<M>>,
    /// There is a sooner deadline, or the end.
    changed: Condvar,
}

/// What the lock guards.
pub(crate) struct State<M: Machine> {
    pub(crate) machine: M,
    /// Its orders, empty between two inputs. Kept for its room.
    pub(crate) outbox: M::Outbox,
    /// The deadline that is waited for; none: for any.
    awaited: Option<Time>,
    over: bool,
}

impl<M: Machine> Shared<M> {
    pub(crate) fn new(machine: M) -> Self {
        Self {
            started: Instant::now(),
            state: Mutex::new(State {
                machine,
                outbox: M::Outbox::default(),
                awaited: None,
                over: false,
            }),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Feeds one input. Its orders are in the outbox, to be carried out under the same lock.
    pub(crate) fn feed(&self, state: &mut State<M>, input: M::Input) {
        let now = self.started.elapsed().into();
        state.machine.handle(now, input, &mut state.outbox);
        let next = state.machine.next_deadline();
        let sooner = |next| state.awaited.is_none_or(|awaited| next < awaited);
        if next.is_some_and(sooner) {
            state.awaited = next;
            self.changed.notify_all();
        }
    }

    /// Says each deadline as it comes, until [`Self::end`]; `carry_out` does what is ordered then.
    pub(crate) fn keep_deadlines(&self, carry_out: impl Fn(MutexGuard<'_, State<M>>)) {
        let mut state = self.lock();
        while !state.over {
            let deadline = state.machine.next_deadline();
            state.awaited = deadline;
            let now: Time = self.started.elapsed().into();
            state = match deadline.map(|deadline| deadline.since(now)) {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    self.feed(&mut state, M::deadline_reached());
                    carry_out(state);
                    self.lock()
                }
                Some(wait) => {
                    self.changed
                        .wait_timeout(state, wait)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    /// Keeps no more deadlines.
    pub(crate) fn end(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }
}
