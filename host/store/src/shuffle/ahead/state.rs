//! What is to be fetched, what has come, and what may be asked for next. Knows no threads.
//!
//! The reader takes outputs in ascending order. What is asked for is given its room in the same order, so the one that the reader
//! needs next can always come, and no stream is ever left open to wait for others to be read.

use std::collections::{BTreeMap, VecDeque};

use scheduler::Address;

use super::super::remote::{Arrived, Broken, MapOutputName};

/// Outputs of one request.
const OUTPUTS_MAX: usize = 1024;

/// How large a bucket of an output is taken to be as long as none was seen.
const FIRST_GUESS_BYTES: u64 = 64 << 10;

/// How often an output may break off before a byte of it has come.
const FAILURES_MAX: u32 = 3;

/// What is damaged counts as so many: it is asked for once more, since it may have been damaged on its way or in a memory.
const DAMAGED_COUNTS: u32 = FAILURES_MAX - 1;

/// A map output that is to be fetched.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(super) name: MapOutputName,
    pub(super) worker: Address,
    /// As its worker said, if it was asked before.
    length: Option<u64>,
    failures: u32,
}

impl Wanted {
    pub(crate) fn new(name: MapOutputName, worker: Address) -> Self {
        Self {
            name,
            worker,
            length: None,
            failures: 0,
        }
    }
}

/// What has come of an output.
#[derive(Debug, Default)]
struct Arriving {
    batches: VecDeque<Arrived>,
    /// How many have come, those that were read among them.
    come: usize,
    end: Option<Result<(), String>>,
}

/// Outputs that one worker is asked for together.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) outputs: Vec<Wanted>,
    /// The room that was set aside until it is known how long they are.
    expected_bytes: u64,
}

/// An output that is being received.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) wanted: Wanted,
    pub(super) length: u64,
    /// What is left of the room that was set aside; `None`: it is larger than all the room there is, and room is made batch by batch.
    room: Option<u64>,
    /// Batches that came before it broke off.
    pub(super) skip: usize,
    has_moved: bool,
}

impl Admitted {
    /// Whether a batch needs room that was not set aside.
    pub(super) fn is_streamed(&self) -> bool {
        self.room.is_none()
    }
}

/// What a thread does next.
#[derive(Debug)]
pub(super) enum Next {
    Fetch(Request),
    /// There is no room yet.
    Wait,
    Done,
}

#[derive(Debug)]
pub(super) struct State {
    waiting: BTreeMap<u32, Wanted>,
    arriving: BTreeMap<u32, Arriving>,
    /// What the reader reads.
    needed: Option<u32>,
    /// In memory, or on its way.
    held_bytes: u64,
    held_bytes_max: u64,
    request_bytes: u64,
    /// Of all buckets whose length was told.
    seen_bytes: u64,
    seen: u64,
    /// Nobody reads any more, or nobody can: why.
    pub(super) closed: Option<&'static str>,
    /// How many threads fetch.
    pub(super) threads: usize,
}

