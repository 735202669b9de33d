//! What can go wrong, and how often it did.

use std::fmt;
use std::ops::AddAssign;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        /// Every kind.
        pub(crate) const KINDS: &[Kind] = &[$(Kind::$kind,)*];

        impl fmt::Display for Kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$kind => $name,)*
                })
            }
        }
    };
}

kinds! {
    PacketDropped "packet dropped"
    PacketDelayed "packet delayed"
    PacketDuplicated "packet duplicated"
    PacketReordered "packet reordered"
    Partition "partition"
    OneWayPartition "one-way partition"
    MasterCrashed "master crashed"
    CrashedBeforeDurable "... before a write was durable"
    CrashedAfterDurable "... after a write was durable"
    WorkerCrashed "worker crashed"
    MachineCrashed "machine crashed"
    DriverCrashed "driver crashed"
    ExecutorCrashed "executor crashed"
    /// The system killed it because it used too much memory.
    ExecutorOutOfMemory "executor out of memory"
    /// An executor or driver could not be started.
    SpawnFailed "process not started"
    Paused "process paused"
    SlowNode "slow node"
    /// A worker that goes and comes several times in a row.
    WorkerFlapped "worker flapped"
    FetchFailed "fetch failed"
    ShuffleFileLost "shuffle file lost"
    BlockDropped "cached block dropped"
    TaskPanicked "task panicked"
    DiskFull "disk full"
    ClockForward "clock jumped forward"
    ClockBack "clock jumped back"
    LeaderDeposed "leader deposed without knowing"
    WorkerDecommissioned "worker decommissioned"
}

/// How often each kind happened.
#[derive(Clone, Debug)]
pub(crate) struct Counts([u64; KINDS.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; KINDS.len()])
    }
}

impl Counts {
    pub(crate) fn add(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    pub(crate) fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        KINDS
            .iter()
            .try_for_each(|kind| writeln!(f, "  {kind:<36} {:>10}", self.of(*kind)))
    }
}
