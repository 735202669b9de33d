//! How much work there is: tasks that wait and attempts that run (Spark: `ExecutorAllocationListener`).
//!
//! Counted from events alone; sums are kept, so that asking costs nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{StageInfo, StageKind};
use crate::{AttemptId, ExecutorId, FailureKind, Outcome, ShuffleId, StageId, TaskName};

/// An attempt at a stage.
#[derive(Debug)]
struct Load {
    attempt: u32,
    shuffle: Option<ShuffleId>,
    /// Tasks that nobody runs yet.
    waiting: u32,
    /// Tasks that have begun, by partition.
    begun: Partitions,
    /// Tasks that are over.
    done: Partitions,
    /// Further attempts that run at a partition beside the first one.
    copies: BTreeMap<u32, u32>,
    /// Partitions at which a further attempt is wanted.
    speculated: BTreeSet<u32>,
    /// None of its executors may run its tasks.
    unschedulable: bool,
}

/// An attempt at a task.
#[derive(Debug)]
struct Running {
    executor: ExecutorId,
    name: TaskName,
    shuffle: Option<ShuffleId>,
}

/// An attempt that has just ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) executor: ExecutorId,
    /// The shuffle that it has written for.
    pub(super) wrote: Option<ShuffleId>,
}

/// The work.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// The latest attempt at each stage, until it has ended.
    loads: BTreeMap<StageId, Load>,
    running: BTreeMap<AttemptId, Running>,
    waiting: u64,
    speculated: u64,
    unschedulable: u64,
}

impl Demand {
    pub(super) fn submit(&mut self, info: &StageInfo) {
        self.complete(info.stage, u32::MAX);
        self.waiting += u64::from(info.tasks);
        let load = Load {
            attempt: info.attempt,
            shuffle: match info.kind {
                StageKind::ShuffleMap { shuffle } => Some(shuffle),
                StageKind::Result { .. } => None,
            },
            waiting: info.tasks,
            begun: Partitions::new(info.partitions),
            done: Partitions::new(info.partitions),
            copies: BTreeMap::new(),
            speculated: BTreeSet::new(),
            unschedulable: false,
        };
        self.loads.insert(info.stage, load);
    }

    /// Ends the attempts at a stage up to this one. What runs of them runs on.
    pub(super) fn complete(&mut self, stage: StageId, attempt: u32) {
        let over = |load: &&mut Load| load.attempt <= attempt;
        if self.loads.get_mut(&stage).filter(over).is_none() {
            return;
        }
        let load = self.loads.remove(&stage).expect("it was just found");
        self.waiting -= u64::from(load.waiting);
        self.speculated -= load.speculated.len() as u64;
        self.unschedulable -= u64::from(load.unschedulable);
    }

    /// Takes note of an attempt that runs; returns whether it is new.
    pub(super) fn start(
        &mut self,
        name: TaskName,
        attempt: AttemptId,
        executor: ExecutorId,
    ) -> bool {
        if self.running.contains_key(&attempt) {
            return false;
        }
        let load = load(&mut self.loads, name);
        let shuffle = load.as_ref().and_then(|load| load.shuffle);
        if let Some(load) = load {
            if load.begun.insert(name.partition) {
                take(&mut load.waiting, &mut self.waiting);
            } else {
                self.speculated -= u64::from(load.speculated.remove(&name.partition));
                *load.copies.entry(name.partition).or_default() += 1;
            }
        }
        let running = Running {
            executor,
            name,
            shuffle,
        };
        self.running.insert(attempt, running);
        true
    }

    /// Takes note of an attempt's end. None where it does not run.
    pub(super) fn end(&mut self, attempt: AttemptId, outcome: &Outcome) -> Option<Ended> {
        let running = self.running.remove(&attempt)?;
        let wrote = match outcome {
            Outcome::Failed(failure) => {
                self.fail(running.name, failure.kind);
                None
            }
            _ => {
                self.succeed(running.name);
                running.shuffle
            }
        };
        Some(Ended {
            executor: running.executor,
            wrote,
        })
    }

    /// A task is over, whichever attempt at the stage computed it: none of its attempts is needed any more.
    fn succeed(&mut self, name: TaskName) {
        let Some(load) = self.loads.get_mut(&name.stage) else {
            return;
        };
        load.done.insert(name.partition);
        if load.begun.insert(name.partition) {
            take(&mut load.waiting, &mut self.waiting);
        }
        self.speculated -= u64::from(load.speculated.remove(&name.partition));
        if load.attempt == name.stage_attempt {
            load.leave(name);
        }
    }

