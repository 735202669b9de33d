//! Cores and memory: what there is, what is given, what is about to come back.

use std::fmt;
use std::sync::Arc;

use crate::amount::{Bytes, Cores};

/// Cores and bytes of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) cores: u32,
    pub(super) memory: u64,
}

impl Share {
    fn plus(self, other: Self) -> Self {
        Self {
            cores: self.cores.saturating_add(other.cores),
            memory: self.memory.saturating_add(other.memory),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            cores: self.cores.saturating_sub(other.cores),
            memory: self.memory.saturating_sub(other.memory),
        }
    }

    fn fits_into(self, room: Self) -> bool {
        self.cores <= room.cores && self.memory <= room.memory
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", Cores(self.cores.into()), Bytes(self.memory))
    }
}

/// What a launch is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is room now.
    Now,
    /// There will be: others are being stopped.
    Later(Arc<str>),
    /// There is none, and none is about to come.
    Full(Arc<str>),
    /// There is never as much.
    Never(Arc<str>),
}

/// The books of a worker.
///
/// A master counts an executor that it has ordered to stop as gone (Spark: `Master.killExecutor`), so that its next
/// order may arrive before the process has ended. What it then asks for is promised, and given when it is back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    total: Share,
    /// Held by processes that run or are being started.
    used: Share,
    /// Of it, by those that are being stopped.
    returning: Share,
    /// Asked for by those that wait. That may be more than there is.
    promised: Promised,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Promised {
    cores: u64,
    memory: u128,
}

impl Room {
    pub(super) fn new(total: Share) -> Self {
        Self {
            total,
            used: Share::default(),
            returning: Share::default(),
            promised: Promised::default(),
        }
    }

    pub(super) fn used(&self) -> Share {
        self.used
    }

    fn free(&self) -> Share {
        self.total.minus(self.used)
    }

    /// Returns what a launch is to be answered.
    pub(super) fn ask(&self, share: Share) -> Answer {
        if !share.fits_into(self.total) {
            return Answer::Never(
                format!("it asks for {share}, the worker has {}", self.total).into(),
            );
        }
        if self.promised == Promised::default() && share.fits_into(self.free()) {
            return Answer::Now;
        }
        let soon = self.unpromised();
        let text = format!(
            "it asks for {share}, {} of {} are free",
            self.free(),
            self.total
        );
        if share.fits_into(soon) {
            Answer::Later(format!("{text} and {} are being given back", self.returning).into())
        } else {
            Answer::Full(text.into())
        }
    }

    /// Returns what is free, or will be, and is nobody's yet.
    fn unpromised(&self) -> Share {
        let soon = self.free().plus(self.returning);
        Share {
            cores: soon
                .cores
                .saturating_sub(u32::try_from(self.promised.cores).unwrap_or(u32::MAX)),
            memory: soon
                .memory
                .saturating_sub(u64::try_from(self.promised.memory).unwrap_or(u64::MAX)),
        }
    }

    pub(super) fn has(&self, share: Share) -> bool {
        share.fits_into(self.free())
    }

    pub(super) fn take(&mut self, share: Share) {
        assert!(self.has(share), "only free cores and memory are given");
        self.used = self.used.plus(share);
    }

    pub(super) fn promise(&mut self, share: Share) {
        self.promised.cores += u64::from(share.cores);
        self.promised.memory += u128::from(share.memory);
    }

    pub(super) fn unpromise(&mut self, share: Share) {
        self.promised.cores -= u64::from(share.cores);
        self.promised.memory -= u128::from(share.memory);
    }

    /// Notes that the holder of `share` is being stopped.
    pub(super) fn expect_back(&mut self, share: Share) {
        self.returning = self.returning.plus(share);
    }

    pub(super) fn give_back(&mut self, share: Share, expected: bool) {
        self.used = self.used.minus(share);
        if expected {
            self.returning = self.returning.minus(share);
        }
    }

    /// The books against those who hold and wait.
    pub(super) fn check(&self, holders: impl Iterator<Item = (Share, Holding)>) {
        let mut recounted = Self::new(self.total);
        for (share, holding) in holders {
            match holding {
                Holding::Waits => recounted.promise(share),
                Holding::Has => recounted.take(share),
                Holding::GivesBack => {
                    recounted.take(share);
                    recounted.expect_back(share);
                }
            }
        }
        assert_eq!(self.used, recounted.used, "each holder holds its share");
        assert_eq!(self.returning, recounted.returning);
        assert_eq!(self.promised, recounted.promised);
    }
}

/// How one stands to its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holding {
    Waits,
    Has,
    GivesBack,
}