impl State {
    /// A share of `requests` of the room is the size of one request.
    pub(super) fn new(wanted: Vec<Wanted>, held_bytes_max: u64, requests: usize) -> Self {
        let waiting = wanted
            .into_iter()
            .map(|wanted| (wanted.name.partition, wanted));
        Self {
            waiting: waiting.collect(),
            arriving: BTreeMap::new(),
            needed: None,
            held_bytes: 0,
            held_bytes_max,
            request_bytes: held_bytes_max / requests as u64,
            seen_bytes: 0,
            seen: 0,
            closed: None,
            threads: 0,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Notes what the reader reads. True if it is news.
    pub(super) fn need(&mut self, partition: u32) -> bool {
        self.needed.replace(partition) != Some(partition)
    }

    /// Takes what has come of an output: a batch, its end, or nothing yet.
    pub(super) fn take(&mut self, partition: u32) -> Option<Result<Option<Arrived>, String>> {
        let arriving = self.arriving.get_mut(&partition)?;
        if let Some(batch) = arriving.batches.pop_front() {
            self.held_bytes -= batch.held_bytes();
            return Some(Ok(Some(batch)));
        }
        match arriving.end.clone()? {
            Ok(()) => {
                self.arriving.remove(&partition);
                Some(Ok(None))
            }
            Err(reason) => Some(Err(reason)),
        }
    }

    /// Chooses what to ask for: the first output that is waited for, and more of the same worker.
    pub(super) fn next(&mut self) -> Next {
        if self.closed.is_some() {
            return Next::Done;
        }
        let Some((&first, wanted)) = self.waiting.first_key_value() else {
            return Next::Done;
        };
        let expected = self.expected(wanted);
        if self.needed != Some(first) && !self.has_room(expected) {
            return Next::Wait;
        }
        let (chosen, expected) = self.choose(wanted.worker.clone(), first, expected);
        // What is larger than all the room there is comes batch by batch.
        let expected_bytes = expected.min(self.held_bytes_max);
        self.held_bytes += expected_bytes;
        let outputs = chosen
            .iter()
            .filter_map(|partition| self.waiting.remove(partition))
            .collect();
        Next::Fetch(Request {
            outputs,
            expected_bytes,
        })
    }

    fn choose(&self, worker: Address, first: u32, expected: u64) -> (Vec<u32>, u64) {
        let (mut chosen, mut bytes) = (vec![first], expected);
        let others = self.waiting.iter().skip(1);
        for (partition, wanted) in others.filter(|(_, wanted)| wanted.worker == worker) {
            let more = u64::saturating_add(bytes, self.expected(wanted));
            if chosen.len() == OUTPUTS_MAX || more > self.request_bytes || !self.has_room(more) {
                break;
            }
            chosen.push(*partition);
            bytes = more;
        }
        (chosen, bytes)
    }

    fn expected(&self, wanted: &Wanted) -> u64 {
        let average = self.seen_bytes.checked_div(self.seen);
        wanted.length.or(average).unwrap_or(FIRST_GUESS_BYTES)
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.held_bytes.saturating_add(bytes) <= self.held_bytes_max
    }

    /// Learns how long what was asked for is, and sets room aside for as many as there is room for, in order. The rest goes on
    /// waiting, and will be asked for when it fits.
    pub(super) fn admit(&mut self, request: Request, lengths: &[u64]) -> Vec<Admitted> {
        self.held_bytes -= request.expected_bytes;
        let mut admitted = Vec::with_capacity(request.outputs.len());
        let mut is_full = false;
        for (mut wanted, &length) in request.outputs.into_iter().zip(lengths) {
            if wanted.length.replace(length).is_none() {
                self.seen += 1;
                self.seen_bytes = self.seen_bytes.saturating_add(length);
            }
            let is_needed = self.needed == Some(wanted.name.partition);
            let fits = self.has_room(length);
            is_full |= !fits && !is_needed;
            if is_full {
                self.waiting.insert(wanted.name.partition, wanted);
            } else {
                admitted.push(self.make_room(wanted, length, fits));
            }
        }
        admitted
    }

    fn make_room(&mut self, wanted: Wanted, length: u64, fits: bool) -> Admitted {
        let come = self.arriving.get(&wanted.name.partition);
        let skip = come.map_or(0, |arriving| arriving.come);
        let room = fits.then_some(length);
        self.held_bytes += room.unwrap_or(0);
        Admitted {
            wanted,
            length,
            room,
            skip,
            has_moved: false,
        }
    }

    /// Whether a batch for which no room was set aside must wait: for the reader, who has some of this very output to read.
    pub(super) fn must_wait(&self, output: &Admitted, bytes: u64) -> bool {
        let arriving = self.arriving.get(&output.wanted.name.partition);
        let has_more = arriving.is_some_and(|arriving| !arriving.batches.is_empty());
        output.is_streamed() && has_more && self.closed.is_none() && !self.has_room(bytes)
    }

    /// Puts down a batch.
    pub(super) fn put(&mut self, output: &mut Admitted, batch: Arrived) {
        let bytes = batch.held_bytes();
        match &mut output.room {
            // A bucket is never longer than its length: its reader saw to that.
            Some(room) => *room -= bytes,
            None => self.held_bytes += bytes,
        }
        output.has_moved = true;
        let arriving = self.arriving.entry(output.wanted.name.partition);
        let arriving = arriving.or_default();
        arriving.come += 1;
        arriving.batches.push_back(batch);
    }

    /// An output has come to its end, or broke off.
    pub(super) fn end(&mut self, output: Admitted, end: Result<(), Broken>) {
        self.held_bytes -= output.room.unwrap_or(0);
        let mut wanted = output.wanted;
        let before = if output.has_moved { 0 } else { wanted.failures };
        let (more, reason) = match end {
            Ok(()) => {
                self.arriving.entry(wanted.name.partition).or_default().end = Some(Ok(()));
                return;
            }
            Err(Broken::Cut(reason)) => (1, reason),
            Err(Broken::Damaged(reason)) => (DAMAGED_COUNTS, reason),
            Err(Broken::Gone(reason)) => (FAILURES_MAX, reason),
        };
        wanted.failures = before + more;
        if wanted.failures < FAILURES_MAX {
            self.waiting.insert(wanted.name.partition, wanted);
        } else {
            self.fail(&wanted, &reason);
        }
    }

    /// An output was not begun: another one before it broke off.
    pub(super) fn put_back(&mut self, output: Admitted) {
        self.held_bytes -= output.room.unwrap_or(0);
        self.waiting
            .insert(output.wanted.name.partition, output.wanted);
    }

    /// Nothing of a request is to be had.
    pub(super) fn refuse(&mut self, request: &Request, reason: &str) {
        self.held_bytes -= request.expected_bytes;
        for wanted in &request.outputs {
            self.fail(wanted, reason);
        }
    }

    fn fail(&mut self, wanted: &Wanted, reason: &str) {
        let arriving = self.arriving.entry(wanted.name.partition).or_default();
        let worker = &wanted.worker;
        arriving.end = Some(Err(format!("{reason} (fetched from {worker})")));
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> u64 {
        self.held_bytes
    }
}
