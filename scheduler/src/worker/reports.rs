//! Reports of ends that the leader may not have heard.
//!
//! Nobody acknowledges a report. It has arrived when the connection it was sent over lives on; where that breaks, or
//! the leader changes before it has written down what it heard, the report is sent again. The leader takes the second
//! one for what it is: an end of something that it does not know any more.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Time;
use crate::message::ToMaster;

#[derive(Clone, Debug)]
struct Report {
    message: ToMaster,
    /// None: not on this connection.
    sent: Option<Time>,
}

/// Reports, in the order of what they report. Those that were sent come before those that were not.
#[derive(Clone, Debug)]
pub(super) struct Reports {
    reports: VecDeque<Report>,
    /// How long after it was sent a report may still be lost.
    doubtful: Duration,
    limit: usize,
}

impl Reports {
    pub(super) fn new(doubtful: Duration, limit: usize) -> Self {
        Self {
            reports: VecDeque::new(),
            doubtful,
            limit,
        }
    }

    /// Keeps a report that is to be sent, and forgets the oldest where there are too many.
    pub(super) fn keep(&mut self, message: ToMaster) {
        self.reports.push_back(Report {
            message,
            sent: None,
        });
        if self.reports.len() > self.limit {
            self.reports.pop_front();
        }
    }

    /// Notes that what was sent of late may not have been heard.
    pub(super) fn doubt(&mut self, now: Time) {
        self.forget_heard(now);
        for report in &mut self.reports {
            report.sent = None;
        }
    }

    /// Returns what is to be sent, and takes it for sent.
    pub(super) fn send(&mut self, now: Time) -> Vec<ToMaster> {
        self.forget_heard(now);
        let first = self.reports.partition_point(|report| report.sent.is_some());
        let unsent = self.reports.range_mut(first..).map(|report| {
            report.sent = Some(now);
            report.message.clone()
        });
        unsent.collect()
    }

    fn forget_heard(&mut self, now: Time) {
        let heard = |report: &Report| {
            let sent = report.sent;
            sent.is_some_and(|sent| sent + self.doubtful < now)
        };
        while self.reports.front().is_some_and(heard) {
            self.reports.pop_front();
        }
    }
}
