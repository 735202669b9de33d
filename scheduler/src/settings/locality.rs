//! How far tasks go from their data, and how long they wait before they do.
//!
//! Beside each row, the way to read it.

use std::time::Duration;

use super::{Definition, Settings, Shape};

/// The rows, sorted by key.
pub(super) const ROWS: &[Definition] = &[
    Definition::spark(
        "locality.wait",
        Shape::Wait,
        Some("3s"),
        "The most that a stage's tasks wait for a core at one level of locality (in the process that has the \
         data, on its machine, in its rack) before they settle for the next. 0: not at all. As soon as \
         a task of the stage has ended, `locality.wait.taskMultiple` bounds it. A plain number counts \
         seconds.",
    ),
    Definition::spark(
        "locality.wait.node",
        Shape::Wait,
        None,
        "The same for the machine that has the data. Without it, `locality.wait`.",
    ),
    Definition::spark(
        "locality.wait.process",
        Shape::Wait,
        None,
        "The same for the executor that has the data. Without it, `locality.wait`.",
    ),
    Definition::spark(
        "locality.wait.rack",
        Shape::Wait,
        None,
        "The same for the rack of the machine that has the data. Without it, `locality.wait`.",
    ),
    Definition::ours(
        "locality.wait.taskMultiple",
        Shape::Factor,
        Some("3"),
        "A stage waits for locality no longer than this many times the median duration of its tasks. Spark has \
         no such bound and waits its 3 seconds even where a task takes a millisecond. 0 is no bound.",
    ),
];

impl Settings {
    /// `locality.wait.process`: the most that tasks wait for the executor that has their data.
    pub fn locality_wait_process(&self) -> Duration {
        self.locality_wait("locality.wait.process")
    }

    /// `locality.wait.node`: the most that tasks wait for the machine that has their data.
    pub fn locality_wait_node(&self) -> Duration {
        self.locality_wait("locality.wait.node")
    }

    /// `locality.wait.rack`: the most that tasks wait for the rack that has their data.
    pub fn locality_wait_rack(&self) -> Duration {
        self.locality_wait("locality.wait.rack")
    }

    /// `locality.wait.taskMultiple`: the most median tasks that a stage waits for locality; none: no bound.
    pub fn locality_wait_task_multiple(&self) -> Option<f64> {
        Some(self.number("locality.wait.taskMultiple")).filter(|multiple| *multiple > 0.0)
    }

    fn locality_wait(&self, key: &'static str) -> Duration {
        let own = self.time(key);
        own.or_else(|| self.time("locality.wait"))
            .unwrap_or_default()
    }
}