    /// A task waits again, unless it is over or another attempt at it runs.
    fn fail(&mut self, name: TaskName, kind: FailureKind) {
        let Some(load) = load(&mut self.loads, name) else {
            return;
        };
        // The attempt at the stage is about to end, and the next one counts its tasks anew.
        let rerun = !matches!(kind, FailureKind::FetchFailed { .. });
        if load.leave(name) || load.done.contains(name.partition) || !rerun {
            return;
        }
        if load.begun.remove(name.partition) {
            load.waiting += 1;
            self.waiting += 1;
        }
    }

    /// A further attempt at a partition is wanted.
    pub(super) fn speculate(&mut self, name: TaskName) {
        let partition = name.partition;
        let load = load(&mut self.loads, name).filter(|load| load.begun.contains(partition));
        if let Some(load) = load.filter(|load| !load.done.contains(partition)) {
            self.speculated += u64::from(load.speculated.insert(partition));
        }
    }

    /// The tasks of a stage can run nowhere, or can again.
    pub(super) fn set_unschedulable(&mut self, stage: StageId, attempt: u32, so: bool) {
        let load = self.loads.get_mut(&stage);
        if let Some(load) = load.filter(|load| load.attempt == attempt) {
            self.unschedulable -= u64::from(load.unschedulable);
            self.unschedulable += u64::from(so);
            load.unschedulable = so;
        }
    }

    /// Returns how many tasks wait, further attempts included.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting + self.speculated
    }

    /// Returns how many further attempts are wanted.
    pub(super) fn speculated(&self) -> u64 {
        self.speculated
    }

    /// Returns how many stages have tasks that can run nowhere.
    pub(super) fn unschedulable(&self) -> u64 {
        self.unschedulable
    }

    /// Returns how many attempts wait or run.
    pub(super) fn tasks(&self) -> u64 {
        self.waiting() + self.running.len() as u64
    }

    /// States what always holds.
    pub(super) fn check(&self) {
        let sum = |of: fn(&Load) -> u64| self.loads.values().map(of).sum::<u64>();
        assert_eq!(self.waiting, sum(|load| u64::from(load.waiting)));
        assert_eq!(self.speculated, sum(|load| load.speculated.len() as u64));
        assert_eq!(
            self.unschedulable,
            sum(|load| u64::from(load.unschedulable))
        );
    }
}

impl Load {
    /// Counts one attempt at a partition less; returns whether another one still runs.
    fn leave(&mut self, name: TaskName) -> bool {
        let Some(copies) = self.copies.get_mut(&name.partition) else {
            return false;
        };
        *copies -= 1;
        if *copies == 0 {
            self.copies.remove(&name.partition);
        }
        true
    }
}

fn load(loads: &mut BTreeMap<StageId, Load>, name: TaskName) -> Option<&mut Load> {
    let load = loads.get_mut(&name.stage);
    load.filter(|load| load.attempt == name.stage_attempt)
}

/// Counts one task less; what begins beyond what was told counts nothing.
fn take(waiting: &mut u32, all: &mut u64) {
    let one = u32::from(*waiting > 0);
    *waiting -= one;
    *all -= u64::from(one);
}

/// A set of partitions of a stage, one bit each.
#[derive(Debug)]
struct Partitions {
    bits: Vec<u64>,
    partitions: u32,
}

impl Partitions {
    fn new(partitions: u32) -> Self {
        Self {
            bits: Vec::new(),
            partitions,
        }
    }

    fn contains(&self, partition: u32) -> bool {
        let (word, bit) = place(partition);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Returns whether it is new.
    fn insert(&mut self, partition: u32) -> bool {
        if partition >= self.partitions || self.contains(partition) {
            return false;
        }
        let (word, bit) = place(partition);
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= bit;
        true
    }

    /// Returns whether it was there.
    fn remove(&mut self, partition: u32) -> bool {
        let there = self.contains(partition);
        if there {
            let (word, bit) = place(partition);
            self.bits[word] &= !bit;
        }
        there
    }
}

fn place(partition: u32) -> (usize, u64) {
    ((partition / 64) as usize, 1 << (partition % 64))
}
