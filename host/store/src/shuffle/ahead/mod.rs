//! Fetches buckets ahead of a task that reads them, within a bound of bytes, so that many workers are not as many round trips one
//! after the other.
//!
//! A few threads live as long as the reader. Each asks one worker for several outputs at a time, and checks and puts down what comes;
//! the reader takes it in the order of the map partitions. `state` has the rules.

mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use scheduler::ShuffleId;

use super::remote::{Arrival, Arrived, Broken, BucketsWanted, RemoteBuckets};
use crate::packed::Damaged;
pub(super) use state::Wanted;
use state::{Admitted, Next, Request, State};

/// Requests under way at a time. (Spark, too, makes a request a fifth of what may be in flight.)
const REQUESTS: usize = 5;

const STOPPED: &str = "is not read any more: the task is stopped";
const PANICKED: &str = "cannot be fetched: a thread that fetches has panicked";

/// Fetches the remote outputs of one bucket. Dropped, it stops.
#[derive(Debug)]
pub(super) struct ReadAhead {
    shared: Arc<Shared>,
    started: bool,
}

struct Shared {
    remote: Arc<dyn RemoteBuckets>,
    shuffle: ShuffleId,
    bucket: u32,
    state: Mutex<State>,
    changed: Condvar,
}

/// Ends a read that waits, from another thread: the task is killed.
#[derive(Clone, Debug)]
pub struct ReadStopper(Arc<Shared>);

impl ReadStopper {
    /// Makes this reader's reads from other machines fail, now and later.
    pub fn stop(&self) {
        self.0.close(STOPPED);
    }
}

impl ReadAhead {
    pub(super) fn new(
        remote: Arc<dyn RemoteBuckets>,
        shuffle: ShuffleId,
        bucket: u32,
        wanted: Vec<Wanted>,
        held_bytes_max: u64,
    ) -> Self {
        let shared = Shared {
            remote,
            shuffle,
            bucket,
            state: Mutex::new(State::new(wanted, held_bytes_max, REQUESTS)),
            changed: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
            started: false,
        }
    }

    pub(super) fn stopper(&self) -> ReadStopper {
        ReadStopper(Arc::clone(&self.shared))
    }

    /// Begins to fetch, if that has not happened yet.
    pub(super) fn start(&mut self) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let threads = self.shared.lock().waiting().min(REQUESTS);
        for _ in 0..threads {
            let fetching = Fetching::begin(&self.shared);
            let thread = thread::Builder::new().name("fetch".into());
            // Fewer threads are slower, and none is an error that `next` tells.
            let _ = thread.spawn(move || fetching.run());
        }
    }

    /// The next batches of an output; `None` at its end. Outputs must be read in ascending order.
    pub(super) fn next(&self, partition: u32) -> Result<Option<Vec<u8>>, String> {
        let arrived = self.take(partition)?;
        let batch = arrived.map(Arrived::unpack).transpose();
        batch.map_err(|Damaged| "is damaged: it cannot be unpacked".into())
    }

    fn take(&self, partition: u32) -> Result<Option<Arrived>, String> {
        let mut state = self.shared.lock();
        if state.need(partition) {
            self.shared.changed.notify_all();
        }
        loop {
            if let Some(reason) = state.closed {
                return Err(reason.into());
            }
            if let Some(taken) = state.take(partition) {
                self.shared.changed.notify_all();
                return taken;
            }
            if state.threads == 0 {
                return Err("cannot be fetched: no thread is left to do it".into());
            }
            state = self.shared.wait(state);
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.shared.close(STOPPED);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self, reason: &'static str) {
        self.update(|state| *state.closed.get_or_insert(reason));
    }

    /// Changes the state, and tells everybody.
    fn update<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("shuffle", &self.shuffle)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// One thread's share, counted as long as it lives: also one that panicked is missed.
struct Fetching(Arc<Shared>);

impl Fetching {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.lock().threads += 1;
        Self(Arc::clone(shared))
    }

    fn run(self) {
        while let Some(request) = self.next() {
            self.fetch(request);
        }
    }

    fn next(&self) -> Option<Request> {
        let mut state = self.0.lock();
        loop {
            match state.next() {
                Next::Fetch(request) => return Some(request),
                Next::Done => return None,
                Next::Wait => state = self.0.wait(state),
            }
        }
    }

    fn fetch(&self, request: Request) {
        let wanted = BucketsWanted {
            shuffle: self.0.shuffle,
            bucket: self.0.bucket,
            outputs: request.outputs.iter().map(|output| output.name).collect(),
        };
        let worker = &request.outputs[0].worker;
        let refuse = |reason: &str| self.0.update(|state| state.refuse(&request, reason));
        let mut fetched = match self.0.remote.fetch(worker, &wanted) {
            Ok(fetched) => fetched,
            Err(reason) => return refuse(&format!("is not to be had: {reason}")),
        };
        let (asked, given) = (wanted.outputs.len(), fetched.lengths.len());
        if asked != given {
            return refuse(&format!(
                "is not to be had: {asked} buckets were asked for, and {given} came"
            ));
        }
        let admitted = self
            .0
            .update(|state| state.admit(request, &fetched.lengths));
        let is_whole = admitted.len() == given;
        if self.receive_all(&mut *fetched.bytes, admitted) && is_whole {
            // The sender learns that all has come.
            let _ = fetched.bytes.read(&mut [0]);
        }
    }

    /// Receives outputs until one breaks off. True: all have come.
    fn receive_all(&self, bytes: &mut (dyn Read + Send), admitted: Vec<Admitted>) -> bool {
        let mut admitted = admitted.into_iter();
        let mut is_whole = true;
        for mut output in admitted.by_ref() {
            let end = self.receive(bytes, &mut output);
            is_whole = end.is_ok();
            self.0.update(|state| state.end(output, end));
            if !is_whole {
                break;
            }
        }
        for output in admitted {
            self.0.update(|state| state.put_back(output));
        }
        is_whole
    }

    fn receive(&self, bytes: &mut (dyn Read + Send), output: &mut Admitted) -> Result<(), Broken> {
        let mut arrival = Arrival::new(bytes, output.length);
        while let Some(batch) = arrival.read()? {
            if output.skip > 0 {
                output.skip -= 1;
            } else {
                self.put(output, batch)?;
            }
        }
        Ok(())
    }

    fn put(&self, output: &mut Admitted, batch: Arrived) -> Result<(), Broken> {
        let mut state = self.0.lock();
        while state.must_wait(output, batch.held_bytes()) {
            state = self.0.wait(state);
        }
        if let Some(reason) = state.closed {
            return Err(Broken::Gone(reason.into()));
        }
        state.put(output, batch);
        self.0.changed.notify_all();
        Ok(())
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.close(PANICKED);
        }
        self.0.update(|state| state.threads -= 1);
    }
}
