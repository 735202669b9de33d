//! What is to be looked at again, and when.
//!
//! An alarm may come too early: who set it looks whether it is time.

use std::collections::BTreeSet;

use crate::Time;

use super::SetKey;

/// Whom an alarm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// A task set whose wait for locality, or before a retry, is over.
    Set(SetKey),
    /// A task set that could run nowhere for too long.
    Unschedulable(SetKey),
    /// Look for slow tasks.
    Speculation,
    /// An exclusion ends.
    Health,
    /// Look for what was sent ahead and waits too long.
    Recall,
}

/// The alarms that are set.
#[derive(Debug, Default)]
pub(super) struct Alarms(BTreeSet<(Time, Alarm)>);

impl Alarms {
    pub(super) fn set(&mut self, at: Time, alarm: Alarm) {
        self.0.insert((at, alarm));
    }

    pub(super) fn cancel(&mut self, at: Time, alarm: Alarm) {
        self.0.remove(&(at, alarm));
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Returns the next alarm whose time has come.
    pub(super) fn pop(&mut self, now: Time) -> Option<Alarm> {
        let (at, alarm) = *self.0.first()?;
        (at <= now).then(|| {
            self.0.remove(&(at, alarm));
            alarm
        })
    }
}
