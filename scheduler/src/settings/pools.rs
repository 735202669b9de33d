//! In which order jobs of one application are served.
//!
//! Beside each row, the way to read it.

use std::time::Duration;

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::spark(
        "scheduler.allocation.file",
        Shape::Text,
        None,
        "A file that describes the fair pools, in Spark's XML form. Without it, and for pools that it does not \
         name, pools are made as jobs ask for them: FIFO inside, weight 1, no minimum share.",
    ),
    Definition::spark(
        "scheduler.excludeOnFailure.unschedulableTaskSetTimeout",
        Shape::Wait,
        Some("120s"),
        "How long a stage waits for a new executor when one of its tasks may run on none of those that there \
         are. A plain number counts seconds.",
    ),
    Definition::spark(
        "scheduler.mode",
        Shape::Choice(&["FIFO", "FAIR"]),
        Some("FIFO"),
        "The order in which jobs that run at the same time get cores: `FIFO` serves the earlier job first, \
         `FAIR` shares the cores among pools. Read when the application begins.",
    ),
];

impl Settings {
    /// `scheduler.allocation.file`: the file that describes the fair pools, if there is one.
    pub fn scheduler_allocation_file(&self) -> Option<&str> {
        self.text("scheduler.allocation.file")
    }

    /// `scheduler.excludeOnFailure.unschedulableTaskSetTimeout`: how long a stage that can run nowhere waits.
    pub fn unschedulable_task_set_timeout(&self) -> Duration {
        self.time("scheduler.excludeOnFailure.unschedulableTaskSetTimeout")
            .unwrap_or_default()
    }

    /// `scheduler.mode`: whether cores are shared among pools.
    pub fn scheduler_is_fair(&self) -> bool {
        self.text("scheduler.mode") == Some("FAIR")
    }
}
